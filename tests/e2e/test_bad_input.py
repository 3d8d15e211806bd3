"""Bad input, as the first message and on a live session: the connection ends, the audit says why, nothing passes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import pytest

from authzsvc.demo.stack import Stack
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Framing, Limits
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.faults import BEGIN_STRING, FAULTS, Fault
from tests.e2e.forge import Draft, forge
from tests.e2e.rig import TRADER, Client, Line, Rig, eventually, fresh_comp_id, logon_draft

EQUITY = "order:create:equity"


async def assert_reported(rig: Rig, who: str, reason: str) -> None:
    """A high-severity event that says why the connection ended."""
    event = await rig.event(who, event="report", reason=f"violation: {reason}")
    assert (event["verdict"], event["severity"]) == ("deny", "high")


async def assert_refused_unseen(rig: Rig, line: Line, reason: str) -> None:
    """The connection ends without a word, and the venue never heard of it."""
    connections = rig.venue.connections
    assert await line.read_to_end() == b""
    await assert_reported(rig, line.address, reason)
    assert rig.venue.connections == connections


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


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_on_a_live_session(rig: Rig, fault: Fault) -> None:
    client = await rig.log_on(*TRADER, EQUITY)
    client.write(fault.spoil(client.draft()))
    await assert_ended(rig, client, fault.reason)


async def test_what_stands_before_the_fault_passes_and_what_is_behind_does_not(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    good = client.make("AB", [(11, "good")], 2)
    behind = client.make("AB", [(11, "behind")], 3)
    client.write(good.raw + b"?" + behind.raw)
    await client.closed()
    await assert_reported(rig, client.comp_id, BEGIN_STRING)
    received = rig.session(client).received[1:]
    assert [message.raw for message in received] in ([], [good.raw])


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
    client.write(client.draft("123=Y|123=N|36=9|", "4").whole())
    await assert_ended(rig, client, "a body field that the gateway acts on stands twice")


@pytest.fixture(scope="module")
def sixteen_bits(start_stack: StartStack) -> Stack:
    """In front of a venue whose engine keeps 16 bits of a tag."""
    return start_stack(FilterSettings(check=PATIENT, framing=Framing(max_tag=65_535)))


async def test_a_tag_above_the_highest(sixteen_bits: Stack, rig: Rig) -> None:
    narrow = Rig(sixteen_bits, rig.venue)
    client = await narrow.log_on(EQUITY)
    order = client.send("D", [(11, "x"), (167, "CS"), (65_535, "y")])
    assert (await narrow.at_venue(order, client)).raw == order.raw
    client.send("D", [(11, "x"), (167, "CS"), (65_703, "FUT")])
    await client.closed()
    await assert_reported(narrow, client.comp_id, "a tag is above `framing.max_tag`")
    assert [message.type for message in narrow.session(client).received] == ["A", "D"]
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
    await assert_ended(rig, client, "a second Logon on a live session")


OTHERS: dict[str, Callable[[Draft], bytes]] = {
    "49": lambda draft: draft.with_header(49, "OTHER"),
    "56": lambda draft: draft.with_header(56, "OTHER"),
    "8": lambda draft: forge(draft.text, begin="FIX.4.2"),
}


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS.keys())
async def test_another_identity_in_mid_session(rig: Rig, change: Callable[[Draft], bytes]) -> None:
    client = await rig.log_on(*TRADER, EQUITY)
    client.write(change(client.draft()))
    await assert_ended(rig, client, "BeginString, SenderCompID or TargetCompID is not the Logon's")


async def test_a_venue_that_breaks_the_profile(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    session = rig.session(client)
    session.write(forge(f"35=0|34=2|49=VENUE|56={client.comp_id}|0112=x|"))
    await client.closed()
    event = await rig.event(client.comp_id, event="report")
    assert event["direction"] == "outbound"
    assert [message.type for message in client.received] == ["A"]


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
