"""The simulated venue: accepts FIX sessions, answers orders and requests, and keeps all that it received."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from itertools import count

from authzsvc.demo.peer import LOGON, Peer
from authzsvc.demo.wire import Message, read_message
from authzsvc.errors import FixError

Pairs = list[tuple[int, object]]


class Venue:
    """A venue on a loopback port. Sessions live as long as the venue, across connections."""

    def __init__(self, comp_id: str = "VENUE", account: str = "ALGO-1") -> None:
        self.comp_id = comp_id
        self.account = account
        self.sessions: dict[str, Peer] = {}
        self.connections = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._orders = count(1)

    async def start(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """Listen; port 0 lets the system choose."""
        self._server = await asyncio.start_server(self._accept, host, port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End every session and stop listening."""
        for session in self.sessions.values():
            await session.disconnect()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def session(self, comp_id: str) -> Peer:
        """The session with a client, as this venue sees it."""
        if comp_id not in self.sessions:
            self.sessions[comp_id] = Peer(self.comp_id, comp_id)
        return self.sessions[comp_id]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            logon = await read_message(reader)
        except (asyncio.IncompleteReadError, ConnectionError, FixError):
            writer.close()
            return
        session = self.session(logon.get(49))
        session.version = logon.get(8)
        session.on_message = self._on_message
        session.attach(reader, writer, logon)
        with contextlib.suppress(asyncio.CancelledError):
            await session.closed(timeout_s=24 * 3600)

    def _on_message(self, session: Peer, message: Message) -> None:
        match message.type:
            case "A":
                self._welcome(session, message)
            case "D" | "AB":
                session.send("8", self._report(message, exec_type="0", status="0"))
            case "G":
                session.send("8", self._report(message, exec_type="5", status="5"))
            case "F":
                session.send("8", self._report(message, exec_type="4", status="4"))
            case "V":
                session.send("W", [(262, message.get(262)), (55, "SPX"), (268, 1), (269, "0"), (270, "4.20")])

    def _welcome(self, session: Peer, logon: Message) -> None:
        reset = logon.get(141) == "Y"
        if reset:
            session.next_out = 1
            session.sent.clear()
        flags = [(141, "Y")] if reset else []
        session.send(LOGON, [(98, 0), (108, logon.get(108) or 30), *flags])

    def _report(self, order: Message, *, exec_type: str, status: str) -> Pairs:
        number = next(self._orders)
        fields: Pairs = [
            (37, f"V{number}"),
            (11, order.get(11)),
            (17, f"E{number}"),
            (150, exec_type),
            (39, status),
            (1, self.account),
            (55, order.get(55) or "SPX"),
            (54, order.get(54) or "1"),
            (151, order.get(38) or "1"),
            (14, 0),
            (6, 0),
        ]
        return fields
