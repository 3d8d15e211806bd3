"""Who hangs up here is hung up there: FIN, RST and half-close, in both directions, with the venue played by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from authzsvc.demo.stack import Stack
from authzsvc.demo.wire import Message
from tests.e2e.conftest import StartStack
from tests.e2e.forge import forge
from tests.e2e.rig import TRADER, HandVenue, Line, Rig, fresh_comp_id, logon_draft


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, hand_venue: HandVenue) -> Stack:
    """A stack in front of the venue by hand."""
    return start_stack(upstream_port=hand_venue.port)


@pytest_asyncio.fixture(loop_scope="session")
async def ends(rig: Rig, hand_venue: HandVenue) -> AsyncIterator[tuple[Line, Line, str]]:
    """A session: the client's end, the venue's, and the client's CompID."""
    await hand_venue.hang_up()
    comp_id = fresh_comp_id()
    client = await rig.line()
    client.send(logon_draft(comp_id, rig.token(comp_id, *TRADER)).whole())
    venue = await hand_venue.line()
    assert (await venue.message()).type == "A"
    venue.send(message("A", "98=0|108=30|141=Y|", seq=1, sender="VENUE", target=comp_id))
    assert (await client.message()).type == "A"
    yield client, venue, comp_id
    await hand_venue.hang_up()


Ends = tuple[Line, Line, str]


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


async def test_a_denied_last_word_is_replaced(ends: Ends, rig: Rig) -> None:
    client, venue, comp_id = ends
    client.send(message("D", "11=x|167=CS|", seq=2, sender=comp_id, target="VENUE"))
    client.half_close()
    instead = Message.parse(await venue.read_to_end())
    assert (instead.type, instead.seq) == ("1", 2)
    assert (await rig.event(comp_id, msg_type="D"))["verdict"] == "deny"
    venue.send(message("0", f"112={instead.get(112)}|", seq=2, sender="VENUE", target=comp_id))
    await venue.close()
    reject = Message.parse(await client.read_to_end())
    assert (reject.type, reject.get(45)) == ("j", "2")


async def test_the_venue_cannot_be_reached(rig: Rig, start_stack: StartStack, unused_port: int) -> None:
    elsewhere = Rig(start_stack(upstream_port=unused_port), rig.venue)
    comp_id = fresh_comp_id()
    client = await elsewhere.line()
    client.send(logon_draft(comp_id, elsewhere.token(comp_id, *TRADER)).whole())
    assert await client.read_to_end() == b""
    assert (await elsewhere.event(comp_id, event="logon"))["verdict"] == "allow"
    await elsewhere.release()
