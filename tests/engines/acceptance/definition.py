"""Reads QuickFIX's acceptance definitions: files that say what a client sends and what an engine must answer.

A line is one step. `I` is followed by a message to send, `E` by a message to expect. `iCONNECT` and `iDISCONNECT` open
and end a connection, and `eDISCONNECT` waits until the engine ends it. `I2,…` names the connection; without a number it
is 1. Every other line is a comment. In a message, `<TIME>`, `<TIME+n>` and `<TIME-n>` stand for the time of sending.
BodyLength (9) and CheckSum (10) are computed where the definition gives none.

Messages that do not begin with `8=` are sent as they stand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

SOH = b"\x01"
_LINE = re.compile(rb"([IEie])(?:(\d),)?(.*)", re.DOTALL)
_TIME = re.compile(rb"<TIME(?:([+-])(\d+))?>")
_HEAD = re.compile(rb"8=[^\x01]*\x01")
_LENGTH = re.compile(rb"9=(\d+)\x01")
_SUM = re.compile(rb"\x0110=([^\x01]*)\x01\Z")
HEARTBEAT = re.compile(rb"\x01108=(\d{1,3})\x01")


class DefinitionError(ValueError):
    """A line that is no step."""


class Act(Enum):
    """What a step does."""

    CONNECT = "connect"
    DISCONNECT = "disconnect"
    SEND = "send"
    EXPECT = "expect"
    EXPECT_DISCONNECT = "expect the end of the connection"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a definition."""

    act: Act
    connection: int = 1
    message: bytes = b""
    """As the definition has it; `complete` makes it one for the wire."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A file of steps."""

    name: str
    """`fix44/14d_TagSpecifiedWithoutValue`."""
    steps: tuple[Step, ...]

    @property
    def version(self) -> str:
        """The folder's name: `fix44`."""
        return self.name.partition("/")[0]

    @property
    def heartbeat_s(self) -> int:
        """The longest HeartBtInt (108) of the Logons, up to 10 s: no definition waits for a longer one."""
        asked = (int(found[1]) for step in self.steps for found in HEARTBEAT.finditer(step.message))
        return max((seconds for seconds in asked if seconds <= 10), default=0)


def read(file: Path) -> Definition:
    """The definition in a file. Raises `DefinitionError`."""
    return Definition(f"{file.parent.name}/{file.stem}", parse(file.read_bytes()))


def parse(text: bytes) -> tuple[Step, ...]:
    """The steps in the text of a definition. Raises `DefinitionError`."""
    return tuple(_step(line.rstrip(b"\r")) for line in text.split(b"\n") if line[:1] in (b"I", b"E", b"i", b"e"))


def _step(line: bytes) -> Step:
    match = _LINE.fullmatch(line)
    assert match is not None
    kind, connection, rest = match[1], int(match[2] or 1), match[3]
    if kind in (b"I", b"E"):
        return Step(Act.SEND if kind == b"I" else Act.EXPECT, connection, rest)
    acts = {
        b"iCONNECT": Act.CONNECT,
        b"iDISCONNECT": Act.DISCONNECT,
        b"eDISCONNECT": Act.EXPECT_DISCONNECT,
    }
    act = acts.get(kind + rest.strip())
    if act is None:
        raise DefinitionError(f"`{line.decode('latin-1')}` is no step of a definition")
    return Step(act, connection)


def complete(message: bytes, now: datetime | None = None) -> bytes:
    """The message for the wire: the times filled in, and BodyLength (9) and CheckSum (10) where it gives none."""
    time = now or datetime.now(UTC)
    message = _TIME.sub(lambda found: _timestamp(time, found), message)
    head = _HEAD.match(message)
    if head is None:
        return message
    body = message[head.end() :]
    checksum = _SUM.search(body)
    if checksum is not None:
        body = body[: checksum.start() + 1]
    if SOH + b"9=" not in message:
        body = b"9=%d\x01%b" % (len(body), body)
    whole = head[0] + body
    return whole + (b"10=%b\x01" % checksum[1] if checksum is not None else b"10=%03d\x01" % _sum(whole))


def with_field(message: bytes, field: bytes) -> bytes:
    """The complete message with one more field at its end. BodyLength and CheckSum stay as wrong or as right."""
    trailer = _SUM.search(message)
    length = _LENGTH.search(message)
    if trailer is None or length is None:
        return message
    before, rest = message[: length.start()], message[length.end() : trailer.start() + 1]
    old = message[: trailer.start() + 1]
    new = b"%b9=%d\x01%b%b\x01" % (before, int(length[1]) + len(field) + 1, rest, field)
    if not trailer[1].isdigit() or int(trailer[1]) > 255:
        return new + b"10=%b\x01" % trailer[1]
    return new + b"10=%03d\x01" % ((int(trailer[1]) - _sum(old) + _sum(new)) % 256)


def _sum(data: bytes) -> int:
    return sum(data) % 256


def _timestamp(now: datetime, found: re.Match[bytes]) -> bytes:
    sign, seconds = found[1], int(found[2] or 0)
    time = now + timedelta(seconds=-seconds if sign == b"-" else seconds)
    return time.strftime("%Y%m%d-%H:%M:%S").encode()
