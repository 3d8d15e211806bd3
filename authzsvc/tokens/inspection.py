"""A token in words: what its header and claims say, and whether it verifies. For people, never for decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

from authzsvc.errors import TokenError
from authzsvc.tokens.claims import NOT_ACCEPTED
from authzsvc.tokens.keys import parse_jwks
from authzsvc.tokens.verifier import ASYMMETRIC

TIMES = ("iat", "nbf", "exp", "auth_time")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a token says of itself."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]


def read(token: str) -> Inspection:
    """Take a token apart *without* verifying it. Raises `TokenError` when it is no JWT."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        return Inspection(jwt.get_unverified_header(token), claims)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise TokenError(NOT_ACCEPTED, "the token is not a JWT") from None


def signature_holds(token: str, document: bytes) -> bool:
    """Whether a key of that JWKS has signed the token (times, issuer and audience aside). Raises `KeysError`."""
    keys = parse_jwks(document)
    header = read(token).header
    key = keys.get(header.get("kid", "")) or (next(iter(keys.values())) if len(keys) == 1 else None)
    algorithm = header.get("alg")
    if key is None or algorithm not in ASYMMETRIC or key.algorithm not in ("", algorithm):
        return False
    try:
        jwt.PyJWS().decode(token, key.public, [str(algorithm)])
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
