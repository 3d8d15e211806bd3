"""A process in front of a TCP listener: it accepts connections at a bounded rate, and relays their bytes.

gRPC's core accepts connections in the thread that also polls for everything else, and it goes on while connections
wait to be accepted. So a flood of connections to one socket would keep all other sockets waiting for seconds. Therefore
each TCP socket has a process of this kind, and gRPC's core sees only the connections that it lets through. TLS passes
through it unread.

A connection counts as begun once both ends have sent data twice, which means that its handshakes are over. When the
bound on connections is reached, the oldest connection that has not begun is closed. If all have begun, the one whose
client has been silent for the longest is closed, provided that it has been silent for longer than a proxy with a live
session ever is. Otherwise the new connection is closed. So nobody can hold a connection for ever without sending data.

When a connection ends, gRPC's core ends all its streams at once, which takes several milliseconds if they are many, and
keeps all other sockets waiting. So the connections to the service are closed one at a time, and after each of them the
core gets as much time for other things as that one took.

gRPC's core keeps what it knows of a connection until the service has taken up all its streams, also those that have
ended. So connections that come and go faster than that would fill the memory. Therefore the service tells this process
how many connections its core holds, and while these are too many, new ones wait in the kernel's queue.

On a listener in clear, the frames that clients send are counted and paced (`pace`).

The service starts this process as `python -m authzsvc.server.front` with the listening socket, writes that number to
its standard input, a line for each count, and ends it by closing its standard input. The process writes how many
connections it refused to its standard output, as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

from authzsvc.server.pace import Frames, Pace

NAME = "fix-authz-front"
REPORT_S = 0.5
SILENT_S = 120.0
"""A proxy asks for each live session again after `watch_s`, 50 s unless set otherwise."""
MAX_HOSTS = 64
CLOSE_S = 0.1
"""How long the service has to close its end of a connection before the next one is closed."""
PACED_S = 0.002
"""How long a connection without credit waits at least."""
HELD_SHARE = 1.5
"""How many connections gRPC's core may hold, as a multiple of those that may be open."""
HELD_LOOK_S = 0.05
HELD_AGE_S = 5.0
"""How long a count of them is relied on. The service counts once a second."""
_TURNS_OF_HANDSHAKES = 2


class _Side(asyncio.Protocol):
    """One end of a relayed connection."""

    def __init__(self, pair: _Pair) -> None:
        self.pair = pair
        self.transport: asyncio.Transport | None = None
        self.other: _Side | None = None
        self.chunks = 0
        self.heard_at = time.monotonic()
        self.early = b""
        """What has come and is not all passed on."""
        self.passed = 0
        """How many bytes of it are passed on."""
        self.full = False
        """Whether the other end takes no more for now."""
        self.paced = False
        """Whether what has come waits for credit."""
        self.frames: Frames | None = None
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's transports do not have the type

    def data_received(self, data: bytes) -> None:
        if self.pair.closed:
            return
        self.chunks += 1
        self.heard_at = time.monotonic()
        if self.other is None or self.other.transport is None:
            self.early += data  # the other end is about to be connected
        elif self.frames is None:
            self.other.transport.write(data)
        else:
            self.early += data
            if not self.paced:
                self.pass_on(self.frames)

    def pass_on(self, frames: Frames) -> None:
        """Write what has come to the other end while there is credit, and the rest later."""
        if self.pair.closed or self.other is None or self.other.transport is None:
            return
        wait_s = frames.go_on(time.monotonic())
        end = frames.passed(self.early, self.passed)
        self.other.transport.write(self.early[self.passed : end])
        self.wait_for_credit(frames.pace, end < len(self.early))
        if self.paced:
            self.passed = end
            asyncio.get_running_loop().call_later(max(wait_s, PACED_S), self.pass_on, frames)
        else:
            self.early, self.passed = b"", 0
        self.read_or_pause()

    def wait_for_credit(self, pace: Pace, waits: bool) -> None:
        """Note whether this connection waits for credit."""
        pace.waiting += waits - self.paced
        self.paced = waits

    def read_or_pause(self) -> None:
        """Read on, unless the other end is full or what has come is paced."""
        if self.transport is not None and not self.transport.is_closing():
            (self.transport.pause_reading if self.full or self.paced else self.transport.resume_reading)()

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.full = True
            self.other.read_or_pause()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.full = False
            self.other.read_or_pause()

    def connection_lost(self, _error: Exception | None) -> None:
        self.lost.set()
        self.pair.close()

    async def end(self) -> None:
        """Close the connection, and wait until the peer has closed its end too, for `CLOSE_S` at most."""
        if self.lost.is_set() or self.transport is None:
            return
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            self.transport.resume_reading()
            self.transport.write_eof()
            await asyncio.wait_for(self.lost.wait(), CLOSE_S)
        self.transport.close()


