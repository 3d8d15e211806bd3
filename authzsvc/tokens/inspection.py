"""A token in words: what its header and claims say, and whether it verifies. For people, never for decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import jwt

from authzsvc.tokens import jose
from authzsvc.tokens.jwks import parse_jwks

TIMES = ("iat", "nbf", "exp", "auth_time")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a token says of itself."""

    header: Mapping[str, object]
    claims: Mapping[str, object]


def read(token: str) -> Inspection:
    """Take a token apart *without* verifying it. Raises `TokenError` when it is no signed JWT."""
    unverified = jose.read(token)
    return Inspection(unverified.header, unverified.claims)


def signature_holds(token: str, document: bytes) -> bool:
    """Whether a key of that JWKS has signed the token (times, issuer and audience aside). Raises `KeysError`."""
    found = parse_jwks(document)
    header = read(token).header
    key_id, algorithm = header.get("kid"), header.get("alg")
    key = found.keys.get(key_id) if isinstance(key_id, str) else found.only
    if key is None or not isinstance(algorithm, str) or not key.serves(algorithm):
        return False
    try:
        jwt.PyJWS().decode(token, key.public, [algorithm])
    except (jwt.PyJWTError, TypeError, ValueError):
        return False
    return True


def time_in_words(value: object, now: float) -> str:
    """A claim's time, and how far from now: `2026-01-31 12:00:00Z, 5 min ago`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        return "not a time"
    moment = datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    away = value - now
    return f"{moment}, {_span(abs(away))} ago" if away < 0 else f"{moment}, in {_span(away)}"


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
