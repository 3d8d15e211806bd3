"""The rig of an end-to-end test: a running stack, a venue, and clients with names that no other test uses.

The counterparties are strict (`authzsvc.demo.peer`): each notes what an engine would not stand for. `Line` is a bare
connection for whatever a strict peer would never send.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from itertools import count
from typing import Any, TypeVar, cast

from authzsvc.demo.algoprovider import SCOPES, AlgoProvider
from authzsvc.demo.peer import Pairs, Peer
from authzsvc.demo.stack import LOOPBACK, Stack
from authzsvc.demo.venue import Venue
from authzsvc.demo.wire import Message, read_message, timestamp
from tests.e2e.forge import Draft

TRADER = (*SCOPES, "trade:view:own")
"""AlgoProvider's scopes, and the right to see its reports."""
PATIENCE_S = 10.0

T = TypeVar("T")

_numbers = count(1)


async def eventually(find: Callable[[], T | None], what: str, timeout_s: float = PATIENCE_S) -> T:
    """What `find` finds, once it does; raises `TimeoutError`."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        found = find()
        if found:
            return found
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(what)
        await asyncio.sleep(0.02)


def fresh_comp_id() -> str:
    """A CompID of its own for each session of a test."""
    return f"CLIENT-{next(_numbers)}"


class Line:
    """A connection and nothing more."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        host, port, *_ = writer.get_extra_info("sockname")
        self.address = f"{host}:{port}"

    @classmethod
    async def open(cls, port: int, **options: Any) -> Line:  # noqa: ANN401 (asyncio's own)
        """Connect to a port on loopback."""
        return cls(*await asyncio.open_connection(LOOPBACK, port, **options))

    def send(self, data: bytes) -> None:
        """Put bytes on the wire."""
        self.writer.write(data)

    async def read(self, size: int, timeout_s: float = PATIENCE_S) -> bytes:
        """Exactly so many bytes."""
        return await asyncio.wait_for(self.reader.readexactly(size), timeout_s)

    async def message(self, timeout_s: float = PATIENCE_S) -> Message:
        """The next FIX message."""
        return await asyncio.wait_for(read_message(self.reader), timeout_s)

    async def read_to_end(self, timeout_s: float = PATIENCE_S) -> bytes:
        """All that comes until the other side closes or resets; raises `TimeoutError` if it does neither."""
        received = bytearray()
        with contextlib.suppress(ConnectionError):
            while data := await asyncio.wait_for(self.reader.read(65_536), timeout_s):
                received += data
        return bytes(received)

    def half_close(self) -> None:
        """FIN; what comes is still read."""
        self.writer.write_eof()

    def reset(self) -> None:
        """RST."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        """Let go; over TLS without waiting for the other side's goodbye, which a half-closed one may never say."""
        if self.writer.get_extra_info("ssl_object") is not None:
            self.writer.transport.abort()
        self.writer.close()
        with contextlib.suppress(OSError):  # a reset, or TLS that was refused
            await self.writer.wait_closed()


