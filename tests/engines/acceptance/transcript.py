"""What a client received while a definition was played, and the first difference between two of these.

Two messages are alike when they have the same fields with the same values in any order. The fields that depend on time
or on length do not count: 9, 10, 52, 60 and 122.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

IGNORED = frozenset({b"9", b"10", b"52", b"60", b"122"})
HUNG_UP = b""
"""Stands behind the last message of a connection that the other side has ended."""
_MESSAGE = re.compile(rb"8=[^\x01]+\x019=(\d+)\x01")
_TRAILER = len("10=000|")

Fields = tuple[tuple[bytes, bytes], ...]


@dataclass
class Transcript:
    """What came on each connection, in the order of their `CONNECT`."""

    connections: list[list[bytes]] = field(default_factory=list)
    """Messages, and `HUNG_UP` last."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where a transcript through the gateway departs from that of the bare engine."""

    connection: int
    place: int
    bare: str
    gateway: str

    @property
    def text_alone(self) -> bool:
        """Both are messages and differ in nothing but Text (58)."""
        return _without_text(self.bare) == _without_text(self.gateway) != ""

    def __str__(self) -> str:
        return f"connection {self.connection}, {self.place}: bare `{self.bare}`, gateway `{self.gateway}`"


def difference(bare: Transcript, gateway: Transcript) -> Difference | None:
    """The first difference, or `None` where the two are alike."""
    missing: list[bytes] = []
    for number, expected in enumerate(bare.connections):
        found = gateway.connections[number] if number < len(gateway.connections) else missing
        for place in range(max(len(expected), len(found))):
            left, right = _shown(expected, place), _shown(found, place)
            if left != right:
                return Difference(number + 1, place + 1, left, right)
    return None


def _shown(events: list[bytes], place: int) -> str:
    if place >= len(events):
        return "nothing"
    if events[place] == HUNG_UP:
        return "the end of the connection"
    return "|".join(f"{tag.decode('latin-1')}={value.decode('latin-1')}" for tag, value in fields_of(events[place]))


def fields_of(message: bytes) -> Fields:
    """The fields that count, in one order for all messages: 8, 35 and 34 first, the others by their tag."""
    pairs = (pair.partition(b"=") for pair in message.split(b"\x01")[:-1])
    kept = [(tag, value) for tag, _, value in pairs if tag not in IGNORED]
    return tuple(sorted(kept, key=lambda pair: (_RANK.get(pair[0], 9), pair[0].zfill(7))))


_RANK = {b"8": 0, b"35": 1, b"34": 2}


def _without_text(message: str) -> str:
    if not message.startswith("8="):
        return ""
    return re.sub(r"\|58=[^|]*", "", message)


def messages_in(buffer: bytearray) -> Iterator[bytes]:
    """Takes the whole messages off the head of `buffer`. Bytes that begin no message come as one."""
    while buffer:
        head = _MESSAGE.match(buffer)
        if head is None:
            if _may_become_a_message(buffer):
                return
            yield bytes(buffer)
            buffer.clear()
            return
        end = head.end() + int(head[1]) + _TRAILER
        if len(buffer) < end:
            return
        yield bytes(buffer[:end])
        del buffer[:end]


def _may_become_a_message(buffer: bytearray) -> bool:
    return b"8=".startswith(buffer[:2]) and buffer.count(b"\x01") < 2
