"""`Identity`: what a valid token says about its holder, and `Reading`: in which claims its issuer says it.

Pure. It is called only on claims whose signature, issuer and audience have been verified; times are checked here, so
that one clock, handed in, rules them all.

Invariants: a claim that is read and is of the wrong kind refuses the token, it is never passed over; a claim of null is
an absent one, `cnf` aside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from authzsvc.errors import TokenError
from authzsvc.policy.scopes import ROLE_PREFIX

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

AUDIENCE = "{audience}"
"""A step of a claim's path that stands for each of the audiences that the gateway goes by."""
ISSUED_AHEAD_S = 60.0
"""How far `iat` may lie in the future, beside the leeway. RFC 7519, 4.1.6, sets no bound; but the revocation of a
subject refuses what was issued before it, and a token from the future would outlive that."""

_FAR = 1e15
"""No time is further off than this; it keeps infinities, NaN and endless integers out."""
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
"""SHA-256 as base64url without padding (RFC 8705, 3.1)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Which claims of an issuer's tokens say what. Each is a claim's whole name, or the way into nested claims, its
    steps joined by dots; a step may be `{audience}`."""

    scope_claims: tuple[str, ...] = ("scope", "scp")
    """The first that the token has counts alone, even when it is empty; with `union` all of them count."""
    role_claims: tuple[str, ...] = ()
    """All of them count; the role `x` becomes the scope `role:x`."""
    client_id_claims: tuple[str, ...] = ("client_id", "azp")
    """The first that is not empty; without any, the subject."""
    types: tuple[str, ...] = ()
    """The `typ` headers to accept, without `application/`; () takes any that is not known to be of another kind."""
    subject_claims: tuple[str, ...] = ("sub",)
    """The first that is not empty; without any, the token is refused."""
    union: bool = False
    """Whether the scopes of all `scope_claims` are taken together."""

    @property
    def without_subject(self) -> Reading:
        """The same for tokens that may lack a subject: the client is the subject then (RFC 9068, 2.2)."""
        return replace(self, subject_claims=(*self.subject_claims, *self.client_id_claims))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who holds a valid token, and what it permits."""

    issuer: str
    subject: str
    client_id: str
    """`client_id` (RFC 9068, 2.2) or what the issuer has instead, else the subject."""
    token_id: str
    """`jti`; empty when the token has none."""
    scopes: frozenset[str]
    """With the roles among them, as `role:NAME`."""
    expires_at: float
    """`exp` (RFC 7519, 4.1.4), Unix time."""
    claims: Mapping[str, object]
    """All of them, for the mapping's conditions."""
    confirmation: str = ""
    """`cnf["x5t#S256"]` (RFC 8705, 3.1): the SHA-256 of the certificate that the token is bound to, as base64url
    without padding; empty when it is bound to none."""
    issued_at: float | None = None
    """`iat` (RFC 7519, 4.1.6), Unix time."""


def identity(claims: Mapping[str, object], reading: Reading, audience: Sequence[str] = ()) -> Identity:
    """The identity in verified claims; `audience` is what the gateway goes by, for `{audience}` in paths.

    Raises `TokenError` when a claim is of the wrong kind.
    """
    _check_text(claims)
    subject = _first_text(claims, reading.subject_claims)
    if not subject:
        raise TokenError(NOT_ACCEPTED, f"the token has no claim `{'` or `'.join(reading.subject_claims)}`")
    return Identity(
        issuer=_text(claims, "iss"),
        subject=subject,
        client_id=_first_text(claims, reading.client_id_claims) or subject,
        token_id=_optional_text(claims, "jti"),
        scopes=_scopes(claims, reading, audience) | _roles(claims, reading, audience),
        expires_at=_time(claims, "exp"),
        claims=MappingProxyType(dict(claims)),
        confirmation=_confirmation(claims),
        issued_at=_time(claims, "iat") if claims.get("iat") is not None else None,
    )


def narrowed(identity: Identity, asked: frozenset[str], reading: Reading, audience: Sequence[str] = ()) -> Identity:
    """Returns the identity with only those of its scopes that were asked for. Its roles stay."""
    claims = identity.claims
    return replace(identity, scopes=_scopes(claims, reading, audience) & asked | _roles(claims, reading, audience))


def check_times(claims: Mapping[str, object], now: float, leeway_s: float) -> None:
    """Raise `TokenError` unless `now` lies between `nbf`, where there is one, and `exp`, give or take the leeway; nor
    may `iat` lie far ahead."""
    check_expiry(_time(claims, "exp"), now, leeway_s)
    if claims.get("nbf") is not None and now < _time(claims, "nbf") - leeway_s:
        raise TokenError(NOT_YET_VALID, "the token's `nbf` is in the future", NOT_ALLOWED_NOW)
    if claims.get("iat") is not None and now < _time(claims, "iat") - leeway_s - ISSUED_AHEAD_S:
        raise TokenError(NOT_YET_VALID, "the token's `iat` is in the future", NOT_ALLOWED_NOW)


