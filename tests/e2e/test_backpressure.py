"""A slow side slows the other down: what waits inside is bounded by settings, and all arrives, whole and in order.

Envoy's buffers and the filter's queues are made small, and the sender pushes many times what they hold. While it
pushes, all that waits is watched: bytes taken in and not given out yet, Envoy's own buffers, the filter's queues, and
Envoy's memory. With decisions kept, messages go on without a Check; without, each waits for its own.

The service is stopped (SIGSTOP) and goes on later (SIGCONT); the checks' time-out is long enough that all are answered.
"""

from __future__ import annotations

import signal
from asyncio import Transport, sleep
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
import pytest_asyncio

from authzsvc.demo.peer import Peer
from authzsvc.demo.stack import Stack
from authzsvc.demo.venue import Venue
from authzsvc.demo.wire import Message
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Cache, Check, Limits
from tests.e2e.conftest import StartStack
from tests.e2e.rig import TRADER, Client, Rig, eventually

KIB = 1024
ROOM = 128 * KIB
"""Envoy's buffer limit of each connection."""
QUEUE = 256 * KIB
"""`limits.max_queued_bytes`."""
MESSAGE = 64 * KIB
"""The longest message."""
INSIDE = 2 * ROOM + QUEUE + ROOM + 4 * MESSAGE
"""What may wait of one direction: a full buffer of either connection, a full queue, a buffer's worth that waits for
room in it, and the messages at the edges."""
MEMORY = 3 * INSIDE
"""So much may Envoy's memory grow: buffers come in slices, and a message stays where it is while it is copied."""
FLOOD = 240
TEXT = "x" * 60_000
"""Some 14 MB: more than the kernel's buffers and all of Envoy's together."""
LONG_S = 60.0


class Narrow(Stack):
    """A gateway whose connections have little room."""

    def bootstrap(self) -> dict[str, Any]:
        config = super().bootstrap()
        resources = config["static_resources"]
        for connection in (*resources["listeners"], *resources["clusters"]):
            connection["per_connection_buffer_limit_bytes"] = ROOM
        return config


@pytest.fixture(scope="module", params=[True, False], ids=["decisions-kept", "a-check-each"])
def stack(start_stack: StartStack, request: pytest.FixtureRequest) -> Stack:
    """Little room for what waits, and much time for answers."""
    limits = Limits(max_checks_in_flight=8, max_queued_bytes=QUEUE)
    check = Check(timeout_ms=60_000, logon_timeout_ms=60_000)
    return start_stack(FilterSettings(check=check, cache=Cache(enabled=request.param), limits=limits), kind=Narrow)


@pytest_asyncio.fixture(loop_scope="session")
async def rig(stack: Stack, venue: Venue) -> AsyncIterator[Rig]:
    """What a test works with, once nothing of the test before is open."""
    rig = Rig(stack, venue)
    await eventually(lambda: rig.stat("connections_active") == 0, "connections of before to close", LONG_S)
    yield rig
    await rig.release()


@contextmanager
def standing_still(stack: Stack) -> Iterator[None]:
    """The service does nothing, and then goes on."""
    assert stack.service is not None
    stack.service.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        stack.service.signal(signal.SIGCONT)


def keeps_decisions(rig: Rig) -> bool:
    assert rig.stack.gateway is not None
    return rig.stack.gateway.filter.cache.enabled


class Marks:
    """The high-water marks of what waits in Envoy on its way from one side, in bytes above where they were first."""

    def __init__(self, rig: Rig, sender: str) -> None:
        self.rig = rig
        ways = {
            "client": ("tcp.fix.downstream_cx_rx_bytes_total", "cluster.venue.upstream_cx_tx_bytes_total"),
            "venue": ("cluster.venue.upstream_cx_rx_bytes_total", "tcp.fix.downstream_cx_tx_bytes_total"),
        }
        self.taken, self.given = ways[sender]
        self.before = rig.stack.stats()
        self.inside = self.memory = self.queued = self.buffered = 0

    def moved(self, name: str) -> int:
        """How much a number has changed."""
        return self.rig.stack.stats()[name] - self.before.get(name, 0)

    def look(self) -> int:
        """Note where all stands; how much was taken in so far."""
        stats = self.rig.stack.stats()
        moved = {name: value - self.before.get(name, 0) for name, value in stats.items()}
        self.inside = max(self.inside, moved[self.taken] - moved[self.given])
        self.memory = max(self.memory, moved["server.memory_allocated"])
        self.queued = max(self.queued, stats["fix_authz.queued_bytes"])
        buffers = [
            *("tcp.fix.downstream_cx_rx_bytes_buffered", "tcp.fix.downstream_cx_tx_bytes_buffered"),
            *("cluster.venue.upstream_cx_rx_bytes_buffered", "cluster.venue.upstream_cx_tx_bytes_buffered"),
        ]
        self.buffered = max(self.buffered, *(stats[name] for name in buffers))
        return moved[self.taken]

    async def until_still(self) -> int:
        """Look until nothing more is taken in; how much was."""
        looks: list[int] = []
        for _ in range(600):
            looks.append(self.look())
            if len(set(looks[-15:])) == 1 and len(looks) > 15:
                return looks[-1]
            await sleep(0.03)
        raise TimeoutError("the sender is not held up")

    def assert_bounded(self) -> None:
        """All was within what the settings allow."""
        self.look()
        assert self.inside <= INSIDE
        assert self.buffered <= ROOM + QUEUE + 2 * MESSAGE
        assert self.queued <= QUEUE + ROOM + 2 * MESSAGE
        assert self.memory <= MEMORY


@contextmanager
def not_reading(peer: Peer) -> Iterator[None]:
    """A counterparty takes nothing off its connection, and then goes on."""
    assert peer._writer is not None
    connection = cast("Transport", peer._writer.transport)
    connection.pause_reading()
    try:
        yield
    finally:
        connection.resume_reading()


