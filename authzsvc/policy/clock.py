"""The gateway's own clock as a field: `now` in a rule's `when`.

Where a rule asks for the time, the message that is decided gets one more field, under a tag that no message can have.
So conditions on the clock are conditions like all others. A question that does not tell the time has an empty field
there, which leaves each such condition in doubt.
"""

from __future__ import annotations

from datetime import UTC, datetime

from authzsvc.fix.fields import Fields

TAG = 0
NAME = "now"


def with_clock(fields: Fields, now: float | None) -> Fields:
    """Give a message's fields and the time (Unix time, seconds); None for a time that nobody told."""
    return Fields((*fields.pairs, (TAG, b"" if now is None else timestamp(now))))


def timestamp(now: float) -> bytes:
    """Write a time as a FIX UTCTIMESTAMP of whole seconds."""
    return f"{datetime.fromtimestamp(int(now), UTC):%Y%m%d-%H:%M:%S}".encode()


def unix_time(timestamp: bytes) -> float:
    """Read the plain form of a FIX UTCTIMESTAMP."""
    moment = datetime.strptime(timestamp[:17].decode(), "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    return moment.timestamp()
