"""Who hangs up here is hung up there: FIN, RST and half-close, in both directions, with the venue played by hand.

What was sent before an end arrives. Whichever side ends, and whatever the other side does, both connections are closed
within `limits.logout_timeout_ms`, and the session's FIX identity is free.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from time import monotonic

import pytest
import pytest_asyncio

from authzsvc.demo.stack import Stack
from tests.e2e.conftest import StartStack
from tests.e2e.forge import forge
from tests.e2e.rig import TRADER, HandVenue, Line, Rig, eventually, fresh_comp_id, logon_draft

PATIENCE_S = 2.0
"""`limits.logout_timeout_ms` by default."""
SLACK_S = 3.0
"""A busy machine's."""


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, hand_venue: HandVenue) -> Stack:
    """A stack in front of the venue by hand."""
    return start_stack(upstream_port=hand_venue.port)


Ends = tuple[Line, Line, str]


async def log_on(rig: Rig, hand_venue: HandVenue, comp_id: str) -> Ends:
    """A session on fresh connections."""
    client = await rig.line()
    client.send(logon_draft(comp_id, rig.token(comp_id, *TRADER)).whole())
    venue = await hand_venue.line()
    assert (await venue.message()).type == "A"
    venue.send(message("A", "98=0|108=30|141=Y|", seq=1, sender="VENUE", target=comp_id))
    assert (await client.message()).type == "A"
    return client, venue, comp_id


@pytest_asyncio.fixture(loop_scope="session")
async def ends(rig: Rig, hand_venue: HandVenue) -> AsyncIterator[Ends]:
    """A session: the client's end, the venue's, and the client's CompID."""
    await hand_venue.hang_up()
    yield await log_on(rig, hand_venue, fresh_comp_id())
    await hand_venue.hang_up()


async def assert_closed(line: Line) -> None:
    """The connection is closed, and not only half: what is still written to it is answered with a reset."""

    def is_refused() -> bool:
        line.send(b"x")
        return line.writer.transport.is_closing()

    await eventually(is_refused, "a reset")


def message(msg_type: str, body: str, *, seq: int, sender: str, target: str) -> bytes:
    """Any message."""
    return forge(f"35={msg_type}|34={seq}|49={sender}|56={target}|52=20261120-10:00:00.000|{body}")


async def test_the_client_closes(ends: Ends) -> None:
    client, venue, _ = ends
    await client.close()
    assert await venue.read_to_end() == b""


async def test_the_client_resets(ends: Ends) -> None:
    client, venue, _ = ends
    client.reset()
    assert await venue.read_to_end() == b""


async def test_the_venue_closes(ends: Ends) -> None:
    client, venue, _ = ends
    await venue.close()
    assert await client.read_to_end() == b""


async def test_the_venue_resets(ends: Ends) -> None:
    client, venue, _ = ends
    venue.reset()
    assert await client.read_to_end() == b""


async def test_the_client_half_closes(ends: Ends) -> None:
    client, venue, comp_id = ends
    client.half_close()
    assert await venue.read_to_end() == b""

    # The other direction is still open.
    beat = message("0", "", seq=2, sender="VENUE", target=comp_id)
    venue.send(beat)
    assert (await client.message()).raw == beat
    await venue.close()
    assert await client.read_to_end() == b""


async def test_the_venue_half_closes(ends: Ends) -> None:
    client, venue, comp_id = ends
    venue.half_close()
    assert await client.read_to_end() == b""

    cancel = message("F", "11=x|41=y|", seq=2, sender=comp_id, target="VENUE")
    client.send(cancel)
    assert (await venue.message()).raw == cancel
    await client.close()
    assert await venue.read_to_end() == b""


async def test_last_words_of_the_client_arrive(ends: Ends) -> None:
    client, venue, comp_id = ends
    words = [message("F", f"11={n}|41=y|", seq=n, sender=comp_id, target="VENUE") for n in range(2, 30)]
    client.send(b"".join(words))
    client.half_close()
    assert await venue.read_to_end() == b"".join(words)


async def test_last_words_of_the_venue_arrive(ends: Ends) -> None:
    client, venue, comp_id = ends
    body = "37=V|11=o|17=E|150=0|39=0|1=ALGO-1|55=SPX|"
    words = [message("8", body, seq=n, sender="VENUE", target=comp_id) for n in range(2, 30)]
    venue.send(b"".join(words))
    await venue.close()
    assert await client.read_to_end() == b"".join(words)


async def test_a_denied_last_word_is_rejected(ends: Ends, rig: Rig) -> None:
    """The venue hears of the end behind its answer, for it might close and not answer."""
    client, venue, comp_id = ends
    client.send(message("D", "11=x|167=CS|", seq=2, sender=comp_id, target="VENUE"))
    client.half_close()
    instead = await venue.message()
    assert (instead.type, instead.seq) == ("1", 2)
    assert (await rig.event(comp_id, msg_type="D"))["verdict"] == "deny"
    with pytest.raises(TimeoutError):
        await venue.read(1, 0.5)
    venue.send(message("0", f"112={instead.get(112)}|", seq=2, sender="VENUE", target=comp_id))
    reject = await client.message()
    assert (reject.type, reject.get(45)) == ("j", "2")
    assert await venue.read_to_end() == b""
    await venue.close()
    assert await client.read_to_end() == b""


