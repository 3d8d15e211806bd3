"""Token → `Identity`, or a `TokenError` that says why not.

Each token is held against the issuer that it names, and against that issuer's keys and pinned algorithms alone. The
signature is checked by PyJWT; the header's own hints on where to find keys (`jku`, `x5u`, `jwk`) are never looked at.

Valid tokens are remembered under the digest of the *whole* token, so a tampered one can never meet another's entry.

Invariants: no entry is used at or past `exp`, past the cache's age, after its issuer's keys have changed, or where its
issuer is not the one to ask; no error holds a token.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

import jwt
from cachetools import TLRUCache

from authzsvc.errors import NoKeys, TokenError, UnknownKey
from authzsvc.tokens import claims as claim
from authzsvc.tokens import jose
from authzsvc.tokens.claims import Identity, Reading
from authzsvc.tokens.credential import Credential, Scheme
from authzsvc.tokens.endpoint import UNAVAILABLE
from authzsvc.tokens.jose import MAX_TOKEN_BYTES as MAX_TOKEN_BYTES
from authzsvc.tokens.jose import Unverified
from authzsvc.tokens.jwks import ASYMMETRIC as ASYMMETRIC
from authzsvc.tokens.jwks import MAX_ID_LENGTH, Key
from authzsvc.tokens.keys import KeySet

_NO_CONTEXT: Mapping[str, str] = MappingProxyType({})
_REQUIRED = ["exp", "iss"]
# Times are checked by `claims.check_times`, on the one clock of this module; `sub` by `claims.identity`.
_VERIFIED: Any = {
    "require": _REQUIRED,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_sub": False,
    "enforce_minimum_key_length": True,
}


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authorization server whose tokens are accepted."""

    name: str
    """`iss`, compared exactly."""
    audience: tuple[str, ...]
    """A token is for this gateway when its `aud` has any of these."""
    algorithms: tuple[str, ...]
    """Pinned `alg` values, of `ASYMMETRIC`."""
    keys: KeySet
    reading: Reading = field(default_factory=Reading)
    context: Mapping[str, str] = field(default_factory=dict)
    """Facts of the listener that must hold for this issuer to be asked; elsewhere it is as if not configured."""
    leeway_s: float = 0.0
    audience_demanded: bool = True
    """Whether a token without `aud` is refused. One that has `aud` must name this gateway there in any case."""

    def serves(self, context: Mapping[str, str]) -> bool:
        """Whether its tokens are accepted on a listener of those facts."""
        return serves(self.context, context)


@dataclass(frozen=True, slots=True)
class _Entry:
    identity: Identity
    issuer: Issuer
    generation: int


