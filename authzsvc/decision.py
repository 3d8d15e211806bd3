"""`Decision`: what was decided about one FIX message, and all that the proxy and the audit need to know of it.

Invariants: an allowed decision forwards; a denied one never does; only a denied one has a reject reason.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import NamedTuple

from authzsvc.word import Word


class Action(Word):
    """What the proxy does with the message: `x-fix-action`."""

    FORWARD = "forward"
    REJECT = "reject"
    LOGOUT = "logout"
    DISCONNECT = "disconnect"
    """Both connections are closed at once."""
    TERMS = "terms"
    """Nothing was decided: the Check names other terms than the service's, and is to be sent again."""


class OnExpiry(StrEnum):
    """What becomes of a session whose token expires."""

    LOGOUT = "logout"
    """It ends."""
    DENY = "deny"
    """Only what reduces risk stays allowed, until the token is renewed."""
    SESSION = "session"
    """Its scopes hold to its end, as they were at the Logon."""


class SecondLogon(StrEnum):
    """What becomes of a Logon under a FIX identity that has a live session."""

    REFUSE = "refuse"
    TAKEOVER = "takeover"
    """The live session is disconnected."""


class RejectReason(IntEnum):
    """BusinessRejectReason (380), as FIX 4.3 and later number it."""

    NONE = 0
    APPLICATION_NOT_AVAILABLE = 4
    NOT_AUTHORIZED = 6


@dataclass(frozen=True, slots=True)
class LogonTerms:
    """What the proxy is told with an allowed Logon: which messages to ask about, and what to send with them."""

    guard_outbound: tuple[str, ...]
    """Outbound MsgTypes to ask about; others pass unasked, unless the outbound direction is closed."""
    exempt: tuple[str, ...]
    """Inbound MsgTypes that need no scope, besides the session level."""
    risk_reducing: tuple[str, ...]
    """Inbound MsgTypes that may pass when no answer is to be had."""
    want_tags: tuple[int, ...] | None
    """Body tags to send from now on; None for all that hold no secret."""
    batch: int = 1
    """The most messages of one direction that a Check may be about."""
    pass_outbound: tuple[str, ...] | None = None
    """Where the outbound direction is closed: the types that pass unasked, all others are asked about. None where it
    is open."""

    @property
    def name(self) -> str:
        """The name of these terms; terms with equal names are equal. A Check says by it how its body is cut."""
        return _terms_name(self)

    def for_proxy(self, *, names_terms: bool) -> LogonTerms:
        """Returns the terms to send to a proxy. A proxy whose Checks do not name their terms must always send the whole
        body: otherwise nobody could see that a body lacks a tag that a later mapping needs."""
        return self if names_terms else replace(self, want_tags=None)


@lru_cache(64)
def _terms_name(terms: LogonTerms) -> str:
    parts: list[object] = [terms.guard_outbound, terms.exempt, terms.risk_reducing, terms.want_tags, terms.batch]
    parts += [terms.pass_outbound] if terms.pass_outbound is not None else []
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


class ServiceState(NamedTuple):
    """The service's state in which a decision is made, in the form that the proxy gets."""

    etag: str
    """The state's entity tag for this session (RFC 9110, 8.8.3)."""
    revision: str
    """The numbers of the mapping and of the restrictions in force, `3.17`: higher numbers are newer."""
    terms: LogonTerms


class Decision(NamedTuple):
    """Allow or deny, and why."""

    allowed: bool
    action: Action
    id: str
    """Names the audit event."""
    text: str
    """For 58: safe to show to the counterparty; empty when allowed."""
    reason: str
    """For the audit: one line."""
    unauthenticated: bool
    """The token is the trouble: HTTP 401 and gRPC UNAUTHENTICATED."""
    reject_reason: int
    """380; 0 when allowed."""
    session_status: int | None
    """SessionStatus (1409), on a refused Logon."""
    scope: str | None
    """What granted it; None where no scope is needed, and on a denial."""
    missing_scopes: tuple[str, ...]
    """On a denial: scopes with any one of which, in addition, this message would have been allowed."""
    vary: tuple[int, ...]
    """Body tags that the answer rests on."""
    policy: str
    """The mapping's digest."""
    max_age: int
    """How long the answer holds, in seconds; 0 means that it must not be kept."""
    terms: LogonTerms | None
    """On an allowed Logon."""
    shadow: bool = False
    """Allowed only because its denial is not enforced yet; the audit records the denial."""
    rule: str = ""
    """The forbid that denied it, where one did."""
    etag: str = ""
    """The entity tag of the state that the session's decisions rest on (RFC 9110, 8.8.3)."""
    watch_s: int = 0
    """How long a watch is held, in whole seconds; 0 where none is kept."""
    unknown_scopes: tuple[str, ...] = ()
    """On an allowed Logon: scopes of the token that the mapping does not know, which grant nothing."""
    stale_if_error: int = 0
    """For how many seconds more the answer holds where none is to be had (RFC 5861, 4); 0 where `max_age` is."""
    username: bool = False
    """On an allowed Logon: its Username (553) is a name of the token's client, so the venue may see it."""
    revision: str = ""
    """The numbers of the mapping and the restrictions that the decision rests on; empty where it rests on neither."""
    terms_name: str = ""
    """The name of the service's terms, on a decision about a message."""

    @property
    def ends_session(self) -> bool:
        """Whether nothing more of the session is decided."""
        return self.action in (Action.LOGOUT, Action.DISCONNECT)