async def test_a_client_that_stays_silently_after_the_venues_end_is_closed(
    ends: Ends, rig: Rig, hand_venue: HandVenue
) -> None:
    client, venue, comp_id = ends
    began = monotonic()
    venue.half_close()
    assert await client.read_to_end() == b""
    assert await venue.read_to_end(PATIENCE_S + SLACK_S) == b""
    assert PATIENCE_S - 0.1 < monotonic() - began < PATIENCE_S + SLACK_S
    await log_on(rig, hand_venue, comp_id)
    await assert_closed(client)


async def test_a_venue_that_stays_after_the_clients_end_is_closed(ends: Ends, rig: Rig, hand_venue: HandVenue) -> None:
    client, venue, comp_id = ends
    client.half_close()
    assert await venue.read_to_end() == b""
    began = monotonic()
    assert await client.read_to_end(PATIENCE_S + SLACK_S) == b""
    assert monotonic() - began > PATIENCE_S - 0.3
    await log_on(rig, hand_venue, comp_id)
    await assert_closed(venue)


async def test_a_client_comes_back_at_once_while_its_old_venues_side_still_closes(
    ends: Ends, rig: Rig, hand_venue: HandVenue
) -> None:
    """Its Logon waits until the old session has ended, for at most one may live."""
    client, venue, comp_id = ends
    await client.close()
    await log_on(rig, hand_venue, comp_id)
    await assert_closed(venue)


async def test_both_end_at_once(ends: Ends, rig: Rig, hand_venue: HandVenue) -> None:
    """While the service hangs, so that what both have said still waits when they end."""
    client, venue, comp_id = ends
    word = message("F", "11=x|41=y|", seq=2, sender=comp_id, target="VENUE")
    report = message("8", "37=V|11=o|17=E|150=0|39=0|1=ALGO-1|55=SPX|", seq=2, sender="VENUE", target=comp_id)
    assert rig.stack.service is not None
    rig.stack.service.signal(signal.SIGSTOP)
    try:
        client.send(word)
        venue.send(report)
        client.half_close()
        venue.half_close()
        await asyncio.sleep(0.3)
    finally:
        rig.stack.service.signal(signal.SIGCONT)
    assert await venue.read_to_end() == word
    assert await client.read_to_end() == report
    await log_on(rig, hand_venue, comp_id)


async def test_reports_of_a_venue_that_has_closed_are_delivered_though_the_client_goes_on(ends: Ends, rig: Rig) -> None:
    """What the client sends meanwhile must not reach the closed venue: its reset would take the reports with it."""
    client, venue, comp_id = ends
    assert rig.stack.service is not None
    body = "37=V|11=o|17=E|150=0|39=0|1=ALGO-1|55=SPX|"
    words = [message("8", body, seq=n, sender="VENUE", target=comp_id) for n in range(2, 30)]
    rig.stack.service.signal(signal.SIGSTOP)
    try:
        venue.send(b"".join(words))
        await venue.close()
        await asyncio.sleep(0.3)
        for number in range(2, 5):
            client.send(message("0", "", seq=number, sender=comp_id, target="VENUE"))
            await asyncio.sleep(0.1)
    finally:
        rig.stack.service.signal(signal.SIGCONT)
    assert await client.read_to_end() == b"".join(words)


async def test_a_message_that_an_end_cuts_off_is_ignored(ends: Ends, rig: Rig) -> None:
    client, venue, comp_id = ends
    violations = rig.stat("violations")
    whole = message("F", "11=x|41=y|", seq=2, sender=comp_id, target="VENUE")
    client.send(whole + message("F", "11=y|41=y|", seq=3, sender=comp_id, target="VENUE")[:-1])
    client.half_close()
    assert await venue.read_to_end() == whole
    beat = message("0", "", seq=2, sender="VENUE", target=comp_id)
    venue.send(beat + beat[:-1])
    await venue.close()
    assert await client.read_to_end() == beat
    assert rig.stat("violations") == violations


async def test_the_venue_cannot_be_reached(rig: Rig, start_stack: StartStack, unused_port: int) -> None:
    elsewhere = Rig(start_stack(upstream_port=unused_port), rig.venue)
    comp_id = fresh_comp_id()
    client = await elsewhere.line()
    client.send(logon_draft(comp_id, elsewhere.token(comp_id, *TRADER)).whole())
    assert await client.read_to_end() == b""
    assert (await elsewhere.event(comp_id, event="logon"))["verdict"] == "allow"
    await elsewhere.release()
