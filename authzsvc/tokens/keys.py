"""The public keys of one issuer: a JWKS (RFC 7517) from a file or a URL, kept fresh in the background.

A look-up never waits: it answers from the keys at hand. An unknown key id only *asks* for a refresh, which the
background task grants at most every `min_refresh_s`, so that forged key ids cannot drive requests to the issuer. While
the issuer's server is down, or answers with rubbish, the old keys stay.

Invariants: only asymmetric keys for signatures are kept; `generation` grows whenever the set of keys changes, so that
whoever cached a verdict under the old keys can tell.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt

from authzsvc.errors import KeysError

MAX_JWKS_BYTES = 1_000_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """A public key of the set."""

    id: str
    """`kid`; empty when the key has none."""
    type: str
    """`kty`: RSA, EC or OKP."""
    algorithm: str
    """`alg`, the only one that the key may be used with; empty when any that fits the type will do."""
    public: Any
    """The key, as `cryptography` has it."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """How often to read the keys again, in seconds."""

    every_s: float = 300.0
    at_least_s: float = 10.0
    """The least time between two reads, however many unknown key ids are seen."""


class KeySet:
    """The keys of one issuer, as last read from `fetch`."""

    def __init__(self, name: str, fetch: Callable[[], bytes], refresh: Refresh) -> None:
        self.name = name
        self.generation = 0
        self._fetch = fetch
        self._refresh = refresh
        self._keys: dict[str, Key] = {}
        self._document = b""
        self._wanted = asyncio.Event()
        self._loaded = asyncio.Event()

    @property
    def loaded(self) -> bool:
        """Whether keys have ever been read."""
        return self.generation > 0

    def find(self, key_id: str | None) -> Key | None:
        """The key of that id; a token without one is served when there is just one key. Unknown: a refresh is due."""
        if key_id is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        key = self._keys.get(key_id)
        if key is None:
            self._wanted.set()
        return key

    async def load(self) -> None:
        """Read the keys once. Raises `KeysError`, and the old keys stay."""
        document = await asyncio.to_thread(self._fetch)
        if document == self._document:
            return
        keys = parse_jwks(document)
        self._keys, self._document = keys, document
        self.generation += 1
        self._loaded.set()
        _log.info("keys loaded", extra={"issuer": self.name, "keys": len(keys)})

    async def wait_until_loaded(self) -> None:
        """Return once there are keys."""
        await self._loaded.wait()

    async def keep_fresh(self) -> None:
        """Read the keys again and again, for ever; a failure is logged and tried again."""
        while True:
            try:
                await self.load()
            except KeysError as error:
                _log.warning("keys not refreshed", extra={"issuer": self.name, "reason": str(error)})
            await self._pause()

    async def _pause(self) -> None:
        """Wait for the next read: the regular one, or, after the least time, one that was asked for."""
        await asyncio.sleep(self._refresh.at_least_s)
        regular = self._refresh.every_s if self.loaded else self._refresh.at_least_s
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wanted.wait(), max(0.0, regular - self._refresh.at_least_s))
        self._wanted.clear()


def parse_jwks(document: bytes) -> dict[str, Key]:
    """The usable keys by id. Symmetric keys, encryption keys and unknown kinds are left out; none left is an error."""
    try:
        entries = json.loads(document)["keys"]
        found = [key for entry in entries if (key := _key(entry)) is not None]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise KeysError("the key set is not a JSON Web Key Set (an object with `keys`)") from None
    if not found:
        raise KeysError("the key set holds no public key for signatures")
    return {key.id: key for key in found}


def _key(entry: Any) -> Key | None:  # noqa: ANN401 (anything that JSON can hold)
    if not isinstance(entry, dict) or entry.get("kty") not in ("RSA", "EC", "OKP") or entry.get("use", "sig") != "sig":
        return None
    public = {name: value for name, value in entry.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}
    try:
        key = jwt.PyJWK(public).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return Key(str(entry.get("kid", "")), entry["kty"], str(entry.get("alg", "")), key)


def from_file(path: Path) -> Callable[[], bytes]:
    """A fetch that reads a file."""

    def fetch() -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise KeysError(f"cannot read the key set `{path}`: {error.strerror}") from None

    return fetch


def from_url(url: str, timeout_s: float) -> Callable[[], bytes]:
    """A fetch over HTTP(S): bounded in size, and in time as a whole. Redirects are not followed."""
    opener = urllib.request.build_opener(_NoRedirect)

    def fetch() -> bytes:
        deadline = time.monotonic() + timeout_s
        request = urllib.request.Request(url, headers={"Accept": "application/jwk-set+json, application/json"})
        try:
            with opener.open(request, timeout=timeout_s) as response:
                return _read_bounded(response, deadline)
        except urllib.error.HTTPError as error:
            error.close()
            raise KeysError(f"the key set's server `{urlsplit(url).netloc}` answered {error.code}") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", None) or error
            raise KeysError(f"cannot fetch the key set from `{urlsplit(url).netloc}`: {why}") from None

    return fetch


def _read_bounded(response: Any, deadline: float) -> bytes:  # noqa: ANN401 (urllib types it so)
    """Read the whole body, however slowly it drips, within the deadline and the size."""
    body = b""
    while chunk := response.read1(65_536):
        body += chunk
        if len(body) > MAX_JWKS_BYTES:
            raise KeysError(f"the key set is larger than {MAX_JWKS_BYTES} bytes")
        if time.monotonic() > deadline:
            raise KeysError("the key set took too long to arrive")
    return body


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could lead anywhere; the URL of a key set is configured exactly."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        return None
