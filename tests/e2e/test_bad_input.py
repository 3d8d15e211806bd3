"""Bad input. As the first message it ends the connection. On a live session it is answered in sequence or ignored, as
an engine would; what cannot be answered ends the session. The audit says why, and nothing of it passes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import pytest

from authzsvc.demo.stack import Stack
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Framing, Limits
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.faults import BEGIN_STRING, FAULTS, FOREIGN, Fault, Outcome
from tests.e2e.forge import Draft, forge
from tests.e2e.rig import TRADER, Client, Line, Rig, eventually, fresh_comp_id, logon_draft

EQUITY = "order:create:equity"


async def assert_reported(rig: Rig, who: str, reason: str) -> None:
    """A high-severity event whose reason begins so."""

    def find() -> list[dict[str, object]]:
        return [event for event in rig.events(who) if event["reason"].startswith(f"violation: {reason}")]

    event = (await eventually(find, f"the report of `{reason}` among {rig.events(who)}"))[0]
    assert (event["event"], event["verdict"], event["severity"]) == ("report", "deny", "high")


async def assert_refused_unseen(rig: Rig, line: Line, reason: str) -> None:
    """The connection ends without a word, and the venue never heard of it."""
    connections = rig.venue.connections
    assert await line.read_to_end() == b""
    await assert_reported(rig, line.address, reason)
    assert rig.venue.connections == connections


async def assert_rejected(rig: Rig, client: Client, bad: bytes) -> None:
    """The message is answered in sequence: a TestRequest to the venue, a session Reject to the client."""
    seq = client.next_out
    client.write(bad)
    client.next_out += 1
    reject = await client.wait_for_type("3")
    assert reject.get(45) == str(seq)
    assert reject.get(58) != ""
    session = rig.session(client)
    assert (await session.wait_for(lambda message: message.seq == seq)).type == "1"


async def assert_ended(rig: Rig, client: Client, reason: str) -> None:
    """Both connections end, and nothing came to the venue but the Logon."""
    await client.closed()
    await rig.session(client).closed()
    await assert_reported(rig, client.comp_id, reason)
    assert [message.type for message in rig.session(client).received] == ["A"]
    assert [message.type for message in client.received] == ["A"]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_as_the_first_message(rig: Rig, fault: Fault) -> None:
    comp_id = fresh_comp_id()
    line = await rig.line()
    line.send(fault.spoil(logon_draft(comp_id, rig.token(comp_id, *TRADER))))
    await assert_refused_unseen(rig, line, fault.reason)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.outcome is Outcome.REJECTED], ids=str)
async def test_is_rejected_on_a_live_session(rig: Rig, fault: Fault) -> None:
    client = await rig.log_on(*TRADER, EQUITY)
    await assert_rejected(rig, client, fault.spoil(client.draft()))
    await assert_reported(rig, client.comp_id, fault.later_reason)
    spread = client.spread()
    assert (await rig.at_venue(spread, client)).raw == spread.raw
    await rig.assert_whole(client)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.outcome is Outcome.IGNORED], ids=str)
async def test_is_ignored_on_a_live_session(rig: Rig, fault: Fault) -> None:
    client = await rig.log_on(*TRADER, EQUITY)
    client.write(fault.spoil(client.draft()))
    spread = client.spread()
    session = rig.session(client)
    await session.wait_for(lambda message: message.raw == spread.raw)
    await assert_reported(rig, client.comp_id, fault.later_reason)
    assert {message.type for message in session.received} <= {"A", "1", "AB"}  # the order without a scope is denied
    await client.disconnect()


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.outcome is Outcome.CLOSED], ids=str)
async def test_closes_a_live_session(rig: Rig, fault: Fault) -> None:
    client = await rig.log_on(*TRADER, EQUITY)
    client.write(fault.spoil(client.draft()))
    await assert_ended(rig, client, fault.later_reason)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.outcome is Outcome.ENDED], ids=str)
async def test_ends_a_live_session_in_sequence(rig: Rig, fault: Fault) -> None:
    client = await rig.log_on(*TRADER, EQUITY)
    client.write(fault.spoil(client.draft()))
    assert (await client.wait_for_type("5")).get(58) == "Incorrect BeginString"
    await client.closed()
    await assert_reported(rig, client.comp_id, fault.later_reason)
    assert [message.type for message in rig.session(client).received] == ["A", "5"]


async def test_a_client_that_sends_the_same_again_after_its_logon_keeps_its_session(rig: Rig) -> None:
    """Its engine has a message with an empty Text in its store: the venue asks for the number, and gets a GapFill."""
    client = await rig.log_on(*TRADER, EQUITY)
    await assert_rejected(rig, client, client.draft("11=x|55=ACME|58=|").whole())
    await client.disconnect()
    assert (await rig.log_on_again(client, *TRADER, EQUITY)).type == "A"
    replay = Draft("D", f"34=2|49={client.comp_id}|56=VENUE|43=Y|52=20261120-10:00:00|122=20261120-10:00:00|", "58=|")
    client.write(replay.whole())
    session = rig.session(client)
    fill = await session.wait_for(lambda message: message.type == "4")
    assert (fill.seq, fill.get(43), fill.get(123), fill.get(36)) == (2, "Y", "Y", "3")
    spread = client.spread()
    assert (await rig.at_venue(spread, client)).raw == spread.raw


async def test_good_messages_around_a_bad_one_in_one_read_go_on(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    before, behind = (client.make("AB", [(11, id_)], seq) for id_, seq in (("before", 2), ("behind", 4)))
    client.next_out = 3
    client.write(before.raw + client.draft("11=bad|58=|", "AB").whole() + b"?" + behind.raw)
    reject = await client.wait_for_type("3")
    assert (reject.get(45), reject.get(371), reject.get(372), reject.get(373)) == ("3", "58", "AB", "4")
    session = rig.session(client)
    await session.wait_for(lambda message: message.raw == behind.raw)
    assert [message.type for message in session.received] == ["A", "AB", "1", "AB"]
    await assert_reported(rig, client.comp_id, f"{BEGIN_STRING}: ignored")


async def test_too_many_bad_messages_end_the_session_in_sequence(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    for _ in range(59):
        client.write(client.draft("58=|").whole())
        client.next_out += 1
    await client.wait_until(lambda: len(client.of_type("3")) == 59)
    client.write(client.draft("58=|").whole())
    logout = await client.wait_for_type("5")
    assert logout.get(58) == "Session ended: too many malformed messages"
    await client.closed()
    await rig.event(
        client.comp_id, event="report", reason="limit: session ended by `limits.violations_per_minute` (60)"
    )


async def test_a_tag_that_some_read_as_sixteen_bits(rig: Rig) -> None:
    """65703 is 167 modulo 65536: a tag of its own to us, so it satisfies no condition on 167."""
    client = await rig.log_on(EQUITY)
    order = client.send("D", [(11, "x"), (65_703, "CS")])
    assert (await client.reject_of(order)).get(380) == "6"
    assert (await rig.at_venue(order, client)).type == "1"
    assert (await rig.event(client.comp_id, msg_type="D"))["verdict"] == "deny"


async def test_a_sequence_reset_of_two_modes(rig: Rig) -> None:
    """quickfixgo reads the last 123: a GapFill to the gateway would be a reset to the venue."""
    client = await rig.log_on(*TRADER)
    await assert_rejected(rig, client, client.draft("123=Y|123=N|36=9|", "4").whole())
    await assert_reported(rig, client.comp_id, "a body field that the gateway acts on stands twice (tag 123)")


@pytest.fixture(scope="module")
def sixteen_bits(start_stack: StartStack) -> Stack:
    """In front of a venue whose engine keeps 16 bits of a tag."""
    return start_stack(FilterSettings(check=PATIENT, framing=Framing(max_tag=65_535)))


async def test_a_tag_above_the_highest(sixteen_bits: Stack, rig: Rig) -> None:
    narrow = Rig(sixteen_bits, rig.venue)
    client = await narrow.log_on(EQUITY)
    order = client.send("D", [(11, "x"), (167, "CS"), (65_535, "y")])
    assert (await narrow.at_venue(order, client)).raw == order.raw
    beyond = client.send("D", [(11, "x"), (167, "CS"), (65_703, "FUT")])
    assert (await client.reject_of(beyond)).get(371) == "65703"
    await assert_reported(narrow, client.comp_id, "a tag is above `framing.max_tag`")
    assert [message.type for message in narrow.session(client).received] == ["A", "D", "1"]
    await narrow.release()


@pytest.mark.parametrize("values", [("CS", "FUT"), ("FUT", "CS"), ("FUT", "FUT")])
async def test_a_condition_must_hold_for_every_occurrence(rig: Rig, values: tuple[str, str]) -> None:
    client = await rig.log_on(EQUITY)
    order = client.send("D", [(11, "x"), *((167, value) for value in values)])
    assert (await client.reject_of(order)).get(380) == "6"
    assert (await rig.at_venue(order, client)).type == "1"


# --- the session's own rules ---


async def test_the_first_message_is_no_logon(rig: Rig) -> None:
    comp_id = fresh_comp_id()
    line = await rig.line()
    line.send(Draft("D", f"34=1|49={comp_id}|56=VENUE|52=20261120-10:00:00|", "11=x|167=CS|").whole())
    await assert_refused_unseen(rig, line, "the first message is not a Logon")


async def test_two_credentials(rig: Rig) -> None:
    comp_id = fresh_comp_id()
    line = await rig.line()
    line.send(logon_draft(comp_id, rig.token(comp_id, *TRADER), more="554=another|").whole())
    await assert_refused_unseen(rig, line, "a credential field stands twice")


async def test_a_second_logon(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    client.logon(((554, rig.token(client.comp_id, *TRADER, EQUITY)),))
    assert (await client.wait_for_type("5")).get(58) == "The session is logged on already"
    await client.closed()
    await assert_reported(rig, client.comp_id, "a second Logon on a live session")


OTHERS: dict[str, tuple[Callable[[Draft], bytes], str]] = {
    "49": (lambda draft: draft.with_header(49, "OTHER"), "CompID problem"),
    "56": (lambda draft: draft.with_header(56, "OTHER"), "CompID problem"),
    "8": (lambda draft: forge(draft.text, begin="FIX.4.2"), "Incorrect BeginString"),
}


@pytest.mark.parametrize(("change", "said"), OTHERS.values(), ids=OTHERS.keys())
async def test_another_identity_in_mid_session(rig: Rig, change: Callable[[Draft], bytes], said: str) -> None:
    client = await rig.log_on(*TRADER, EQUITY)
    client.write(change(client.draft()))
    assert (await client.wait_for_type("5")).get(58) == said
    await client.closed()
    await assert_reported(rig, client.comp_id, FOREIGN)
    logout = rig.session(client).received[-1]
    assert (logout.type, logout.seq, logout.get(49)) == ("5", 2, client.comp_id)


async def test_a_venue_that_breaks_the_profile(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    session = rig.session(client)
    session.write(forge(f"35=8|34=2|49=VENUE|56={client.comp_id}|52=20261120-10:00:00|58=|"))
    fill = await client.wait_for_type("4")
    assert (fill.seq, fill.get(123), fill.get(36)) == (2, "Y", "3")
    event = await rig.event(client.comp_id, event="report")
    assert event["direction"] == "outbound"
    spread = client.spread()
    assert (await rig.at_venue(spread, client)).raw == spread.raw


# --- connections ---


async def test_tls_to_a_plain_port(rig: Rig) -> None:
    connections = rig.venue.connections
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await rig.line(ssl=ssl.create_default_context(), server_hostname="localhost")
    assert rig.venue.connections == connections
    await eventually(
        lambda: [event for event in rig.stack.events() if event["reason"] == f"violation: {BEGIN_STRING}"],
        "the event",
    )


@pytest.mark.parametrize("kept", [1, 12, 60, -1])
async def test_gone_in_the_middle_of_the_logon(rig: Rig, kept: int) -> None:
    connections = rig.venue.connections
    comp_id = fresh_comp_id()
    line = await rig.line()
    line.send(logon_draft(comp_id, rig.token(comp_id, *TRADER)).whole()[:kept])
    line.half_close()
    assert await line.read_to_end() == b""
    assert rig.venue.connections == connections


async def test_gone_in_the_middle_of_an_order(rig: Rig) -> None:
    """The venue hears nothing of it, and of the end at once."""
    comp_id = fresh_comp_id()
    line = await rig.line()
    line.send(logon_draft(comp_id, rig.token(comp_id, *TRADER)).whole())
    await line.message()
    line.send(Draft("AB", f"34=2|49={comp_id}|56=VENUE|52=x|", "11=x|").whole()[:-1])
    line.half_close()
    assert await line.read_to_end() == b""
    session = rig.venue.session(comp_id)
    await session.closed()
    assert [message.type for message in session.received] == ["A"]


async def test_reset_in_the_middle_of_an_order(rig: Rig) -> None:
    """Nothing can be asked once the connection is gone, so Envoy's log has it."""
    comp_id = fresh_comp_id()
    line = await rig.line()
    line.send(logon_draft(comp_id, rig.token(comp_id, *TRADER)).whole())
    await line.message()
    line.send(Draft("AB", f"34=2|49={comp_id}|56=VENUE|52=x|", "11=x|").whole()[:-1])
    await asyncio.sleep(0.1)  # a reset would overtake bytes that Envoy has not read yet
    line.reset()
    session = rig.venue.session(comp_id)
    await session.closed()
    assert [message.type for message in session.received] == ["A"]
    await eventually(lambda: "gone in the middle of a message" in rig.stack.envoy_log.read_text(), "the log line")


