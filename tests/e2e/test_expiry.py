"""The token ends in mid-session (`sessions.on_expiry: logout`): the session ends with it, in sequence, and comes back.

The watch tells the filter at the very moment, so the client's next message is the Logout, whatever it is.
"""

from __future__ import annotations

import asyncio

import pytest

from authzsvc.demo.peer import HEARTBEAT, TEST_REQUEST
from authzsvc.demo.stack import Stack
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Limits
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.rig import TRADER, Client, Rig, eventually

EXPIRED = "access token expired"
TTL_S = 3.0
END_TIMEOUT_MS = 2_500
FIXT = "FIXT.1.1"


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Stack:
    """A stack that does not wait long for a client that says nothing."""
    return start_stack(FilterSettings(check=PATIENT, limits=Limits(end_timeout_ms=END_TIMEOUT_MS)))


async def until_doomed(rig: Rig, client: Client) -> None:
    """Wait until the filter knows that the session is to end."""
    await rig.event(client.comp_id, event="watch", verdict="deny")


async def assert_logged_out(rig: Rig, client: Client, seq: int) -> None:
    """The venue saw a Logout under that number, the client the venue's with the reason; nobody missed anything."""
    logout = await client.wait_for_type("5")
    await client.closed()
    assert logout.get(58) == EXPIRED
    session = rig.session(client)
    await session.closed()
    last = session.received[-1]
    assert (last.type, last.seq) == ("5", seq)
    assert (session.faults, client.faults) == ([], [])


async def test_the_clients_next_message_is_the_logout(rig: Rig) -> None:
    """Whatever it is; the next Logon goes on with both numbers."""
    bodies: dict[str, list[tuple[int, object]]] = {TEST_REQUEST: [(112, "x")], "2": [(7, 1), (16, 0)]}

    async def ends_with(last: str) -> None:
        client = await rig.log_on(*TRADER, ttl_s=TTL_S)
        order = client.spread()
        assert (await rig.at_venue(order, client)).raw == order.raw
        await client.wait_for_type("8")
        await until_doomed(rig, client)
        message = client.send(last, bodies.get(last, [(11, "y")]))
        await assert_logged_out(rig, client, message.seq)

        await rig.log_on_again(client, *TRADER)
        order = client.spread()
        await rig.session(client).wait_for(lambda found: found.get(11) == order.get(11))
        await rig.assert_whole(client)

    kinds = ("AB", "D", "F", HEARTBEAT, TEST_REQUEST, "2", "3", "j", "BE", "V")
    await asyncio.gather(*map(ends_with, kinds))


async def test_several_messages_at_once(rig: Rig) -> None:
    """The first is the Logout; those behind it never reach the venue, and are healed by the next session."""
    client = await rig.log_on(*TRADER, ttl_s=TTL_S)
    await until_doomed(rig, client)
    orders = client.burst(("AB", [(11, f"o{n}"), (55, "SPX")]) for n in range(20))
    await assert_logged_out(rig, client, orders[0].seq)
    assert [message.type for message in rig.session(client).received] == ["A", "5"]

    assert (await rig.log_on_again(client, *TRADER)).type == "A"
    session = rig.session(client)
    await session.wait_for(lambda message: message.seq == orders[-1].seq)
    replayed = [message.get(11) for message in session.received if message.type == "AB"]
    assert replayed == [order.get(11) for order in orders[1:]]
    await rig.assert_whole(client)


async def test_an_idle_clients_heartbeat_ends_it(rig: Rig) -> None:
    client = await rig.log_on(*TRADER, ttl_s=TTL_S)
    client.beat(0.5)
    await client.wait_for_type("5", TTL_S + 3)
    seq = client.next_out - 2  # its Heartbeat became the Logout; its own answer to the venue's got lost
    await assert_logged_out(rig, client, seq)


async def test_a_client_that_says_nothing(rig: Rig) -> None:
    """No message of its own can be the Logout, and none is made up: both connections close."""
    client = await rig.log_on(*TRADER, ttl_s=TTL_S)
    ended = rig.stat("sessions_ended")
    await until_doomed(rig, client)
    await client.closed(END_TIMEOUT_MS / 1000 + 3)
    await rig.session(client).closed()
    assert [message.type for message in client.received] == ["A"]
    assert [message.type for message in rig.session(client).received] == ["A"]
    assert rig.stat("sessions_ended") == ended + 1
    assert (await rig.log_on_again(client, *TRADER)).type == "A"
    await rig.assert_whole(client)


async def test_the_operators_are_warned_ahead(rig: Rig) -> None:
    client = await rig.log_on(*TRADER, ttl_s=TTL_S)

    def warnings() -> list[str]:
        lines = rig.stack.service_log.read_text().splitlines()
        return [line for line in lines if "expires soon" in line and f'"{client.comp_id}"' in line]

    await eventually(warnings, "the warning")
    assert client.of_type("5") == []
    await until_doomed(rig, client)
    assert len(warnings()) == 1
    event = await rig.event(client.comp_id, event="watch", verdict="deny")
    assert (event["severity"], event["session"]["client_id"]) == ("high", client.comp_id.lower())


async def test_a_token_that_has_expired_does_not_log_on_again(rig: Rig) -> None:
    """In mid-session the client is not told why, for its engine might count a Logout: audit and log have the reason."""
    client = await rig.log_on(*TRADER, ttl_s=TTL_S)
    await until_doomed(rig, client)
    last = client.spread()
    await assert_logged_out(rig, client, last.seq)
    connections = rig.venue.connections
    heard = len(client.received)
    await client.connect("127.0.0.1", rig.stack.port)
    client.logon(((554, rig.token(client.comp_id, ttl_s=-1)),))
    await client.closed()
    assert client.received[heard:] == []
    assert rig.venue.connections == connections
    assert (await rig.event(client.comp_id, event="logon", verdict="deny"))["reason"].startswith("the token expired at")
    assert f"a Logon without 141=Y was refused without a word: {EXPIRED}" in rig.stack.envoy_log.read_text()
    assert (await rig.log_on_again(client, *TRADER)).type == "A"
    await rig.assert_whole(client)


async def test_the_session_status_on_fixt(rig: Rig) -> None:
    client = await rig.log_on(*TRADER, version=FIXT, more=[(1137, 9)], ttl_s=TTL_S)
    await until_doomed(rig, client)
    last = client.spread()
    await assert_logged_out(rig, client, last.seq)
    assert client.of_type("5")[0].get(1409) == "8"


async def test_reports_after_the_end_are_withheld_in_sequence(rig: Rig) -> None:
    """The venue goes on sending to a session whose token has ended and whose client has not said anything yet."""
    client = await rig.log_on(*TRADER, ttl_s=TTL_S)
    order = client.spread()
    await rig.at_venue(order, client)
    await until_doomed(rig, client)
    session = rig.session(client)
    session.send("8", [(37, "V"), (11, "x"), (17, "E"), (150, "4"), (39, "4"), (1, rig.venue.account)])
    await client.wait_for_type("4")
    last = client.send(HEARTBEAT)
    await assert_logged_out(rig, client, last.seq)
