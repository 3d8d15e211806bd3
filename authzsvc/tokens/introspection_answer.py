"""Reads an authorization server's answer about a token: returns an `Identity`, or says why there is none. Pure.

The answer is JSON (RFC 7662, 2.2), or the same signed by the server (RFC 9701). An answer that is malformed says
nothing about the token, so it counts as an outage (`ServerUnavailable`). A proper answer that does not make the token
good is a refusal, and may be remembered as one.

If the token is a JWT, the answer is compared with the JWT's claims: both must name the same token. An opaque token has
no claims, and neither RFC 7662 nor RFC 9701 demands that the answer repeats the token, its digest or anything else of
the question. An answer about an opaque token belongs to the question only because the connection carries no other
question; a signed answer must also be recent.

Invariants: nothing but `active: true` makes a token good; if answers must be signed, an unsigned one is refused; an
answer that can be seen to be about another token never makes this one good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import jwt

from authzsvc.errors import TokenError, UnknownKey
from authzsvc.tokens import claims as claim
from authzsvc.tokens import jose
from authzsvc.tokens.claims import Identity, Reading
from authzsvc.tokens.endpoint import ServerUnavailable, json_object, media_type
from authzsvc.tokens.http import Answer
from authzsvc.tokens.keys import KeySet

JSON = "application/json"
TYPE = "token-introspection+jwt"
SIGNED = f"application/{TYPE}"
"""RFC 9701, 5."""

_OLD_S = 30.0
"""A signed answer older than this (besides the leeway) may be a replay."""
_NAMING = ("iss", "jti", "sub", "client_id", "azp", "iat", "nbf", "exp")
"""Claims that must be equal in a JWT and in an answer about it (RFC 7662, 2.2)."""
_TEXTS = ("username", "token_type")
_VERIFIED: Any = {
    "require": ["iss", "aud", "iat", "token_introspection"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_sub": False,
    "enforce_minimum_key_length": True,
}


class AnswerKeyUnknown(ServerUnavailable):
    """The answer is signed with a key that its server's set does not have; the set may be behind."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signed answer is held against."""

    keys: KeySet
    """The issuer's."""
    algorithms: tuple[str, ...]
    """Pinned `alg` values."""
    client_id: str
    """Whom the answer is for: us."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the answers of one authorization server must say."""

    issuer: str
    audience: tuple[str, ...]
    """A token is for this gateway when its `aud` has any of these."""
    reading: Reading
    audience_demanded: bool = False
    """Whether an answer without `aud` is refused; RFC 7662 leaves it out at will."""
    signed: Signed | None = None
    """None: answers are plain JSON; else they must be signed."""
    leeway_s: float = 0.0
    unending_s: float = 60.0
    """How long a token is good for whose answer has no `exp`: until one asks again."""

    @property
    def accept(self) -> str:
        """The media type to ask for."""
        return SIGNED if self.signed else JSON


def identity_in(answer: Answer, expected: Expected, now: float, token: str) -> Identity:
    """Returns the holder of the token that was asked about. Raises `TokenError`, and `ServerUnavailable` if the answer
    says nothing about the token."""
    if answer.status != 200:
        raise ServerUnavailable(f"the introspection endpoint answered {answer.status}")
    members = _members(answer, expected, now)
    active = members.get("active")
    if not isinstance(active, bool):
        raise ServerUnavailable("the introspection answer has no `active` that is true or false")
    if not active:
        raise TokenError(claim.NOT_ACCEPTED, "the authorization server says that the token is not active")
    _check_token(members, token, signed=expected.signed is not None)
    _check(members, expected)
    claims = {**members, "iss": expected.issuer}
    if claims.get("exp") is None:
        claims["exp"] = now + expected.unending_s
    jose.check_kind(claims)
    claim.check_times(claims, now, expected.leeway_s)
    # Answers about the client-credentials grant often have no `sub`.
    identity = claim.identity(claims, expected.reading.without_subject, expected.audience)
    if members.get("exp") is None:  # what is made up here is no claim of the token's
        said = {name: value for name, value in identity.claims.items() if name != "exp"}
        return replace(identity, claims=MappingProxyType(said))
    return identity


def _members(answer: Answer, expected: Expected, now: float) -> Mapping[str, object]:
    if expected.signed is not None:
        return _signed_members(answer, expected, expected.signed, now)
    members = json_object(answer)
    if members is None:
        raise ServerUnavailable("the introspection answer is not one JSON object (`application/json`)")
    return members


