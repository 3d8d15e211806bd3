"""The ordered (tag, value) pairs of a FIX message, or of a part of one.

One pass over the bytes, strict: whatever two FIX engines could read differently is refused, so that what is decided on
is what the venue will read. A length field (such as 354) must stand right before its data field and must be true of
it; a data value that holds SOH is thereby refused, and cannot smuggle a field in.

Invariants: tags match `[1-9][0-9]{0,5}`; no value is empty or holds SOH; order and repetition are kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from authzsvc.errors import FieldsError
from authzsvc.fix.data_fields import DATA_OF_LENGTH

SOH = b"\x01"

_TAG = re.compile(rb"[1-9][0-9]{0,5}")
_FIELD = re.compile(rb"([1-9][0-9]{0,5})=([^\x01]+)\x01")
_ALL_FIELDS = re.compile(rb"(?:[1-9][0-9]{0,5}=[^\x01]+\x01)*+")


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a message or fragment, as they stand in it."""

    pairs: tuple[tuple[int, bytes], ...]

    @classmethod
    def parse(cls, raw: bytes) -> Fields:
        """Read `tag=value<SOH>…`; no bytes are no fields. Raises `FieldsError`, which quotes no value."""
        whole = _ALL_FIELDS.match(raw)
        if whole is None or whole.end() != len(raw):
            raise FieldsError(_complaint(raw, whole.end() if whole else 0))
        pairs = tuple((int(tag), value) for tag, value in _FIELD.findall(raw))
        _check_data_fields(pairs)
        return cls(pairs)

    def all(self, tag: int) -> list[bytes]:
        """Every occurrence of `tag`, in order; empty when it is absent."""
        return [value for number, value in self.pairs if number == tag]

    def first(self, tag: int) -> bytes | None:
        """The first occurrence of `tag`, None when it is absent."""
        for number, value in self.pairs:
            if number == tag:
                return value
        return None


def _check_data_fields(pairs: tuple[tuple[int, bytes], ...]) -> None:
    """Hold each length field against the data field that must follow it."""
    for index, (tag, value) in enumerate(pairs):
        if tag not in DATA_OF_LENGTH:
            continue
        data_tag = DATA_OF_LENGTH[tag]
        following, data = pairs[index + 1] if index + 1 < len(pairs) else (0, b"")
        if following != data_tag or value != b"%d" % len(data):
            raise FieldsError(f"the length in tag {tag} does not fit the data of tag {data_tag}, which must follow it")


def _complaint(raw: bytes, offset: int) -> str:
    """Say where reading stopped; the tag is shown when it is one, the value never (it may be a secret)."""
    field, soh, _ = raw[offset:].partition(SOH)
    tag, equals, value = field.partition(b"=")
    if not equals or not _TAG.fullmatch(tag):
        return f"the field at byte {offset} does not begin with a tag from 1 to 999999 and `=`"
    trouble = "does not end with SOH" if value and not soh else "is empty"
    return f"the field of tag {tag.decode()} at byte {offset} {trouble}"
