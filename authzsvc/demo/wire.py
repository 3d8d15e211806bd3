"""FIX on a stream, for the simulated counterparties: whole messages in, whole messages out.

simplefix makes and reads the messages; this module adds the bytes exactly as they were on the wire, which is what the
claims of the demo and of the end-to-end tests are about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import simplefix

from authzsvc.errors import FixError

SOH = b"\x01"
TRAILER = len("10=000|")
LONGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was on the wire."""

    raw: bytes
    pairs: tuple[tuple[int, bytes], ...]

    @classmethod
    def parse(cls, raw: bytes, *, empty_values: bool = False) -> Message:
        """Read one whole message, in which fields may be empty if `empty_values`; raises `FixError`."""
        parser = simplefix.FixParser(allow_empty_values=empty_values)
        parser.append_buffer(raw)
        message = parser.get_message()
        if message is None or parser.get_buffer():
            raise FixError("bytes that are not exactly one FIX message")
        return cls(raw, tuple((int(tag), value) for tag, value in message.pairs))

    @classmethod
    def build(cls, version: str, msg_type: str, pairs: Iterable[tuple[int, object]]) -> Message:
        """Make a message with its BodyLength (9) and CheckSum (10)."""
        message = simplefix.FixMessage()
        message.append_pair(8, version)
        message.append_pair(35, msg_type)
        for tag, value in pairs:
            message.append_pair(tag, value)
        return cls.parse(message.encode())

    def get(self, tag: int) -> str:
        """The first value of a tag, empty when it is absent."""
        return next((value.decode("latin-1") for found, value in self.pairs if found == tag), "")

    @property
    def type(self) -> str:
        """MsgType (35)."""
        return self.get(35)

    @property
    def seq(self) -> int:
        """MsgSeqNum (34)."""
        return int(self.get(34))

    @property
    def poss_dup(self) -> bool:
        """PossDupFlag (43) is set."""
        return self.get(43) == "Y"

    @property
    def body(self) -> tuple[tuple[int, bytes], ...]:
        """The fields that make the message what it is, whatever its number and time: no 8, 9, 10, 34, 43, 52, 122."""
        return tuple(pair for pair in self.pairs if pair[0] not in {8, 9, 10, 34, 43, 52, 122})

    def __str__(self) -> str:
        return self.raw.decode("latin-1").replace("\x01", "|")


async def read_message(reader: asyncio.StreamReader) -> Message:
    """The next message, in which fields may be empty; raises `asyncio.IncompleteReadError` where the stream ends and
    `FixError` on other bytes."""
    begin = await reader.readuntil(SOH)
    length = await reader.readuntil(SOH)
    if not begin.startswith(b"8=") or not length.startswith(b"9=") or not length[2:-1].isdigit():
        raise FixError("bytes that do not begin a FIX message")
    size = int(length[2:-1])
    if size > LONGEST:
        raise FixError(f"a message of {size} bytes")
    return Message.parse(begin + length + await reader.readexactly(size + TRAILER), empty_values=True)


def timestamp() -> str:
    """UTCTimestamp, now."""
    return datetime.now(UTC).strftime("%Y%m%d-%H:%M:%S.%f")[:-3]
