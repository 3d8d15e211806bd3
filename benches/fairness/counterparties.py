"""The counterparties of the bench: a venue, a desk that trades steadily, and a client that floods."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field

from authzsvc.demo.stack import LOOPBACK
from benches.fairness.wire import VENUE, brokered_order, message, messages, order, value

PATIENCE_S = 30.0
NOT_AVAILABLE = "4"
"""BusinessRejectReason (380) of a message that nobody decided in time."""
_AHEAD = 16
"""How many messages of a flood the sender keeps ready after those that the connection has taken."""


class Exchange:
    """A venue that answers Logons, TestRequests and plain orders, and counts what else reaches it."""

    def __init__(self) -> None:
        """Nobody is connected yet."""
        self.port = 0
        self.received: dict[str, int] = {}
        """How many messages came from each CompID."""
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Exchange:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            await _closed(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seq = 0
        self._writers.append(writer)
        with contextlib.suppress(OSError):
            async for raw in messages(reader):
                sender = value(raw, 49)
                self.received[sender] = self.received.get(sender, 0) + 1
                answer = self._answer(raw)
                if answer is not None and not writer.is_closing():
                    seq += 1
                    writer.write(message(answer[0], VENUE, sender, seq, answer[1]))
        writer.close()

    @staticmethod
    def _answer(raw: bytes) -> tuple[str, str] | None:
        """Returns the type and body of the answer, or None if there is none."""
        match value(raw, 35):
            case "A":
                return "A", "98=0|108=30|"
            case "1":
                return "0", f"112={value(raw, 112)}|"
            case "D":
                order_id = value(raw, 11)
                return "8", f"37=1|11={order_id}|17=1|150=0|39=0|55=ACME|54=1|151=1|14=0|6=0|"
        return None


class Line:
    """A FIX session of a client's, from its Logon on."""

    def __init__(self, comp_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """On an open connection."""
        self.comp_id = comp_id
        self.reader = reader
        self.writer = writer

    @classmethod
    async def log_on(cls, port: int, comp_id: str, token: str) -> Line:
        """Connect and log on. Raises `ConnectionError` where the Logon is refused."""
        line = cls(comp_id, *await asyncio.open_connection(LOOPBACK, port))
        line.writer.write(message("A", comp_id, VENUE, 1, f"98=0|108=30|554={token}|"))
        async with asyncio.timeout(PATIENCE_S):
            async for raw in messages(line.reader):
                if value(raw, 35) == "A":
                    return line
                break
        raise ConnectionError(f"the Logon of `{comp_id}` was refused")

    async def close(self) -> None:
        """Close the connection without a Logout."""
        await _closed(self.writer)


@dataclass(slots=True)
class Answers:
    """How a desk's orders were decided."""

    sent: int = 0
    took_ms: list[float] = field(default_factory=list)
    """For each decided order, the time from its sending to the venue's report."""
    unavailable: int = 0
    """Orders that were denied because nobody decided them in time."""
    denied: int = 0
    """Orders that were denied otherwise."""

    @property
    def decided(self) -> float:
        """The share of the orders that was decided."""
        return (len(self.took_ms) + self.denied) / max(1, self.sent)


async def trade(line: Line, orders: int, per_s: float, grace_s: float = 2.0) -> Answers:
    """Send permitted orders at a steady rate, and return what became of them until `grace_s` after the last."""
    answers, sent_at = Answers(), dict[str, float]()

    async def hear() -> None:
        async for raw in messages(line.reader):
            match value(raw, 35):
                case "8":
                    since = sent_at.pop(value(raw, 11), None)
                    if since is not None:
                        answers.took_ms.append((time.perf_counter() - since) * 1000)
                case "j" | "3":
                    unavailable = value(raw, 380) == NOT_AVAILABLE
                    answers.unavailable += unavailable
                    answers.denied += not unavailable

    hearing = asyncio.create_task(hear())
    began = time.perf_counter()
    for number in range(orders):
        await asyncio.sleep(max(0.0, began + number / per_s - time.perf_counter()))
        order_id = f"o{number}"
        sent_at[order_id] = time.perf_counter()
        line.writer.write(order(line.comp_id, number + 2, order_id))
        answers.sent += 1
    deadline = time.perf_counter() + grace_s
    while sent_at and len(sent_at) > answers.unavailable + answers.denied and time.perf_counter() < deadline:
        await asyncio.sleep(0.02)
    hearing.cancel()
    return answers


async def flood(line: Line, *, replay: bool) -> None:
    """Send orders that are denied as fast as the gateway takes them, until cancelled or disconnected; what comes
    back is not looked at.

    Each is a replay under one number, or a new one under the number that follows.
    """
    hearing = asyncio.create_task(_discard(line.reader))
    transport = line.writer.transport
    again = brokered_order(line.comp_id, 2, replay=True)
    transport.set_write_buffer_limits(high=_AHEAD * len(again))
    seq = 2
    try:
        while not transport.is_closing():
            line.writer.write(again if replay else brokered_order(line.comp_id, seq, replay=False))
            seq += 1
            await line.writer.drain()
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    finally:
        hearing.cancel()


async def _discard(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(1 << 16):
            pass


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
