"""FIX messages as engines record them: found in whatever stands around them.

A message a line, with a time or anything else before and after it; or messages one after the other, without lines; or
one whose text holds a line break. `.gz` files are read as they are.

A message begins with `8=FIX….<separator>9=…<separator>` and ends with its CheckSum (10). The separator is whatever
stands there: SOH, or what a log writes in its place (`|`, `^A`, `;`, `<SOH>`). What is cut off, or is no message, is
given as None. BodyLength and CheckSum are not held against the bytes: logs replace separators and blank out passwords.

Invariant: memory is bounded, whatever the file holds.
"""

from __future__ import annotations

import gzip
import io
import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache, partial
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, NamedTuple

from authzsvc import files
from authzsvc.errors import FieldsError, ToolError
from authzsvc.fix.fields import Fields

STANDARD_INPUT = "-"

MAX_MESSAGE_BYTES = 65_536
_PIECE = 1_000_000
"""Bytes of a line that are looked at together."""

_MAX_LINES = 16
"""Line breaks in one message."""
_MAX_START = 48
"""Bytes that it takes to see that a message begins."""

_BLANK = b" \t\r\n\x01|"
_START = b"8=FIX"
_BEGIN = re.compile(rb"8=FIX(?:T\.1\.1|\.[45]\.[0-9](?:SP[12])?)([^=\r\n]{1,8}?)9=[0-9]+\1")

_MSG_TYPE = re.compile(rb"[A-Za-z0-9]{1,16}")

Found = tuple[int, bytes | None]
"""The number of the line where it begins, and the message with SOH between its fields, without its CheckSum; None for
what cannot be read."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Opens a log, a regular file or `-` for standard input.

    Yields its bytes to be read, and the file itself, whose position tells how far that is. Raises `ToolError`.
    """
    try:
        with _open(path) as file:
            packed = file.peek(2)[:2] == b"\x1f\x8b"
            yield (io.BufferedReader(gzip.GzipFile(fileobj=file), _PIECE) if packed else file), file
    except (OSError, EOFError) as error:  # a file that is not whole gzip, too
        reason = files.problem(error) if isinstance(error, OSError) and error.strerror else "is damaged"
        raise ToolError(f"`{path}` cannot be read: {reason}") from None


def _open(path: Path) -> AbstractContextManager[BufferedReader]:
    if str(path) == STANDARD_INPUT:
        return nullcontext(sys.stdin.buffer)  # type: ignore[arg-type]
    return files.open_to_read(path)


def messages(log: BinaryIO) -> Iterator[Found]:
    """Give every message of a log, and None for each line, or piece of one, that holds none or a part of one."""
    number, kept, kept_lines = 1, b"", 0
    for piece in iter(partial(log.readline, _PIECE), b""):
        at = number - kept_lines
        number += piece.endswith(b"\n")
        if kept:
            piece = kept + piece
        whole = _single(piece) if piece.endswith(b"\n") else None
        if whole is not None:
            yield at, whole
            kept = b""
        else:
            found, kept = _several(piece)
            yield from ((at + lines, one) for lines, one in found)
        if kept and kept.count(b"\n") > _MAX_LINES:
            yield at, None
            kept = b""
        kept_lines = kept.count(b"\n") if kept else 0
    if _BEGIN.match(kept):
        yield number - kept_lines, None


class Heading(NamedTuple):
    """Who sent a message to whom, and of which type it is."""

    sender: str
    """SenderCompID (49)."""
    target: str
    """TargetCompID (56)."""
    msg_type: str
    """MsgType (35)."""


def heading_and_fields(raw: bytes) -> tuple[Heading, Fields] | None:
    """Reads a message of a log as the gateway would. Returns `None` for a message that the gateway would not read."""
    try:
        fields = Fields.parse(raw)
    except FieldsError:
        return None
    sender, target, msg_type = (fields.first(tag) for tag in (49, 56, 35))
    if not sender or not target or msg_type is None or not _MSG_TYPE.fullmatch(msg_type):
        return None
    return Heading(*(part.decode("utf-8", "replace") for part in (sender, target, msg_type))), fields


def _single(piece: bytes) -> bytes | None:
    """Give the one message of a line, fast; None where that is not so plain."""
    start = piece.find(_START)
    if start < 0 or piece.find(_START, start + 5) >= 0:
        return None
    begin = _BEGIN.match(piece, start)
    if begin is None:
        return None
    if begin[1] != b"\x01":
        piece, start = piece[start:].replace(begin[1], b"\x01"), 0
    end = piece.rfind(b"\x0110=")
    if end < 0 or not piece[end + 4 : end + 7].isdigit():
        return None
    return piece[start : end + 1]


def _several(piece: bytes) -> tuple[list[Found], bytes]:
    """Give the messages of a piece, each with the lines before it; and what may be the beginning of one more."""
    begins = list(_BEGIN.finditer(piece))
    ends = [*(begin.start() for begin in begins[1:]), len(piece)]
    found: list[Found] = [] if begins or not piece.strip(_BLANK) else [(0, None)]
    rest = 0
    for begin, end in zip(begins, ends, strict=False):
        start = begin.start()
        lines = piece.count(b"\n", 0, start)
        total = _sum_after(begin[1]).search(piece, start, end)
        if total is not None:
            found.append((lines, piece[start : total.start()].replace(begin[1], b"\x01") + b"\x01"))
            rest = total.end()
        elif end == len(piece) and end - start <= MAX_MESSAGE_BYTES:
            return found, piece[start:]
        else:
            found.append((lines, None))
    return found, b"" if piece.endswith(b"\n") else piece[max(rest, len(piece) - _MAX_START) :]


@lru_cache(maxsize=64)
def _sum_after(separator: bytes) -> re.Pattern[bytes]:
    """Returns what a CheckSum looks like, behind a separator."""
    return re.compile(re.escape(separator) + rb"10=[0-9]{3}")
