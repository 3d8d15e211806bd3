"""The metrics listener, over real connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.errors import SettingsFaults
from authzsvc.server.metrics import Counts, registry
from authzsvc.server.refusals import Refusals
from authzsvc.server.scrape import RENDERS_PER_S, Scraping, _read, scraped
from authzsvc.settings.bounds import HttpBounds

PATIENCE_S = 20.0


@contextlib.asynccontextmanager
async def listening(counts: Counts | None = None, **bounds: Any) -> AsyncIterator[Scraping]:  # noqa: ANN401
    refusals = Refusals(lambda _flood: None)
    async with scraped(registry(counts or Counts()), "127.0.0.1:0", HttpBounds(**bounds), refusals) as scraping:
        yield scraping


async def page(scraping: Scraping, path: str = "/metrics", **headers: str) -> str:
    def get() -> str:
        request = urllib.request.Request(f"http://{scraping.address}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return f"{answer.headers['Content-Type']}\n{answer.read().decode()}"

    return await asyncio.to_thread(get)


async def raw(scraping: Scraping, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*scraping.address.split(":"))
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    finally:
        writer.close()


async def test_prometheus_gets_what_it_asks_for() -> None:
    counts = Counts()
    async with listening(counts) as scraping:
        counts.odd_reports += 3
        assert "authzsvc_accounting_faults_total 3.0" in await page(scraping)
        assert (await page(scraping, "/")).startswith("text/plain")
        opened = await page(scraping, Accept="application/openmetrics-text; version=1.0.0")
        assert opened.startswith("application/openmetrics-text")
        assert opened.endswith("# EOF\n")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            await page(scraping, "/other")


@pytest.mark.parametrize(
    "accept",
    ["text/plain;version=version=", "text/plain;version=x;escaping=", "application/openmetrics-text;version=;"],
)
async def test_whoever_asks_for_what_nobody_can_read_gets_the_usual_page(accept: str) -> None:
    async with listening() as scraping:
        assert "authzsvc_mapping_stale" in await page(scraping, Accept=accept)


async def test_what_is_no_request_is_refused() -> None:
    async with listening(header_bytes=1_000) as scraping:
        assert (await raw(scraping, b"\x16\x03\x01 nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400")
        with contextlib.suppress(ConnectionResetError):  # what it has not read may reset the connection
            assert (await raw(scraping, b"GET / HTTP/1.1\r\nX: " + b"y" * 5_000)).startswith(b"HTTP/1.1 431")
        assert (await raw(scraping, b"POST / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 405")
        assert await raw(scraping, b"HEAD / HTTP/1.1\r\n\r\n")
        assert scraping.refusals.counts["metrics.tcp", "unreadable"] == 1
        assert scraping.refusals.counts["metrics.tcp", "headers"] == 1


async def test_a_slow_request_is_given_up() -> None:
    async with listening(request_s=0.2) as scraping:
        assert await raw(scraping, b"GET / HTTP/1.1\r\n") == b""
        assert scraping.refusals.counts["metrics.tcp", "late"] == 1


async def test_slow_peers_never_keep_a_scrape_out() -> None:
    async with listening(connections=4, request_s=60) as scraping:
        held = [await asyncio.open_connection(*scraping.address.split(":")) for _ in range(20)]
        assert "authzsvc_mapping_stale" in await page(scraping)
        assert scraping.connections <= 4
        assert scraping.refusals.counts["metrics.tcp", "connections"] >= 16
        for _, writer in held:
            writer.close()


async def test_pages_are_made_so_often_at_most() -> None:
    counts = Counts()
    made = 0

    def live() -> tuple[int, int]:
        nonlocal made
        made += 1
        return 0, 0

    counts.live = live
    async with listening(counts) as scraping:
        made, now = 0, 1_000.0
        scraping.clock = lambda: now
        for _ in range(100):
            await page(scraping)
        assert made == RENDERS_PER_S
        now += 0.5
        for _ in range(20):
            await page(scraping)
        assert made == RENDERS_PER_S * 1.5


async def test_connections_are_accepted_at_a_pace() -> None:
    async with listening(connections_per_s=50) as scraping:
        begun = asyncio.get_running_loop().time()
        for _ in range(20):
            await page(scraping)
        assert asyncio.get_running_loop().time() - begun > 19 / 50


def test_an_address_that_is_taken() -> None:
    async def begin(port: int) -> None:
        async with scraped(registry(Counts()), f"127.0.0.1:{port}", HttpBounds(), Refusals(lambda _flood: None)):
            pass

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SettingsFaults, match=r"metrics\.tcp"):
        asyncio.run(begin(taken.getsockname()[1]))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_none(head: bytes) -> None:
    found = _read(head)
    assert found is None or head.startswith(found.method.encode("latin-1"))
