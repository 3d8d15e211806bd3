"""Tokens that must not be accepted, made by hand where PyJWT rightly refuses to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import serialization

from authzsvc.tokens.development import DevelopmentIssuer


def part(value: object) -> str:
    """A part of a JWT (RFC 7515: base64url without padding)."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    """What it says, unverified."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def tampered(token: str, **changes: object) -> str:
    """Other claims under the same signature."""
    header, _, signature = token.split(".")
    return ".".join((header, part(claims_of(token) | changes), signature))


def broken_signature(token: str) -> str:
    """One bit off."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def unsigned(token: str) -> str:
    """`alg: none`."""
    return f"{part({'alg': 'none', 'typ': 'at+jwt'})}.{part(claims_of(token))}."


def signed_with_public_key(token: str, issuer: DevelopmentIssuer) -> str:
    """HS256 with the public key, in PEM, as the secret: works where a verifier takes the algorithm from the token."""
    pem = issuer.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _hmac({"alg": "HS256", "typ": "at+jwt", "kid": issuer.key_id}, claims_of(token), pem)


def _hmac(header: Mapping[str, object], claims: Mapping[str, object], secret: bytes) -> str:
    content = f"{part(header)}.{part(claims)}"
    return f"{content}.{part(hmac.digest(secret, content.encode(), hashlib.sha256))}"
