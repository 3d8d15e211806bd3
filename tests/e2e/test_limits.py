"""Limits of a session: what is denied for them at the gateway, what ends for them, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from authzsvc.demo.stack import Stack
from authzsvc.demo.wire import Message
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Cache, Limits
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.rig import TRADER, Client, Rig, eventually

BURST = 20
FIXT = "FIXT.1.1"


def limited(cache: bool = False, **limits: int) -> pytest.MarkDecorator:
    """The test's stack has these limits."""
    settings = FilterSettings(check=PATIENT, limits=Limits(**limits), cache=Cache(enabled=cache))
    return pytest.mark.parametrize("stack", [pytest.param(settings, id="-".join(limits))], indirect=True)


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, start_stack: StartStack) -> Stack:
    """A stack of two workers, which must count as one."""
    return start_stack(request.param, concurrency=2)


async def assert_told(rig: Rig, who: str, words: str) -> dict[str, Any]:
    """A high-severity event, and a line in Envoy's log."""
    event = await rig.event(who, event="report", reason=f"limit: {words}")
    assert (event["verdict"], event["severity"]) == ("deny", "high")
    await eventually(lambda: f": {words}" in rig.stack.envoy_log.read_text(), "the same in Envoy's log")
    return event


async def assert_throttled(client: Client, order: Message, text: str, reason: str = "0") -> None:
    reject = await client.reject_of(order)
    told = {380: reason, 372: order.type, 379: order.get(11), 58: f"Throttle limit exceeded: {text}"}
    assert {tag: reject.get(tag) for tag in told} == told


def checked(rig: Rig, client: Client) -> list[int]:
    """The numbers of the messages that the service was asked about."""
    return [event["msg_seq_num"] for event in rig.events(client.comp_id) if event["event"] == "message"]


def spreads(client: Client, number: int) -> list[Message]:
    return client.burst(("AB", [(11, f"o{n}"), (55, "SPX")]) for n in range(number))


@limited(messages_per_s=1)
async def test_what_is_over_a_second_is_denied_at_the_gateway(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    before = rig.stat("denied_per_s")
    orders = spreads(client, BURST)
    await client.wait_until(lambda: client.next_in > len(orders))
    await rig.assert_whole(client)

    passed = [message.seq for message in rig.session(client).received if message.type == "AB"]
    denied = [order for order in orders if order.seq not in passed]
    assert passed[0] == orders[0].seq
    assert denied != []
    for order in denied:
        await assert_throttled(client, order, "at most 1 messages a second")
    assert rig.stat("denied_per_s") - before == len(denied)
    assert [seq for seq in checked(rig, client) if seq in {order.seq for order in denied}] == []
    await assert_told(rig, client.comp_id, "1 messages denied by `limits.messages_per_s` (1)")


@limited(messages_per_s=1)
async def test_a_trader_can_always_get_flat(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    cancels = client.burst(("F", [(11, f"c{n}"), (41, "o")]) for n in range(BURST))
    session = rig.session(client)
    await session.wait_until(lambda: session.next_in > cancels[-1].seq)
    assert [message.raw for message in session.received if message.type == "F"] == [cancel.raw for cancel in cancels]
    await rig.assert_whole(client)


@limited(cache=True, messages_per_day=3)
async def test_the_day_is_the_sessions_on_all_its_connections(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    for _ in range(2):
        order = client.spread()
        assert (await rig.at_venue(order, client)).raw == order.raw
    await client.disconnect()
    await rig.session(client).closed()

    assert (await rig.log_on_again(client, *TRADER)).type == "A"
    orders = spreads(client, 3)
    for order in orders[1:]:
        await assert_throttled(client, order, "at most 3 messages a day")
    assert (await rig.at_venue(orders[0], client)).raw == orders[0].raw
    assert {(await rig.at_venue(order, client)).type for order in orders[1:]} == {"1"}
    cancel = client.cancel(orders[0])
    assert (await rig.at_venue(cancel, client)).raw == cancel.raw
    await rig.assert_whole(client)
    await assert_told(rig, client.comp_id, "1 messages denied by `limits.messages_per_day` (3)")


@limited(cache=True, messages_per_day=3)
async def test_fix_5_0_sp2_says_it_in_its_own_number(rig: Rig) -> None:
    client = await rig.log_on(*TRADER, version=FIXT, more=[(1137, 9)])
    await assert_throttled(client, spreads(client, 4)[-1], "at most 3 messages a day", "8")
    await rig.assert_whole(client)


@limited(denials_per_minute=3)
async def test_with_too_many_denials_the_session_ends_in_sequence(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    before = rig.stack.stats()
    orders = [client.stock_order() for _ in range(4)]
    text = "Session ended: 3 messages denied within a minute"
    logout = await client.wait_for_type("5")
    assert logout.get(58) == text
    await client.closed()
    session = rig.session(client)
    await session.closed()
    assert [reject.get(45) for reject in client.of_type("j")] == [order.get(34) for order in orders[:2]]
    assert [message.type for message in session.received] == ["A", "1", "1", "5"]
    assert (session.received[-1].seq, session.received[-1].get(58)) == (orders[2].seq, text)
    assert (client.faults, session.faults) == ([], [])
    for name in ("ended_by_denials", "sessions_ended"):
        assert rig.stat(name) - before[f"fix_authz.{name}"] == 1
    await assert_told(rig, client.comp_id, "session ended by `limits.denials_per_minute` (3)")

    assert (await rig.log_on_again(client, *TRADER)).type == "A"
    order = client.spread()
    assert (await rig.at_venue(order, client)).raw == order.raw
    await rig.assert_whole(client)


@limited(pending_connections_per_address=3)
async def test_an_address_has_so_many_connections_without_a_logon(rig: Rig) -> None:
    connections, refused = rig.venue.connections, rig.stat("connections_refused")
    # Whoever is logged on holds no place.
    clients = [await rig.log_on(*TRADER) for _ in range(4)]
    for client in clients:
        order = client.spread()
        assert (await rig.at_venue(order, client)).raw == order.raw
    held = [await rig.line() for _ in range(3)]
    await eventually(lambda: rig.stack.stats()["fix_authz.connections"] >= 7, "all connections accepted")

    flood = [await rig.line() for _ in range(BURST)]
    for line in flood:
        assert await line.read_to_end() == b""
    assert rig.stat("connections_refused") - refused == BURST
    assert rig.venue.connections - connections == len(clients)
    words = "1 connections refused by `limits.pending_connections_per_address` (3): 1 from 127.0.0.1"
    await eventually(lambda: [line for line in flood if rig.events(line.address)], "the refusal in the audit")
    told = [event for line in flood for event in rig.events(line.address)]
    assert told[0]["reason"] == f"limit: {words}"
    assert (told[0]["verdict"], told[0]["severity"]) == ("deny", "high")
    # A flood is told summed up.
    assert len(told) < BURST

    # A place that is given back is another's, on any worker, once the worker that had it has seen its end.
    def here() -> int:
        return rig.stack.stats()["fix_authz.connections_active"]

    await eventually(lambda: here() == len(clients) + len(held), "the flood is gone")
    await held.pop().close()
    await eventually(lambda: here() == len(clients) + len(held), "the place is given back")
    newcomer = await rig.log_on(*TRADER)
    order = newcomer.spread()
    assert (await rig.at_venue(order, newcomer)).raw == order.raw
    for client in [*clients, newcomer]:
        await rig.assert_whole(client)
