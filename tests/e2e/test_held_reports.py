"""Reports that the service could not decide: held, and after a time the session ends before them, or they are lost.

`test_outage.py` has a service that is back in time.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from authzsvc.demo.stack import Stack
from authzsvc.demo.venue import Venue
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Cache, Check, Limits, Outbound
from tests.e2e.conftest import StartStack
from tests.e2e.rig import TRADER, Client, Rig, eventually, service_restored

HOLD_MS = 1_500
CANCELS = 40


@pytest.fixture(scope="module", params=["end", "gap_fill"])
def stack(start_stack: StartStack, request: pytest.FixtureRequest) -> Stack:
    """A stack that asks about every message, and holds reports for a short time."""
    settings = FilterSettings(
        check=Check(timeout_ms=400, logon_timeout_ms=400),
        cache=Cache(enabled=False),
        outbound=Outbound(undecided=request.param),
        limits=Limits(outbound_hold_ms=HOLD_MS),
    )
    return start_stack(settings)


@pytest_asyncio.fixture(loop_scope="session")
async def rig(stack: Stack, venue: Venue) -> AsyncIterator[Rig]:
    """The rig, its service in order before and after."""
    async with service_restored(stack, venue) as rig:
        yield rig


def ends(rig: Rig) -> bool:
    assert rig.stack.gateway is not None
    return rig.stack.gateway.filter.outbound.undecided == "end"


def kill_service(rig: Rig) -> None:
    assert rig.stack.service is not None
    rig.stack.service.kill()


async def cancels_without_a_service(rig: Rig) -> tuple[Client, int]:
    """A client whose cancels pass, and whose reports on them cannot be decided; how many reports there were before."""
    client = await rig.log_on(*TRADER)
    await client.reject_of(client.stock_order())
    kill_service(rig)
    before = len(rig.session(client).sent)
    for number in range(CANCELS):
        client.send("F", [(11, f"c-{number}"), (41, "o")])
    session = rig.session(client)
    await session.wait_until(lambda: len([m for m in session.received if m.type == "F"]) == CANCELS)
    return client, before


async def assert_passes_again(rig: Rig, client: Client) -> None:
    """An order passes, at the latest when the filter has found the service."""
    for _ in range(50):
        order = client.spread()
        if (await rig.at_venue(order, client)).raw == order.raw:
            return
    raise AssertionError("orders are still denied")


async def test_away_for_too_long(rig: Rig) -> None:
    ended, lost = rig.stat("ended_undecided"), rig.stat("outbound_lost")
    client, before = await cancels_without_a_service(rig)
    if ends(rig):
        await client.closed(10)
        assert client.next_in == before + 1
        assert client.of_type("8") == client.of_type("4") == []
        assert rig.stat("ended_undecided") == ended + 1
        rig.stack.start_service()
        await eventually(lambda: rig.stat("connections_active") == 0, "the connection to close")
        assert (await rig.log_on_again(client, *TRADER)).type == "A"
        session = rig.session(client)
        await client.wait_until(lambda: client.next_in == session.next_out, 10)
        names = [report.get(11) for report in client.of_type("8")]
        assert sorted(set(names)) == sorted(f"c-{number}" for number in range(CANCELS))
    else:
        await client.wait_until(lambda: len(client.of_type("4")) == CANCELS, 10)
        assert rig.stat("outbound_lost") == lost + CANCELS
        rig.stack.start_service()
        words = f"{CANCELS} messages lost"
        await assert_passes_again(rig, client)
        await eventually(
            lambda: any(words in event["reason"] for event in rig.stack.events()), "the report of the loss"
        )
    await rig.assert_whole(client)


async def test_hanging(rig: Rig) -> None:
    """A service that stands still is asked in vain, and answers when it goes on."""
    client = await rig.log_on(*TRADER)
    await client.reject_of(client.stock_order())
    assert rig.stack.service is not None
    rig.stack.service.signal(signal.SIGSTOP)
    try:
        client.send("F", [(11, "c"), (41, "o")])
        held = rig.stat("outbound_held")
        await eventually(lambda: rig.stat("outbound_held") > held, "a report that is held")
    finally:
        rig.stack.service.signal(signal.SIGCONT)
    await client.wait_until(lambda: [report.get(11) for report in client.of_type("8")] == ["c"], 10)
    await rig.assert_whole(client)
