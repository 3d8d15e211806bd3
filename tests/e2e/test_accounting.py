"""The audit accounts for every message: what was asked about, what was not, and what was denied, to the last one.

A reader of the audit adds the allowed `message` events and, of each connection, the largest `total` of each kind; that
is held against what arrived. Times are short on purpose: decisions are refreshed, and reports come, in between.
"""

from __future__ import annotations

import asyncio
import re
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import cycle, islice
from typing import Any

import pytest
import pytest_asyncio

from authzsvc.demo.stack import LOOPBACK, Stack
from authzsvc.demo.venue import Venue
from authzsvc.demo.wire import Message
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Accounting, Cache
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.rig import TRADER, Client, Rig, eventually, fresh_comp_id, logon_draft

MILLION = 1_000_000
DENIED_EACH = 499
"""Every so many messages one is denied: a prime, so that none of those that pass is spared the place behind it."""
AT_ONCE = 2_000
ROUNDS = 40
INTERVAL_MS = 200
MAX_AGE_S = 2
LONG_S = 600
PATIENCE_S = 60.0

GRANTING = {
    ("inbound", "AB"): "order:create:option_multileg",
    ("inbound", "G"): "order:replace",
    ("inbound", "F"): "order:cancel",
    ("inbound", "V"): "marketdata:subscribe:option",
    ("outbound", "8"): "trade:view:own",
}

Kind = tuple[str, str, str]


def settings(interval_ms: int = INTERVAL_MS) -> FilterSettings:
    return FilterSettings(check=PATIENT, cache=Cache(), accounting=Accounting(interval_ms=interval_ms))


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Stack:
    """One that refreshes and reports often, and whose processes may be killed."""
    return start_stack(settings(), service_settings={"decisions": {"max_age_s": MAX_AGE_S}})


# --- reading the audit, as the operators' guide says ---


def totals(events: list[dict[str, Any]]) -> dict[tuple[str, Kind], int]:
    """The largest total of each kind on each connection."""
    found: dict[tuple[str, Kind], int] = {}
    for traffic in (event["traffic"] for event in events if event["event"] == "traffic"):
        for count in traffic["counts"]:
            key = traffic["connection"], (count["direction"], count["msg_type"], count["scope"])
            found[key] = max(found.get(key, 0), count["total"])
    return found


def counts(events: list[dict[str, Any]]) -> Counter[Kind]:
    """The sum of all differences."""
    found: Counter[Kind] = Counter()
    for traffic in (event["traffic"] for event in events if event["event"] == "traffic"):
        for count in traffic["counts"]:
            found[count["direction"], count["msg_type"], count["scope"]] += count["count"]
    return found


def checked(events: list[dict[str, Any]], verdict: str = "allow") -> Counter[Kind]:
    """Messages that were asked about."""
    found: Counter[Kind] = Counter()
    for event in events:
        if event["event"] == "message" and event["verdict"] == verdict:
            found[event["direction"], event["msg_type"], event["scope"]] += 1
    return found


def passed(events: list[dict[str, Any]]) -> Counter[Kind]:
    """All that went on."""
    found = checked(events)
    for (_, kind), total in totals(events).items():
        found[kind] += total
    return found


def seen(rig: Rig, client: Client) -> Counter[Kind]:
    """What has arrived on both sides, of the kinds that are asked about."""
    arrived = [("inbound", message.type) for message in rig.session(client).received]
    arrived += [("outbound", message.type) for message in client.received]
    return Counter((*kind, GRANTING[kind]) for kind in arrived if kind in GRANTING)


def in_metrics(stack: Stack) -> Counter[Kind]:
    """The same as the metrics have it."""
    address = stack.service_settings["metrics"]["tcp"]
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        page = answer.read().decode()
    line = re.compile(
        r'^authzsvc_cached_messages_total\{direction="(\w+)",msg_type="(\w+)",scope="([^"]+)"\} (\S+)$', re.MULTILINE
    )
    return Counter({(way, kind, scope): int(float(number)) for way, kind, scope, number in line.findall(page)})


# --- trading ---


async def trade(rig: Rig, client: Client, rounds: int, pause_s: float = 0.0) -> int:
    """So many rounds of all kinds, one of them denied; how many were."""
    denied, reports = 0, len(client.of_type("8")) + 3 * rounds
    for number in range(rounds):
        order = client.spread()
        client.replace(order)
        if number % 3 == 0:
            denied += 1
            client.stock_order()
        client.subscribe()
        last = client.cancel(order)
        await rig.at_venue(last, client)
        await asyncio.sleep(pause_s)
    await client.wait_until(lambda: len(client.of_type("8")) >= reports, PATIENCE_S)
    return denied


async def agree(rig: Rig, client: Client, arrived: Callable[[], Counter[Kind]]) -> list[dict[str, Any]]:
    """The client's audit, once it accounts for all that arrived."""
    await eventually(
        lambda: passed(rig.events(client.comp_id)) == arrived(),
        f"an audit of {client.comp_id} that accounts for what arrived",
    )
    events = rig.events(client.comp_id)
    assert passed(events) == arrived()
    return events


