"""The public keys of one issuer, kept fresh in the background.

A look-up never waits: it uses the keys in memory. They are read again before they reach the age that the server's
headers give them (RFC 9111, 4.2), within bounds. An unknown key id only *asks* for a refresh, and the background task
refreshes at most every `at_least_s`, so that forged key ids cannot cause many requests to the issuer. While the
issuer's server is down, or its answer is not a key set, the old keys stay for `keep_s`. They are dropped at once when
the server says that it has none: by a well-formed key set without a usable key, or by 404 or 410.

Invariants: `generation` grows whenever the set of keys changes, so that a verdict cached under the old keys can be
recognized; no key is used that was last read longer ago than `keep_s` and one attempt to read it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from authzsvc import files
from authzsvc.errors import HttpError, KeysError, KeysWithdrawn
from authzsvc.tokens.freshness import fresh_for_s
from authzsvc.tokens.http import MAX_BODY_BYTES, Http
from authzsvc.tokens.jwks import MAX_ID_LENGTH, Jwks, Key, parse_jwks

MAX_JWKS_BYTES = MAX_BODY_BYTES

_ACCEPT = "application/jwk-set+json, application/json"
_AHEAD = 0.9
"""The part of their age after which keys are read again."""
_GONE = (404, 410)
"""RFC 9110, 15.5.5 and 15.5.11."""
_NO_KEYS = Jwks({}, None)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Validator:
    """What a server called the document that it gave (RFC 9110, 8.8.3)."""

    url: str
    etag: str


@dataclass(frozen=True, slots=True)
class Document:
    """A key set as it was read."""

    body: bytes | None
    """None: as it was at the last reading."""
    fresh_for_s: float | None = None
    """How long it holds, by its headers; None where they do not say."""
    validator: Validator | None = None


class Source(Protocol):
    """Where keys come from."""

    async def __call__(self, known: Validator | None, /) -> Document:
        """Read the keys, unless they are still those of `known`. Raises `KeysError`, or `KeysWithdrawn` if the issuer
        has withdrawn its keys."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """How often to read the keys again, in seconds."""

    every_s: float = 300.0
    """The most time between two reads, whatever the headers say."""
    at_least_s: float = 10.0
    """The least time between two reads, whatever the headers say and however many unknown key ids are seen."""
    keep_s: float = 86_400.0
    """How long keys that were read are kept while they cannot be read again."""

    def pause_s(self, fresh_for_s: float | None) -> float:
        """How long to wait before the next read."""
        wanted = self.every_s if fresh_for_s is None else fresh_for_s * _AHEAD
        return max(self.at_least_s, min(wanted, self.every_s))


class KeySet:
    """The keys of one issuer, as last read from `source`."""

    def __init__(
        self, name: str, source: Source, refresh: Refresh, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self.generation = 0
        self.stale = False
        """Whether the last attempt to read the keys failed."""
        self._source = source
        self._refresh = refresh
        self._clock = clock
        self._read_at: float | None = None
        self._jwks = _NO_KEYS
        self._last = Document(None)
        self._wanted = asyncio.Event()
        self._loaded = asyncio.Event()
        self._read = asyncio.Condition()

    @property
    def loaded(self) -> bool:
        """Whether the issuer has said which keys it has, and not too long ago."""
        return self._read_at is not None

    @property
    def age_s(self) -> float | None:
        """The seconds since the keys were last read; None if they were never read, or too long ago."""
        return None if self._read_at is None else self._clock() - self._read_at

    def find(self, key_id: str | None) -> Key | None:
        """The key of that id; a token without one is served when there is just one key. Unknown: a refresh is due."""
        if key_id is None:
            return self._jwks.only
        if len(key_id) > MAX_ID_LENGTH:
            return None
        key = self._jwks.keys.get(key_id)
        if key is None:
            self._wanted.set()
        return key

    async def load(self) -> None:
        """Read the keys once. Raises `KeysWithdrawn` after dropping all keys. Raises `KeysError` if they cannot be
        read: then the old keys stay until they are too old."""
        try:
            await self._load()
        except KeysWithdrawn:
            self.stale = True
            self._drop("withdrawn by the issuer")
            if self.generation:
                self._read_at = self._clock()
            raise
        except KeysError:
            self.stale = True
            if self._left_s() <= 0:
                self._drop("not read for too long")
                self._read_at = None
            raise
        self.stale, self._read_at = False, self._clock()

    async def _load(self) -> None:
        document = await self._source(self._last.validator)
        body = self._last.body if document.body is None else document.body
        if body is None:
            raise KeysError("the key set's server says that nothing has changed, but nothing was read before")
        if body != self._last.body:
            self._take(await asyncio.to_thread(parse_jwks, body))
        self._last = Document(body, document.fresh_for_s, document.validator)

    async def read_again(self, timeout_s: float) -> bool:
        """Wait for the next read that was asked for, at most so long; whether there was one."""
        try:
            async with asyncio.timeout(timeout_s), self._read:
                await self._read.wait()
        except TimeoutError:
            return False
        return True

    async def wait_until_loaded(self) -> None:
        """Return once there are keys."""
        await self._loaded.wait()

    async def keep_fresh(self) -> None:
        """Read the keys again and again, for ever; a failure is logged and tried again."""
        while True:
            try:
                await self.load()
                pause_s = self._refresh.pause_s(self._last.fresh_for_s)
            except KeysError as error:
                _log.warning("keys not refreshed", extra={"issuer": self.name, "reason": str(error)})
                pause_s = min(self._refresh.at_least_s, max(0.0, self._left_s()))
            async with self._read:
                self._read.notify_all()
            await self._pause(pause_s)

    def _left_s(self) -> float:
        """How long the keys may be kept while they cannot be read."""
        age_s = self.age_s
        return self._refresh.at_least_s if age_s is None else self._refresh.keep_s - age_s

    def _drop(self, why: str) -> None:
        """Have no keys until some are read again."""
        self._last = Document(None)
        if self._jwks is not _NO_KEYS:
            self._jwks = _NO_KEYS
            self.generation += 1
            _log.warning("keys dropped", extra={"issuer": self.name, "reason": why})

    def _take(self, jwks: Jwks) -> None:
        if jwks.ambiguous:
            names = [name[:64] for name in jwks.ambiguous[:8]]
            _log.warning("keys that share an id are not used", extra={"issuer": self.name, "ids": names})
        self._jwks = jwks
        self.generation += 1
        self._loaded.set()
        facts = {"issuer": self.name, "keys": len(jwks.keys), "left_out": jwks.left_out}
        _log.info("keys loaded", extra=facts)

    async def _pause(self, pause_s: float) -> None:
        """Wait for the next read: the regular one, or, after the least time, one that was asked for."""
        await asyncio.sleep(min(pause_s, self._refresh.at_least_s))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wanted.wait(), max(0.0, pause_s - self._refresh.at_least_s))
        self._wanted.clear()


def from_file(path: Path) -> Source:
    """Keys in a file."""

    async def read(_known: Validator | None) -> Document:
        return Document(await asyncio.to_thread(read_file, path))

    return read


def read_file(path: Path) -> bytes:
    """The document in a file, bounded. Raises `KeysError`."""
    try:
        return files.read(path, MAX_JWKS_BYTES)
    except OSError as error:
        raise KeysError(f"cannot read the key set `{path}`: {files.problem(error)}") from None


def from_url(http: Http, url: str) -> Source:
    """Keys at an address."""

    async def fetch(known: Validator | None) -> Document:
        return await fetch_jwks(http, url, known)

    return fetch


async def fetch_jwks(http: Http, url: str, known: Validator | None) -> Document:
    """Ask for a key set, unless it is still the known one. Raises `KeysError`, which names the host alone, or
    `KeysWithdrawn` when the server has no such document."""
    asked = {"if-none-match": known.etag} if known is not None and known.url == url else {}
    try:
        answer = await http.get(url, {"accept": _ACCEPT, **asked})
    except HttpError as error:
        raise KeysError(f"cannot fetch the key set: {error}") from None
    if answer.status == 304 and asked:
        return Document(None, fresh_for_s(answer), known)
    if answer.status in _GONE:
        raise KeysWithdrawn(f"the key set's server answered {answer.status}: it has no keys any more")
    if answer.status != 200:
        raise KeysError(f"the key set's server answered {answer.status}")
    etag = answer.headers.get("etag", "")
    return Document(answer.body, fresh_for_s(answer), Validator(url, etag) if etag else None)
