"""FIX 4.4 for the bench's own counterparties: only what they need, and fast.

A flood must cost the machine as little as possible beside what is measured, so its messages are built once, and only
the fields that somebody waits for are read.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

VENUE = "VENUE"
ENTRIES = 900
"""Of the group in each message of a flood; two fields each, so that the filter's `limits.max_fields` admits it."""

_SOH = "\x01"
_TRAILER = len("10=000|")
_FRAME = re.compile(rb"8=FIX\.4\.4\x019=(\d+)\x01")
_CHUNK = 1 << 16


def message(msg_type: str, sender: str, target: str, seq: int, body: str, *, replay: bool = False) -> bytes:
    """A whole message; `body` has `|` in the place of SOH."""
    again = "43=Y|122=20260101-00:00:00|" if replay else ""
    text = f"35={msg_type}|34={seq}|49={sender}|56={target}|{again}52=20260101-00:00:00|{body}".replace("|", _SOH)
    framed = f"8=FIX.4.4{_SOH}9={len(text)}{_SOH}{text}".encode()
    return framed + f"10={sum(framed) % 256:03d}{_SOH}".encode()


def order(sender: str, seq: int, order_id: str) -> bytes:
    """An order that the desk's scope grants."""
    return message("D", sender, VENUE, seq, f"11={order_id}|55=ACME|54=1|38=1|40=1|167=CS|")


def brokered_order(sender: str, seq: int, *, replay: bool) -> bytes:
    """An order of which all 900 parties are somebody else's, so that a rule must look at all of them."""
    parties = "448=B|452=1|" * ENTRIES
    return message("D", sender, VENUE, seq, f"11=x|453={ENTRIES}|{parties}55=ACME|54=1|38=1|40=1|", replay=replay)


def value(raw: bytes, tag: int) -> str:
    """The first value of a tag; empty where the message does not have it."""
    found = re.search(rb"\x01%d=([^\x01]*)" % tag, raw)
    return found[1].decode("latin-1") if found else ""


async def messages(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yields whole messages until the stream ends."""
    held = bytearray()
    while chunk := await reader.read(_CHUNK):
        held += chunk
        while (frame := _FRAME.match(held)) and len(held) >= (end := frame.end() + int(frame[1]) + _TRAILER):
            yield bytes(held[:end])
            del held[:end]