async def test_every_message_is_accounted_for(rig: Rig) -> None:
    before = in_metrics(rig.stack)
    client = await rig.log_on(*TRADER)
    refreshes = rig.stat("cache_refreshes")
    denied = await trade(rig, client, ROUNDS, 0.1)
    assert rig.stat("cache_refreshes") > refreshes, "or this shows nothing of refreshes"
    await rig.assert_whole(client)
    arrived = seen(rig, client)
    client.logout()
    await client.closed()
    events = await agree(rig, client, lambda: arrived)
    assert {kind[:2] for kind in arrived} == set(GRANTING)
    assert sum(checked(events).values()) < sum(arrived.values()) / 4, "or this shows nothing of kept decisions"
    assert checked(events, "deny") == {("inbound", "D", ""): denied}
    assert [event for event in events if event["event"] == "refresh"] == []
    (connection,) = {event["traffic"]["connection"] for event in events if event["event"] == "traffic"}
    assert counts(events) == {kind: total for (name, kind), total in totals(events).items() if name == connection}
    assert in_metrics(rig.stack) - before == counts(events)
    assert events[-1]["session"]["client_id"] == events[0]["session"]["client_id"] != ""


async def test_the_last_counts_come_at_the_end(start_stack: StartStack, venue: Venue) -> None:
    """Of a connection that ends long before its first interval, without a word."""
    decisions = {"decisions": {"max_age_s": LONG_S}}
    rig = Rig(start_stack(settings(LONG_S * 1000), service_settings=decisions), venue)
    client = await rig.log_on(*TRADER)
    await trade(rig, client, 5)
    arrived = seen(rig, client)
    await client.disconnect()
    events = await agree(rig, client, lambda: arrived)
    (last,) = [event for event in events if event["event"] == "traffic"]
    assert last["traffic"]["ended"]
    await rig.release()


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_a_restart_of_the_service_loses_and_doubles_nothing(rig: Rig, how: str) -> None:
    stack = rig.stack
    client = await rig.log_on(*TRADER)
    await trade(rig, client, 5)
    await eventually(lambda: totals(rig.events(client.comp_id)), "a report")
    assert stack.service is not None
    if how == "killed":
        await asyncio.sleep(0.2)  # the audit is written with some delay; what a kill takes of it is another matter
        stack.service.kill()
    else:
        await asyncio.to_thread(stack.service.stop)
    await asyncio.to_thread(stack.start_service)
    await trade(rig, client, 5)
    arrived = seen(rig, client)
    client.logout()
    await client.closed()
    events = await agree(rig, client, lambda: arrived)
    assert any(event["traffic"]["resumed"] for event in events if event["event"] == "traffic")
    for kind, number in counts(events).items():
        assert number <= arrived[kind] - checked(events)[kind], "counted twice"


async def test_nothing_is_counted_twice_when_envoy_is_killed(rig: Rig) -> None:
    stack = rig.stack
    client = await rig.log_on(*TRADER)
    await trade(rig, client, 5)
    told = seen(rig, client)
    await eventually(lambda: passed(rig.events(client.comp_id)) == told, "reports of all of it")
    await trade(rig, client, 1)
    assert stack.envoy is not None
    stack.envoy.kill()
    await client.closed()
    arrived = seen(rig, client)
    await asyncio.to_thread(stack.start_envoy)
    await rig.log_on_again(client, *TRADER)
    await trade(rig, client, 5)
    again = seen(rig, client) - arrived
    client.logout()
    await client.closed()

    await eventually(lambda: passed(rig.events(client.comp_id)) >= told + again, "an audit of what could be told")
    events = rig.events(client.comp_id)
    assert passed(events) <= arrived + again, "counted twice"
    assert len({name for name, _ in totals(events)}) == 2


# --- a million ---


class CountingVenue(asyncio.Protocol):
    """A venue that is quick: it counts what comes by its type, and answers what a FIX engine must."""

    def __init__(self) -> None:
        self.received: Counter[str] = Counter()
        self._rest = b""
        self._next = 1
        self._peer = ""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        whole, begin, rest = (self._rest + data).rpartition(b"8=FIX.4.4\x01")
        last = begin + rest
        if _is_whole(last):
            whole, last = whole + last, b""
        self._rest = last
        for msg_type in ("AB", "G", "F", "D"):
            self.received[msg_type] += whole.count(f"\x0135={msg_type}\x01".encode())
        for found in re.finditer(rb"\x0135=([A15])\x01[^8]*?34=", whole):
            self._answer(found[1].decode(), whole[found.start() :])

    def _answer(self, msg_type: str, raw: bytes) -> None:
        self.received[msg_type] += 1
        if msg_type == "A":
            self._peer = _field(raw, 49)
            self._send("A", (98, 0), (108, 30), (141, "Y"))
        elif msg_type == "1":
            self._send("0", (112, _field(raw, 112)))
        else:
            self._send("5")

    def _send(self, msg_type: str, *pairs: tuple[int, object]) -> None:
        header = ((49, "VENUE"), (56, self._peer), (34, self._next), (52, "20260105-14:30:00.000"))
        self._next += 1
        assert self._transport is not None
        self._transport.write(Message.build("FIX.4.4", msg_type, (*header, *pairs)).raw)