def _signed_members(answer: Answer, expected: Expected, signed: Signed, now: float) -> Mapping[str, object]:
    """The claim `token_introspection` of a JWT for us, made lately (RFC 9701, 5)."""
    if media_type(answer) != SIGNED:
        raise ServerUnavailable(f"the introspection answer is not signed (`{SIGNED}`), and must be")
    try:
        claims = _verified(answer.body.decode("ascii"), expected.issuer, signed)
        claim.check_times({"exp": now + 1.0, **claims}, now, expected.leeway_s)
    except UnknownKey:
        raise AnswerKeyUnknown("the key of the signed introspection answer is not known for its issuer") from None
    except (TokenError, UnicodeDecodeError) as error:
        why = error.reason if isinstance(error, TokenError) else "it is not ASCII"
        raise ServerUnavailable(f"the signed introspection answer does not hold: {why}") from None
    made, members = claims["iat"], claims["token_introspection"]
    if made < now - _OLD_S - expected.leeway_s:
        raise ServerUnavailable("the signed introspection answer is too old")
    if not isinstance(members, dict):
        raise ServerUnavailable("the claim `token_introspection` of the introspection answer is no object")
    return members


def _verified(token: str, issuer: str, signed: Signed) -> dict[str, Any]:
    unverified = jose.read(token)
    jose.check_header(unverified.header, (TYPE,))
    algorithm, key_id = unverified.header.get("alg"), unverified.header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in signed.algorithms:
        raise TokenError(claim.NOT_ACCEPTED, "its algorithm is not one of those pinned for its issuer")
    key = signed.keys.find(key_id) if key_id is None or isinstance(key_id, str) else None
    if key is None and isinstance(key_id, str):
        raise UnknownKey(claim.NOT_ACCEPTED, "its key is not known for its issuer")
    if key is None or not key.serves(algorithm):
        raise TokenError(claim.NOT_ACCEPTED, "its key is not told, or not one of its algorithm")
    try:
        return jwt.decode(token, key.public, [algorithm], options=_VERIFIED, audience=signed.client_id, issuer=issuer)
    except (jwt.PyJWTError, TypeError, ValueError, RecursionError) as error:
        raise TokenError(claim.NOT_ACCEPTED, type(error).__name__) from None


def _check_token(members: Mapping[str, object], token: str, *, signed: bool) -> None:
    """Raises `ServerUnavailable` if an answer about a JWT contradicts the JWT or lacks its `cnf`, or if a signed answer
    does not name the JWT, by `jti` or by `exp` and its holder."""
    if not jose.is_signed_jwt(token):
        return
    said = jose.read(token).claims
    others = [
        name for name in _NAMING if members.get(name) is not None and said.get(name, members[name]) != members[name]
    ]
    if others or ("cnf" in said and members.get("cnf") != said["cnf"]):
        raise ServerUnavailable(f"the introspection answer is about another token (`{(others or ['cnf'])[0]}`)")
    same = {name for name in _NAMING if name in said and members.get(name) == said[name]}
    if signed and "jti" not in same and not ("exp" in same and same & {"sub", "client_id", "azp"}):
        raise ServerUnavailable("the signed introspection answer does not name the token (`jti`, or `exp` and `sub`)")


def _check(members: Mapping[str, object], expected: Expected) -> None:
    """Checks issuer, audience and type if the answer has them, and the JSON types of members that are not used."""
    if members.get("iss") not in (None, expected.issuer):
        raise TokenError(claim.NOT_ACCEPTED, "the introspection answer names another issuer")
    for name in _TEXTS:
        if not isinstance(members.get(name), str | None):
            raise TokenError(claim.NOT_ACCEPTED, f"the claim `{name}` is not a string")
    if str(members.get("token_type") or "bearer").lower() != "bearer":
        raise TokenError(claim.NOT_ACCEPTED, "the token's `token_type` is not Bearer: its proof cannot be shown here")
    audience = members.get("aud")
    if audience is None and not expected.audience_demanded:
        return
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise TokenError(claim.NOT_ACCEPTED, "the claim `aud` is neither a string nor a list of strings")
    if not set(named).intersection(expected.audience):
        raise TokenError(claim.NOT_FOR_US, "the token's audience is not this gateway")
