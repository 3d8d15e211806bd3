"""The metrics listener: plain HTTP on an address of its own.

Connections are accepted one at a time and at most `connections_per_s`; each has one request, bounded in size and time.
When all places are taken, the oldest connection gives its own up, so that slow peers never keep a scrape out. The page
is made anew at most `RENDERS_PER_S` times a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from authzsvc.errors import Fault, SettingsFaults
from authzsvc.floods import Reason
from authzsvc.server.fronted import listen
from authzsvc.server.refusals import Refusals
from authzsvc.settings.bounds import HttpBounds

LISTENER = "metrics.tcp"
BACKLOG = 64
RENDERS_PER_S = 10.0
_CHUNK = 4_096
_END = b"\r\n\r\n"

_log = logging.getLogger(__name__)


class _Request(NamedTuple):
    method: str
    path: str
    accept: str


@dataclass(slots=True)
class Scraping:
    """Answers scrapes on a socket that listens."""

    listening: socket.socket
    registry: CollectorRegistry
    bounds: HttpBounds
    refusals: Refusals
    clock: Callable[[], float] = time.monotonic
    address: str = ""
    """The address on which it really listens."""
    _open: dict[asyncio.Task[None], str] = field(default_factory=dict)
    _pages: dict[str, bytes] = field(default_factory=dict)
    _renders: tuple[float, float] = (RENDERS_PER_S, 0.0)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    async def run(self) -> None:
        """Accept connections until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    connection, address = await loop.sock_accept(self.listening)
                except OSError as error:
                    _log.warning("a scrape was not accepted", extra={"why": error.strerror})
                    await asyncio.sleep(1.0)
                    continue
                self._take(connection, address[0])
                await asyncio.sleep(1.0 / self.bounds.connections_per_s)
        finally:
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    def _take(self, connection: socket.socket, host: str) -> None:
        if len(self._open) >= self.bounds.connections:
            oldest = next(iter(self._open))
            self.refusals.note(LISTENER, Reason.CONNECTIONS, self._open.pop(oldest))
            oldest.cancel()
        connection.setblocking(False)
        task = asyncio.create_task(self._serve(connection, host))
        self._open[task] = host
        task.add_done_callback(lambda done: self._open.pop(done, None))

    async def _serve(self, connection: socket.socket, host: str) -> None:
        """One request and its answer."""
        with connection, contextlib.suppress(OSError):
            try:
                async with asyncio.timeout(self.bounds.request_s):
                    await self._answer(connection, host)
            except TimeoutError:
                self.refusals.note(LISTENER, Reason.LATE, host)

    async def _answer(self, connection: socket.socket, host: str) -> None:
        loop = asyncio.get_running_loop()
        received = b""
        while _END not in received and len(received) <= self.bounds.header_bytes:
            more = await loop.sock_recv(connection, _CHUNK)
            if not more:
                return
            received += more
        head, found, _ = received.partition(_END)
        if not found or len(head) > self.bounds.header_bytes:
            self.refusals.note(LISTENER, Reason.HEADERS, host)
            await loop.sock_sendall(connection, _response("431 Request Header Fields Too Large"))
            return
        await loop.sock_sendall(connection, self._response(_read(head), host))

    def _response(self, request: _Request | None, host: str) -> bytes:
        if request is None:
            self.refusals.note(LISTENER, Reason.UNREADABLE, host)
            return _response("400 Bad Request")
        if request.path not in ("/", "/metrics"):
            return _response("404 Not Found")
        if request.method not in ("GET", "HEAD"):
            return _response("405 Method Not Allowed")
        encode, kind = _encoder(request.accept)
        page = self._pages[kind] if not self._may_render(kind) else encode(self.registry)
        self._pages[kind] = page
        return _response("200 OK", page, kind, with_body=request.method == "GET")

    def _may_render(self, kind: str) -> bool:
        """Whether the page must be made anew; otherwise the last one is only some tenths of a second old."""
        now = self.clock()
        left, at = self._renders
        left = min(RENDERS_PER_S, left + (now - at) * RENDERS_PER_S)
        if left < 1 and kind in self._pages:
            return False
        self._renders = (max(left - 1, 0.0), now)
        return True


def _encoder(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    """What a scraper asks for; the usual page where nobody can tell what that is."""
    try:
        return choose_encoder(accept)
    except (ValueError, TypeError):  # it expects a version to be a number
        return choose_encoder("")


def _read(head: bytes) -> _Request | None:
    """Return the request, or None where this is no HTTP/1 request."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return None
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return _Request(words[0], words[1].partition("?")[0], headers.get("accept", ""))


def _response(status: str, body: bytes = b"", kind: str = "text/plain", *, with_body: bool = True) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + (body if with_body else b"")


@contextlib.asynccontextmanager
async def scraped(
    registry: CollectorRegistry, address: str, bounds: HttpBounds, refusals: Refusals
) -> AsyncIterator[Scraping]:
    """Answer scrapes at `host:port` for as long as this lasts.

    Raises `SettingsFaults` where the address cannot be listened on.
    """
    with _listening(address) as listening:
        name = f"{address.rpartition(':')[0]}:{listening.getsockname()[1]}"
        scraping = Scraping(listening, registry, bounds, refusals, address=name)
        task = asyncio.create_task(scraping.run())
        try:
            yield scraping
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _listening(address: str) -> socket.socket:
    try:
        return listen(address, BACKLOG)
    except OSError as error:
        problem = f"`{address}` cannot be listened on: {(error.strerror or 'error').lower()}"
        raise SettingsFaults([Fault("settings", 0, LISTENER, problem, "is it taken?")]) from None
