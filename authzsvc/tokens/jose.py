"""A token taken apart *without* verifying it (RFC 7515, compact form), and what its header may say. Pure.

Strategy: length and alphabet are looked at before anything is parsed, and what is no signed JWT is refused with a plain
reason. Invariant: nothing read here is believed; it only chooses whose keys to ask, and refuses.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from authzsvc.errors import TokenError
from authzsvc.tokens.claims import NOT_ACCEPTED

MAX_TOKEN_BYTES = 16_384

_PRINTABLE = re.compile(r"[!-~]+")
_PART = r"[A-Za-z0-9_-]"
_SIGNED = re.compile(rf"({_PART}+)\.({_PART}+)\.{_PART}*")
_ENCRYPTED = re.compile(rf"{_PART}+(?:\.{_PART}*){{4}}")
_ACCESS_TOKEN = "at+jwt"
_OTHER_KINDS = frozenset({"id", "id_token", "refresh", "refresh_token", "offline", "logout", "logout_token"})
"""`typ` of tokens of another kind: in headers, and, in lower case, in Keycloak's claim of that name."""


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says of itself."""

    header: Mapping[str, object]
    claims: Mapping[str, object]


def encoded(token: str) -> bytes:
    """The token's bytes. Raises `TokenError` when there are too many, or any that stands in no token."""
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenError(NOT_ACCEPTED, f"the token is longer than {MAX_TOKEN_BYTES} bytes")
    if not _PRINTABLE.fullmatch(token):
        raise TokenError(NOT_ACCEPTED, "the token holds a space, a control character or one that is not ASCII")
    return token.encode()


def is_signed_jwt(token: str) -> bool:
    """Whether the token has the form of a signed JWT: three parts, the first a header with an `alg`."""
    parts = _SIGNED.fullmatch(token) if len(token) <= MAX_TOKEN_BYTES else None
    try:
        return parts is not None and "alg" in _object(parts[1])
    except TokenError:
        return False


def read(token: str) -> Unverified:
    """Take a token apart. Raises `TokenError` when it is no signed JWT."""
    encoded(token)
    parts = _SIGNED.fullmatch(token)
    if parts is None:
        if _ENCRYPTED.fullmatch(token):
            raise TokenError(NOT_ACCEPTED, "the token is encrypted (a JWE); only signed ones can be verified")
        raise TokenError(NOT_ACCEPTED, "the token is not a JWT")
    header = _object(parts[1])
    content = header.get("cty")
    if isinstance(content, str) and content.lower().removeprefix("application/") == "jwt":
        raise TokenError(NOT_ACCEPTED, "the token holds another token (`cty` is JWT); nested ones are not accepted")
    return Unverified(header, _object(parts[2]))


def check_header(header: Mapping[str, object], types: tuple[str, ...]) -> None:
    """Raise `TokenError` unless the header's `typ` is one of `types`; where there are none, unless it may be that of an
    access token. Nor may the header demand extensions (RFC 7515, 4.1.11; RFC 7797).

    Other kinds are told by their explicit types (RFC 8725, 3.11): `logout+jwt`, `dpop+jwt`, `secevent+jwt` and so on.
    An absent `typ` and plain `JWT` are what most servers give.
    """
    if "crit" in header or "b64" in header:
        raise TokenError(NOT_ACCEPTED, "the token's header demands an extension (`crit`), and none is supported")
    kind = header.get("typ", "")
    if not isinstance(kind, str):
        raise TokenError(NOT_ACCEPTED, "the token's type (`typ`) is not a string")
    named = {_plain(name) for name in types}
    if _plain(kind) not in named if named else _is_other_kind(_plain(kind)):
        raise TokenError(NOT_ACCEPTED, "the token's type (`typ`) is not that of an access token")


def check_kind(claims: Mapping[str, object]) -> None:
    """Raise `TokenError` when verified claims are those of another kind of token, signed by the same server: an ID
    token (`at_hash`, OpenID Connect Core 3.1.3.6), a security event (`events`, RFC 8417, 2.2), or what Keycloak's `typ`
    or Cognito's `token_use` name."""
    kinds = {str(claims[name]).lower() for name in ("typ", "token_use") if name in claims}
    if kinds & _OTHER_KINDS or "at_hash" in claims or "events" in claims:
        raise TokenError(NOT_ACCEPTED, "the token is of another kind than an access token")


def _plain(kind: str) -> str:
    """`typ` in lower case, without `application/` (RFC 7515, 4.1.9)."""
    return kind.lower().removeprefix("application/")


def _is_other_kind(kind: str) -> bool:
    """A type with a suffix is that of access tokens or another's; `okta-internal-at+jwt` is Okta's own."""
    if kind.endswith(("+jwt", "+jws", "+cwt", "+sd-jwt", "+json")):
        return kind != _ACCESS_TOKEN and not kind.endswith(f"-{_ACCESS_TOKEN}")
    return kind in _OTHER_KINDS or kind in {"jose", "dpop"}


def _object(part: str) -> dict[str, object]:
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise TokenError(NOT_ACCEPTED, "the token is not a JWT")
    return found