async def test_connected_and_gone(rig: Rig) -> None:
    connections = rig.venue.connections
    line = await rig.line()
    line.half_close()
    assert await line.read_to_end() == b""
    assert rig.venue.connections == connections


async def test_all_bytes_one_at_a_time(rig: Rig) -> None:
    client = await rig.connect()
    token = rig.token(client.comp_id, *TRADER)
    messages = [client.make("A", [(98, 0), (108, 30), (141, "Y"), (554, token)], 1)]
    messages += [client.make("AB", [(11, "o1"), (58, "x=y")], 2), client.make("D", [(11, "o2"), (167, "CS")], 3)]
    messages += [client.make("F", [(11, "o3"), (41, "o1")], 4), client.make("1", [(112, "end")], 5)]
    for byte in b"".join(message.raw for message in messages):
        client.write(bytes([byte]))
        await asyncio.sleep(0)

    await client.wait_for(lambda message: message.get(112) == "end")
    session = rig.session(client)
    assert [message.type for message in session.received] == ["A", "AB", "1", "F", "1"]
    assert [message.raw for message in session.received if message.type in {"AB", "F"}] == [
        messages[1].raw,
        messages[3].raw,
    ]
    assert [reject.get(45) for reject in client.of_type("j")] == ["3"]


# --- time ---


@pytest.fixture(scope="module")
def impatient_stack(start_stack: StartStack) -> Stack:
    """A stack that waits for a Logon no longer than 300 ms."""
    return start_stack(FilterSettings(check=PATIENT, limits=Limits(logon_timeout_ms=300)))


@pytest.mark.parametrize("said", ["nothing", "the beginning of a Logon"])
async def test_a_connection_without_a_logon(impatient_stack: Stack, rig: Rig, said: str) -> None:
    impatient = Rig(impatient_stack, rig.venue)
    line = await impatient.line()
    if said != "nothing":
        line.send(logon_draft("X", "token").whole()[:40])
    await assert_refused_unseen(impatient, line, "no Logon was authorized in time")
    await impatient.release()


async def test_a_session_outlives_the_logon_timeout(impatient_stack: Stack, rig: Rig) -> None:
    impatient = Rig(impatient_stack, rig.venue)
    client = await impatient.log_on(*TRADER)
    await asyncio.sleep(0.6)
    spread = client.spread()
    assert (await impatient.at_venue(spread, client)).raw == spread.raw
    await impatient.release()
