"""A tap on the wire: between an engine and Envoy, it notes every message, and can hold, lose and cut.

It is the test's and no engine's, so what is lost is lost the same way for each. It forwards bytes as they came.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from dataclasses import dataclass, field

from authzsvc.demo.wire import Message

LOOPBACK = "127.0.0.1"
_HEAD = re.compile(rb"8=[^\x01]+\x019=(\d+)\x01")
_TRAILER = len("10=000|")


@dataclass
class Stream:
    """One direction of all connections."""

    messages: list[Message] = field(default_factory=list)
    """What its sender put on the wire, delivered or not."""
    held: bool = False
    _kept: list[tuple[asyncio.StreamWriter, bytes]] = field(default_factory=list)

    def pass_on(self, to: asyncio.StreamWriter, data: bytes) -> None:
        """Forward, or keep while it is held."""
        if self.held:
            self._kept.append((to, data))
        else:
            to.write(data)

    def release(self) -> None:
        """Forward what was kept, and all that comes."""
        self.held = False
        for to, data in self._kept:
            if not to.is_closing():
                to.write(data)
        self._kept.clear()

    def lose(self) -> None:
        """Forget what was kept."""
        self.held = False
        self._kept.clear()

    def of(self, *types: str) -> list[Message]:
        """The messages of these types."""
        return [message for message in self.messages if message.type in types]


class Tap:
    """A listener whose connections lead to `target`; `up` is from who connects, `down` to it."""

    def __init__(self) -> None:
        self.port = 0
        self.target = 0
        self.up = Stream()
        self.down = Stream()
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def clear(self) -> None:
        """Nothing was seen, and nothing is held."""
        self.up, self.down = Stream(), Stream()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(LOOPBACK, self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers += [writer, back]
        for stream, source, sink in ((self.up, reader, back), (self.down, there, writer)):
            task = asyncio.create_task(_pump(stream, source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @property
    def connected(self) -> bool:
        """Some connection is up."""
        return bool(self._tasks)

    def cut(self) -> None:
        """Reset all connections, and lose what is held."""
        for writer in self._writers:
            with contextlib.suppress(OSError):
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        self._writers.clear()
        self.up.lose()
        self.down.lose()

    async def stop(self) -> None:
        """End all."""
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


async def _pump(stream: Stream, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    buffer = b""
    with contextlib.suppress(ConnectionError, asyncio.CancelledError):
        while data := await source.read(65_536):
            buffer = _note(stream, buffer + data)
            stream.pass_on(sink, data)
    if not sink.is_closing():
        sink.close()


def _note(stream: Stream, buffer: bytes) -> bytes:
    """Note the whole messages; what is left of the buffer."""
    while head := _HEAD.match(buffer):
        end = head.end() + int(head[1]) + _TRAILER
        if len(buffer) < end:
            break
        stream.messages.append(Message.parse(buffer[:end], empty_values=True))
        buffer = buffer[end:]
    return buffer
