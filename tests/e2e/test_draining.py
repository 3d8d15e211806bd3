"""Envoy drains or stops: each session ends whole, and goes on with the next Envoy as if nothing had been.

A busy client is one that sends orders without a pause, and so never a
Heartbeat; one in a few of its orders is denied.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from authzsvc.demo.stack import Stack
from authzsvc.demo.venue import Venue
from authzsvc.demo.wire import Message
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Accounting, Cache, Drain
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.rig import PATIENCE_S, TRADER, Client, Rig, eventually

GOING_DOWN = "The gateway is going down: log on again"
DRAIN, GRACEFULLY, SIGTERM = "/drain_listeners", "/drain_listeners?graceful", "SIGTERM"
BEAT_S = 0.05
LONG_S = 40.0

StartGateway = Callable[[Drain], Rig]


@pytest.fixture
def settings() -> FilterSettings:
    """Decisions are kept, and what they let through is accounted for."""
    return FilterSettings(check=PATIENT, cache=Cache(enabled=True), accounting=Accounting(interval_ms=50))


@pytest_asyncio.fixture(loop_scope="session")
async def start(start_stack: StartStack, settings: FilterSettings, venue: Venue) -> AsyncIterator[StartGateway]:
    """Starts a stack that is to go down."""
    rigs: list[Rig] = []

    def start(drain: Drain) -> Rig:
        stack = start_stack(settings.model_copy(update={"drain": drain}))
        rigs.append(Rig(stack, venue))
        return rigs[-1]

    yield start
    for rig in rigs:
        await rig.release()


class Busy:
    """A client that sends orders as fast as they are taken, every tenth of which is denied."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.orders: list[Message] = []
        self.denied: list[Message] = []
        self._task = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while self.client.connected:
            for _ in range(9):
                self.orders.append(self.client.spread())
            self.denied.append(self.client.stock_order())
            await asyncio.sleep(0.005)

    async def ended(self) -> None:
        """It has noticed that its connection is gone."""
        await self.client.closed(LONG_S)
        await self._task


async def stop(stack: Stack) -> int:
    """SIGTERM, and the exit code."""
    assert stack.envoy is not None
    return await asyncio.to_thread(stack.envoy.stop, LONG_S)


async def assert_logged_out(rig: Rig, client: Client) -> None:
    """The client was told, and the venue saw a Logout under the next number."""
    assert (await client.wait_for_type("5", LONG_S)).get(58) == GOING_DOWN
    await client.closed(LONG_S)
    session = rig.session(client)
    await session.closed(LONG_S)
    assert (session.received[-1].type, session.received[-1].get(58)) == ("5", GOING_DOWN)
    assert (client.faults, session.faults) == ([], [])


async def assert_goes_on(rig: Rig, client: Client) -> None:
    """The next Logon takes up the numbers of before, and the client trades."""
    heard = len(rig.session(client).received)
    assert (await rig.log_on_again(client, *TRADER)).type == "A"
    order = client.spread()
    fresh = await rig.session(client).wait_for(lambda m: m.get(11) == order.get(11), LONG_S, heard)
    assert fresh.raw == order.raw
    await rig.assert_whole(client)


async def assert_nothing_is_lost(rig: Rig, busy: Busy) -> None:
    """Each order came to the venue once, and so did the reject of each that was denied, to the client."""
    session, client = rig.session(busy.client), busy.client
    wanted = {order.get(11) for order in busy.orders}

    def taken() -> Counter[str]:
        return Counter(message.get(11) for message in session.received if message.type == "AB")

    await eventually(lambda: wanted <= set(taken()), "all orders at the venue", LONG_S)
    assert [order for order, times in taken().items() if times > 1] == []
    assert [message for message in session.received if message.type == "D"] == []
    await rig.assert_whole(client)
    # Those too that were first seen as replays.
    denied = {message.get(34) for message in session.received if message.type == "1"}
    assert len(denied) > 10
    assert sorted(message.get(45) for message in client.of_type("j")) == sorted(denied)


async def begin(stack: Stack, order: str) -> asyncio.Task[int]:
    """Give the order; what comes back ends with the process, which an order to drain leaves running."""
    if order != SIGTERM:
        assert stack.ask_admin(order, "POST") == "OK\n"
        await eventually(lambda: stack.stats()["fix_authz.connections_active"] == 0, "all sessions to end", LONG_S)
    return asyncio.create_task(stop(stack))


