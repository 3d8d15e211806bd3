"""The bench's own FIX is what the strict counterparties of the demo read."""

from __future__ import annotations

import asyncio

import pytest

from authzsvc.demo.wire import Message
from benches.fairness.wire import ENTRIES, brokered_order, messages, order, value


def test_an_order_is_whole() -> None:
    read = Message.parse(order("DESK", 7, "o1"))
    assert (read.type, read.seq, read.get(49), read.get(11), read.get(167)) == ("D", 7, "DESK", "o1", "CS")


@pytest.mark.parametrize("replay", [True, False])
def test_a_message_of_the_flood_has_its_group(replay: bool) -> None:
    read = Message.parse(brokered_order("C", 2, replay=replay))
    assert read.poss_dup == replay
    assert int(read.get(453)) == ENTRIES == sum(tag == 448 for tag, _ in read.pairs)
    assert len(read.pairs) < 2_048, "`limits.max_fields` admits it"


async def test_messages_are_read_whatever_the_cuts() -> None:
    sent = [order("DESK", seq, f"o{seq}") for seq in range(2, 9)]
    whole = b"".join(sent)
    for step in (1, 7, 100, len(whole)):
        reader = asyncio.StreamReader()
        for at in range(0, len(whole), step):
            reader.feed_data(whole[at : at + step])
        reader.feed_eof()
        assert [raw async for raw in messages(reader)] == sent


def test_a_value_is_the_first_of_its_tag() -> None:
    raw = order("DESK", 7, "o1")
    assert (value(raw, 11), value(raw, 1), value(raw, 35)) == ("o1", "", "D")