def flood_venue(client: Client, orders: int = FLOOD, text: str = TEXT) -> list[Message]:
    """NewOrderMultilegs, as fast as it goes."""
    return [client.send("AB", [(11, f"flood-{n}"), (55, "SPX"), (58, text)]) for n in range(orders)]


def flood_client(session: Peer, account: str, reports: int = FLOOD, text: str = TEXT) -> list[Message]:
    """ExecutionReports, as fast as it goes."""
    fields = [(37, "V"), (17, "E"), (150, "0"), (39, "0"), (1, account), (55, "SPX"), (58, text)]
    return [session.send("8", [(11, f"flood-{n}"), *fields]) for n in range(reports)]


async def warmed_up(rig: Rig) -> Client:
    """A client whose order and its report have passed: where decisions are kept, those about them are."""
    client = await rig.log_on(*TRADER)
    flood_venue(client, 1, "warm")
    await client.wait_for_type("8", LONG_S)
    flood_client(rig.session(client), rig.venue.account, 1, "warm")
    await client.wait_until(lambda: len(client.of_type("8")) == 2, LONG_S)
    return client


async def assert_arrived(receiver: Peer, sent: list[Message]) -> None:
    """All of it, byte for byte and in order; the receiver's answers are no part of it."""
    await receiver.wait_until(lambda: receiver.next_in > sent[-1].seq, LONG_S)
    numbers = {message.seq for message in sent}
    assert [message.raw for message in receiver.received if message.seq in numbers] == [each.raw for each in sent]


async def assert_held_up(marks: Marks, sent: list[Message]) -> None:
    """The sender stands, with most of it still its own, and what was taken from it is bounded."""
    assert await marks.until_still() < sum(len(message.raw) for message in sent) / 2
    marks.assert_bounded()


async def test_a_venue_that_does_not_read(rig: Rig) -> None:
    client = await warmed_up(rig)
    session, checks = rig.session(client), rig.stat("checks")
    marks = Marks(rig, "client")
    with not_reading(session):
        sent = flood_venue(client)
        await assert_held_up(marks, sent)
        assert marks.moved("tcp.fix.downstream_flow_control_paused_reading_total") > 0
    await assert_arrived(session, sent)
    marks.assert_bounded()
    assert (rig.stat("checks") - checks < 20) == keeps_decisions(rig)
    await rig.assert_whole(client)


async def test_a_client_that_does_not_read(rig: Rig) -> None:
    client = await warmed_up(rig)
    session, checks = rig.session(client), rig.stat("checks")
    marks = Marks(rig, "venue")
    with not_reading(client):
        sent = flood_client(session, rig.venue.account)
        await assert_held_up(marks, sent)
        assert marks.moved("cluster.venue.upstream_flow_control_paused_reading_total") > 0
    await assert_arrived(client, sent)
    marks.assert_bounded()
    assert (rig.stat("checks") - checks < 20) == keeps_decisions(rig)
    await rig.assert_whole(client)


async def test_a_service_that_stands_still_while_the_client_floods(rig: Rig) -> None:
    client = await warmed_up(rig)
    session, paused = rig.session(client), rig.stat("reads_paused")
    with standing_still(rig.stack):
        if keeps_decisions(rig):
            await assert_arrived(session, flood_venue(client, 50))
        # No decision about its like is kept: what comes behind it waits in its turn.
        first = client.send("F", [(11, "one"), (41, "other"), (55, "SPX")])
        marks = Marks(rig, "client")
        sent = [first, *flood_venue(client)]
        await assert_held_up(marks, sent)
        assert rig.stat("reads_paused") > paused
        assert marks.queued >= QUEUE / 2
        assert session.next_in == first.seq
    await assert_arrived(session, sent)
    marks.assert_bounded()
    await rig.assert_whole(client)


async def test_a_service_that_stands_still_while_the_venue_floods(rig: Rig) -> None:
    client = await warmed_up(rig)
    session, paused = rig.session(client), rig.stat("outbound_paused")
    with standing_still(rig.stack):
        if keeps_decisions(rig):
            await assert_arrived(client, flood_client(session, rig.venue.account, 50))
        first = session.send("8", [(11, "one"), (37, "V"), (17, "E"), (1, "ANOTHER"), (55, "SPX")])
        marks = Marks(rig, "venue")
        sent = flood_client(session, rig.venue.account)
        await assert_held_up(marks, sent)
        assert rig.stat("outbound_paused") > paused
        assert marks.queued >= QUEUE / 2
        assert client.next_in == first.seq
    await assert_arrived(client, sent)
    assert [message.type for message in client.received if message.seq == first.seq] == ["4"]
    marks.assert_bounded()
    await rig.assert_whole(client)


async def test_both_flood_at_once(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    session = rig.session(client)
    with standing_still(rig.stack):
        marks = Marks(rig, "venue")
        reports = flood_client(session, rig.venue.account, 100, "short")
        orders = [client.send("F", [(11, f"cancel-{n}"), (41, "o"), (58, "y" * 5_000)]) for n in range(100)]
        await marks.until_still()
    await assert_arrived(session, orders)
    await client.wait_until(lambda: len(client.of_type("8")) == 200, LONG_S)
    await assert_arrived(client, reports)
    await rig.assert_whole(client)


async def test_a_venue_that_floods_and_hangs_up(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    session = rig.session(client)
    with standing_still(rig.stack):
        marks = Marks(rig, "venue")
        reports = flood_client(session, rig.venue.account, 100, "short")
        await marks.until_still()
        await session.disconnect()
    await client.closed(LONG_S)
    assert [message.raw for message in client.of_type("8")] == [report.raw for report in reports]
