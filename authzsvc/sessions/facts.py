"""`SessionFacts`: what is known of one live FIX session; and the same as bytes, for a store.

Pure. What is written holds the identity with its claims, never a credential: a bearer token is named by `fingerprint`,
a hash with the store's own salt, and a client's secret, which a person may have chosen, by nothing at all.

Invariant: `decode(encode(facts)) == facts`; bytes that are no facts are a `StoreError`, whatever they hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from authzsvc.errors import StoreError
from authzsvc.tokens.claims import Identity
from authzsvc.tokens.credential import Credential, Scheme


@dataclass(frozen=True, slots=True)
class SessionKey:
    """A FIX session's identity: at most one lives under each."""

    begin_string: str
    """8."""
    sender: str
    """49, of the client."""
    sender_sub: str
    sender_location: str
    target: str
    """56."""
    target_sub: str
    target_location: str
    tenant: str
    """What the listener's configuration says, where gateways of several tenants share a service."""


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """One live session."""

    id: str
    """Its public name (`contract.session_name`)."""
    key: SessionKey
    identity: Identity
    roles: frozenset[str]
    address: str
    principal: str
    context: Mapping[str, str]
    logged_on_at: float
    """Unix time."""
    credential: bytes = field(repr=False)
    """What names the credential that the session stands on; `fingerprint` where a store keeps it."""


def fingerprint(salt: bytes, credential: Credential) -> bytes:
    """A name for a bearer token that means the same after a restart; empty for a client id and secret.

    A token is long and random, so that its hash gives nothing away; a secret may be short enough to be guessed.
    """
    if credential.scheme is not Scheme.BEARER:
        return b""
    return hashlib.sha256(salt + credential.secret.encode("utf-8", "surrogatepass")).digest()


def encode(facts: SessionFacts) -> bytes:
    """The facts as JSON in ASCII. Raises `StoreError` for claims that JSON cannot hold."""
    data = {spec.name: getattr(facts, spec.name) for spec in fields(facts)}
    try:
        return json.dumps(data, default=_plain, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError):
        raise StoreError("a session's claims cannot be written down") from None


def decode(raw: bytes) -> SessionFacts:
    """The facts in `raw`. Raises `StoreError`."""
    try:
        data = json.loads(raw)
        key = SessionKey(**{spec.name: _text(data["key"][spec.name]) for spec in fields(SessionKey)})
        return SessionFacts(
            id=_text(data["id"]),
            key=key,
            identity=_identity(data["identity"]),
            roles=_texts(data["roles"]),
            address=_text(data["address"]),
            principal=_text(data["principal"]),
            context={_text(name): _text(value) for name, value in data["context"].items()},
            logged_on_at=float(data["logged_on_at"]),
            credential=bytes.fromhex(data["credential"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise StoreError("a stored session cannot be read") from None


def _identity(data: Mapping[str, Any]) -> Identity:
    """Field by field, so that a store written before a field was there is refused rather than misread."""
    read: dict[str, Callable[[object], Any]] = {
        "scopes": _texts,
        "claims": _claims,
        "expires_at": _time,
        "issued_at": _time_or_none,
    }
    return Identity(**{spec.name: read.get(spec.name, _text)(data[spec.name]) for spec in fields(Identity)})


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, SessionKey | Identity):
        return {spec.name: getattr(value, spec.name) for spec in fields(value)}
    raise TypeError(type(value).__name__)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _texts(value: object) -> frozenset[str]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return frozenset(_text(item) for item in value)


def _claims(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError("not claims")
    return MappingProxyType(value)


def _time(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a time")
    return float(value)


def _time_or_none(value: object) -> float | None:
    return None if value is None else _time(value)
