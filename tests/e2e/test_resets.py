"""A Logon with 141=Y in a running session, and what some venues send: empty values, messages in data, numbers beyond
10^9."""

from __future__ import annotations

import pytest

from authzsvc.demo.stack import Stack
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Framing
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.forge import forge
from tests.e2e.rig import TRADER, Client, Rig

EQUITY = "order:create:equity"


async def assert_trades(rig: Rig, client: Client) -> None:
    spread = client.spread()
    await rig.session(client).wait_for(lambda message: message.raw == spread.raw)
    await rig.assert_whole(client)


async def test_the_clients_needs_no_credential_and_begins_both_numbers_anew(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    await assert_trades(rig, client)
    heard = len(client.received)
    logon = client.logon(reset=True)
    answer = await client.wait_for(lambda message: message.type == "A", after=heard)
    assert (answer.seq, answer.get(141)) == (1, "Y")
    assert rig.session(client).received[-1].raw == logon.raw
    await assert_trades(rig, client)
    denied = client.send("D", [(11, "x"), (167, "CS")])
    assert (await client.reject_of(denied)).get(45) == "3"
    reason = "reset: the client's Logon with 141=Y begins the numbers anew"
    assert (await rig.event(client.comp_id, event="report", reason=reason))["direction"] == "inbound"


async def test_a_valid_token_in_it_is_a_renewal(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    denied = client.send("D", [(11, "x"), (167, "CS")])
    await client.reject_of(denied)
    heard = len(client.received)
    fresh = rig.token(client.comp_id, *TRADER, EQUITY)
    client.logon([(554, fresh)], reset=True)
    await client.wait_for(lambda message: message.type == "A", after=heard)
    session = rig.session(client)
    assert fresh.encode() not in session.received[-1].raw
    order = client.send("D", [(11, "y"), (167, "CS")])
    await session.wait_for(lambda message: message.raw == order.raw)
    await rig.assert_whole(client)


async def test_a_token_of_another_identity_in_it_ends_the_session(rig: Rig) -> None:
    """The client has begun its numbers anew, and the venue has not: nothing can take the Logon's place there."""
    client = await rig.log_on(*TRADER)
    client.logon([(554, rig.token("SOMEBODY", *TRADER))], reset=True)
    logout = await client.wait_for_type("5")
    assert (logout.seq, logout.get(58)) == (1, "access token not accepted")
    await client.closed()
    session = rig.session(client)
    await session.closed()
    assert [message.type for message in session.received] == ["A"]
    await rig.log_on_again(client, *TRADER)


async def test_the_venues_is_answered_by_the_client(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    await assert_trades(rig, client)
    session = rig.session(client)
    heard = len(client.received)
    session.on_message = lambda *_: None  # it does not answer the answer
    session.logon(reset=True)
    assert (await client.wait_for(lambda message: message.type == "A", after=heard)).seq == 1
    client.next_out = 1
    answer = client.send("A", [(98, 0), (108, 30), (141, "Y")])
    await session.wait_for(lambda message: message.raw == answer.raw)
    await assert_trades(rig, client)


@pytest.fixture(scope="module")
def lenient(start_stack: StartStack) -> Stack:
    """A gateway that takes empty values, and data with separators."""
    return start_stack(FilterSettings(check=PATIENT, framing=Framing(empty_values=True, separators_in_data=True)))


async def test_empty_values_pass_where_no_decision_rests_on_them(lenient: Stack, rig: Rig) -> None:
    other = Rig(lenient, rig.venue)
    client = await other.log_on(*TRADER, EQUITY)
    whole = client.draft("11=x|167=CS|55=A|453=1|448=|447=D|452=1|58=|").whole()
    client.write(whole)
    client.next_out += 1
    await other.session(client).wait_for(lambda message: message.raw == whole)
    client.write(client.draft("11=y|167=|55=A|").whole())
    client.next_out += 1
    assert (await client.wait_for_type("j")).get(380) == "6"
    event = await other.event(client.comp_id, verdict="deny", msg_type="D")
    assert event["reason"] == "`order:create:equity` needs SecurityType=CS, the message has no SecurityType"
    await client.disconnect()
    await other.release()


async def test_a_message_inside_data_passes_exactly(lenient: Stack, rig: Rig) -> None:
    other = Rig(lenient, rig.venue)
    client = await other.log_on(*TRADER)
    inner = "<RTRF>" + forge("35=8|34=7|49=CME|56=FIRM|37=1|").decode().replace("\x01", "|") + "</RTRF>"
    body = f"35=n|34=2|49=VENUE|56={client.comp_id}|52=20261130-10:00:00|212={len(inner)}|213={inner}|"
    other.session(client).write(forge(body))
    await client.wait_until(lambda: any("RTRF" in message.raw.decode() for message in client.received))
    assert client.received[-1].raw == forge(body)
    await client.disconnect()
    await other.release()


async def test_numbers_beyond_ten_to_the_ninth(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    session = rig.session(client)
    client.next_out = session.next_in = 5_000_000_000
    session.next_out = client.next_in = 9_000_000_000_000
    await assert_trades(rig, client)
    denied = client.send("D", [(11, "x"), (167, "CS")])
    assert (await client.reject_of(denied)).seq > 9_000_000_000_000
    event = await rig.event(client.comp_id, verdict="deny", msg_type="D")
    assert event["msg_seq_num"] == denied.seq
    await rig.assert_whole(client)
