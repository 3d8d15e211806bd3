"""Counts messages that pass although a changed mapping or a kill forbids them.

`python -m tests.e2e.consistency --sessions 40 --rate 50 --reloads 20` runs the real Envoy with one decision service or
two on one store, replaces the first of two mappings with the second and back again and again, and ends with a kill.
Half of the orders are on a symbol that the second mapping forbids and that the first does not test. News needs no scope
under the first mapping only, and reports are guarded under the second only. It counts four kinds of breaches:

- `under`: according to the audit, a forbidden message was allowed under the second mapping's digest;
- `after`: a forbidden message was sent when every service had had the second mapping in force for `--grace` seconds,
  and reached the other side before the first mapping was written again;
- `killed`: an order was sent after the kill had returned, and reached the venue;
- `denied`: a message that both mappings permit was denied, although no service was away.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from authzsvc.demo.stack import LOOPBACK, Stack
from authzsvc.demo.wire import timestamp
from authzsvc.gateway import Endpoint, FilterSettings, GatewayOptions
from authzsvc.gateway.filter_settings import Cache, Check
from authzsvc.policy.compiler import compile_mapping
from tests.e2e.operators import command

HEAD = """\
version: 1
name: consistency
fix: FIX.4.4
session:
  identity: {SenderCompID: fix_comp_id}
  exempt: [%s]
  risk_reducing: [OrderCancelRequest]
"""
SCOPES = """\
scopes:
  order:create: {grants: [{message: NewOrderSingle}]}
  order:cancel: {grants: [{message: OrderCancelRequest}]}
  trade:view: {grants: [{message: ExecutionReport, direction: outbound}]}
  news:send: {grants: [{message: News}]}
"""
FIRST = HEAD % "News" + "".join(line for line in SCOPES.splitlines(keepends=True) if "order" in line or line[0] != " ")
SECOND = (
    HEAD % ""
    + SCOPES
    + """\
lists: {restricted: {values: [BAD]}}
forbid:
  - {name: restricted, message: NewOrderSingle, when: {Symbol: {in_list: restricted, default: BAD}}}
"""
)
GRANTED = ("order:create", "order:cancel")
"""The scopes without those for News and reports: the second mapping denies both."""

TRAILER = len(b"10=000|")
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Size:
    """The size of a run."""

    sessions: int = 10
    rate: float = 20.0
    """Orders a second of each session."""
    reloads: int = 4
    services: int = 1
    restarts: bool = False
    """Whether a service is restarted at every other reload."""
    cache: bool = True
    grace_s: float = 0.5
    every_s: float = 3.0


@dataclass
class Found:
    """The counts of a run."""

    orders: int = 0
    passed: int = 0
    under: int = 0
    after: int = 0
    killed: int = 0
    denied: int = 0
    kills: list[str] = field(default_factory=list)
    """The kill's message, if it failed."""

    @property
    def breaches(self) -> int:
        """The sum of all counts that must be 0."""
        return self.under + self.after + self.killed + self.denied + len(self.kills)


