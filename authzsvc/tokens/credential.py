"""`Credential`: what a client proved itself with, as it came in an `authorization` header.

Two schemes, in HTTP's own words: `Bearer` and an access token (RFC 6750, 2.1), or `Basic` and a client id and secret
(RFC 7617), each form-urlencoded before they are joined (RFC 6749, 2.3.1), so that a colon in them does no harm.

Invariants: no repr shows a secret; the digest cannot be used to guess one offline, because its key never leaves the
process.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote_plus

_KEY = os.urandom(32)
"""Of this process alone: what is remembered under a digest means nothing to another."""


class Scheme(StrEnum):
    """How a client proved itself."""

    BEARER = "bearer"
    """With an access token."""
    BASIC = "basic"
    """With a client id and its secret, which the service brings to the authorization server."""


@dataclass(frozen=True, slots=True)
class Credential:
    """An access token, or a client id and secret."""

    scheme: Scheme
    secret: str = field(repr=False)
    """The token, or the client's secret."""
    username: str = ""
    """The client id; empty with a token."""
    _digest: bytes = field(default=b"", init=False, repr=False, compare=False)

    def digest(self) -> bytes:
        """Name the credential in memory, without giving it away: the *whole* of it, so none can meet another's."""
        if not self._digest:
            object.__setattr__(self, "_digest", self._hash())
        return self._digest

    def _hash(self) -> bytes:
        name, secret = self.username.encode(), self.secret.encode("utf-8", "surrogatepass")
        lengths = f"{self.scheme}:{len(name)}:".encode()
        return hashlib.blake2b(lengths + name + secret, key=_KEY, digest_size=32).digest()


def read(header: str) -> Credential | None:
    """The credential in an `authorization` header; None where there is none that can be read."""
    scheme, _, value = header.partition(" ")
    value = value.strip()
    match scheme.lower():
        case Scheme.BEARER if value:
            return Credential(Scheme.BEARER, value)
        case Scheme.BASIC:
            return _basic(value)
    return None


def _basic(value: str) -> Credential | None:
    try:
        name, colon, secret = base64.b64decode(value, validate=True).decode("ascii").partition(":")
        username, secret = unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError):
        return None
    return Credential(Scheme.BASIC, secret, username) if colon and username and secret else None
