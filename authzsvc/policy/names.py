"""The names of a mapping, looked up in the dictionary of its FIX version; those that are not found become faults.

Whatever is said of a well-formed part is told, even where other parts are malformed. What could never hold is a fault
too: a field that the message does not have, a header field, a secret, a session-level message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from authzsvc.errors import Fault, UnknownName
from authzsvc.fix.dictionary import Dictionary
from authzsvc.fix.direction import Direction
from authzsvc.policy import language, shape
from authzsvc.policy.conditions import Condition, Every, InClaim, OneOf
from authzsvc.policy.engine import SESSION_LEVEL
from authzsvc.policy.source import Place, Source

NEVER_SENT = frozenset((89, 90, 91, 93, 95, 96, 554, 925, 1400, 1401, 1402, 1403, 1404))
"""Secrets, and the length fields that go with them: the contract keeps them out of every request."""

LOGON = "A"

_IDENTITY = {49: "comp_id", 50: "sub_id", 142: "location_id", 115: "on_behalf_of"}
"""Tag in `session.identity`, as an inbound message has it → field of `CompIds`."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """What a mapping says of a session as a whole, in numbers."""

    identity: dict[str, str]
    """Field of `CompIds` → claim."""
    exempt: tuple[str, ...]
    risk_reducing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filed:
    """A grant in numbers, with all that it is filed under."""

    direction: Direction
    msg_type: str
    scope: str
    conditions: tuple[Condition, ...]

    @property
    def meaning(self) -> tuple[str, str, str, tuple[tuple[object, ...], ...]]:
        """Give what two grants that mean the same have in common; sorts, and can be written as JSON."""
        return self.direction, self.msg_type, self.scope, tuple(condition.meaning for condition in self.conditions)


class Names:
    """Looks the names of a mapping up; those that are not found become faults."""

    def __init__(self, mapping: Source, dictionary: Dictionary, faults: list[Fault]) -> None:
        self._mapping = mapping
        self._dictionary = dictionary
        self._faults = faults

    def session(self) -> SessionTerms:
        """Give what is said under `session`, as far as it is well formed."""
        said = shape.part(language.Session, shape.child(self._mapping.data, "session"))
        if said is None:
            return SessionTerms({}, (), ())
        return SessionTerms(
            self._identity(said),
            self._messages(said.exempt, ("session", "exempt")),
            self._messages(said.risk_reducing, ("session", "risk_reducing")),
        )

    def grants(self, exempt: tuple[str, ...]) -> Iterator[Filed]:
        """Give every grant whose names are all known."""
        scopes = shape.child(self._mapping.data, "scopes")
        for scope in scopes if isinstance(scopes, dict) else ():
            grants = shape.child(scopes, scope, "grants")
            for index, raw in enumerate(grants if isinstance(grants, list) else ()):
                grant = shape.part(language.Grant, raw)
                place = ("scopes", scope, "grants", index)
                filed = self._grant(scope, grant, place, exempt) if grant else None
                if filed:
                    yield filed

    def _identity(self, session: language.Session) -> dict[str, str]:
        bound = {}
        for name, claim in session.identity.items():
            place = ("session", "identity", name)
            tag = self._found(place, self._dictionary.tag, name)
            if tag in _IDENTITY:
                bound[_IDENTITY[tag]] = claim
            elif tag is not None:
                known = ", ".join(f"`{self._dictionary.tag_name(tag)}`" for tag in _IDENTITY)
                self._fault(place, "does not identify a client", f"known here: {known}")
        return bound

    def _messages(self, words: list[str], place: Place) -> tuple[str, ...]:
        """Give the MsgTypes of a list, sorted."""
        found = [self._message(word, (*place, index)) for index, word in enumerate(words)]
        return tuple(sorted({msg_type for msg_type in found if msg_type is not None}))

    def _grant(self, scope: str, grant: language.Grant, place: Place, exempt: tuple[str, ...]) -> Filed | None:
        msg_type = self._message(grant.message, (*place, "message"))
        if msg_type is None:
            return None
        if grant.direction is Direction.INBOUND and msg_type in exempt:
            self._fault((*place, "message"), "is exempt, so no scope decides on it", "take it out of `session.exempt`")
        found = [self._condition(msg_type, name, said, (*place, "when", name)) for name, said in grant.when.items()]
        conditions = tuple(sorted(filter(None, found), key=lambda condition: condition.meaning))
        return Filed(grant.direction, msg_type, scope, conditions) if len(conditions) == len(found) else None

    def _message(self, word: str, place: Place) -> str | None:
        msg_type = self._found(place, self._dictionary.message, word)
        if msg_type in SESSION_LEVEL:
            self._fault(place, f"`{word}` is of the session level, which needs no scope", "leave it out")
            return None
        if msg_type == LOGON:
            self._fault(place, "a Logon is decided by its token, not by a scope", "leave it out")
            return None
        return msg_type

    def _condition(self, msg_type: str, name: str, said: language.Condition, place: Place) -> Condition | None:
        tag = self._body_tag(msg_type, name, place)
        if tag is None:
            return None
        every = self._every(msg_type, tag, said.every, (*place, "every")) if said.every else None
        if said.every and every is None:
            return None
        test: OneOf | InClaim | None = InClaim(said.claim) if said.claim else self._one_of(tag, said, place)
        return Condition(tag, self._dictionary.tag_name(tag), test, every) if test else None

    def _body_tag(self, msg_type: str, name: str, place: Place) -> int | None:
        tag = self._found(place, self._dictionary.tag, name)
        if tag is None:
            return None
        if tag in NEVER_SENT:
            self._fault(place, "is a secret, or measures one: decisions do not see it")
        elif tag in self._dictionary.envelope:
            self._fault(place, "is a header or trailer field: conditions are on the body", "see `session.identity`")
        elif self._dictionary.type(tag) and tag not in self._dictionary.fields_of(msg_type):
            message = self._dictionary.message_name(msg_type)
            self._fault(place, f"is no field of `{message}` in {self._dictionary.version}")
        else:
            return tag
        return None

    def _every(self, msg_type: str, tag: int, word: str, place: Place) -> Every | None:
        count_tag = self._found(place, self._dictionary.tag, word)
        if count_tag is None:
            return None
        group = self._dictionary.group(count_tag, msg_type)
        message = self._dictionary.message_name(msg_type)
        if group is None:
            self._fault(place, f"`{word}` counts no repeating group of `{message}`")
            return None
        if self._dictionary.type(tag) and tag not in group.fields:
            self._fault(place, f"the group of `{word}` in `{message}` has no `{self._dictionary.tag_name(tag)}`")
            return None
        return Every(group.count_tag, group.delimiter, self._dictionary.tag_name(count_tag))

    def _one_of(self, tag: int, said: language.Condition, place: Place) -> OneOf | None:
        if said.any_of is None:
            words = {(*place, "equals"): said.equals or ""}
        else:
            words = {(*place, "in", index): word for index, word in enumerate(said.any_of)}
        values = [self._found(at, self._dictionary.value, tag, word) for at, word in words.items()]
        known = frozenset(value for value in values if value is not None)
        return None if None in values else OneOf(known)

    def _found(self, place: Place, lookup: Callable[..., T], *words: object) -> T | None:
        try:
            return lookup(*words)
        except UnknownName as error:
            self._fault(place, *text_and_hint(error))
            return None

    def _fault(self, place: Place, text: str, hint: str = "") -> None:
        self._faults.append(self._mapping.fault(place, text, hint))


def text_and_hint(error: UnknownName) -> tuple[str, str]:
    """Take the dictionary's complaint and its proposal apart."""
    text, _, hint = str(error).partition("; ")
    return text, hint
