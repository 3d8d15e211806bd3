"""A thousand messages in one burst, allowed, denied and session-level mixed: order and bytes hold."""

from __future__ import annotations

import asyncio

import pytest

from authzsvc.demo.algoprovider import SCOPES
from authzsvc.demo.peer import HEARTBEAT, TEST_REQUEST
from authzsvc.demo.stack import Stack
from authzsvc.demo.wire import Message
from tests.e2e.conftest import StartStack
from tests.e2e.rig import TRADER, Client, Rig, eventually
from tests.e2e.test_backpressure import standing_still

COUNT = 1_000
LONG_S = 60.0


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Stack:
    """One of its own, so that its long audit is no other test's."""
    return start_stack()


def mixed(client: Client) -> list[Message]:
    """Seven kinds in turn."""
    orders = [(11, "o"), (55, "SPX"), (54, 1), (38, 1), (40, 2)]
    kinds: list[tuple[str, list[tuple[int, object]]]] = [
        ("AB", [*orders]),
        ("D", [*orders, (167, "CS")]),
        (TEST_REQUEST, [(112, "ping")]),
        ("G", [*orders, (41, "o")]),
        ("H", [*orders]),
        (HEARTBEAT, []),
        ("F", [*orders, (41, "o")]),
    ]
    return client.burst(kinds[n % len(kinds)] for n in range(COUNT))


async def assert_all_in_order(rig: Rig, client: Client, sent: list[Message]) -> None:
    session = rig.session(client)
    await session.wait_until(lambda: session.next_in == sent[-1].seq + 1, LONG_S)
    await client.wait_until(lambda: client.next_in == session.next_out, LONG_S)

    received = session.received[-COUNT:]
    assert [message.seq for message in received] == [message.seq for message in sent]
    for before, after in zip(sent, received, strict=True):
        if before.type in {"D", "H"}:
            assert (after.type, after.get(11)) == (TEST_REQUEST, "")
        else:
            assert after.raw == before.raw

    denied = [message for message in sent if message.type in {"D", "H"}]
    rejects = [(reject.get(45), reject.get(372)) for reject in client.of_type("j")]
    assert rejects == [(message.get(34), message.type) for message in denied]
    await rig.assert_whole(client)


async def test_right_behind_the_logon(rig: Rig) -> None:
    client = await rig.connect()
    client.logon(((554, rig.token(client.comp_id, *TRADER)),), reset=True)
    await assert_all_in_order(rig, client, mixed(client))


async def test_after_the_logon(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    await assert_all_in_order(rig, client, mixed(client))


async def test_with_reports_that_become_gap_fills(rig: Rig) -> None:
    client = await rig.log_on(*SCOPES)
    await assert_all_in_order(rig, client, mixed(client))
    assert client.of_type("8") == []


async def test_ten_sessions_at_once(rig: Rig) -> None:
    clients = [await rig.log_on(*TRADER) for _ in range(10)]
    bursts = [mixed(client) for client in clients[:3]]
    others = [client.spread() for client in clients[3:]]
    for client, order in zip(clients[3:], others, strict=True):
        assert (await rig.at_venue(order, client)).raw == order.raw
    await asyncio.gather(*(assert_all_in_order(rig, c, sent) for c, sent in zip(clients, bursts, strict=False)))


async def test_more_checks_at_once_than_grpc_takes_by_default(start_stack: StartStack, rig: Rig) -> None:
    """gRPC's server would cancel calls at random beyond 1,000 that wait; here twelve sessions have 250 each."""
    each = Rig(start_stack(service_settings={"decisions": {"batch": 1}}), rig.venue)
    clients = [await each.log_on(*TRADER) for _ in range(12)]
    checks = each.stat("checks")
    with standing_still(each.stack):
        bursts = [client.burst([("AB", [(11, "o")])] * 250) for client in clients]
        await eventually(lambda: each.stat("checks") >= checks + 12 * 250, "3,000 Checks")

    for client, sent in zip(clients, bursts, strict=True):
        session = each.session(client)
        await each.at_venue(sent[-1], client)
        assert [message.raw for message in session.received[1:]] == [message.raw for message in sent]
    await each.release()
