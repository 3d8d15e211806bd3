"""Kills the decision service, Envoy and connections under traffic, and counts what was lost or left unanswered.

`python -m tests.e2e.kills --service 50 --envoy 50 --rolling 20 --drops 20` runs the real Envoy with one decision
service, or with two for rolling restarts. Each kind of fault has a run of its own:

- `service`: the service is killed (SIGKILL), and started again some time later;
- `envoy`: Envoy is killed, and started again at once;
- `rolling`: one service of two is stopped (SIGTERM) and started again, then the other;
- `drops`: all clients abort their connections at once.

Clients and venue are strict FIX engines that keep their numbers and messages, log on again at once, and ask for what
they lack. A third of the orders is forbidden, and a part of the others are cancels, which reduce risk. All reports are
guarded, and a fifth of them is forbidden. At the end the traffic stops, and all that is under way may arrive. Six kinds
of breaches are counted:

- `unapproved`: a forbidden message reached the other side;
- `lost`: an order neither reached the venue nor was rejected, the numbers of the two sides do not agree, or a side saw
  a fault;
- `doubled`: an order reached the venue twice, or was rejected as well;
- `withheld`: a report that is not forbidden did not reach the client;
- `unanswered`: a forbidden order was not rejected;
- `again`: a forbidden order was rejected twice.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from authzsvc.demo.peer import Peer
from authzsvc.demo.stack import LOOPBACK, Stack
from authzsvc.demo.venue import Venue
from authzsvc.demo.wire import Message
from authzsvc.gateway import Endpoint, FilterSettings, GatewayOptions
from authzsvc.gateway.filter_settings import Cache, Refusal, Rejects
from tests.e2e.consistency import Services
from tests.e2e.consistency import Size as ServicesSize

MAPPING = """\
version: 1
name: kills
fix: FIX.4.4
session:
  identity: {SenderCompID: fix_comp_id}
  risk_reducing: [OrderCancelRequest]
scopes:
  order:create: {grants: [{message: NewOrderSingle, when: {Symbol: GOOD}}]}
  order:cancel: {grants: [{message: OrderCancelRequest}]}
  trade:view: {grants: [{message: ExecutionReport, direction: outbound, when: {Symbol: GOOD}}]}
"""
SCOPES = ("order:create", "order:cancel", "trade:view")
PATIENCE_S = 90.0

Kind = Literal["service", "envoy", "rolling", "drops"]


@dataclass(frozen=True)
class Size:
    """The size of a run."""

    kind: Kind
    faults: int
    sessions: int = 6
    rate: float = 20.0
    """Orders a second of each session."""
    every_s: float = 1.0
    """Between two faults, on average."""
    cache: bool = True


@dataclass
class Found:
    """The counts of a run."""

    orders: int = 0
    denied: int = 0
    reports: int = 0
    logons: int = 0
    replays: int = 0
    """Decisions about replays, of both sides."""
    unapproved: int = 0
    lost: int = 0
    doubled: int = 0
    withheld: int = 0
    unanswered: int = 0
    again: int = 0
    words: list[str] = field(default_factory=list)
    """What the breaches were, for whoever reads along."""

    @property
    def breaches(self) -> int:
        """The sum of all counts that must be 0."""
        return self.unapproved + self.lost + self.doubled + self.withheld + self.unanswered + self.again


class Trader(Peer):
    """A client that logs on again whenever its connection has ended, and notes the outcome of each order."""

    def __init__(self, name: str, stack: Stack) -> None:
        super().__init__(name, "VENUE")
        self.stack = stack
        self.orders: dict[str, Message] = {}
        self.rejects: Counter[str] = Counter()
        self.reasons: dict[str, str | None] = {}
        self.reports: Counter[str] = Counter()
        self.logons = 0
        self.logged_on = False
        self.on_message = self._note

    async def keep_connected(self) -> None:
        """Log on, and again after each end."""
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(LOOPBACK, self.stack.port)
                token = self.stack.issuer.mint(
                    scopes=SCOPES, subject=self.comp_id.lower(), comp_id=self.comp_id, claims={}
                )
                self.attach(reader, writer)
                self.logons += 1
                self.logon(((554, token),))
                await self.closed(24 * 3600)
            self.logged_on = False
            self._writer = None
            await asyncio.sleep(0.05)

    def drop(self) -> None:
        """Abort the connection: bytes on their way are lost."""
        if self._writer is not None:
            self._writer.transport.abort()

    def trade(self, number: int) -> None:
        """Send the next order or cancel; without a connection it is kept, and sent when the venue asks for it."""
        kind = "bad" if number % 3 == 0 else "cancel" if number % 3 == 1 and number % 2 else "good"
        name = f"{kind}-{self.comp_id}-{number}"
        symbol = "BAD" if kind == "bad" else "GOOD"
        body = [(11, name), (55, symbol), (54, "1"), (38, "1"), (40, "1")]
        self.orders[name] = self.send(
            "F" if kind == "cancel" else "D", [*body, (41, "o")] if kind == "cancel" else body
        )

    def _note(self, _peer: Peer, message: Message) -> None:
        match message.type:
            case "A":
                self.logged_on = True
            case "j" | "3":
                name = message.get(379) or ""
                self.rejects[name] += 1
                self.reasons[name] = message.get(380)
            case "8":
                self.reports[message.get(17)] += 1
            case _:
                pass


class Market(Venue):
    """A venue that reports each order, and notes what reached it. Each fifth report is forbidden."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: Counter[str] = Counter()
        self.reports: dict[str, list[str]] = {}
        """By client, the ExecIDs of all reports that are not forbidden."""

    def _on_message(self, session: Peer, message: Message) -> None:
        if message.type in {"D", "F"}:
            name = message.get(11)
            self.taken[name] += 1
            number = sum(self.taken.values())
            symbol = "HIDDEN" if number % 5 == 0 else "GOOD"
            execution = f"{symbol}-{number}"
            if symbol == "GOOD":
                self.reports.setdefault(session.counterparty, []).append(execution)
            report = [(37, number), (11, name), (17, execution), (150, "0"), (39, "0"), (55, symbol), (54, "1")]
            session.send("8", [*report, (151, 1), (14, 0), (6, 0)])
        else:
            super()._on_message(session, message)
            if message.type == "A":
                session.beat(1.0)