class Side:
    """A minimal end of a FIX session: sends Heartbeats, answers, and notes when it sent and received which message."""

    def __init__(self, sender: str, target: str) -> None:
        self.sender, self.target = sender, target
        self.next = 1
        self.sent: dict[str, float] = {}
        self.heard: dict[str, float] = {}
        self.rejected: dict[str, str] = {}
        self.writer: asyncio.StreamWriter | None = None
        self.logged_on = asyncio.Event()

    def send(self, msg_type: str, body: str, name: str = "") -> None:
        """Send a message, noted under its name."""
        if self.writer is None or self.writer.is_closing():
            return
        head = f"35={msg_type}\x0134={self.next}\x0149={self.sender}\x0156={self.target}\x0152={timestamp()}\x01"
        text = (head + body.replace("|", "\x01")).encode()
        whole = b"8=FIX.4.4\x019=%d\x01%s" % (len(text), text)
        self.next += 1
        if name:
            self.sent[name] = time.time()
        self.writer.write(whole + b"10=%03d\x01" % (sum(whole) % 256))

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Read messages until the connection ends."""
        buffer = b""
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                buffer += data
                while (end := buffer.find(b"\x0110=")) >= 0 and len(buffer) >= end + 1 + TRAILER:
                    self.hear(dict(_pairs(buffer[: end + 1])))
                    buffer = buffer[end + 1 + TRAILER :]

    def hear(self, message: dict[str, str]) -> None:
        """Note a message, and answer a session-level message that needs an answer."""
        match message.get("35"):
            case "A":
                self.logged_on.set()
                if self.sender == "VENUE":
                    self.send("A", "98=0|108=30|")
            case "1":
                self.send("0", f"112={message['112']}|")
            case "j":
                self.rejected[message.get("379", "")] = message.get("380", "")
            case "D" | "F" | "B" | "8":
                self.heard[message.get("11", message.get("148", ""))] = time.time()
                if self.sender == "VENUE" and message["35"] == "D" and len(self.heard) % 5 == 0:
                    name = f"r-{self.target}-{self.next}"
                    self.send("8", f"37=1|11={name}|17={self.next}|150=0|39=0|55=GOOD|54=1|151=0|14=0|6=0|", name)
            case _:
                pass


def _pairs(message: bytes) -> Iterator[tuple[str, str]]:
    for part in message.split(b"\x01"):
        tag, equals, value = part.partition(b"=")
        if equals:
            yield tag.decode(), value.decode("latin-1")


class Services(Stack):
    """One decision service or more on one store, all with the same mapping, behind one Envoy."""

    others: tuple[Stack, ...] = ()

    @classmethod
    def of(cls, directory: Path, venue_port: int, mapping: Path, size: Size) -> Services:
        """Makes the services without starting them."""
        gateway = GatewayOptions(
            Endpoint(LOOPBACK, 0),
            Endpoint(LOOPBACK, 0),
            Endpoint(LOOPBACK, 0),
            filter=FilterSettings(check=Check(timeout_ms=5_000), cache=Cache(enabled=size.cache)),
        )
        store = {"sessions": {"store": str(directory / "shared.db")}}
        made = cls(directory, venue_port, mapping, gateway=gateway, service_settings=store)
        made.others = tuple(
            Stack(directory / f"service-{number}", venue_port, mapping, service_settings=store)
            for number in range(2, size.services + 1)
        )
        for other in made.others:
            other.issuer = made.issuer
        return made

    @property
    def all(self) -> tuple[Stack, ...]:
        """The stack of each service."""
        return (self, *self.others)

    def start_service(self) -> None:
        super().start_service()
        for other in self.others:
            other.start_service()

    def bootstrap(self) -> dict[str, Any]:
        config = super().bootstrap()
        (authz,) = [one for one in config["static_resources"]["clusters"] if one["name"] == "authz"]
        (locality,) = authz["load_assignment"]["endpoints"]
        for other in self.others:
            locality["lb_endpoints"].append({"endpoint": {"address": {"pipe": {"path": str(other.socket)}}}})
        return config

    def stop(self) -> None:
        super().stop()
        for other in self.others:
            other.stop()

    def in_force_since(self, digest: str, written: float) -> float | None:
        """When the last service put this mapping in force after it was written; None if one has not yet."""
        moments = [_put_in_force(stack, digest, written) for stack in self.all]
        return None if None in moments else max(moment for moment in moments if moment is not None)


def _put_in_force(stack: Stack, digest: str, written: float) -> float | None:
    found = None
    for line in stack.service_log.read_text().splitlines():
        with contextlib.suppress(ValueError):
            said = json.loads(line)
            if said.get("mapping") == digest and said.get("message") in ("the mapping was replaced", "serving"):
                at = _moment(said["time"])
                found = at if at >= written - 0.01 else found
    return found


def _moment(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@dataclass
class Run:
    """One run with its services, sessions and changes."""

    size: Size
    directory: Path
    venue: dict[str, Side] = field(default_factory=dict)
    clients: list[Side] = field(default_factory=list)
    second: list[tuple[float, float]] = field(default_factory=list)
    """The spans of time in which every service had the second mapping in force."""
    away: list[tuple[float, float]] = field(default_factory=list)
    """The spans of time in which a service may have been away."""

    async def play(self) -> Found:
        """Run everything, and return the counts."""
        mapping = self.directory / "mapping.yaml"
        digests = []
        for text in (SECOND, FIRST):
            mapping.write_text(text)
            digests.append(compile_mapping(mapping).digest)
        venue = await asyncio.start_server(self._venue, LOOPBACK, 0)
        stack = Services.of(self.directory, venue.sockets[0].getsockname()[1], mapping, self.size)
        try:
            await asyncio.to_thread(stack.start)
            return await self._play(stack, mapping, digests[0], digests[1])
        finally:
            for side in (*self.clients, *self.venue.values()):
                if side.writer is not None:
                    side.writer.transport.abort()
            await asyncio.to_thread(stack.stop)
            venue.close()

    async def _venue(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        side = Side("VENUE", "")
        side.writer = writer
        # The Logon, which comes first, names the client.
        first = await reader.readuntil(b"\x0110=")
        rest = await reader.readexactly(TRAILER - 3)
        logon = dict(_pairs(first + rest))
        side.target = logon["49"]
        self.venue[side.target] = side
        side.hear(logon)
        await side.read(reader)

    async def _play(self, stack: Services, mapping: Path, second: str, first: str) -> Found:
        reading = [asyncio.create_task(self._client(stack, number)) for number in range(self.size.sessions)]
        await asyncio.wait_for(self._all_logged_on(), PATIENCE_S)
        trading = [asyncio.create_task(self._trade(client)) for client in self.clients]
        await asyncio.sleep(self.size.every_s / 2)
        for number in range(self.size.reloads):
            text, digest = (FIRST, first) if number % 2 else (SECOND, second)
            await self._reload(stack, mapping, text, digest, restart=self.size.restarts and number % 4 in (0, 3))
        found = Found()
        await self._kill(stack, found)
        for task in (*trading, *reading):
            task.cancel()
        await asyncio.gather(*trading, *reading, return_exceptions=True)
        self._count(found, stack, second)
        return found

    async def _client(self, stack: Stack, number: int) -> None:
        name = f"C{number}"
        token = stack.issuer.mint(scopes=GRANTED, subject=name.lower(), comp_id=name, claims={})
        client = Side(name, "VENUE")
        self.clients.append(client)
        reader, client.writer = await asyncio.open_connection(LOOPBACK, stack.port)
        client.send("A", f"98=0|108=30|141=Y|554={token}|")
        await client.read(reader)

    async def _all_logged_on(self) -> None:
        while len(self.clients) < self.size.sessions:
            await asyncio.sleep(0.01)
        for client in self.clients:
            await client.logged_on.wait()

    async def _trade(self, client: Side) -> None:
        number, due = 0, time.monotonic()
        while True:
            number += 1
            symbol = "BAD" if number % 2 else "GOOD"
            name = f"{symbol}-{client.sender}-{number}"
            client.send("D", f"11={name}|55={symbol}|54=1|38=100|40=1|60={timestamp()}|", name)
            if number % 10 == 0:
                news = f"NEWS-{client.sender}-{number}"
                client.send("B", f"148={news}|33=1|58=x|", news)
            due += 1 / self.size.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _reload(self, stack: Services, mapping: Path, text: str, digest: str, *, restart: bool) -> None:
        if self.second and self.second[-1][1] == float("inf"):
            self.second[-1] = (self.second[-1][0], time.time())
        written = time.time()
        if restart:
            target = stack.all[-1]
            assert target.service is not None
            await asyncio.to_thread(target.service.stop)
            mapping.write_text(text)
            await asyncio.to_thread(
                target.start_service if target is not stack else self._start_first,
                *(() if target is not stack else (stack,)),
            )
            self.away.append((written, time.time() + 1.0))
        else:
            mapping.write_text(text)
        deadline = time.monotonic() + PATIENCE_S
        while (since := stack.in_force_since(digest, written)) is None:
            assert time.monotonic() < deadline, "the services do not put the mapping in force"
            await asyncio.sleep(0.05)
        if text == SECOND:
            self.second.append((since, float("inf")))
        await asyncio.sleep(self.size.every_s)

    @staticmethod
    def _start_first(stack: Services) -> None:
        Stack.start_service(stack)

    async def _kill(self, stack: Services, found: Found) -> None:
        if self.second and self.second[-1][1] == float("inf"):
            self.second[-1] = (self.second[-1][0], time.time())
        done = await command(
            *("session", "kill", "--all", "--yes", "--mode", "cancel-only", "--reason", "test"),
            *("--admin", f"unix:{stack.admin_socket}"),
        )
        returned = time.time()
        if done.code:
            found.kills.append(done.errors.strip())
        await asyncio.sleep(self.size.every_s)
        found.killed = sum(
            client.sent[name] > returned
            for client in self.clients
            for name in self.venue[client.sender].heard
            if name.startswith(("BAD", "GOOD"))
        )

    def _count(self, found: Found, stack: Services, second: str) -> None:
        for client in self.clients:
            venue = self.venue[client.sender]
            found.orders += len(client.sent)
            found.passed += len(venue.heard)
            found.after += sum(self._is_late(client.sent, name, at) for name, at in venue.heard.items())
            found.after += sum(self._is_late(venue.sent, name, at) for name, at in client.heard.items())
            found.denied += sum(
                name.startswith("GOOD") and not self._was_away(client.sent[name]) and reason == "4"
                for name, reason in client.rejected.items()
                if name in client.sent
            )
        for service in stack.all:
            for event in service.events():
                business = event.get("message", {}).get("business_id", "")
                allowed = event.get("verdict") == "allow" and event.get("event") in ("message", "refresh")
                forbidden = business.startswith("BAD") or event.get("message", {}).get("msg_type") in ("B", "8")
                found.under += bool(allowed and forbidden and second in str(event.get("policy", "")))

    def _is_late(self, sent: dict[str, float], name: str, arrived: float) -> bool:
        if name.startswith("GOOD") or name not in sent:
            return False
        return any(since + self.size.grace_s < sent[name] and arrived < until for since, until in self.second)

    def _was_away(self, at: float) -> bool:
        return any(since - 6 <= at <= until for since, until in self.away)


async def play(size: Size, directory: Path | None = None) -> Found:
    """Run once with this size."""
    with tempfile.TemporaryDirectory(prefix="consistency-") as made:
        return await Run(size, directory or Path(made)).play()


def main() -> int:
    """Run the eight combinations, and print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--rate", type=float, default=50.0, help="orders a second of each session")
    parser.add_argument("--reloads", type=int, default=20)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between reloads")
    parser.add_argument("--grace", type=float, default=0.5, help="seconds from a mapping in force to `after`")
    parser.add_argument("--services", type=int, choices=(1, 2), action="append")
    parser.add_argument("--cache", choices=("on", "off"), action="append")
    parser.add_argument("--restarts", choices=("yes", "no"), action="append")
    chosen = parser.parse_args()
    breaches = 0
    print("services restarts cache   orders   passed  under  after  killed  denied", flush=True)
    for services in chosen.services or (1, 2):
        for restarts in chosen.restarts or ("no", "yes"):
            for cache in chosen.cache or ("on", "off"):
                size = Size(
                    chosen.sessions,
                    chosen.rate,
                    chosen.reloads,
                    services,
                    restarts == "yes",
                    cache == "on",
                    chosen.grace,
                    chosen.every,
                )
                found = asyncio.run(play(size))
                breaches += found.breaches
                counts = (found.orders, found.passed, found.under, found.after, found.killed, found.denied)
                print(
                    f"{services:8} {restarts:>8} {cache:>5} " + " ".join(f"{count:8}" for count in counts), flush=True
                )
                for said in found.kills:
                    print(f"  the kill said: {said}", flush=True)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
