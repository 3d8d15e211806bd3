"""What a session may do besides what its scopes say: all, only what reduces risk, or nothing any more. Pure.

Operators restrict and revoke (`sessions.restrictions`), tokens expire (`sessions.on_expiry`), another Logon takes over.
Each comes to a `Limit` or an `Ending`, in words for the counterparty and for the audit.
"""

from __future__ import annotations

from dataclasses import dataclass

from authzsvc.sessions.restrictions import Mode, Restriction, Restrictions, Revocation
from authzsvc.tokens.claims import BAD_CREDENTIALS, EXPIRED, NOT_ALLOWED_NOW, PASSWORD_EXPIRED, Identity

REVOKED = "access token revoked"
SUSPENDED = "logons are suspended"
ENDED = "session ended by the operator"
NOT_YOURS = "session is another client's"
ALREADY_LOGGED_ON = "session is already logged on"
TAKEN_OVER = "another logon took over"
CANCEL_ONLY = "only risk-reducing messages are allowed"
STOPPED = "nothing is allowed on behalf of this firm"


@dataclass(frozen=True, slots=True)
class Limit:
    """Only messages that reduce risk (and their scopes grant) are allowed."""

    text: str
    """For 58 of a denial."""
    reason: str
    """For the audit."""
    stops_all: bool = False
    """Messages that reduce risk are stopped too."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The session ends, or does not begin."""

    text: str
    reason: str
    session_status: int
    """SessionStatus (1409)."""
    unauthenticated: bool = False
    """The token is the trouble."""
    at_once: bool = False
    """Without a Logout: both connections are closed."""


FULL: Limit | None = None
"""Nothing is taken away."""


def under(
    restrictions: Restrictions, comp_id: str, identity: Identity, roles: frozenset[str], *, logging_on: bool
) -> Limit | Ending | None:
    """What operators' restrictions and revocations leave of a session, or of a Logon; None: all of it."""
    revocation = restrictions.revocation_of(identity)
    if revocation is not None:
        return _revoked(revocation)
    restriction = restrictions.on(comp_id, identity, roles)
    if restriction is None:
        return None
    if restriction.mode is Mode.CANCEL_ONLY:
        return Limit(f"{CANCEL_ONLY}: {restriction.reason}", _told(restriction))
    text = SUSPENDED if logging_on else restriction.reason or ENDED
    return Ending(text, _told(restriction), NOT_ALLOWED_NOW)


def for_firm(restrictions: Restrictions, on_behalf_of: str | None, of_session: Limit | None) -> Limit | None:
    """What restrictions on firms leave of one message, sent on behalf of this firm, in a session with this limit."""
    restriction = restrictions.on_firm(on_behalf_of)
    if restriction is None:
        return of_session
    if restriction.mode is Mode.KILL:
        return Limit(f"{STOPPED}: {restriction.reason}", _told(restriction), stops_all=True)
    return of_session or Limit(f"{CANCEL_ONLY}: {restriction.reason}", _told(restriction))


def expired(identity: Identity) -> Limit:
    """What is left of a session whose token has expired, where such sessions go on."""
    return Limit(EXPIRED, f"the token expired at Unix time {identity.expires_at:.0f}, and was not renewed")


def expiry_ends(identity: Identity) -> Ending:
    """The end of a session whose token has expired, where such sessions end."""
    return Ending(
        EXPIRED, f"the token expired at Unix time {identity.expires_at:.0f}", PASSWORD_EXPIRED, unauthenticated=True
    )


def taken_over() -> Ending:
    """The end of a session whose FIX identity another connection has logged on with."""
    return Ending(TAKEN_OVER, "another connection logged on under the same FIX identity", NOT_ALLOWED_NOW, at_once=True)


def already_logged_on(other: str) -> Ending:
    """A Logon under a FIX identity that has a live session, of that id."""
    reason = f"a session of the same FIX identity is live: `{other}`"
    return Ending(ALREADY_LOGGED_ON, reason, NOT_ALLOWED_NOW)


def not_the_callers() -> Ending:
    """Refuses a good credential that comes with the name of another client's session."""
    return Ending(NOT_YOURS, "the session that it names is of another issuer, subject or client", NOT_ALLOWED_NOW)


def _revoked(revocation: Revocation) -> Ending:
    reason = f"revocation `{revocation.id}` by {revocation.operator}: {revocation.reason}"
    return Ending(REVOKED, reason, BAD_CREDENTIALS, unauthenticated=True)


def _told(restriction: Restriction) -> str:
    return f"{restriction.mode} `{restriction.id}` by {restriction.operator}: {restriction.reason}"
