"""What a mapping says besides its rules: sessions, scopes, roles, rollout, value lists and the venue's own names.

Every file of a mapping may say a part of it; what two files say of the same thing is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from authzsvc.errors import Fault
from authzsvc.policy import language, shape
from authzsvc.policy.includes import Files
from authzsvc.policy.lookup import Lookup
from authzsvc.policy.rules import Mode
from authzsvc.policy.source import Data, Spot, key_path

IDENTITY = {
    49: "comp_id",
    50: "sub_id",
    142: "location_id",
    115: "on_behalf_of",
    56: "target_comp_id",
    116: "on_behalf_of_sub",
    144: "on_behalf_of_location",
}
"""Tag in `session.identity`, as an inbound message has it → field of `CompIds`."""

DEFAULT_ROLE_CLAIM = "roles"

NEWEST = 2
"""The newest version of the language."""

PartT = TypeVar("PartT", bound=language.Part)


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope that a mapping defines."""

    name: str
    description: str = field(compare=False)
    sensitive: bool
    mode: Mode | None
    """What its own rollout is, where the mapping says."""
    modifier: bool
    """It grants nothing, and only lifts forbids."""
    file: str = field(compare=False)
    line: int = field(compare=False)

    @property
    def meaning(self) -> list[str | bool | None]:
        """What two scopes that mean the same have in common, their grants aside; can be written as JSON."""
        return [self.sensitive, self.mode, *(["modifier"] if self.modifier else [])]


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """What a mapping says of a session as a whole, in numbers."""

    identity: Mapping[str, str]
    """Field of `CompIds` → claim."""
    exempt: tuple[str, ...]
    risk_reducing: tuple[str, ...]
    closed: bool = False
    """Whether outbound messages that no scope grants are withheld."""
    passes: tuple[str, ...] = ()
    """Outbound types that every session sees, where it is closed."""

    @property
    def outbound(self) -> tuple[str, ...] | None:
        """What passes of a closed outbound direction; None for an open one, where types that no rule names pass."""
        return self.passes if self.closed else None


@dataclass(frozen=True, slots=True)
class Rollout:
    """What is enforced, and what only recorded."""

    mode: Mode = Mode.ENFORCE
    messages: Mapping[str, Mode] = field(default_factory=dict)
    """MsgType → mode."""
    senders: Mapping[str, Mode] = field(default_factory=dict)
    """The client's CompID → mode."""


class Written(NamedTuple):
    """Where a part of a mapping is written."""

    file: str
    line: int
    key: str


Places = dict[tuple[str, str], Written]
"""(part, name) → where it is written, for parts that have no other place: `("list", "restricted")`."""


@dataclass(frozen=True, slots=True)
class Said:
    """The parts of a mapping, wherever they were said."""

    files: Files
    faults: list[Fault]
    places: Places = field(default_factory=dict)

    def note(self, part: str, name: str, spot: Spot) -> None:
        """Remember where a part of the mapping is written."""
        self.places[part, name] = Written(spot.source.file, spot.line, key_path(spot.place))

    def named(self, *way: str) -> Iterator[tuple[str, Spot]]:
        """Give the names under a key (`scopes`, say) with their places; one that was said before is a fault."""
        first: dict[str, Spot] = {}
        for source in self.files.sources:
            there = Spot(source, way)
            for name in there.data if isinstance(there.data, dict) else ():
                if name in first:
                    self.faults.append(
                        there.at(name).fault(f"is there twice, first in {first[name]}", "keep one of them")
                    )
                    continue
                first[name] = there.at(name)
                yield name, first[name]

    def listed(self, *way: str) -> Iterator[tuple[Data, Spot]]:
        """Give the items of the lists under a key."""
        for source in self.files.sources:
            there = Spot(source, way)
            for index, item in enumerate(there.data if isinstance(there.data, list) else ()):
                yield item, there.at(index)

    def once(self, *way: str) -> Spot | None:
        """Give the place where a single value is said; a second one is a fault."""
        spots = [spot for source in self.files.sources if (spot := Spot(source, way)).data is not None]
        for spot in spots[1:]:
            self.faults.append(spot.fault(f"is said twice, first in {spots[0]}", "keep one of them"))
        return spots[0] if spots else None

    def require(self, *way: str, empty: bool = True, hint: str = "") -> None:
        """Tell of a fault of the mapping where no file of it says this; unless `empty`, where none says anything."""
        spots = [Spot(source, way) for source in self.files.sources]
        if any(spot.data if not empty else spot.data is not None for spot in spots):
            return
        there = any(spot.data is not None for spot in spots)
        if isinstance(self.files.sources[0].data, dict):
            self.faults.append(spots[0].fault("must not be empty" if there else "is missing", hint))

    def parts(self, model: type[PartT], *way: str) -> Iterator[tuple[str, Spot, PartT]]:
        """Give the parts under a key that are well formed, as far as they are."""
        for name, spot in self.named(*way):
            found = shape.part(model, spot.data)
            if found is not None:
                yield name, spot, found


