"""A hot restart: the next Envoy takes the connections from then on, and the one before ends its sessions in peace."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from authzsvc.demo.processes import Process
from authzsvc.demo.stack import Stack
from authzsvc.demo.venue import Venue
from authzsvc.gateway import FilterSettings, envoy_command, find_envoy
from authzsvc.gateway.filter_settings import Accounting, Cache, Drain
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.rig import TRADER, Client, Rig, eventually

GOING_DOWN = "The gateway is going down: log on again"
BEAT_S = 0.05
LONG_S = 40.0

_bases = count(os.getpid() * 10)
"""Envoys of one base id belong together; a process id is nobody else's on this machine."""


class Successive(Stack):
    """Envoys that follow each other, all on one port."""

    base = 0
    epoch = 0
    shutdown_s = 900
    before: Process | None = None

    def envoy_command(self, config: Path) -> list[str]:
        restart = (self.base, self.epoch)
        command = envoy_command(find_envoy(), config, concurrency=self.concurrency, restart=restart)
        return [*command, "--drain-time-s", "60", "--parent-shutdown-time-s", str(self.shutdown_s)]

    def next_envoy(self, shutdown_s: int) -> None:
        """Start the next one, which has the one before end so much later."""
        self.before, self.epoch, self.shutdown_s = self.envoy, self.epoch + 1, shutdown_s
        self.listen_port = self.port
        self.start_envoy()

    def stop(self) -> None:
        super().stop()
        if self.before is not None:
            self.before.stop()


@pytest.fixture
def stack(start_stack: StartStack, drain: Drain) -> Stack:
    """The first of its Envoys."""

    class OfThisTest(Successive):
        base = next(_bases) % 2**31

    accounting = Accounting(interval_ms=50)
    settings = FilterSettings(check=PATIENT, cache=Cache(enabled=True), accounting=accounting, drain=drain)
    return start_stack(settings, kind=OfThisTest)


@pytest_asyncio.fixture(loop_scope="session")
async def rig(stack: Stack, venue: Venue) -> AsyncIterator[Rig]:
    """As ever, but the stack is the test's."""
    rig = Rig(stack, venue)
    yield rig
    await rig.release()


def successive(rig: Rig) -> Successive:
    assert isinstance(rig.stack, Successive)
    return rig.stack


async def trade(rig: Rig, client: Client) -> None:
    order = client.spread()
    assert (await rig.at_venue(order, client)).raw == order.raw


@pytest.mark.parametrize("drain", [Drain(spread_ms=0, wait_ms=60_000)])
async def test_a_session_ends_in_one_envoy_and_goes_on_in_the_next(rig: Rig) -> None:
    stack = successive(rig)
    moving, staying = await rig.log_on(*TRADER), await rig.log_on(*TRADER)
    for _ in range(20):
        await trade(rig, moving)
        await trade(rig, staying)
    port = stack.port
    await asyncio.to_thread(stack.next_envoy, 900)
    assert stack.port == port

    newcomer = await rig.log_on(*TRADER)
    await trade(rig, newcomer)
    for _ in range(20):
        await trade(rig, staying)
    moving.send("0")
    assert (await moving.wait_for_type("5", LONG_S)).get(58) == GOING_DOWN
    await moving.closed(LONG_S)
    assert (await rig.log_on_again(moving, *TRADER)).type == "A"
    for _ in range(20):
        await trade(rig, moving)
        await trade(rig, staying)
    for client in (moving, staying, newcomer):
        await rig.assert_whole(client)

    staying.beat(BEAT_S)
    assert (await staying.wait_for_type("5", LONG_S)).get(58) == GOING_DOWN
    await staying.closed(LONG_S)
    assert (await rig.log_on_again(staying, *TRADER)).type == "A"
    await trade(rig, staying)
    for client, orders in ((moving, 40), (staying, 61), (newcomer, 1)):
        await rig.assert_whole(client)
        assert len(client.of_type("8")) == orders
        await eventually(lambda c=client, n=orders: rig.passed(c) == 2 * n, "accounts that add up", LONG_S)  # type: ignore[misc]


@pytest.mark.parametrize("drain", [Drain(spread_ms=86_400_000, stop_ms=500)])
async def test_the_one_before_is_ended_by_the_next_in_time(rig: Rig) -> None:
    """Sessions trade on until `--parent-shutdown-time-s`; then a beating one gets its Logout, a still one is cut."""
    stack = successive(rig)
    beating, still = await rig.log_on(*TRADER), await rig.log_on(*TRADER)
    beating.beat(BEAT_S)
    await asyncio.to_thread(stack.next_envoy, 1)
    assert (await beating.wait_for_type("5", LONG_S)).get(58) == GOING_DOWN
    await still.closed(LONG_S)
    assert still.of_type("5") == []
    await eventually(lambda: stack.before is not None and not stack.before.running, "the one before to end", LONG_S)
    for client in (beating, still):
        assert (await rig.log_on_again(client, *TRADER)).type == "A"
        await trade(rig, client)
        await rig.assert_whole(client)
