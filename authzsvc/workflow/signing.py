"""Signed mappings: only the holder of the key can change what is permitted.

The signature covers the mapping's name, the digest of its meaning (comments may change, a list's value may not), and a
serial. The serial rises with each signature of another meaning, so it shows which of two mappings is older. The
signature (Ed25519, RFC 8032) is in a file of its own beside the mapping, as JSON:

    {"algorithm": "Ed25519", "key_id": "…", "name": "…", "serial": 20261130101500, "digest": "…", "signature": "…"}

A serial is the time of signing, UTC, as `YYYYMMDDhhmmss`, or one more than the serial before where that is greater. So
two people who sign the same mapping need not know of each other's last serial.

Invariants: no error quotes a key or a signature; a private key is written for its owner alone, and over no other file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from authzsvc import files
from authzsvc.errors import SignatureError, ToolError
from authzsvc.policy.source import one_line

SUFFIX = ".sig"
ALGORITHM = "Ed25519"
PRIVATE_NAME = "mapping-key.pem"
PUBLIC_NAME = "mapping-key.pub.pem"

_MAX_BYTES = 65_536
_SIGN = "sign the mapping with `authzsvc mapping sign`"
_CONTEXT = b"authzsvc mapping v2\0"
"""The first bytes of what is signed, so that a signature made for another purpose never holds here."""
MAX_SERIAL = 10**18


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature file says."""

    algorithm: str
    key_id: str
    """The first 16 hex digits of the SHA-256 over the raw public key."""
    name: str
    """The mapping's."""
    serial: int
    digest: str
    signature: str
    """Base64."""


_WITHOUT_SERIAL = frozenset(("algorithm", "key_id", "digest", "signature"))
"""The members of a signature that an earlier version made."""


def path_of(mapping: Path) -> Path:
    """Give the place of a mapping's signature."""
    return mapping.with_name(mapping.name + SUFFIX)


def key_id(key: Ed25519PublicKey) -> str:
    """Name a key."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def sign(name: str, digest: str, serial: int, key: Ed25519PrivateKey) -> str:
    """Returns the text of a signature file for a mapping."""
    proof = base64.b64encode(key.sign(_signed(name, digest, serial))).decode()
    made = Signature(ALGORITHM, key_id(key.public_key()), name, serial, digest, proof)
    return json.dumps(asdict(made), indent=2) + "\n"


def serial_for(name: str, digest: str, path: Path, key: Ed25519PublicKey, *, now: datetime, renew: bool = False) -> int:
    """Returns the serial under which to sign a mapping whose signature file is, or will be, at `path`.

    A mapping that is signed already keeps its serial, unless `renew`.
    """
    before = _holding(path, key)
    if before is not None and (before.name, before.digest) == (name, digest) and not renew:
        return before.serial
    by_clock = int(f"{now.astimezone(UTC):%Y%m%d%H%M%S}")
    return by_clock if before is None else max(by_clock, before.serial + 1)


def verify(name: str, digest: str, path: Path, key: Ed25519PublicKey) -> Signature:
    """Compares a mapping's name and digest with its signature file. Raises `SignatureError`."""
    found = _read_signature(path)
    if found.algorithm != ALGORITHM:
        raise SignatureError(f"`{path}` is not signed with {ALGORITHM} (sign it with `authzsvc mapping sign`)")
    if found.key_id != key_id(key):
        raise SignatureError(f"`{path}` is signed with another key (sign it with the key that is trusted)")
    if found.name != name:
        raise SignatureError(f"`{path}` is of mapping `{one_line(found.name)}`, not of `{name}` (sign anew)")
    if found.digest != digest:
        raise SignatureError(f"`{path}` is of another mapping: the meaning has changed since it was signed (sign anew)")
    if not _holds(found, key):
        raise SignatureError(f"`{path}` has a signature that does not hold (sign the mapping anew)")
    return found


def load_private(path: Path) -> Ed25519PrivateKey:
    """Read a private key, PEM without a password. Raises `SignatureError`."""
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SignatureError(f"`{path}` is no {ALGORITHM} private key in PEM (make one: `authzsvc mapping keygen`)")
    return key


def load_public(path: Path) -> Ed25519PublicKey:
    """Read a public key, PEM. Raises `SignatureError`."""
    try:
        key = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise SignatureError(f"`{path}` is no {ALGORITHM} public key in PEM (make a pair: `authzsvc mapping keygen`)")
    return key


def generate(directory: Path) -> tuple[Path, Path]:
    """Make a key pair: the paths of the private and the public key. Raises `ToolError`, also where either is there."""
    key = Ed25519PrivateKey.generate()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private = key.private_bytes(pem, pkcs8, serialization.NoEncryption())
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    paths = directory / PRIVATE_NAME, directory / PUBLIC_NAME
    for path in paths:
        if path.exists():
            raise ToolError(f"`{path}` is there already (name another directory)")
    for path, content, mode in zip(paths, (private, public), (0o600, 0o644), strict=True):
        _create(path, content, mode)
    return paths


def write(path: Path, text: str) -> None:
    """Put a signature into its place in one step, so that a reader sees the old one or the new. Raises `ToolError`."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise _unwritable(path, error) from None


def _signed(name: str, digest: str, serial: int) -> bytes:
    return _CONTEXT + f"{serial}\0{digest}\0{name}".encode()


def _holds(found: Signature, key: Ed25519PublicKey) -> bool:
    try:
        proof = base64.b64decode(found.signature, validate=True)
        key.verify(proof, _signed(found.name, found.digest, found.serial))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _holding(path: Path, key: Ed25519PublicKey) -> Signature | None:
    """Returns what a signature file says, or `None` unless it is this key's and holds."""
    try:
        found = _read_signature(path)
    except SignatureError:
        return None
    return found if found.key_id == key_id(key) and _holds(found, key) else None


def _read_signature(path: Path) -> Signature:
    try:
        said = json.loads(_read(path))
        found = Signature(**said) if _has_good_values(said) else None
    except (ValueError, TypeError, RecursionError):
        said = found = None
    if isinstance(said, dict) and said.keys() == _WITHOUT_SERIAL:
        raise SignatureError(f"`{path}` has no serial, as an earlier version made it ({_SIGN})")
    if found is None:
        raise SignatureError(f"`{path}` is no signature of a mapping ({_SIGN})")
    return found


def _has_good_values(said: object) -> bool:
    if not isinstance(said, dict):
        return False
    serial = said.get("serial")
    texts = (value for name, value in said.items() if name != "serial")
    return type(serial) is int and 0 < serial <= MAX_SERIAL and all(isinstance(value, str) for value in texts)


def _read(path: Path) -> bytes:
    try:
        return files.read(path, _MAX_BYTES)
    except OSError as error:
        hint = f" ({_SIGN})" if path.name.endswith(SUFFIX) else ""
        raise SignatureError(f"`{path}` cannot be read: {files.problem(error)}{hint}") from None


def _create(path: Path, content: bytes, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> ToolError:
    return ToolError(f"`{path}` cannot be written: {(error.strerror or 'error').lower()} (name another place)")
