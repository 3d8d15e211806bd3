"""A mapping in the making: scopes, roles and forbids, with what was guessed in making them.

A draft says nothing that the mapping language cannot say; `text` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from authzsvc.errors import UnknownName
from authzsvc.fix.dictionary import Dictionary, load
from authzsvc.fix.direction import Direction
from authzsvc.policy.language import Outbound
from authzsvc.workflow.imports.limits import Limit

_MSG_TYPE = re.compile(r"[A-Za-z0-9]{1,8}")

Pairs = tuple[tuple[int, str], ...]
"""The body fields of an example, in order."""


@dataclass(frozen=True, slots=True)
class DraftGrant:
    """One kind of message that a scope grants."""

    msg_type: str
    direction: Direction
    limits: tuple[Limit, ...] = ()
    comments: tuple[str, ...] = ()
    """What it was concluded from, and what was guessed; a line each."""
    example: Pairs | None = None
    """Fields of a message that it must grant; made up where none is given."""
    claims: Mapping[str, object] = field(default_factory=dict, compare=False)
    """The claims that go with the example."""


@dataclass(frozen=True, slots=True)
class DraftScope:
    """A scope."""

    name: str
    grants: tuple[DraftGrant, ...]
    description: str = ""
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftRole:
    """A role."""

    name: str
    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    description: str = ""
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftForbid:
    """Messages that are denied to everybody."""

    name: str
    msg_type: str
    direction: Direction
    limits: tuple[Limit, ...]
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """What the token of a recorded client is to hold."""

    roles: tuple[str, ...]
    claims: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole mapping."""

    name: str
    fix: str
    made: str
    """What made it, of what: one line."""
    scopes: tuple[DraftScope, ...]
    roles: tuple[DraftRole, ...] = ()
    forbids: tuple[DraftForbid, ...] = ()
    identity: Mapping[str, str] = field(default_factory=dict)
    outbound: Outbound = Outbound.OPEN
    passes: tuple[str, ...] = ()
    """Outbound MsgTypes that every session sees, where `outbound` is closed."""
    role_claim: str | None = None
    custom_messages: tuple[str, ...] = ()
    """MsgTypes that the dictionary does not have."""
    notes: tuple[str, ...] = ()
    """What was guessed, left out or could not be told; a line each."""
    sessions: Mapping[str, Session] = field(default_factory=dict)
    """CompID → what its token is to hold, for a replay."""

    @property
    def dictionary(self) -> Dictionary:
        """The dictionary of its version, with what it adds."""
        return extended(self.fix, self.custom_messages)


def extended(fix: str, msg_types: Iterable[str]) -> Dictionary:
    """Returns the dictionary of a version with those of these MsgTypes that it does not have and a mapping can add.

    Each gets a name of its own, whatever the case of its letters.
    """
    dictionary = load(fix)
    names: dict[str, str] = {}
    for msg_type in sorted(set(msg_types)):
        if _MSG_TYPE.fullmatch(msg_type) and not _known(dictionary, msg_type):
            alike = sum(name.lower().startswith(msg_type.lower()) for name in names.values())
            names[msg_type] = f"{msg_type}-{alike}" if alike else msg_type
    return dictionary.with_custom({}, names)


def _known(dictionary: Dictionary, msg_type: str) -> bool:
    try:
        return bool(dictionary.message(msg_type))
    except UnknownName:
        return False
