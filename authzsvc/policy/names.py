"""The rules of a mapping, looked up in the dictionary of its FIX version: grants and forbids in numbers.

Whatever is said of a well-formed part is told, even where other parts are malformed. What could never hold is a fault
too: a field that the message does not have, a header field, a secret, a session-level message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from authzsvc.fix.dictionary import did_you_mean
from authzsvc.fix.direction import Direction
from authzsvc.policy import language, shape
from authzsvc.policy.attributes import Attributes
from authzsvc.policy.clauses import Clauses
from authzsvc.policy.lookup import Lookup
from authzsvc.policy.message_sets import MessageSets, expand
from authzsvc.policy.rules import Forbid, Grant
from authzsvc.policy.source import Spot
from authzsvc.policy.terms import Said, SessionTerms


@dataclass(frozen=True, slots=True)
class Names:
    """Looks the rules of a mapping up; what is not found becomes a fault."""

    said: Said
    lookup: Lookup
    version: int
    """Of the language."""
    session: SessionTerms
    """What of it needs no scope, so that no rule can be about it."""
    attributes: Attributes | None = None
    sets: MessageSets = field(default_factory=dict)

    def grants(self) -> Iterator[Grant]:
        """Give every grant whose names are all known, once for each of its messages."""
        for scope, at in self.said.named("scopes"):
            grants = at.at("grants")
            for index, raw in enumerate(grants.data if isinstance(grants.data, list) else ()):
                grant = shape.part(language.Grant, raw)
                if grant is not None:
                    yield from self._grant(scope, grant, grants.at(index), f"scopes.{scope}.grants[{index}]")

    def forbids(self, scopes: Collection[str]) -> Iterator[Forbid]:
        """Give every forbid whose names are all known, once for each of its messages."""
        first: dict[str, Spot] = {}
        for raw, at in self.said.listed("forbid"):
            forbid = shape.part(language.Forbid, raw)
            if forbid is None:
                continue
            if forbid.name in first:
                where = first[forbid.name]
                self.lookup.fault(
                    at.at("name"), f"`{forbid.name}` is there twice, first in {where}", "name it otherwise"
                )
            first.setdefault(forbid.name, at)
            yield from self._forbid(forbid, at, self._unless(forbid, at.at("unless"), scopes))

    def _grant(self, scope: str, grant: language.Grant, at: Spot, id: str) -> Iterator[Grant]:
        for msg_type in self._messages(grant, at):
            clauses = Clauses(self.lookup, msg_type, forbids=False, attributes=self.attributes)
            conditions = clauses.read(grant.when, at.at("when"), f"{id}.when")
            if conditions is not None:
                yield Grant(id, at.source.file, at.line, scope, grant.direction, msg_type, conditions)

    def _forbid(self, forbid: language.Forbid, at: Spot, unless: tuple[str, ...]) -> Iterator[Forbid]:
        id = f"forbid.{forbid.name}"
        lift = self.version == 1 if forbid.wildcards_lift is None else forbid.wildcards_lift
        for msg_type in self._messages(forbid, at):
            clauses = Clauses(self.lookup, msg_type, forbids=True, attributes=self.attributes)
            conditions = clauses.read(forbid.when, at.at("when"), f"{id}.when")
            if conditions is not None:
                yield Forbid(
                    id=id,
                    file=at.source.file,
                    line=at.line,
                    name=forbid.name,
                    description=forbid.description,
                    direction=forbid.direction,
                    msg_type=msg_type,
                    conditions=conditions,
                    unless=unless,
                    wildcards_lift=lift and bool(unless),
                )

    def _messages(self, rule: language.Grant | language.Forbid, at: Spot) -> Iterator[str]:
        """Give the MsgTypes that a rule is about."""
        spots = at.at("message"), at.at("except")
        for msg_type, spot in expand(self.lookup, self.sets, rule.message, rule.leaving_out, *spots):
            if rule.direction is Direction.INBOUND and msg_type in self.session.exempt:
                self.lookup.fault(spot, "is exempt, so no scope decides on it", "take it out of `session.exempt`")
            if rule.direction is Direction.OUTBOUND and msg_type in self.session.passes:
                self.lookup.fault(spot, "passes, so no scope decides on it", "take it out of `session.passes`")
            yield msg_type

    def _unless(self, forbid: language.Forbid, spot: Spot, scopes: Collection[str]) -> tuple[str, ...]:
        for index, scope in enumerate(forbid.unless):
            if scope not in scopes:
                near = did_you_mean(scope, scopes).removeprefix("; ")
                self.lookup.fault(spot.at(index), f"the mapping has no scope `{scope}`", near)
        return tuple(sorted({*forbid.unless} & {*scopes}))