def scopes(said: Said) -> dict[str, Scope]:
    """Give every scope that the mapping defines."""
    found = {}
    for name, spot, part in said.parts(language.Scope, "scopes"):
        found[name] = Scope(
            name, part.description, part.sensitive, part.mode, part.modifier, spot.source.file, spot.line
        )
    return found


def session(said: Said, lookup: Lookup) -> SessionTerms:
    """Give what is said under `session`."""
    identity = {}
    for name, spot in said.named("session", "identity"):
        tag = lookup.tag(spot, name)
        if tag in IDENTITY and isinstance(spot.data, str | int):
            identity[IDENTITY[tag]] = str(spot.data)
        elif tag is not None and tag not in IDENTITY:
            known = ", ".join(f"`{lookup.dictionary.tag_name(tag)}`" for tag in IDENTITY)
            lookup.fault(spot, "does not identify a client", f"known here: {known}")
    closed, passes = _is_closed(said), _messages(said, lookup, "passes")
    if not closed:
        for _, spot in said.listed("session", "passes"):
            lookup.fault(spot, "passes anyway, unless `session.outbound` is `closed`", "take it out")
    exempt, risk_reducing = _messages(said, lookup, "exempt"), _messages(said, lookup, "risk_reducing")
    return SessionTerms(identity, exempt, risk_reducing, closed, passes)


def _is_closed(said: Said) -> bool:
    if version(said) == NEWEST:
        hint = "`open` lets the types pass that no grant names, `closed` withholds all that no scope grants"
        said.require("session", "outbound", hint=hint)
    at = said.once("session", "outbound")
    return at is not None and at.data == language.Outbound.CLOSED


def _messages(said: Said, lookup: Lookup, key: str) -> tuple[str, ...]:
    found = set()
    for word, spot in said.listed("session", key):
        msg_type = lookup.message(spot, str(word)) if isinstance(word, str | int) else None
        if msg_type is not None:
            found.add(msg_type)
            said.note(key, msg_type, spot)
    return tuple(sorted(found))


def rollout(said: Said, lookup: Lookup) -> Rollout:
    """Give what is said under `rollout`."""
    at = said.once("rollout", "mode")
    if at is not None:
        said.note("rollout", "mode", at)
    messages = {}
    for word, spot in said.named("rollout", "messages"):
        msg_type = lookup.message(spot, word)
        mode = _mode(spot)
        if msg_type is not None and msg_type in messages:
            lookup.fault(spot, f"`{lookup.dictionary.message_name(msg_type)}` is there twice, by name and by type")
        elif msg_type is not None and mode is not None:
            messages[msg_type] = mode
            said.note("rollout.messages", msg_type, spot)
    senders = {}
    for name, spot in said.named("rollout", "senders"):
        mode = _mode(spot)
        if mode is not None:
            senders[name] = mode
            said.note("rollout.senders", name, spot)
    return Rollout((at and _mode(at)) or Mode.ENFORCE, messages, senders)


def _mode(spot: Spot) -> Mode | None:
    return Mode(spot.data) if spot.data in tuple(Mode) else None


def version(said: Said) -> int:
    """Give the version of the language, as the top file has it."""
    said_there = Spot(said.files.sources[0], ("version",)).data
    return said_there if isinstance(said_there, int) else 1


def scope_prefixes(said: Said) -> bool:
    """Whether a shorter scope of a token covers longer ones."""
    at = said.once("scope_prefixes")
    return at is not None and at.data is True


def role_claim(said: Said) -> str:
    """Give the claim that names a token's roles."""
    at = said.once("role_claim")
    return str(at.data) if at is not None else DEFAULT_ROLE_CLAIM
