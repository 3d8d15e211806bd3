"""Token → `Identity`, or a `TokenError` that says why not.

Each token is held against the issuer that it names, and against that issuer's keys and pinned algorithms alone. The
signature is checked by PyJWT; the header's own hints on where to find keys (`jku`, `x5u`, `jwk`) are never looked at.

Valid tokens are remembered under the hash of the *whole* token, so a tampered one can never meet another's entry.

Invariants: no entry is used at or past `exp`, past the cache's age, or after its issuer's keys have changed; no error
holds a token.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cachetools import TLRUCache

from authzsvc.errors import TokenError
from authzsvc.tokens import claims as claim
from authzsvc.tokens.claims import Identity
from authzsvc.tokens.keys import Key, KeySet

MAX_TOKEN_BYTES = 16_384

ASYMMETRIC = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA"}
)
"""What may be pinned: never `none`, never HMAC (RFC 8725, 3.1 and 3.2)."""

_REQUIRED = ["exp", "iss", "aud", "sub"]
_UNVERIFIED: Any = {"verify_signature": False}
# Times are checked by `claims.check_times`, on the one clock of this module.
_VERIFIED: Any = {
    "require": _REQUIRED,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
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
    scope_claim: str = "scope"
    leeway_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Entry:
    identity: Identity
    keys: KeySet
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
        self._issuers = {issuer.name: issuer for issuer in issuers}
        self._clock = clock
        self._cache: TLRUCache[bytes, _Entry] = TLRUCache(
            cache_size, lambda _key, entry, now: min(entry.identity.expires_at, now + cache_ttl_s), timer=clock
        )

    def verify(self, token: str | None) -> Identity:
        """The holder of `token`. Raises `TokenError`, whose text is fit for the counterparty."""
        if not token:
            raise TokenError(claim.NO_TOKEN, "no access token was presented")
        encoded = token.encode()
        if len(encoded) > MAX_TOKEN_BYTES:
            raise TokenError(claim.NOT_ACCEPTED, f"the token is longer than {MAX_TOKEN_BYTES} bytes")
        digest = hashlib.sha256(encoded).digest()
        entry = self._remembered(digest)
        if entry is not None:
            claim.check_expiry(entry.identity.expires_at, self._clock())
            return entry.identity
        issuer = self._issuer_of(token)
        identity = self._verify_afresh(token, issuer)
        self._cache[digest] = _Entry(identity, issuer.keys, issuer.keys.generation)
        return identity

    def _remembered(self, digest: bytes) -> _Entry | None:
        try:
            entry = self._cache[digest]
        except KeyError:
            return None
        return entry if entry.generation == entry.keys.generation else None

    def _issuer_of(self, token: str) -> Issuer:
        """The configured issuer that the token *says* it is of; nothing else is believed before the signature is."""
        try:
            name = jwt.decode(token, options=_UNVERIFIED).get("iss")
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise TokenError(claim.NOT_ACCEPTED, "the token is not a JWT") from None
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise TokenError(claim.NOT_ACCEPTED, "the token's issuer is not one of the configured ones")
        return issuer

    def _verify_afresh(self, token: str, issuer: Issuer) -> Identity:
        header = jwt.get_unverified_header(token)
        algorithm = _pinned_algorithm(header, issuer)
        key = _key(header, algorithm, issuer.keys)
        claims = _verified_claims(token, key, algorithm, issuer)
        claim.check_times(claims, self._clock(), issuer.leeway_s)
        return claim.identity(claims, issuer.scope_claim)


def _pinned_algorithm(header: Mapping[str, Any], issuer: Issuer) -> str:
    algorithm = header.get("alg")
    if algorithm not in issuer.algorithms:
        raise TokenError(claim.NOT_ACCEPTED, "the token's algorithm is not one of those pinned for its issuer")
    return str(algorithm)


def _key(header: Mapping[str, Any], algorithm: str, keys: KeySet) -> Key:
    key = keys.find(header.get("kid"))
    if key is None:
        raise TokenError(claim.NOT_ACCEPTED, "the token's key id is not known for its issuer")
    if key.algorithm not in ("", algorithm):
        raise TokenError(claim.NOT_ACCEPTED, "the token's algorithm is not the one of its key")
    return key


def _verified_claims(token: str, key: Key, algorithm: str, issuer: Issuer) -> dict[str, Any]:
    """PyJWT's verdict on signature, issuer, audience and the presence of what must be there."""
    try:
        return jwt.decode(
            token, key.public, [algorithm], options=_VERIFIED, audience=issuer.audience, issuer=issuer.name
        )
    except jwt.InvalidAudienceError:
        raise TokenError(claim.NOT_FOR_US, "the token's audience is not this gateway") from None
    except jwt.MissingRequiredClaimError as error:
        raise TokenError(claim.NOT_ACCEPTED, f"the token has no claim `{error.claim}`") from None
    except jwt.InvalidSignatureError:
        raise TokenError(claim.NOT_ACCEPTED, "the token's signature does not hold") from None
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        raise TokenError(claim.NOT_ACCEPTED, f"the token does not verify: {type(error).__name__}") from None
