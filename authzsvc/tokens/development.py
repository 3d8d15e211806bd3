"""Development keys: an issuer of one's own, for trials, the demo and tests. Never for production.

The keys live in a directory that only its owner can read. Who holds them can mint any token, so a service that trusts
this issuer trusts everyone who can read that directory; the issuer's name says so to whoever meets it.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from authzsvc import files
from authzsvc.errors import ToolError

ISSUER = "https://development.invalid"
AUDIENCE = "fix-gateway"
ALGORITHM = "ES256"
NOTICE = "development keys: whoever can read them can mint any token; never trust this issuer in production"

_KEY_FILE = "development-key.pem"
_JWKS_FILE = "development-jwks.json"


@dataclass(frozen=True, slots=True)
class DevelopmentIssuer:
    """An ES256 key and its public half as a JWKS, in a directory."""

    key: ec.EllipticCurvePrivateKey
    key_id: str
    jwks_path: Path
    name: str = ISSUER

    @classmethod
    def create(cls, directory: Path, name: str = ISSUER) -> DevelopmentIssuer:
        """The issuer of that directory: the one that is there, else a new one. Raises `ToolError`."""
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            key_path = directory / _KEY_FILE
            if not key_path.exists():
                _write_private(key_path, _pem(ec.generate_private_key(ec.SECP256R1())))
            key = _read_key(key_path)
            key_id = _key_id(key)
            jwks_path = directory / _JWKS_FILE
            _write_private(jwks_path, json.dumps({"keys": [_jwk(key, key_id)]}, indent=2).encode())
        except OSError as error:
            raise ToolError(f"cannot keep development keys in `{directory}`: {error.strerror}") from None
        return cls(key, key_id, jwks_path, name)

    def mint(
        self,
        *,
        scopes: Iterable[str] = (),
        subject: str = "developer",
        client_id: str | None = None,
        comp_id: str | None = None,
        audience: str = AUDIENCE,
        ttl_s: float = 3600.0,
        claims: Mapping[str, object] | None = None,
        now: float | None = None,
    ) -> str:
        """A signed access token (RFC 9068). A negative `ttl_s` makes one that has expired; `claims` has the last word,
        and a claim of None is left out."""
        issued = time.time() if now is None else now
        payload: dict[str, object] = {
            "iss": self.name,
            "aud": audience,
            "sub": subject,
            "client_id": client_id,
            "scope": " ".join(scopes),
            "fix_comp_id": comp_id,
            "iat": int(min(issued, issued + ttl_s)),
            "exp": int(issued + ttl_s),
            "jti": secrets.token_hex(8),
            **(claims or {}),
        }
        present = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(present, self.key, ALGORITHM, headers={"kid": self.key_id, "typ": "at+jwt"})


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(files.read(path, files.MAX_PEM_BYTES), password=None)
    except OSError as error:
        raise ToolError(f"`{path}` cannot be read: {files.problem(error)}") from None
    except ValueError:
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ToolError(f"`{path}` holds no elliptic-curve key; remove it and a new one is made")
    return key


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _jwk(key: ec.EllipticCurvePrivateKey, key_id: str) -> dict[str, object]:
    public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**public, "kid": key_id, "use": "sig", "alg": ALGORITHM}


def _key_id(key: ec.EllipticCurvePrivateKey) -> str:
    """A name that follows from the key, so that a new key in the same directory is a new name."""
    public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return f"development-{str(public['x'])[:10]}"


def _write_private(path: Path, content: bytes) -> None:
    """Write whole and at once, readable by the owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)
