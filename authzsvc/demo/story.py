"""AlgoProvider's story, told and held against what was seen on both sides of the gateway.

*Normal.* A spread (AB) is forwarded, and a little later its replacement (G). *Erroneous.* A bad release sends a stock
order (D, 167=CS), for which the session has no scope: the client gets a reject, operations get an event, the venue gets
nothing, and the session trades on.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from authzsvc.demo.algoprovider import SCOPES, AlgoProvider
from authzsvc.demo.peer import Peer
from authzsvc.demo.screen import Claim, Screen
from authzsvc.demo.stack import LOOPBACK, Stack
from authzsvc.demo.venue import Venue
from authzsvc.demo.wire import Message

PAUSE_S = 1.5
"""Between an order and its replacement: a moment to read."""


class Story:
    """One telling."""

    def __init__(self, stack: Stack, venue: Venue, screen: Screen) -> None:
        self.stack = stack
        self.venue = venue
        self.screen = screen
        self.algo = AlgoProvider(counterparty=venue.comp_id)
        self.token = stack.issuer.mint(
            scopes=SCOPES, subject="algoprovider", client_id="algoprovider", comp_id=self.algo.comp_id
        )
        self.claims: list[Claim] = []

    async def tell(self) -> bool:
        """Tell it; whether all of it held."""
        self.screen.title("AlgoProvider: OAuth 2.0 least privilege for FIX")
        self.screen.say(f"gateway {LOOPBACK}:{self.stack.port}, venue {LOOPBACK}:{self.venue.port}")
        self.screen.say(f"the token's scopes: {' '.join(SCOPES)}")
        try:
            await self._log_on()
            await self._trade()
            await self._go_wrong()
            await self._trade_on()
            await self._log_out()
        except TimeoutError as error:
            self._claim(f"every awaited message came ({error or 'one did not'})", held=False)
        finally:
            await self.algo.disconnect()
        self._sum_up()
        self.screen.claims(self.claims)
        return all(claim.held for claim in self.claims)

    # --- the chapters ---

    async def _log_on(self) -> None:
        self.screen.step("AlgoProvider logs on with its access token in Password (554)")
        await self.algo.connect(LOOPBACK, self.stack.port)
        logon = self.algo.log_on(self.token)
        answer = await self.algo.wait_for_type("A")
        self.screen.message("AlgoProvider", "sent", logon)
        self.screen.decision(await self._event("logon", logon))
        received = await self._at_venue(logon)
        self.screen.message("the venue", "received", received)
        self.screen.message("AlgoProvider", "received", answer)
        self._claim("the Logon reached the venue without the token", "554=" not in str(received))

    async def _trade(self) -> None:
        self.screen.step("Normal: a spread, and a little later a better price")
        spread = await self._forwarded(self.algo.spread())
        self.screen.say("The venue reports; AlgoProvider has no trade:view:own, so the report becomes a gap fill:")
        gap = await self.algo.wait_for_type("4")
        self.screen.decision(await self._event("message", gap, direction="outbound", msg_type="8"))
        self.screen.message("AlgoProvider", "received", gap)
        self._claim("an ExecutionReport it may not see is withheld, its number is not missed", gap.get(36) == "3")
        await asyncio.sleep(PAUSE_S)
        await self._forwarded(self.algo.replace(spread))

    async def _go_wrong(self) -> None:
        self.screen.step("Erroneous: a bad release sends a stock order")
        order = self.algo.stock_order()
        reject = await self.algo.wait_for_type("j")
        event = await self._event("message", order)
        self.screen.message("AlgoProvider", "sent", order)
        self.screen.decision(event)
        instead = await self._at_venue(order)
        self.screen.message("the venue", "received in its place", instead)
        self.screen.message("AlgoProvider", "received", reject)
        text, reason = reject.get(58), reject.get(380)
        self._claim(
            "the stock order was rejected: 35=j, 58=Insufficient permissions, 380=6",
            (text, reason) == ("Insufficient permissions", "6"),
        )
        self._claim(
            "the reject names the order: 45, 372 and 379",
            (reject.get(45), reject.get(372), reject.get(379)) == (order.get(34), "D", order.get(11)),
        )
        self._claim(
            "a high-severity event names the scope it lacked: order:create:equity",
            event["severity"] == "high" and "order:create:equity" in event["missing_scopes"],
        )
        self._claim(
            "the venue saw a TestRequest under the same number, and no stock order",
            instead.type == "1" and not any(m.type == "D" for m in self._session().received),
        )

    async def _trade_on(self) -> None:
        self.screen.step("The session trades on")
        await self._forwarded(self.algo.subscribe())
        data = await self.algo.wait_for_type("W")
        self.screen.message("AlgoProvider", "received", data)
        await self._forwarded(self.algo.cancel(self.algo.sent[2]))

    async def _log_out(self) -> None:
        self.screen.step("AlgoProvider logs out")
        self.algo.logout()
        answer = await self.algo.wait_for_type("5")
        await self.algo.closed()
        self.screen.message("AlgoProvider", "received", answer)

    def _sum_up(self) -> None:
        session = self._session()
        whole = (session.next_in, session.next_out) == (self.algo.next_out, self.algo.next_in)
        faults = [*session.faults, *self.algo.faults]
        self._claim("sequence numbers are whole on both sides, and neither side saw a fault", whole and not faults)
        for fault in faults:
            self.screen.say(fault)
        self._claim("the token is in no log and no audit record", not self._token_found())

    # --- what was seen ---

    async def _forwarded(self, message: Message) -> Message:
        """A message that must arrive at the venue as it was sent."""
        received = await self._at_venue(message)
        event = await self._event("message", message)
        self.screen.message("AlgoProvider", "sent", message)
        self.screen.decision(event)
        self.screen.message("the venue", "received", received)
        self._claim(
            f"{message.type} was allowed by {event['scope']} and arrived byte for byte",
            event["verdict"] == "allow" and received.raw == message.raw,
        )
        return message

    def _session(self) -> Peer:
        return self.venue.session(self.algo.comp_id)

    async def _at_venue(self, message: Message) -> Message:
        return await self._session().wait_for(lambda candidate: candidate.seq == message.seq)

    async def _event(self, event: str, message: Message, **wanted: Any) -> dict[str, Any]:  # noqa: ANN401
        facts: dict[str, Any] = {"direction": "inbound", "msg_type": message.type, "msg_seq_num": message.seq} | wanted
        return await asyncio.to_thread(lambda: self.stack.wait_for_event(event=event, **facts))

    def _token_found(self) -> list[Path]:
        files = (self.stack.audit, self.stack.service_log, self.stack.envoy_log)
        signature = self.token.rsplit(".", 1)[-1]
        return [file for file in files if signature in file.read_text(errors="replace")]

    def _claim(self, text: str, held: bool) -> None:
        self.claims.append(Claim(text, held))
