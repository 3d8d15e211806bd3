"""How the service proves to an authorization server who it is.

A secret in the header (`client_secret_basic`, RFC 6749, 2.3.1), an assertion signed with a private key
(`private_key_jwt`, RFC 7523, 2.2), or the certificate of the TLS connection (`tls_client_auth`, RFC 8705, 2), which the
`Http` that asks holds; and, for servers that know no better, a secret in the form (`client_secret_post`).

Secrets come from files. Invariant: no repr or error shows one.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_plus

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from authzsvc import files
from authzsvc.errors import KeysError
from authzsvc.tokens.jwks import ASYMMETRIC

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523, 2.2."""
ASSERTION_S = 60
"""How long an assertion holds, in seconds."""

SigningKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey

_MAX_FILE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Basic:
    """`client_secret_basic`."""

    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Post:
    """`client_secret_post`."""

    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PrivateKeyJwt:
    """`private_key_jwt`."""

    client_id: str
    key: SigningKey = field(repr=False)
    algorithm: str
    key_id: str = ""
    """`kid`; empty for none."""


@dataclass(frozen=True, slots=True)
class TlsClient:
    """`tls_client_auth` and `self_signed_tls_client_auth`."""

    client_id: str


ClientAuth = Basic | Post | PrivateKeyJwt | TlsClient


def apply(
    auth: ClientAuth, form: MutableMapping[str, str], headers: MutableMapping[str, str], *, audience: str, now: float
) -> None:
    """Put the proof into a request; `audience` is whom an assertion is for: the token endpoint or the issuer."""
    match auth:
        case Basic():
            headers["authorization"] = _basic(auth)
        case Post():
            form.update(client_id=auth.client_id, client_secret=auth.secret)
        case PrivateKeyJwt():
            assertion = _assertion(auth, audience, now)
            form.update(client_id=auth.client_id, client_assertion_type=ASSERTION_TYPE, client_assertion=assertion)
        case TlsClient():
            form["client_id"] = auth.client_id


def read_secret(path: Path) -> str:
    """The secret in a file, without the end of its line. Raises `KeysError`."""
    try:
        secret = _read(path).decode("utf-8")
    except UnicodeDecodeError:
        raise KeysError(f"the secret file `{path}` is no UTF-8 text") from None
    secret = secret.removesuffix("\n").removesuffix("\r")
    if not secret or not secret.isprintable():
        raise KeysError(f"the secret file `{path}` must hold one line, the secret")
    return secret


def read_key(path: Path, algorithm: str) -> SigningKey:
    """The private key in a PEM file, tried with the algorithm. Raises `KeysError`."""
    if algorithm not in ASYMMETRIC:
        raise KeysError(f"`{algorithm}` is no algorithm to sign with; one of {', '.join(sorted(ASYMMETRIC))} is")
    content = _read(path)
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError):  # `TypeError`: it is encrypted
        raise KeysError(f"the key file `{path}` must hold a private key as PEM, without a password") from None
    try:
        if not isinstance(key, SigningKey):
            raise TypeError
        _sign({}, key, algorithm, {})
    except (jwt.PyJWTError, TypeError, ValueError):
        raise KeysError(f"the key in `{path}` is not one to sign with `{algorithm}`, or is too short") from None
    return key


def _basic(auth: Basic) -> str:
    """Each half is form-urlencoded first, so that it may hold a colon, or anything (RFC 6749, 2.3.1)."""
    pair = f"{quote_plus(auth.client_id)}:{quote_plus(auth.secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _assertion(auth: PrivateKeyJwt, audience: str, now: float) -> str:
    """A JWT that says who asks whom (RFC 7523, 3), good once: `jti` is never used again."""
    claims: dict[str, object] = {
        "iss": auth.client_id,
        "sub": auth.client_id,
        "aud": audience,
        "jti": secrets.token_urlsafe(24),
        "iat": int(now),
        "exp": int(now) + ASSERTION_S,
    }
    return _sign(claims, auth.key, auth.algorithm, {"kid": auth.key_id} if auth.key_id else {})


def _sign(claims: dict[str, object], key: SigningKey, algorithm: str, headers: dict[str, object]) -> str:
    signer = jwt.PyJWT({"enforce_minimum_key_length": True})
    return signer.encode(claims, key, algorithm, headers)


def _read(path: Path) -> bytes:
    try:
        return files.read(path, _MAX_FILE_BYTES)
    except OSError as error:
        raise KeysError(f"cannot read `{path}`: {files.problem(error)}") from None