class Verifier:
    """Verifies tokens of several issuers, and remembers the good ones."""

    def __init__(
        self,
        issuers: Iterable[Issuer],
        *,
        cache_size: int = 10_000,
        cache_ttl_s: float = 300.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Of several issuers of one name, the first whose context holds is asked."""
        self._issuers: dict[str, list[Issuer]] = {}
        for issuer in issuers:
            self._issuers.setdefault(issuer.name, []).append(issuer)
        self._clock = clock
        self._cache: TLRUCache[bytes, _Entry] = TLRUCache(
            cache_size, lambda _key, entry, now: min(entry.identity.expires_at, now + cache_ttl_s), timer=clock
        )

    def verify(self, token: str | None, context: Mapping[str, str] = _NO_CONTEXT) -> Identity:
        """The holder of `token`, on a listener of those facts. Raises `TokenError`, whose text is fit for the
        counterparty."""
        if not token:
            raise TokenError(claim.NO_TOKEN, "no access token was presented")
        return self.holder(Credential(Scheme.BEARER, token), context)

    def holder(self, credential: Credential, context: Mapping[str, str] = _NO_CONTEXT) -> Identity:
        """`verify`, for a credential that is a token."""
        token, digest = credential.secret, credential.digest()
        entry = self._remembered(digest, context)
        if entry is not None:
            claim.check_expiry(entry.identity.expires_at, self._clock())
            return entry.identity
        unverified = jose.read(token)
        issuer = self._issuer_of(unverified, context)
        generation = issuer.keys.generation
        identity = self._verify_afresh(token, unverified, issuer)
        self._cache[digest] = _Entry(identity, issuer, generation)
        return identity

    def issuer_named(self, token: str, context: Mapping[str, str] = _NO_CONTEXT) -> Issuer | None:
        """The issuer that a token *says* it is of, nothing verified; None where the token is no signed JWT, and only
        introspection can tell. Raises `TokenError` when it is one, of an issuer that is not configured here."""
        return self._issuer_of(jose.read(token), context) if jose.is_signed_jwt(token) else None

    async def keys_read(self, token: str, context: Mapping[str, str], timeout_s: float) -> bool:
        """Wait for the next read of the keys of a token's issuer, at most so long; whether there was one."""
        try:
            issuer = self.issuer_named(token, context)
        except TokenError:
            return False
        return issuer is not None and await issuer.keys.read_again(timeout_s)

    def _remembered(self, digest: bytes, context: Mapping[str, str]) -> _Entry | None:
        try:
            entry = self._cache[digest]
        except KeyError:
            return None
        good = entry.generation == entry.issuer.keys.generation
        return entry if good and self._issuer(entry.issuer.name, context) is entry.issuer else None

    def _issuer(self, name: str, context: Mapping[str, str]) -> Issuer | None:
        for issuer in self._issuers.get(name, ()):
            if issuer.serves(context):
                return issuer
        return None

    def _issuer_of(self, unverified: Unverified, context: Mapping[str, str]) -> Issuer:
        """The configured issuer that the token *says* it is of; nothing else is believed before the signature is."""
        name = unverified.claims.get("iss")
        issuer = self._issuer(name, context) if isinstance(name, str) else None
        if issuer is None:
            raise TokenError(claim.NOT_ACCEPTED, "the token's issuer is not one of the configured ones")
        return issuer

    def _verify_afresh(self, token: str, unverified: Unverified, issuer: Issuer) -> Identity:
        jose.check_header(unverified.header, issuer.reading.types)
        algorithm = _pinned_algorithm(unverified.header, issuer)
        key = _key(unverified.header, algorithm, issuer.keys)
        claims = _verified_claims(token, unverified, key, algorithm, issuer)
        jose.check_kind(claims)
        claim.check_times(claims, self._clock(), issuer.leeway_s)
        return claim.identity(claims, issuer.reading, issuer.audience)


def serves(wanted: Mapping[str, str], context: Mapping[str, str]) -> bool:
    """Whether a listener of these facts has all that are wanted."""
    return not wanted or all(context.get(name) == value for name, value in wanted.items())


def _pinned_algorithm(header: Mapping[str, object], issuer: Issuer) -> str:
    algorithm = header.get("alg")
    if algorithm not in issuer.algorithms:
        raise TokenError(claim.NOT_ACCEPTED, "the token's algorithm is not one of those pinned for its issuer")
    return str(algorithm)


def _key(header: Mapping[str, object], algorithm: str, keys: KeySet) -> Key:
    key_id = header.get("kid")
    named = isinstance(key_id, str) and len(key_id) <= MAX_ID_LENGTH
    key = keys.find(cast("str | None", key_id)) if named or key_id is None else None
    if key is None and not keys.loaded:
        raise NoKeys(
            UNAVAILABLE,
            "the keys of the token's issuer have not been read yet, or not for too long",
            claim.NOT_ALLOWED_NOW,
        )
    if key is None:
        kind = UnknownKey if named else TokenError  # no reading of the keys would find another
        raise kind(claim.NOT_ACCEPTED, "the token's key id is not known for its issuer")
    if not key.serves(algorithm):
        raise TokenError(claim.NOT_ACCEPTED, "the token's algorithm is not the one of its key")
    return key


def _verified_claims(token: str, unverified: Unverified, key: Key, algorithm: str, issuer: Issuer) -> dict[str, Any]:
    """PyJWT's verdict on signature, issuer, audience and the presence of what must be there."""
    checks_audience = issuer.audience_demanded or unverified.claims.get("aud") is not None
    options: Any = {**_VERIFIED, "verify_aud": checks_audience}
    audience = issuer.audience if checks_audience else None
    try:
        return jwt.decode(token, key.public, [algorithm], options=options, audience=audience, issuer=issuer.name)
    except jwt.InvalidAudienceError:
        raise TokenError(claim.NOT_FOR_US, "the token's audience is not this gateway") from None
    except jwt.MissingRequiredClaimError as error:
        raise TokenError(claim.NOT_ACCEPTED, f"the token has no claim `{error.claim}`") from None
    except jwt.InvalidSignatureError:
        raise TokenError(claim.NOT_ACCEPTED, "the token's signature does not hold") from None
    except (jwt.PyJWTError, TypeError, ValueError, RecursionError) as error:
        raise TokenError(claim.NOT_ACCEPTED, f"the token does not verify: {type(error).__name__}") from None
