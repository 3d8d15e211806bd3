"""`Identity`: what a valid token says about its holder.

Pure. It is called only on claims whose signature, issuer and audience have been verified; times are checked here, so
that one clock, handed in, rules them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from authzsvc.errors import TokenError

NOT_ACCEPTED = "access token not accepted"
EXPIRED = "access token expired"
NOT_YET_VALID = "access token not yet valid"
NO_TOKEN = "no access token"
NOT_FOR_US = "token is not for this gateway"

BAD_CREDENTIALS = 5
"""SessionStatus (1409): invalid username or password."""
NOT_ALLOWED_NOW = 7
"""SessionStatus (1409): logons are not allowed at this time."""
PASSWORD_EXPIRED = 8
"""SessionStatus (1409): password expired."""

_FAR = 1e15
"""No time is further off than this; it keeps infinities, NaN and endless integers out."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who holds a valid token, and what it permits."""

    issuer: str
    subject: str
    client_id: str
    """`client_id` (RFC 9068, 2.2), else `azp`, else `sub`."""
    token_id: str
    """`jti`; empty when the token has none."""
    scopes: frozenset[str]
    expires_at: float
    """`exp` (RFC 7519, 4.1.4), Unix time."""
    claims: Mapping[str, object]
    """All of them, for the mapping's conditions."""


def identity(claims: Mapping[str, object], scope_claim: str) -> Identity:
    """The identity in verified claims. Raises `TokenError` when a claim is of the wrong kind."""
    subject = _text(claims, "sub")
    return Identity(
        issuer=_text(claims, "iss"),
        subject=subject,
        client_id=_optional_text(claims, "client_id") or _optional_text(claims, "azp") or subject,
        token_id=_optional_text(claims, "jti"),
        scopes=_scopes(claims, scope_claim),
        expires_at=_time(claims, "exp"),
        claims=MappingProxyType(dict(claims)),
    )


def check_times(claims: Mapping[str, object], now: float, leeway_s: float) -> None:
    """Raise `TokenError` unless `now` lies between `nbf`, where there is one, and `exp`, give or take the leeway."""
    check_expiry(_time(claims, "exp"), now, leeway_s)
    if "nbf" in claims and now < _time(claims, "nbf") - leeway_s:
        raise TokenError(NOT_YET_VALID, "the token's `nbf` is in the future", NOT_ALLOWED_NOW)


def check_expiry(expires_at: float, now: float, leeway_s: float = 0.0) -> None:
    """Raise `TokenError` at and after the expiry (RFC 7519, 4.1.4: "on or after")."""
    if now >= expires_at + leeway_s:
        raise TokenError(EXPIRED, f"the token expired at Unix time {expires_at:.0f}", PASSWORD_EXPIRED)


def _scopes(claims: Mapping[str, object], scope_claim: str) -> frozenset[str]:
    """Scopes as a string with spaces (RFC 8693, 4.2) or as a list; none at all are no scopes, not an error."""
    value = claims.get(scope_claim)
    if value is None:
        value = claims.get("scp", "")
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, list) and all(isinstance(scope, str) for scope in value):
        return frozenset(value)
    raise TokenError(NOT_ACCEPTED, f"the claim `{scope_claim}` is neither a string nor a list of strings")


def _text(claims: Mapping[str, object], name: str) -> str:
    value = _optional_text(claims, name)
    if not value:
        raise TokenError(NOT_ACCEPTED, f"the claim `{name}` is empty")
    return value


def _optional_text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str):
        raise TokenError(NOT_ACCEPTED, f"the claim `{name}` is not a string")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise TokenError(NOT_ACCEPTED, f"the claim `{name}` is not Unicode text")
    return value


def _time(claims: Mapping[str, object], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_FAR < value < _FAR:
        raise TokenError(NOT_ACCEPTED, f"the claim `{name}` is not a time")
    return float(value)