def _is_whole(message: bytes) -> bool:
    return re.search(rb"\x0110=\d{3}\x01$", message) is not None


def _field(raw: bytes, tag: int) -> str:
    found = re.search(rf"\x01{tag}=([^\x01]*)\x01".encode(), raw)
    return found[1].decode() if found else ""


def messages(comp_id: str, first: int, number: int) -> Iterator[tuple[str, bytes]]:
    """So many messages of a client, every so many of them one that its token does not allow."""
    header = f"49={comp_id}\x0156=VENUE\x0152=20260105-14:30:00.000\x01"
    kinds = {
        "AB": "11=o\x0155=SPX\x0154=1\x0138=10\x0140=2\x0144=4.20\x01",
        "G": "41=o\x0111=p\x0155=SPX\x0154=1\x0138=10\x0140=2\x0144=4.35\x01",
        "F": "41=o\x0111=q\x0155=SPX\x0154=1\x0138=10\x01",
        "D": "11=d\x0155=ACME\x01167=CS\x0154=1\x0138=10\x0140=1\x01",
    }
    bodies = {msg_type: f"{header}{body}" for msg_type, body in kinds.items()}
    sums = {msg_type: sum(body.encode()) for msg_type, body in bodies.items()}
    types = islice(cycle(("AB", "G", "F", "G")), number)
    for seq, usual in enumerate(types, first):
        msg_type = "D" if seq % DENIED_EACH == 0 else usual
        front = f"35={msg_type}\x0134={seq}\x01"
        head = f"8=FIX.4.4\x019={len(front) + len(bodies[msg_type])}\x01{front}"
        check = (sum(head.encode()) + sums[msg_type]) % 256
        yield msg_type, f"{head}{bodies[msg_type]}10={check:03}\x01".encode()


@pytest_asyncio.fixture(loop_scope="session")
async def counting_venue() -> AsyncIterator[tuple[CountingVenue, int]]:
    """A venue for one connection, and its port."""
    venue = CountingVenue()
    server = await asyncio.get_running_loop().create_server(lambda: venue, LOOPBACK, 0)
    yield venue, server.sockets[0].getsockname()[1]
    server.close()


async def test_a_million_messages(start_stack: StartStack, counting_venue: tuple[CountingVenue, int]) -> None:
    venue, port = counting_venue
    stack = start_stack(settings(), upstream_port=port, service_settings={"decisions": {"max_age_s": MAX_AGE_S}})
    comp_id = fresh_comp_id()
    token = stack.issuer.mint(scopes=TRADER, subject="million", comp_id=comp_id)
    reader, writer = await asyncio.open_connection(LOOPBACK, stack.port)
    writer.write(logon_draft(comp_id, token).whole())
    assert b"\x0135=A\x01" in await asyncio.wait_for(reader.readuntil(b"\x0110="), PATIENCE_S)
    back = asyncio.create_task(_drain(reader))
    sent: Counter[str] = Counter()
    stream = messages(comp_id, 2, MILLION)
    while some := list(islice(stream, AT_ONCE)):
        sent.update(msg_type for msg_type, _ in some)
        writer.write(b"".join(raw for _, raw in some))
        await asyncio.wait_for(writer.drain(), PATIENCE_S)
    denied = sent.pop("D")

    def arrived() -> bool:
        return venue.received["1"] == denied and all(venue.received[kind] == number for kind, number in sent.items())

    try:
        await eventually(arrived, "all that was sent", PATIENCE_S)
    except TimeoutError:
        assert venue.received == {**sent, "1": denied}
    writer.close()
    assert sum(sent.values()) + denied == MILLION
    assert (await asyncio.wait_for(back, PATIENCE_S)).count(b"Insufficient permissions") == denied
    expected = Counter({("inbound", kind, GRANTING["inbound", kind]): number for kind, number in sent.items()})
    await eventually(lambda: passed(stack.events()) == expected, f"an audit of {expected}", PATIENCE_S)
    events = stack.events()
    assert (passed(events), checked(events, "deny")) == (expected, {("inbound", "D", ""): denied})
    assert counts(events) == in_metrics(stack) == expected - checked(events)
    assert venue.received["D"] == 0


async def _drain(reader: asyncio.StreamReader) -> bytes:
    received = bytearray()
    deadline = time.monotonic() + 2 * PATIENCE_S
    while time.monotonic() < deadline:
        try:
            data = await reader.read(1 << 20)
        except ConnectionError:
            break
        if not data:
            break
        received += data
    return bytes(received)