def check_expiry(expires_at: float, now: float, leeway_s: float = 0.0) -> None:
    """Raise `TokenError` at and after the expiry (RFC 7519, 4.1.4: "on or after")."""
    if now >= expires_at + leeway_s:
        raise TokenError(EXPIRED, f"the token expired at Unix time {expires_at:.0f}", PASSWORD_EXPIRED)


def _scopes(claims: Mapping[str, object], reading: Reading, audience: Sequence[str]) -> frozenset[str]:
    """Scopes as a string with spaces (RFC 8693, 4.2) or as a list; none at all are no scopes, not an error."""
    scopes: frozenset[str] = frozenset()
    for path in reading.scope_claims:
        for value in _at(claims, path, audience):
            scopes |= frozenset(value.split() if isinstance(value, str) else _items(value, path))
            if not reading.union:
                return scopes
    return scopes


def _roles(claims: Mapping[str, object], reading: Reading, audience: Sequence[str]) -> frozenset[str]:
    """Roles as a list, or one as a string."""
    return frozenset(
        f"{ROLE_PREFIX}{role}"
        for path in reading.role_claims
        for value in _at(claims, path, audience)
        for role in ([value] if isinstance(value, str) else _items(value, path))
    )


def _items(value: object, path: str) -> Iterator[str]:
    """The texts of a list; of an object its `value`, the form that RFC 9068, 2.2.3.1, takes from RFC 7643, 4.1.2."""
    if not isinstance(value, list):
        raise TokenError(NOT_ACCEPTED, f"the claim `{path}` is neither a string nor a list of strings")
    for item in value:
        text = item.get("value") if isinstance(item, Mapping) else item
        if not isinstance(text, str):
            raise TokenError(NOT_ACCEPTED, f"the claim `{path}` is neither a string nor a list of strings")
        yield text


def _at(claims: Mapping[str, object], path: str, audience: Sequence[str]) -> Iterator[object]:
    """The claims at a path, those of null left out. Raises `TokenError` where the way leads into what is no object."""
    if path in claims or "." not in path:
        found: list[object] = [claims.get(path)]
    else:
        found = [claims]
        for step in path.split("."):
            names = audience if step == AUDIENCE else (step,)
            found = [_member(inside, name, path) for inside in found if inside is not None for name in names]
    yield from (value for value in found if value is not None)


def _member(inside: object, name: str, path: str) -> object:
    if not isinstance(inside, Mapping):
        raise TokenError(NOT_ACCEPTED, f"the claim `{path}` is not nested in objects")
    return inside.get(name)


def _confirmation(claims: Mapping[str, object]) -> str:
    """The certificate's thumbprint in `cnf`. A token bound by other means than a certificate (`jkt` of RFC 9449, `jwk`
    of RFC 7800) is refused: its proof cannot be shown here, and taking it without one would unbind it."""
    if "cnf" not in claims:
        return ""
    cnf = claims["cnf"]
    thumbprint = cnf.get("x5t#S256") if isinstance(cnf, Mapping) else None
    if not isinstance(thumbprint, str) or not _THUMBPRINT.fullmatch(thumbprint):
        raise TokenError(NOT_ACCEPTED, "the claim `cnf` holds no SHA-256 of a certificate (`x5t#S256`)")
    return thumbprint


def _check_text(claims: Mapping[str, object]) -> None:
    """JSON can spell half a character (`\\ud800`), which no log or audit could write."""
    try:
        json.dumps(claims, ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError):
        raise TokenError(NOT_ACCEPTED, "the claims are not Unicode text") from None


def _first_text(claims: Mapping[str, object], paths: tuple[str, ...]) -> str:
    for path in paths:
        for value in _at(claims, path, ()):
            if not isinstance(value, str):
                raise TokenError(NOT_ACCEPTED, f"the claim `{path}` is not a string")
            if value:
                return value
    return ""


def _text(claims: Mapping[str, object], name: str) -> str:
    value = _optional_text(claims, name)
    if not value:
        raise TokenError(NOT_ACCEPTED, f"the claim `{name}` is empty")
    return value


def _optional_text(claims: Mapping[str, object], name: str) -> str:
    return _first_text(claims, (name,))


def _time(claims: Mapping[str, object], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_FAR < value < _FAR:
        raise TokenError(NOT_ACCEPTED, f"the claim `{name}` is not a time")
    return float(value)