@dataclass
class Run:
    """One run with its services, sessions and faults."""

    size: Size
    directory: Path
    traders: list[Trader] = field(default_factory=list)
    market: Market = field(default_factory=Market)

    async def play(self) -> Found:
        """Run everything, and return the counts."""
        mapping = self.directory / "mapping.yaml"
        mapping.write_text(MAPPING)
        await self.market.start()
        stack = self._stack(mapping)
        tasks: list[asyncio.Task[None]] = []
        try:
            await asyncio.to_thread(stack.start)
            self.traders = [Trader(f"C{number}", stack) for number in range(self.size.sessions)]
            tasks = [asyncio.create_task(trader.keep_connected()) for trader in self.traders]
            trading = [asyncio.create_task(self._trade(trader)) for trader in self.traders]
            await self._until(lambda: all(trader.logged_on for trader in self.traders), "the first Logons")
            faults = random.Random(7)
            for _ in range(self.size.faults):
                await asyncio.sleep(self.size.every_s * faults.uniform(0.2, 1.8))
                await self._fault(stack, faults)
            await asyncio.sleep(self.size.every_s)
            for task in trading:
                task.cancel()
            return await self._count(stack)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for trader in self.traders:
                await trader.disconnect()
            await asyncio.to_thread(stack.stop)
            await self.market.stop()

    def _stack(self, mapping: Path) -> Services:
        services = ServicesSize(services=2 if self.size.kind == "rolling" else 1, cache=self.size.cache)
        stack = Services.of(self.directory, self.market.port, mapping, services)
        rejects = Rejects(journal_directory=str(self.directory / "rejects"))
        settings = FilterSettings(
            cache=Cache(enabled=self.size.cache), refusal=Refusal(keep_numbers=True), rejects=rejects
        )
        nowhere = Endpoint(LOOPBACK, 0)
        stack.gateway = GatewayOptions(nowhere, nowhere, nowhere, filter=settings)
        return stack

    async def _trade(self, trader: Trader) -> None:
        number, due = 0, time.monotonic()
        while True:
            number += 1
            trader.trade(number)
            due += 1 / self.size.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _fault(self, stack: Services, faults: random.Random) -> None:
        match self.size.kind:
            case "service":
                assert stack.service is not None
                await asyncio.to_thread(stack.service.kill)
                await asyncio.sleep(faults.uniform(0.0, 1.0))
                await asyncio.to_thread(Stack.start_service, stack)
            case "envoy":
                assert stack.envoy is not None
                stack.listen_port = stack.port
                await asyncio.to_thread(stack.envoy.kill)
                await asyncio.to_thread(stack.start_envoy)
            case "rolling":
                for one in stack.all:
                    assert one.service is not None
                    await asyncio.to_thread(one.service.stop)
                    await asyncio.to_thread(Stack.start_service, one)
            case "drops":
                for trader in self.traders:
                    trader.drop()

    async def _until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(what)
            await asyncio.sleep(0.05)

    def _agrees(self, trader: Trader) -> bool:
        session = self.market.session(trader.comp_id)
        return (trader.next_in, trader.next_out) == (session.next_out, session.next_in)

    def _is_answered(self, trader: Trader, name: str) -> bool:
        return name in trader.rejects or self.market.taken[name] > 0

    async def _count(self, stack: Services) -> Found:
        found = Found()

        def is_over() -> bool:
            return all(
                trader.logged_on
                and self._agrees(trader)
                and all(self._is_answered(trader, name) for name in trader.orders)
                for trader in self.traders
            )

        with contextlib.suppress(TimeoutError):
            await self._until(is_over, "the end of what is under way")
        await asyncio.sleep(0.5)
        for trader in self.traders:
            self._count_one(trader, found)
        found.replays = sum(event.get("poss_dup", False) for service in stack.all for event in service.events())
        return found

    def _count_one(self, trader: Trader, found: Found) -> None:
        def breach(kind: str, words: str) -> None:
            setattr(found, kind, getattr(found, kind) + 1)
            found.words.append(f"{kind}: {trader.comp_id} {words}")

        session = self.market.session(trader.comp_id)
        found.logons += trader.logons
        found.orders += len(trader.orders)
        reports = self.market.reports.get(trader.comp_id, [])
        found.reports += len(reports)
        if not self._agrees(trader):
            mine, theirs = (trader.next_in, trader.next_out), (session.next_out, session.next_in)
            breach("lost", f"numbers {mine} against {theirs}")
        for fault in (*trader.faults, *session.faults):
            breach("lost", fault)
        for name, order in trader.orders.items():
            taken, rejected = self.market.taken[name], name in trader.rejects
            bad = name.startswith("bad")
            found.denied += bad
            if bad and taken:
                breach("unapproved", name)
            if bad and not rejected:
                breach("unanswered", f"{name} 34={order.seq}, at the venue: {session.heard(order.seq)}")
            if not bad and not taken and not rejected:
                breach("lost", f"{name} 34={order.seq}")
            if taken > 1 or (taken and rejected):
                breach("doubled", f"{name}: taken {taken} times, rejects {trader.rejects[name]}")
        for name, count in trader.rejects.items():
            if count > 1:
                breach("again", f"{name}: {count} rejects")
        for execution in reports:
            if trader.reports[execution] != 1:
                breach("withheld", f"{execution}: {trader.reports[execution]}")
        for execution in trader.reports:
            if not execution.startswith("GOOD"):
                breach("unapproved", execution)