class HandVenue:
    """A venue played by hand: each connection is a `Line`, and nothing is answered by itself."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self._lines: asyncio.Queue[Line] = asyncio.Queue()
        self._open: list[Line] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        line = Line(reader, writer)
        self._open.append(line)
        self._lines.put_nowait(line)

    async def line(self, timeout_s: float = PATIENCE_S) -> Line:
        """The next connection that nobody has taken yet."""
        return await asyncio.wait_for(self._lines.get(), timeout_s)

    async def hang_up(self) -> None:
        """End all connections; the port stays."""
        while self._open:
            await self._open.pop().close()
        while not self._lines.empty():
            self._lines.get_nowait()

    async def stop(self) -> None:
        """End all."""
        await self.hang_up()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


class Client(AlgoProvider):
    """A strict FIX client."""

    _transport: asyncio.Transport | None = None

    def attach(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: Message | None = None) -> None:
        self._transport = cast("asyncio.Transport", writer.transport)
        super().attach(reader, writer, first)

    def burst(self, messages: Iterable[tuple[str, Pairs]]) -> list[Message]:
        """Send many messages in one write."""
        sent = [self.make(msg_type, pairs, seq) for seq, (msg_type, pairs) in enumerate(messages, self.next_out)]
        self.sent.update({message.seq: message for message in sent})
        self.next_out += len(sent)
        self.write(b"".join(message.raw for message in sent))
        return sent

    def pause(self) -> None:
        """Take nothing more off the connection for now."""
        if self._transport is not None:
            self._transport.pause_reading()

    def draft(self, body: str = "11=x|55=ACME|54=1|38=1|40=1|", msg_type: str = "D") -> Draft:
        """An order under the next number, to be spoiled."""
        return _draft(msg_type, self.next_out, self.comp_id, self.counterparty, body)

    def of_type(self, msg_type: str) -> list[Message]:
        """What was received of a type."""
        return [message for message in self.received if message.type == msg_type]

    async def reject_of(self, message: Message, timeout_s: float = PATIENCE_S) -> Message:
        """The reject that names this message in RefSeqNum (45)."""
        return await self.wait_for(lambda m: m.type in {"j", "3"} and m.get(45) == message.get(34), timeout_s)


def logon_draft(comp_id: str, token: str | None, counterparty: str = "VENUE", more: str = "") -> Draft:
    """A Logon, to be spoiled or not."""
    credential = "" if token is None else f"554={token}|"
    return _draft("A", 1, comp_id, counterparty, f"98=0|108=30|141=Y|{credential}{more}")


def _draft(msg_type: str, seq: int, sender: str, target: str, body: str) -> Draft:
    return Draft(msg_type, f"34={seq}|49={sender}|56={target}|52={timestamp()}|", body)


class Rig:
    """A stack in front of a venue, and the clients of one test."""

    def __init__(self, stack: Stack, venue: Venue) -> None:
        self.stack = stack
        self.venue = venue
        self.clients: list[Client] = []
        self.lines: list[Line] = []

    # --- clients ---

    def token(self, comp_id: str, *scopes: str, **options: Any) -> str:  # noqa: ANN401 (those of `mint`)
        """An access token for that CompID, with the account that the venue trades on."""
        claims: Mapping[str, object] = {"accounts": [self.venue.account], **options.pop("claims", {})}
        return self.stack.issuer.mint(scopes=scopes, subject=comp_id.lower(), comp_id=comp_id, claims=claims, **options)

    async def connect(self, comp_id: str = "", version: str = "FIX.4.4") -> Client:
        """A client that has not said anything yet."""
        client = Client(comp_id or fresh_comp_id(), self.venue.comp_id, version)
        self.clients.append(client)
        await client.connect(LOOPBACK, self.stack.port)
        return client

    async def log_on(
        self,
        *scopes: str,
        version: str = "FIX.4.4",
        more: Iterable[tuple[int, object]] = (),
        **options: Any,  # noqa: ANN401 (those of `mint`)
    ) -> Client:
        """A client on a fresh session."""
        client = await self.connect(version=version)
        client.logon(((554, self.token(client.comp_id, *scopes, **options)), *more), reset=True)
        await client.wait_for_type("A", PATIENCE_S)
        return client

    async def log_on_again(self, client: Client, *scopes: str, **options: Any) -> Message:  # noqa: ANN401
        """Another connection of a session, its numbers going on; the answer to the Logon, be it a Logout."""
        heard = len(client.received)
        await client.connect(LOOPBACK, self.stack.port)
        client.logon(((554, self.token(client.comp_id, *scopes, **options)),))
        return await client.wait_for(lambda message: message.type in {"A", "5"}, PATIENCE_S, heard)

    async def line(self, **options: Any) -> Line:  # noqa: ANN401
        """A bare connection to the gateway."""
        line = await Line.open(self.stack.port, **options)
        self.lines.append(line)
        return line

    async def release(self) -> None:
        """End what the test began."""
        for line in self.lines:
            await line.close()
        for client in self.clients:
            await client.disconnect()
            if client.comp_id in self.venue.sessions:
                await self.venue.sessions.pop(client.comp_id).disconnect()

    # --- what was seen ---

    def session(self, client: Client) -> Peer:
        """The venue's side of a client's session."""
        return self.venue.session(client.comp_id)

    async def at_venue(self, message: Message, client: Client) -> Message:
        """What came to the venue under the number of `message`."""
        return await self.session(client).wait_for(lambda received: received.seq == message.seq, PATIENCE_S)

    def events(self, who: str) -> list[dict[str, Any]]:
        """The audit of a client, by its CompID or its address."""
        return [event for event in self.stack.events() if _is_about(event, who)]

    async def event(self, who: str, **wanted: Any) -> dict[str, Any]:  # noqa: ANN401
        """The first audit event about a client that has these values; raises `TimeoutError`."""

        def find() -> dict[str, Any] | None:
            return next((e for e in self.events(who) if all(e.get(n) == v for n, v in wanted.items())), None)

        return await eventually(find, f"an audit event about {who} with {wanted}; there are {self.events(who)}")

    def passed(self, client: Client) -> int:
        """A client's messages that passed, both ways, as the audit has them: what was asked about, and totals."""
        events = self.events(client.comp_id)
        passed: int = sum(event["event"] == "message" and event["verdict"] == "allow" for event in events)
        totals: dict[tuple[str, ...], int] = {}
        for traffic in (event["traffic"] for event in events if "traffic" in event):
            for each in traffic["counts"]:
                kind = (traffic["connection"], each["direction"], each["msg_type"], each["scope"])
                totals[kind] = max(totals.get(kind, 0), int(each["total"]))
        return passed + sum(totals.values())

    def stat(self, name: str) -> int:
        """One of the filter's counters or gauges."""
        return self.stack.stats().get(f"fix_authz.{name}", 0)

    async def assert_whole(self, client: Client) -> None:
        """Both sides agree on both numbers, once all is delivered, and neither saw a fault."""
        session = self.session(client)

        def agree() -> bool:
            return (client.next_out, client.next_in) == (session.next_in, session.next_out)

        with contextlib.suppress(TimeoutError):
            await eventually(agree, "numbers that agree")
        assert client.faults == []
        assert session.faults == []
        assert (session.next_in, session.next_out) == (client.next_out, client.next_in)


@contextlib.asynccontextmanager
async def service_restored(stack: Stack, venue: Venue) -> AsyncIterator[Rig]:
    """A rig whose stack has its decision service again afterwards, whatever the test did to it."""
    rig = Rig(stack, venue)
    yield rig
    await rig.release()
    assert stack.service is not None
    if not stack.service.running:
        stack.start_service()


def _is_about(event: dict[str, Any], who: str) -> bool:
    session = event.get("session", {})
    return who in (session.get("sender_comp_id"), session.get("target_comp_id"), session.get("address"))
