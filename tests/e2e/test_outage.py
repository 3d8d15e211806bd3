"""The decision service killed, hanging, drained: closed when it fails, open for getting flat, whole again by itself."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from authzsvc.demo.stack import Stack
from authzsvc.demo.venue import Venue
from authzsvc.demo.wire import Message
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Check, Limits
from tests.e2e.conftest import StartStack
from tests.e2e.rig import TRADER, Client, Rig, eventually, service_restored

NOT_AVAILABLE = "4"
TIMEOUT_MS = 400
HOLD_MS = 60_000
"""Longer than the service is away, on a busy machine too."""
BURST = 1_500
"""Far more than may be asked about at once, so that on most machines some are still to come when the service goes."""


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Stack:
    """A stack whose service comes and goes."""
    check = Check(timeout_ms=TIMEOUT_MS, logon_timeout_ms=TIMEOUT_MS)
    return start_stack(FilterSettings(check=check, limits=Limits(outbound_hold_ms=HOLD_MS)))


@pytest_asyncio.fixture(loop_scope="session")
async def rig(stack: Stack, venue: Venue) -> AsyncIterator[Rig]:
    """The rig, its service in order before and after."""
    async with service_restored(stack, venue) as rig:
        yield rig


def signal_service(rig: Rig, number: signal.Signals) -> None:
    assert rig.stack.service is not None
    rig.stack.service.signal(number)


def kill_service(rig: Rig) -> None:
    assert rig.stack.service is not None
    rig.stack.service.kill()


def reports_of(client: Client, order: Message) -> list[Message]:
    """The reports on an order or a cancel that the client has received."""
    return [report for report in client.of_type("8") if report.get(11) == order.get(11)]


async def assert_denied_as_unavailable(rig: Rig, client: Client) -> None:
    order = client.spread()
    reject = await client.reject_of(order)
    assert (reject.get(380), reject.get(372), reject.get(379)) == (NOT_AVAILABLE, "AB", order.get(11))
    assert (await rig.at_venue(order, client)).type == "1"


async def assert_recovers(rig: Rig, client: Client) -> None:
    """Orders pass again, with nobody's help."""

    async def passes() -> bool:
        order = client.spread()
        return (await rig.at_venue(order, client)).raw == order.raw

    for _ in range(50):
        if await passes():
            await rig.assert_whole(client)
            return
    raise AssertionError("orders are still denied")


async def test_killed_in_mid_flow(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    spread = client.spread()
    await client.wait_for_type("8")
    failed, held = rig.stat("checks_failed"), rig.stat("outbound_held")

    kill_service(rig)
    await assert_denied_as_unavailable(rig, client)
    cancel = client.cancel(spread)
    assert (await rig.at_venue(cancel, client)).raw == cancel.raw
    assert rig.stat("checks_failed") > failed
    assert rig.stat("risk_reducing_forwarded") >= 1
    # The report on the cancel is guarded, so it waits for the service.
    await eventually(lambda: rig.stat("outbound_held") > held, "a report that is held")
    assert reports_of(client, cancel) == []

    rig.stack.start_service()
    await client.wait_until(lambda: reports_of(client, cancel) != [], 10)
    await rig.assert_whole(client)
    assert client.of_type("4") == []
    await assert_recovers(rig, client)


async def test_killed_under_a_burst(rig: Rig) -> None:
    """Whatever the moment: each message arrives as it was, or is rejected once. No report is withheld."""
    client = await rig.log_on(*TRADER)
    orders = client.burst(("AB", [(11, f"o{n}"), (55, "SPX")]) for n in range(BURST))
    await rig.at_venue(orders[20], client)
    kill_service(rig)
    orders += client.burst(("AB", [(11, f"late-{n}"), (55, "SPX")]) for n in range(20))
    session = rig.session(client)
    await session.wait_until(lambda: session.next_in > orders[-1].seq, 30)
    rig.stack.start_service()
    await client.wait_until(lambda: client.next_in == session.next_out, 30)
    await rig.assert_whole(client)
    assert client.of_type("4") == []
    assert [report.raw for report in client.of_type("8")] == [
        message.raw for message in session.sent.values() if message.type == "8"
    ]

    passed = {message.seq for message in session.received if message.type == "AB"}
    assert [message.raw for message in session.received if message.type == "AB"] == [
        order.raw for order in orders if order.seq in passed
    ]
    rejects = client.of_type("j")
    assert [int(reject.get(45)) for reject in rejects] == [order.seq for order in orders if order.seq not in passed]
    assert {reject.get(380) for reject in rejects} == {NOT_AVAILABLE}


async def test_a_logon_without_the_service_is_refused(rig: Rig) -> None:
    kill_service(rig)
    connections = rig.venue.connections
    client = await rig.connect()
    client.log_on(rig.token(client.comp_id, *TRADER))
    logout = await client.wait_for_type("5")
    await client.closed()
    assert (logout.seq, logout.get(58)) == (1, "Authorization service not available")
    assert rig.venue.connections == connections

    rig.stack.start_service()
    await assert_recovers(rig, await rig.log_on(*TRADER))


async def test_hanging(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    signal_service(rig, signal.SIGSTOP)
    try:
        await assert_denied_as_unavailable(rig, client)
        cancel = client.send("F", [(11, "c"), (41, "o")])
        assert (await rig.at_venue(cancel, client)).raw == cancel.raw
        newcomer = await rig.connect()
        newcomer.log_on(rig.token(newcomer.comp_id, *TRADER))
        assert (await newcomer.wait_for_type("5")).get(58) == "Authorization service not available"
    finally:
        signal_service(rig, signal.SIGCONT)
    await assert_recovers(rig, client)


async def test_an_outage_is_in_envoys_log(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    kill_service(rig)
    await assert_denied_as_unavailable(rig, client)
    words = "without a decision of the service"
    await eventually(lambda: words in rig.stack.envoy_log.read_text(), "the failure in Envoy's log")


async def test_drained(rig: Rig) -> None:
    """SIGTERM in mid-flow: what was answered is in the audit to the last line, what was not is denied."""
    client = await rig.log_on(*TRADER)
    orders = client.burst(("AB", [(11, f"o{n}"), (55, "SPX")]) for n in range(BURST))
    await rig.at_venue(orders[20], client)
    assert rig.stack.service is not None
    service = rig.stack.service
    service.signal(signal.SIGTERM)
    await eventually(lambda: not service.running, "the service to end")
    assert service.stop() == 0

    session = rig.session(client)
    await session.wait_until(lambda: session.next_in > orders[-1].seq, 30)
    assert not rig.stack.socket.exists()
    rig.stack.start_service()
    await client.wait_until(lambda: client.next_in == session.next_out, 30)
    await rig.assert_whole(client)
    assert client.of_type("4") == []
    passed = [message.seq for message in session.received if message.type == "AB"]
    audited = {
        event["msg_seq_num"]
        for event in rig.events(client.comp_id)
        if event["msg_type"] == "AB" and event["verdict"] == "allow"
    }
    assert set(passed) <= audited
    assert {reject.get(380) for reject in client.of_type("j")} <= {NOT_AVAILABLE}
    assert len(passed) + len(client.of_type("j")) == len(orders)
    await assert_recovers(rig, client)