class _Pair:
    """A client's connection, and the connection to the service to which it is relayed."""

    def __init__(self, front: Front, host: str) -> None:
        self.front = front
        self.host = host
        self.closed = False
        self.service, self.client = _Side(self), _Side(self)
        if front.pace is not None:
            self.client.frames = Frames(front.pace)

    @property
    def has_begun(self) -> bool:
        return min(self.client.chunks, self.service.chunks) >= _TURNS_OF_HANDSHAKES

    def join(self) -> None:
        """Relay the bytes of each end to the other, from those that have already come."""
        self.service.other, self.client.other = self.client, self.service
        for side in (self.service, self.client):
            early, side.early = side.early, b""
            if early:
                side.data_received(early)

    def close(self) -> None:
        """Close the client's end now, and the service's in its turn."""
        if self.closed:
            return
        self.closed = True
        if self.front.pace is not None:
            self.client.wait_for_credit(self.front.pace, False)
        self.front.pairs.pop(self, None)
        if self.client.transport is not None:
            self.client.transport.close()
        self.front.closing.put_nowait(self.service)


@dataclass(slots=True)
class Front:
    """Accepts connections and relays their bytes."""

    listening: socket.socket
    service: str
    """The path of the service's own socket."""
    connections: int
    per_s: float
    pace: Pace | None = None
    """The pace of the frames, if the clients' bytes can be read."""
    silent_s: float = SILENT_S
    pairs: dict[_Pair, None] = field(default_factory=dict)
    closing: asyncio.Queue[_Side] = field(default_factory=asyncio.Queue)
    """Connections to the service whose clients have gone."""
    refused: Counter[str] = field(default_factory=Counter)
    held: int = 0
    """How many connections the service's core holds: the last count, and those that were relayed since."""
    held_at: float = float("-inf")
    """When they were counted."""
    _numbers: int = 0

    async def run(self) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, address = await loop.sock_accept(self.listening)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            while self._holds_too_many():
                await asyncio.sleep(HELD_LOOK_S)
            await self._take(client, address[0], address[1])
            await asyncio.sleep(1.0 / self.per_s)

    def hear(self, held: int) -> None:
        """Take the service's count of the connections that its core holds."""
        self.held, self.held_at = held, time.monotonic()

    async def close_in_turn(self) -> None:
        """Close the connections to the service whose clients have gone, until cancelled."""
        while True:
            side = await self.closing.get()
            began = time.monotonic()
            await side.end()
            await asyncio.sleep(time.monotonic() - began)

    async def _take(self, client: socket.socket, host: str, port: int) -> None:
        is_full = len(self.pairs) >= self.connections and not self._make_room()
        if is_full or self.closing.qsize() >= self.connections:
            self._refuse(host)
            client.close()
            return
        pair = _Pair(self, host)
        self.pairs[pair] = None
        service = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            service.setblocking(False)
            client.setblocking(False)
            with contextlib.suppress(OSError):
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._numbers += 1
            self.held += 1
            service.bind(f"\0{NAME}/{os.getpid()}/{self._numbers}/{_uri(client, host, port)}")
            loop = asyncio.get_running_loop()
            await loop.sock_connect(service, self.service)
            await loop.create_unix_connection(lambda: pair.service, sock=service)
            await loop.connect_accepted_socket(lambda: pair.client, client)
            pair.join()
        except OSError:
            client.close()
            service.close()
            pair.close()

    def _make_room(self) -> bool:
        """Close the oldest connection that has not begun, or otherwise the one that has been silent for too long.
        Returns whether there was one."""
        found = next((pair for pair in self.pairs if not pair.has_begun), None) or self._most_silent()
        if found is None:
            return False
        self._refuse(found.host)
        found.close()
        return True

    def _most_silent(self) -> _Pair | None:
        pair = min(self.pairs, key=lambda pair: pair.client.heard_at)
        return pair if time.monotonic() - pair.client.heard_at > self.silent_s else None

    def _holds_too_many(self) -> bool:
        return self.held >= self.connections * HELD_SHARE and time.monotonic() - self.held_at < HELD_AGE_S

    def _refuse(self, host: str) -> None:
        if host in self.refused or len(self.refused) < MAX_HOSTS:
            self.refused[host] += 1

    async def report(self) -> None:
        """Write how many connections of which host were refused, until cancelled."""
        while True:
            await asyncio.sleep(REPORT_S)
            if self.refused:
                sys.stdout.write(json.dumps(self.refused) + "\n")
                sys.stdout.flush()
                self.refused.clear()


def _uri(client: socket.socket, host: str, port: int) -> str:
    """The peer as gRPC names it."""
    return f"ipv6:[{host}]:{port}" if client.family == socket.AF_INET6 else f"ipv4:{host}:{port}"


async def main(descriptor: int, service: str, connections: int, per_s: float, clear: bool) -> None:
    """Relay from the listening socket to the service's, until standard input ends. `clear`: without TLS."""
    with socket.socket(fileno=descriptor) as listening:
        listening.setblocking(False)
        front = Front(listening, service, connections, per_s, Pace() if clear else None)
        tasks = [asyncio.create_task(each) for each in (front.run(), front.close_in_turn(), front.report())]
        while line := await asyncio.to_thread(sys.stdin.buffer.readline):
            front.hear(int(line))
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    import uvloop

    # A lower priority than the service's: answering goes before relaying a flood.
    os.nice(5)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5] == "clear"))
