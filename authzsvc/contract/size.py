"""Measures a serialized `CheckRequest` without its body, before any of it is parsed.

A long body is cheap to parse, and a long message needs one. Millions of headers or facts are not cheap: protobuf's own
parser takes a second for them, in which nobody else is served, and the caller has not proved anything yet. Pure.
"""

from __future__ import annotations

MAX_HEAD_BYTES = 262_144
"""The most bytes of a request without its body."""

_TO_HTTP = (1, 4, 2)
"""The numbers of the fields that lead to `attributes.request.http`."""
_BODIES = frozenset((11, 12))
"""`body` and `raw_body`."""
_VARINT, _FIXED64, _SIZED, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10
_FIELD_BYTES = 8
"""The bytes that each field counts besides its length, because even the shortest field takes time."""


class _Unreadable(Exception):
    """These bytes are no protobuf."""


def says_too_much(raw: bytes) -> bool:
    """Whether a request without its body is longer than any proxy needs, or is that long and cannot be read."""
    if len(raw) <= MAX_HEAD_BYTES:
        return False
    try:
        return _left(raw, 0, len(raw), _TO_HTTP, MAX_HEAD_BYTES) < 0
    except _Unreadable:
        return True


def _left(raw: bytes, at: int, end: int, path: tuple[int, ...], left: int) -> int:
    """Returns what is left of the budget `left` after the message at `at`; less than 0 if the message exceeds it."""
    while at < end and left >= 0:
        key, value = _varint(raw, at, end)
        number, kind = key >> 3, key & 7
        after = _end(raw, value, end, kind)
        inner = _varint(raw, value, end)[1] if kind == _SIZED else after
        if kind == _SIZED and path and number == path[0]:
            left = _left(raw, inner, after, path[1:], left - (inner - at) - _FIELD_BYTES)
        else:
            left -= (inner if not path and number in _BODIES else after) - at + _FIELD_BYTES
        at = after
    return left


def _end(raw: bytes, at: int, end: int, kind: int) -> int:
    """Returns where a value of that wire type ends."""
    if kind == _VARINT:
        after = _varint(raw, at, end)[1]
    elif kind == _SIZED:
        size, start = _varint(raw, at, end)
        after = start + size
    elif kind in (_FIXED64, _FIXED32):
        after = at + (8 if kind == _FIXED64 else 4)
    else:
        raise _Unreadable
    if after > end:
        raise _Unreadable
    return after


def _varint(raw: bytes, at: int, end: int) -> tuple[int, int]:
    """Returns a number and where it ends."""
    found = 0
    for place in range(at, min(end, at + _LONGEST_VARINT)):
        found |= (raw[place] & 0x7F) << 7 * (place - at)
        if raw[place] < 0x80:
            return found, place + 1
    raise _Unreadable
