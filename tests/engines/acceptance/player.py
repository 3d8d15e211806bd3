"""Plays a definition at a port of this machine, and notes what comes back.

Each `EXPECT` takes the next message of its connection, whatever the message is: two transcripts are compared
afterwards. Where none comes in time, the definition goes on without one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from tests.engines.acceptance.definition import Act, Definition, complete, with_field
from tests.engines.acceptance.transcript import HUNG_UP, Transcript, messages_in

LOOPBACK = "127.0.0.1"
SETTLE_S = 0.15
"""So long, at the end, messages may come that the definition does not expect."""


def patience_s(definition: Definition) -> float:
    """How long the next message may take.

    QuickFIX hangs up two seconds after a Logout that nobody answers. It sends its TestRequest when it has heard nothing
    for 1.2 times HeartBtInt.
    """
    return 4.0 + 1.6 * definition.heartbeat_s


async def play(
    definition: Definition, port: int, *, credential: bytes = b"", like: Transcript | None = None
) -> Transcript:
    """What came on every connection.

    `credential` is a field for the Logon that begins a connection. With `like`, the definition is broken off as soon as
    less has come than there.
    """
    return await _Player(definition, port, credential, like).play()


class _Connection:
    """One connection, whose messages are noted as they come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, events: list[bytes]) -> None:
        self.events = events
        self.taken = 0
        self.begun = False
        self._writer = writer
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        buffer = bytearray()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                buffer += data
                self.events += messages_in(buffer)
                self._news.set()
        self.events.append(HUNG_UP)
        self._news.set()

    def send(self, data: bytes) -> None:
        """Put bytes on the wire, unless the other side has hung up."""
        if not self.hung_up and not self._writer.is_closing():
            self._writer.write(data)

    @property
    def hung_up(self) -> bool:
        """Whether the other side has ended the connection."""
        return self.events[-1:] == [HUNG_UP]

    async def next(self, timeout_s: float) -> bool:
        """Take one more event; returns whether there was one in time. Nothing follows the end of the connection."""
        await self._wait(lambda: self.hung_up or self.taken < len(self.events), timeout_s)
        came = self.taken < len(self.events)
        self.taken += came
        return came

    async def end(self, timeout_s: float) -> bool:
        """Wait until the other side has ended the connection; returns whether it did in time."""
        return await self._wait(lambda: self.hung_up, timeout_s)

    async def _wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        return condition()

    async def close(self) -> None:
        """End it from our side; nothing is noted from now on."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class _Player:
    def __init__(self, definition: Definition, port: int, credential: bytes, like: Transcript | None) -> None:
        self._definition = definition
        self._port = port
        self._credential = credential
        self._like = like
        self._transcript = Transcript()
        self._connections: dict[int, _Connection] = {}
        self._patience_s = patience_s(definition) + (3.0 if like is not None else 0.0)

    async def play(self) -> Transcript:
        try:
            for step in self._definition.steps:
                if step.act is Act.CONNECT:
                    await self._connect(step.connection)
                elif step.connection in self._connections and not await self._do(
                    step.act, step.connection, step.message
                ):
                    return self._transcript
            if any(not connection.hung_up for connection in self._connections.values()):
                await asyncio.sleep(SETTLE_S)
            return self._transcript
        finally:
            for connection in self._connections.values():
                await connection.close()

    async def _connect(self, number: int) -> None:
        if number in self._connections:
            await self._connections.pop(number).close()
        events: list[bytes] = []
        self._transcript.connections.append(events)
        self._connections[number] = _Connection(*await asyncio.open_connection(LOOPBACK, self._port), events)

    async def _do(self, act: Act, number: int, message: bytes) -> bool:
        """One step; False where there is no use in going on."""
        connection = self._connections[number]
        match act:
            case Act.SEND:
                connection.send(self._wire(connection, message))
                return True
            case Act.DISCONNECT:
                await self._connections.pop(number).close()
                return True
            case Act.EXPECT:
                came = await connection.next(self._patience_s)
            case _:
                came = await connection.end(self._patience_s)
        return came or self._as_there(connection)

    def _wire(self, connection: _Connection, message: bytes) -> bytes:
        whole = complete(message)
        first, connection.begun = not connection.begun, True
        logon = b"\x0135=A\x01" in whole[:40]
        return with_field(whole, self._credential) if first and logon and self._credential else whole

    def _as_there(self, connection: _Connection) -> bool:
        """Whether as much has come as in the transcript to be like."""
        if self._like is None:
            return True
        number = next(n for n, events in enumerate(self._transcript.connections) if events is connection.events)
        return number < len(self._like.connections) and len(connection.events) >= len(self._like.connections[number])
