"""A development issuer, its keys loaded, and a clock that tests move."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from authzsvc.tokens.claims import Reading
from authzsvc.tokens.development import ALGORITHM, AUDIENCE, DevelopmentIssuer
from authzsvc.tokens.http import Http
from authzsvc.tokens.keys import KeySet, Refresh, from_file
from authzsvc.tokens.verifier import Issuer, Verifier

from .web import Web, serving


@dataclass
class Clock:
    """A time that only tests move."""

    now: float

    def __call__(self) -> float:
        return self.now


@dataclass
class Bench:
    """What a test of the verifier works with."""

    issuer: DevelopmentIssuer
    keys: KeySet
    clock: Clock

    def verifier(
        self, *, cache_ttl_s: float = 300.0, leeway_s: float = 0.0, audience_demanded: bool = True
    ) -> Verifier:
        issuer = Issuer(
            self.issuer.name, (AUDIENCE,), (ALGORITHM,), self.keys,
            leeway_s=leeway_s, audience_demanded=audience_demanded,
        )  # fmt: skip
        return Verifier([issuer], cache_ttl_s=cache_ttl_s, clock=self.clock)

    def of(self, context: dict[str, str], reading: Reading | None = None) -> Issuer:
        return Issuer(self.issuer.name, (AUDIENCE,), (ALGORITHM,), self.keys, reading or Reading(), context)


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    issuer = DevelopmentIssuer.create(tmp_path / "keys")
    keys = KeySet(issuer.name, from_file(issuer.jwks_path), Refresh())
    await keys.load()
    return Bench(issuer, keys, Clock(float(int(time.time()))))


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with serving() as found:
        yield found


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    found = Http(timeout_s=5.0)
    yield found
    await found.close()
