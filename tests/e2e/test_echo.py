"""The echo reject, with the venue played by hand: a TestRequest up, its Heartbeat back as the reject."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from authzsvc.demo.stack import Stack
from tests.e2e.conftest import StartStack
from tests.e2e.forge import forge
from tests.e2e.rig import TRADER, Client, HandVenue, Line, Rig


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, hand_venue: HandVenue) -> Stack:
    """A stack in front of the venue by hand."""
    return start_stack(upstream_port=hand_venue.port)


@pytest_asyncio.fixture(loop_scope="session")
async def upstream(hand_venue: HandVenue) -> AsyncIterator[HandVenue]:
    """The venue by hand, with no connection left from before."""
    await hand_venue.hang_up()
    yield hand_venue
    await hand_venue.hang_up()


async def log_on(rig: Rig, upstream: HandVenue) -> tuple[Client, Line]:
    """A session, its Logon answered."""
    client = await rig.connect()
    client.log_on(rig.token(client.comp_id, *TRADER))
    venue = await upstream.line()
    assert (await venue.message()).type == "A"
    venue.send(say(client, 1, "A", "98=0|108=30|141=Y|"))
    await client.wait_for_type("A")
    return client, venue


def say(client: Client, seq: int, msg_type: str, body: str = "") -> bytes:
    """A message of the venue's."""
    return forge(f"35={msg_type}|34={seq}|49=VENUE|56={client.comp_id}|52=20261120-10:00:00.000|{body}")


async def test_the_heartbeat_becomes_the_reject(rig: Rig, upstream: HandVenue) -> None:
    client, venue = await log_on(rig, upstream)
    order = client.stock_order()
    request = await venue.message()
    assert (request.type, request.seq) == ("1", order.seq)
    assert 0 < len(request.get(112)) <= 20

    venue.send(say(client, 2, "0", f"112={request.get(112)}|"))
    reject = await client.reject_of(order)
    assert (reject.type, reject.seq, reject.get(52)) == ("j", 2, "20261120-10:00:00.000")


async def test_it_converts_once(rig: Rig, upstream: HandVenue) -> None:
    client, venue = await log_on(rig, upstream)
    order = client.stock_order()
    echo = f"112={(await venue.message()).get(112)}|"
    venue.send(say(client, 2, "0", echo) + say(client, 3, "0", echo))
    await client.wait_until(lambda: client.next_in == 4)
    assert [message.type for message in client.received] == ["A", "j", "0"]
    assert client.received[1].get(45) == order.get(34)


async def test_other_heartbeats_pass(rig: Rig, upstream: HandVenue) -> None:
    client, venue = await log_on(rig, upstream)
    client.stock_order()
    await venue.message()
    beats = [say(client, 2, "0"), say(client, 3, "0", "112=0000000000000000|")]
    venue.send(b"".join(beats))
    await client.wait_until(lambda: client.next_in == 4)
    assert [message.raw for message in client.received[1:]] == beats


async def test_answers_of_the_venue_in_another_order(rig: Rig, upstream: HandVenue) -> None:
    client, venue = await log_on(rig, upstream)
    orders = [client.stock_order(), client.stock_order()]
    first, second = [(await venue.message()).get(112) for _ in orders]
    assert first != second
    venue.send(say(client, 2, "0", f"112={second}|") + say(client, 3, "0", f"112={first}|"))
    await client.reject_of(orders[0])
    assert [reject.get(45) for reject in client.of_type("j")] == [orders[1].get(34), orders[0].get(34)]


async def test_denied_before_the_venue_has_answered_the_logon(rig: Rig, upstream: HandVenue) -> None:
    """A client may send right behind its Logon; the venue's answer with 141=Y resets nothing that this session did."""
    client = await rig.connect()
    client.log_on(rig.token(client.comp_id, *TRADER))
    order = client.stock_order()
    venue = await upstream.line()
    assert (await venue.message()).type == "A"
    request = await venue.message()
    assert (request.type, request.seq) == ("1", order.seq)

    venue.send(say(client, 1, "A", "98=0|108=30|141=Y|"))
    venue.send(say(client, 2, "0", f"112={request.get(112)}|"))
    await client.wait_until(lambda: client.next_in == 3)
    assert [message.type for message in client.received] == ["A", "j"]


async def test_a_reset_in_mid_session_forgets(rig: Rig, upstream: HandVenue) -> None:
    client, venue = await log_on(rig, upstream)
    client.stock_order()
    request = await venue.message()
    venue.send(say(client, 2, "4", "36=1|"))
    venue.send(say(client, 1, "0", f"112={request.get(112)}|"))
    await client.wait_until(lambda: len(client.received) == 3)
    assert [message.type for message in client.received] == ["A", "4", "0"]
