"""A decision service that stands still while one side floods: memory stays bounded, and nothing is lost or reordered.

The service is stopped (SIGSTOP) and goes on later (SIGCONT); the checks' time-out is long enough that all are answered.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from authzsvc.demo.peer import Peer
from authzsvc.demo.stack import Stack
from authzsvc.demo.wire import Message
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Check, Limits
from tests.e2e.conftest import StartStack
from tests.e2e.rig import TRADER, Rig, eventually

FLOOD = 150
TEXT = "x" * 60_000
BOUND = 4 * 1024 * 1024
"""Envoy buffers up to 1 MiB a connection and direction; the flood is more than twice this."""
LONG_S = 40.0


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Stack:
    """A stack with little room for what waits, and much time for answers."""
    limits = Limits(max_checks_in_flight=8, max_queued_bytes=262_144)
    return start_stack(FilterSettings(check=Check(timeout_ms=60_000), limits=limits))


@contextmanager
def standing_still(stack: Stack) -> Iterator[None]:
    """The service does nothing, and then goes on."""
    assert stack.service is not None
    stack.service.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        stack.service.signal(signal.SIGCONT)


async def until_still(read: Callable[[], int]) -> int:
    """The number, once it has not changed in ten looks."""
    looks = [read()]
    for _ in range(200):
        await asyncio.sleep(0.03)
        looks.append(read())
        if len(set(looks[-10:])) == 1 and len(looks) > 10:
            return looks[-1]
    raise TimeoutError("the number does not come to rest")


def flood_client(session: Peer, account: str, text: str, reports: int = FLOOD) -> list[Message]:
    """ExecutionReports, as fast as it goes."""
    fields = [(37, "V"), (17, "E"), (150, "0"), (39, "0"), (1, account), (55, "SPX"), (58, text)]
    return [session.send("8", [(11, f"flood-{n}"), *fields]) for n in range(reports)]


async def test_a_client_that_floods(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    session = rig.session(client)
    before = rig.stack.stats()

    with standing_still(rig.stack):
        orders = [client.send("AB", [(11, f"flood-{n}"), (55, "SPX"), (58, TEXT)]) for n in range(FLOOD)]
        await eventually(lambda: rig.stat("reads_paused") > before["fix_authz.reads_paused"], "reading to pause")
        taken = await until_still(lambda: rig.stack.stats()["tcp.fix.downstream_cx_rx_bytes_total"])
        assert taken - before["tcp.fix.downstream_cx_rx_bytes_total"] < BOUND
        assert rig.stack.stats()["server.memory_allocated"] - before["server.memory_allocated"] < BOUND
        assert [message.type for message in session.received] == ["A"]

    await session.wait_until(lambda: session.next_in > orders[-1].seq, LONG_S)
    assert [message.raw for message in session.received[1:]] == [order.raw for order in orders]
    await rig.assert_whole(client)


async def test_a_venue_that_floods(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    before = rig.stack.stats()

    with standing_still(rig.stack):
        reports = flood_client(rig.session(client), rig.venue.account, TEXT)
        await eventually(lambda: rig.stat("outbound_paused") > before["fix_authz.outbound_paused"], "reading to pause")
        taken = await until_still(lambda: rig.stack.stats()["cluster.venue.upstream_cx_rx_bytes_total"])
        assert taken - before["cluster.venue.upstream_cx_rx_bytes_total"] < BOUND
        assert rig.stack.stats()["server.memory_allocated"] - before["server.memory_allocated"] < BOUND
        assert client.of_type("8") == []

    await client.wait_until(lambda: client.next_in > reports[-1].seq, LONG_S)
    assert [message.raw for message in client.of_type("8")] == [report.raw for report in reports]
    await rig.assert_whole(client)


async def test_both_flood_at_once(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    session = rig.session(client)

    with standing_still(rig.stack):
        reports = flood_client(session, rig.venue.account, "short", reports=100)
        orders = [client.send("F", [(11, f"cancel-{n}"), (41, "o"), (58, "y" * 5_000)]) for n in range(100)]
        await until_still(lambda: rig.stack.stats()["cluster.venue.upstream_cx_rx_bytes_total"])

    await session.wait_until(lambda: session.next_in > orders[-1].seq, LONG_S)
    assert [message.raw for message in session.received[1:]] == [order.raw for order in orders]
    await client.wait_until(lambda: len(client.of_type("8")) == 200, LONG_S)
    assert [message.raw for message in client.of_type("8")[:100]] == [report.raw for report in reports]
    await rig.assert_whole(client)


async def test_a_venue_that_floods_and_hangs_up(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    session = rig.session(client)

    with standing_still(rig.stack):
        reports = flood_client(session, rig.venue.account, "short", reports=100)
        await until_still(lambda: rig.stack.stats()["cluster.venue.upstream_cx_rx_bytes_total"])
        await session.disconnect()

    await client.closed(LONG_S)
    assert [message.raw for message in client.of_type("8")] == [report.raw for report in reports]


async def test_a_client_that_does_not_read(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    client.pause()
    before = rig.stack.stats()
    reports = flood_client(rig.session(client), rig.venue.account, TEXT)

    await until_still(lambda: rig.stack.stats()["cluster.venue.upstream_cx_rx_bytes_total"])
    assert rig.stack.stats()["server.memory_allocated"] - before["server.memory_allocated"] < BOUND

    client.go_on()
    await client.wait_until(lambda: client.next_in > reports[-1].seq, LONG_S)
    assert [message.raw for message in client.of_type("8")] == [report.raw for report in reports]
    await rig.assert_whole(client)