@pytest.mark.parametrize("order", [DRAIN, GRACEFULLY, SIGTERM])
async def test_each_session_ends_in_sequence(start: StartGateway, order: str) -> None:
    rig = start(Drain(spread_ms=200, wait_ms=60_000, stop_ms=60_000))
    clients = [await rig.log_on(*TRADER) for _ in range(5)]
    for client in clients:
        await rig.at_venue(client.spread(), client)
        client.beat(BEAT_S)
    assert rig.stat("sessions_active") == 5
    stopping = await begin(rig.stack, order)
    for client in clients:
        await assert_logged_out(rig, client)
    assert await stopping == 0
    rig.stack.start_envoy()
    for client in clients:
        await assert_goes_on(rig, client)


async def test_what_a_drain_counts_and_whom_it_turns_away(start: StartGateway) -> None:
    rig = start(Drain(spread_ms=0, wait_ms=60_000))
    early = await rig.line()
    client = await rig.log_on(*TRADER)
    assert (rig.stat("connections_active"), rig.stat("logons_pending"), rig.stat("sessions_active")) == (2, 1, 1)
    rig.stack.ask_admin(GRACEFULLY, "POST")
    assert await early.read_to_end() == b""
    assert await (await rig.line()).read_to_end() == b""
    assert (rig.stat("sessions_draining"), rig.stat("connections_active")) == (1, 1)
    client.send("0")
    await assert_logged_out(rig, client)
    counted = [
        rig.stat(name) for name in ("sessions_drained", "sessions_ended", "sessions_cut", "connections_turned_away")
    ]
    assert counted == [1, 1, 0, 2]
    await eventually(lambda: rig.stat("connections_active") == 0, "the connection to close")
    assert (rig.stat("sessions_draining"), rig.stat("sessions_active"), rig.stat("logons_pending")) == (0, 0, 0)


@pytest.mark.parametrize("order", [DRAIN, SIGTERM])
async def test_a_busy_session_is_cut_and_loses_nothing(start: StartGateway, order: str) -> None:
    rig = start(Drain(spread_ms=0, wait_ms=300, stop_ms=300))
    client = await rig.log_on(*TRADER)
    busy = Busy(client)
    await rig.session(client).wait_until(lambda: len(rig.session(client).received) > 500, LONG_S)
    stopping = await begin(rig.stack, order)
    await busy.ended()
    assert await stopping == 0
    assert client.of_type("5") == []
    rig.stack.start_envoy()
    assert (await rig.log_on_again(client, *TRADER)).type == "A"
    await assert_nothing_is_lost(rig, busy)


async def test_accounts_add_up_after_a_stop(start: StartGateway) -> None:
    rig = start(Drain(spread_ms=0, wait_ms=60_000, stop_ms=500))
    clients = [await rig.log_on(*TRADER) for _ in range(2)]
    quiet, beating = clients
    orders = {client.comp_id: [client.spread() for _ in range(200)] for client in clients}
    for client in clients:
        await rig.at_venue(orders[client.comp_id][-1], client)
        await client.wait_until(lambda client=client: len(client.of_type("8")) == 200, LONG_S)  # type: ignore[misc]
    beating.beat(BEAT_S)
    assert await stop(rig.stack) == 0
    await assert_logged_out(rig, beating)
    await quiet.closed(LONG_S)
    assert quiet.of_type("5") == []

    for client in clients:
        await eventually(lambda client=client: rig.passed(client) == 400, "accounts that add up", PATIENCE_S)  # type: ignore[misc]


async def test_a_failed_health_check_ends_no_session(start: StartGateway) -> None:
    rig = start(Drain(spread_ms=0, wait_ms=0, stop_ms=0))
    client = await rig.log_on(*TRADER)
    rig.stack.ask_admin("/healthcheck/fail", "POST")
    for message in (client.send("0"), client.spread(), client.send("0")):
        assert (await rig.at_venue(message, client)).raw == message.raw
    await rig.assert_whole(client)
    assert rig.stat("sessions_draining") == 0
