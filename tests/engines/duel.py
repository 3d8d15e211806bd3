"""Two engines with the gateway between them, and what must hold at the end of every story.

`near` taps the wire between the client and the gateway, `far` that between the gateway and the venue.
"""

from __future__ import annotations

import asyncio
import contextlib
from itertools import count
from pathlib import Path

from authzsvc.demo.stack import Stack
from authzsvc.demo.wire import Message
from tests.e2e.operators import Desk
from tests.e2e.rig import eventually, fresh_comp_id
from tests.engines.engine import Engine, Kind, first, free_port
from tests.engines.tap import Stream, Tap
from tests.engines.versions import Version

VENUE = "VENUE"
SCOPES = ("order:create", "order:cancel", "report:view")
FORBIDDEN, SECRET = "FORBIDDEN", "SECRET"
"""The symbol that may not be ordered, and the one that may not be reported."""
TO_VENUE = frozenset({"1", "4", "5", "A"})
TO_CLIENT = frozenset({"3", "j", "4", "5", "BF"})
"""What the gateway may make or change, on either side."""


class Duel:
    """A session between a client's engine and a venue's."""

    def __init__(
        self, stack: Stack, near: Tap, far: Tap, pair: tuple[Kind, Kind], version: Version, folder: Path
    ) -> None:
        self.stack = stack
        self.near = near
        self.far = far
        self.version = version
        self.comp_id = fresh_comp_id()
        self.client = Engine(pair[0], "client", folder / "client")
        self.venue = Engine(pair[1], "venue", folder / "venue")
        self.desk = Desk(stack)
        self._patience_s = max(kind.patience_s for kind in pair)
        self._ids = count(1)

    async def start(self, *, heartbeat: int = 30, **options: object) -> None:
        """Start both engines; nobody connects yet."""
        self.near.clear()
        self.far.clear()
        self.near.target = self.stack.port
        self.far.target = free_port()
        options = {"heartbeat": heartbeat, **options}
        await asyncio.gather(
            self.client.start(self.version, self.comp_id, VENUE, self.near.port, **options),
            self.venue.start(self.version, VENUE, self.comp_id, self.far.target, **options),
        )

    async def stop(self) -> None:
        """End both."""
        self.near.cut()
        self.far.cut()
        await asyncio.gather(self.client.stop(), self.venue.stop())

    # --- the session ---

    def token(self, *scopes: str, ttl_s: float = 3600.0) -> str:
        """An access token of the client's."""
        subject = self.comp_id.lower()
        return self.stack.issuer.mint(scopes=scopes or SCOPES, subject=subject, comp_id=self.comp_id, ttl_s=ttl_s)

    async def connect(self, token: str, *, reset: bool = False) -> None:
        """Have the client connect, with this credential in its Logon."""
        await self.client.ask("connect", fields=[(554, token)], reset=reset)

    async def log_on(self, *scopes: str, reset: bool = False, ttl_s: float = 3600.0) -> None:
        """A connection; both engines are logged on."""
        before = [engine.count("logon") for engine in (self.client, self.venue)]
        await self.connect(self.token(*scopes, ttl_s=ttl_s), reset=reset)
        for engine, logons in zip((self.client, self.venue), before, strict=True):
            await engine.event("logon", logons + 1)

    async def cut(self) -> None:
        """Break the connections, lose what is held, and wait until both engines know."""
        self.near.cut()
        self.far.cut()
        await self.down()

    async def down(self, within_s: float = 0.0) -> None:
        """Wait until both engines know that the connection has ended."""

        def ended() -> bool:
            gone = not self.near.connected and not self.far.connected
            return gone and not self.client.logged_on and not self.venue.logged_on

        await eventually(ended, "the end of the connections", within_s or self._patience_s)

    # --- trading ---

    async def order(self, symbol: str = "ACME", more: list[tuple[int, object]] | None = None) -> str:
        """An order of the client's; its id."""
        order_id = f"o{next(self._ids)}"
        await self.client.send("D", [*(more or []), *self.version.order(order_id, symbol)])
        return order_id

    async def report(self, order_id: str = "", symbol: str = "ACME") -> str:
        """A report of the venue's; the order's id."""
        order_id = order_id or f"u{next(self._ids)}"
        await self.venue.send("8", self.version.report(order_id, symbol))
        return order_id

    async def trade(self) -> None:
        """An order that the venue gets, its report, which the client gets; and as much denied on both sides."""
        order_id = await self.order()
        await self.venue.message("D", _11=order_id)
        await self.report(order_id)
        await self.client.message("8", _11=order_id)
        await self.denied()
        await self.report(symbol=SECRET)
        order_id = await self.report()
        await self.client.message("8", _11=order_id)

    async def denied(self) -> Message:
        """An order that is denied; the reject, as the client's engine let it through."""
        order_id = await self.order(FORBIDDEN)
        sent = await self.sent(self.near.up, "D", _11=order_id)
        return await self.client.message(self.version.reject, _45=sent.seq, _58="Insufficient permissions")

    async def sent(self, stream: Stream, msg_type: str, **wanted: object) -> Message:
        """The first message of that type on a wire, with these values: `_11="o1"`; raises `TimeoutError`."""

        def find() -> Message | None:
            return first(stream.messages, msg_type, wanted)

        return await eventually(find, f"{msg_type} with {wanted} on the wire", self._patience_s)

    # --- what must hold ---

    async def numbers(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Client to venue, and venue to client: the number that the one uses next, and the one the other awaits."""
        (client_out, client_in), (venue_out, venue_in) = await self.client.numbers(), await self.venue.numbers()
        return (client_out, venue_in), (venue_out, client_in)

    async def assert_whole(self, *, resends: int | None = 0, goodbyes: int = 0) -> None:
        """Both engines agree on both numbers, none complained, and nothing passed that was not theirs or denied."""
        numbers = await self._settled()
        assert all(out == awaited for out, awaited in numbers), numbers
        said = self.near.up.messages + self.far.down.messages
        assert [str(message) for message in said if message.type in {"3", "j"}] == []
        farewells = [str(message) for message in said if message.type == "5"]
        assert len(farewells) == goodbyes, farewells
        if resends is not None:
            requests = [str(message) for message in said if message.type == "2"]
            assert len(requests) == resends, requests
        self._assert_faithful()

    async def _settled(self) -> tuple[tuple[int, int], tuple[int, int]]:
        deadline = asyncio.get_running_loop().time() + self._patience_s
        while True:
            numbers = await self.numbers()
            if all(out == awaited for out, awaited in numbers) or asyncio.get_running_loop().time() > deadline:
                return numbers
            await asyncio.sleep(0.02)

    def _assert_faithful(self) -> None:
        for source, sink, made in (
            (self.near.up, self.far.up, TO_VENUE),
            (self.far.down, self.near.down, TO_CLIENT),
        ):
            sent = {message.raw for message in source.messages}
            strange = [str(m) for m in sink.messages if m.raw not in sent and m.type not in made]
            assert strange == []
        assert [str(m) for m in self.far.up.messages if m.get(55) == FORBIDDEN] == []
        assert [str(m) for m in self.near.down.messages if m.get(55) == SECRET] == []
        assert all(message.get(554) == "" for message in self.far.up.messages)

    def transcript(self) -> list[tuple[str, str]]:
        """All that was seen, for the report of a failure."""
        wires = {
            "client to gateway": self.near.up,
            "gateway to venue": self.far.up,
            "venue to gateway": self.far.down,
            "gateway to client": self.near.down,
        }
        found = [(name, "\n".join(_brief(message) for message in wire.messages)) for name, wire in wires.items()]
        for engine in (self.client, self.venue):
            events = [e for e in engine.events if e["event"] not in {"sent", "received", "done"}]
            with contextlib.suppress(OSError):
                logs = [*engine.folder.rglob("*event*.log"), engine.folder / "stderr"]
                words = "\n".join(log.read_text(errors="replace")[-3000:] for log in logs)
                found.append((str(engine), f"{events}\n{words}"))
        return found


def _brief(message: Message) -> str:
    """Without the token."""
    text = str(message)
    token = message.get(554)
    return text.replace(token, "…") if token else text
