"""What a policy is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.claims import Claims


class Question(NamedTuple):
    """One message of one session."""

    direction: Direction
    msg_type: str
    """MsgType (35)."""
    fields: Fields
    """Its body fields, or those that `Policy.want_tags` asks for, and the ids of its header if a rule asks for any."""
    scopes: frozenset[str]
    claims: Claims
    comp_id: str = ""
    """The client's CompID, for a rollout by sender."""
    now: float | None = None
    """Unix time by the gateway's clock; None leaves conditions on it in doubt."""
    begin_string: str = ""
    """The session's BeginString (8); empty where nobody told it: the version whose names the mapping uses."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, and what it rests on."""

    allowed: bool
    scope: str | None
    """What granted it; None on a denial, or where no scope is needed."""
    missing_scopes: tuple[str, ...]
    """Scopes with any one of which, in addition, this message would have been allowed, sorted (`policy.missing`)."""
    reason: str
    """One line, lower case, for the audit."""
    vary: tuple[int, ...]
    """The tags that any rule of this direction and type consults, ids of the header among them, sorted."""
    shadow: bool = False
    """Allowed only because its denial is not enforced yet; all else is as in the denial."""
    forbid: str | None = None
    """The name of the forbid that denied it."""


@dataclass(frozen=True, slots=True)
class CompIds:
    """How the client is named in a message: sender ids of an inbound one, target ids of an outbound one."""

    comp_id: str
    """Inbound 49, outbound 56."""
    sub_id: str | None = None
    """Inbound 50, outbound 57."""
    location_id: str | None = None
    """Inbound 142, outbound 143."""
    on_behalf_of: str | None = None
    """Inbound 115, outbound 128."""
    target_comp_id: str | None = None
    """The counterparty's CompID: inbound 56, outbound 49."""
    on_behalf_of_sub: str | None = None
    """Inbound 116, outbound 129."""
    on_behalf_of_location: str | None = None
    """Inbound 144, outbound 145."""


@dataclass(frozen=True, slots=True)
class Misnamed:
    """One of the client's ids is not the token's."""

    id: str
    """The id's name in an inbound message: `SenderCompID`."""
    reason: str
    """For the audit."""
