"""The ordered (tag, value) pairs of a FIX message, or of a part of one.

One pass over the bytes, strict: whatever two FIX engines could read differently is refused, so that what is decided on
is what the venue will read. A length field (such as 354) must stand right before its data field and must be true of
it; a data value that holds SOH is thereby refused, and cannot smuggle a field in.

Invariants: tags match `[1-9][0-9]{0,5}`; no value holds SOH, and none is empty unless `may_be_empty` says so; order and
repetition are kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from authzsvc.errors import FieldsError
from authzsvc.fix.data_fields import DATA_OF_LENGTH

SOH = b"\x01"

_TAG = re.compile(rb"[1-9][0-9]{0,5}")
_PLAIN_TAGS = {b"%d" % tag: tag for tag in range(1, 10_000) if tag not in DATA_OF_LENGTH}
"""Tags as they are written, those alone that most messages have: looked up, they need not be read."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a message or fragment, as they stand in it."""

    pairs: tuple[tuple[int, bytes], ...]

    @classmethod
    def parse(cls, raw: bytes, *, may_be_empty: bool = False) -> Fields:
        """Read `tag=value<SOH>…`; no bytes are no fields. `may_be_empty` takes fields without a value. Raises
        `FieldsError`, which quotes no value."""
        if not raw:
            return cls(())
        *fields, rest = raw.split(SOH)
        pairs: list[tuple[int, bytes]] = []
        plain = True
        for field in fields:
            tag, _, value = field.partition(b"=")
            number = _PLAIN_TAGS.get(tag)
            if number is None:
                plain = False
                number = int(tag) if _TAG.fullmatch(tag) else 0
            if not (number and value) and not (number and may_be_empty and b"=" in field):
                raise FieldsError(_complaint(raw, fields, len(pairs)))
            pairs.append((number, value))
        if rest:
            raise FieldsError(_complaint(raw, [*fields, rest], len(pairs)))
        if not plain:
            _check_data_fields(pairs)
        return cls(tuple(pairs))

    def all(self, tag: int) -> list[bytes]:
        """Every occurrence of `tag`, in order; empty when it is absent."""
        return [value for number, value in self.pairs if number == tag]

    def first(self, tag: int) -> bytes | None:
        """The first occurrence of `tag`, None when it is absent."""
        for number, value in self.pairs:
            if number == tag:
                return value
        return None


def _check_data_fields(pairs: Sequence[tuple[int, bytes]]) -> None:
    """Hold each length field against the data field that must follow it."""
    for index, (tag, value) in enumerate(pairs):
        if tag not in DATA_OF_LENGTH:
            continue
        data_tag = DATA_OF_LENGTH[tag]
        following, data = pairs[index + 1] if index + 1 < len(pairs) else (0, b"")
        if following != data_tag or value != b"%d" % len(data):
            raise FieldsError(f"the length in tag {tag} does not fit the data of tag {data_tag}, which must follow it")


def _complaint(raw: bytes, fields: Sequence[bytes], index: int) -> str:
    """Say where reading stopped; the tag is shown when it is one, the value never (it may be a secret)."""
    offset = sum(len(field) + len(SOH) for field in fields[:index])
    field, soh, _ = raw[offset:].partition(SOH)
    tag, equals, value = field.partition(b"=")
    if not equals or not _TAG.fullmatch(tag):
        return f"the field at byte {offset} does not begin with a tag from 1 to 999999 and `=`"
    trouble = "does not end with SOH" if value and not soh else "is empty"
    return f"the field of tag {tag.decode()} at byte {offset} {trouble}"