async def play(size: Size, directory: Path | None = None) -> Found:
    """Run once with this size."""
    with tempfile.TemporaryDirectory(prefix="kills-") as made:
        return await Run(size, directory or Path(made)).play()


def main() -> int:
    """Run the kinds that were asked for, and print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    kinds: tuple[Kind, ...] = ("service", "envoy", "rolling", "drops")
    for kind in kinds:
        parser.add_argument(f"--{kind}", type=int, default=0, metavar="TIMES")
    parser.add_argument("--sessions", type=int, default=6)
    parser.add_argument("--rate", type=float, default=20.0, help="orders a second of each session")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between faults, on average")
    parser.add_argument("--cache", choices=("on", "off"), default="on")
    chosen = parser.parse_args()
    names = [each.name for each in fields(Found) if each.name != "words"]
    print("kind    times " + " ".join(f"{name:>10}" for name in names), flush=True)
    breaches = 0
    for kind in kinds:
        if times := getattr(chosen, kind):
            size = Size(kind, times, chosen.sessions, chosen.rate, chosen.every, chosen.cache == "on")
            found = asyncio.run(play(size))
            breaches += found.breaches
            counts = " ".join(f"{getattr(found, name):>10}" for name in names)
            print(f"{kind:8}{times:5} {counts}", flush=True)
            for words in found.words[:20]:
                print(f"  {words}", flush=True)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
