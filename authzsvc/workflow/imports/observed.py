"""What recorded messages of one kind have in common: which tags stand in how many of them, with which values.

Invariant: memory is bounded, whatever the messages hold.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from authzsvc.fix.data_types import (
    DATE,
    DAY_OF_MONTH,
    LOCAL_TIME,
    MOMENTS,
    MONTH,
    NUMBERS,
    SEQUENCE_NUMBER,
    ZONED_TIME,
    ZONED_TIMESTAMP,
)
from authzsvc.fix.dictionary import Dictionary
from authzsvc.fix.fields import Fields
from authzsvc.policy.compiler import BUSINESS_IDS
from authzsvc.policy.lookup import HEADER_IDS, NEVER_SENT
from authzsvc.workflow.imports.limits import listable

MAX_VALUES = 200
"""Values of a tag that are kept apart."""
MAX_VALUE_BYTES = 200
MAX_EXAMPLE = 1_000
"""Fields of an example."""


_TIMES = MOMENTS | {DATE, DAY_OF_MONTH, LOCAL_TIME, MONTH, ZONED_TIME, ZONED_TIMESTAMP}
_VALUE_IDS = frozenset((48, 309, 311, 448, 523, 524, 602, 803, 1116))
"""Tags that end in ID and still name an instrument or a party."""
_ID_ENDINGS = ("ID", "Id", "RefNum", "SeqNum", "Link", "Ref")
_FREE = frozenset((58, 147, 148, 149))
"""Text for people."""
_FREE_TYPES = ("DATA", "XMLDATA", "LENGTH", "SEQNUM", "LANGUAGE", "PATTERN")


def visible(dictionary: Dictionary, tag: int) -> bool:
    """Whether a condition can be on a tag: one of the body that is no secret, or an id of the header."""
    return tag in HEADER_IDS or (tag not in NEVER_SENT and tag not in dictionary.envelope)


def skipped(dictionary: Dictionary, tag: int) -> str:
    """Returns why the values of a tag do not matter; empty where they may."""
    name, type_name = dictionary.tag_name(tag), dictionary.type(tag)
    if not visible(dictionary, tag):
        return "header or secret"
    if dictionary.data_type(tag) in _TIMES:
        return "times"
    if tag in _FREE or type_name in _FREE_TYPES or dictionary.data_type(tag) is SEQUENCE_NUMBER:
        return "free text and data"
    is_id = tag in BUSINESS_IDS or (name.endswith(_ID_ENDINGS) and tag not in _VALUE_IDS | HEADER_IDS)
    return "ids" if is_id and not listable(dictionary, tag) else ""


@dataclass(slots=True)
class Values:
    """The values of one tag, each in the plain form of its type, codes of one field apart."""

    messages: int = 0
    """How many messages have the tag."""
    occurrences: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    """Value → how often; the first `MAX_VALUES`."""
    many: bool = False
    """There were more."""
    doubtful: bool = False
    """Some value has no plain form or is no printable ASCII, so that no grant could rely on the tag."""
    low: Decimal | None = None
    high: Decimal | None = None

    def add(self, dictionary: Dictionary, tag: int, raw: bytes) -> None:
        """Adds one occurrence."""
        self.occurrences += 1
        type_ = dictionary.data_type(tag)
        items = type_.read(raw) if raw else None
        if items is None or any(not _usable(item) for item in items):
            self.doubtful = True
            return
        for item in items:
            text = item.decode("ascii")
            if text in self.seen or len(self.seen) < MAX_VALUES:
                self.seen[text] += 1
            else:
                self.many = True
            if type_ in NUMBERS:
                number = Decimal(text)
                self.low = number if self.low is None else min(self.low, number)
                self.high = number if self.high is None else max(self.high, number)


@dataclass(slots=True)
class Observed:
    """Recorded messages of one kind."""

    dictionary: Dictionary
    messages: int = 0
    tags: dict[int, Values] = field(default_factory=dict)
    example: Fields | None = None
    """The first of them."""
    _skipped: dict[int, bool] = field(default_factory=dict)

    def add(self, fields: Fields) -> None:
        """Adds a message."""
        self.messages += 1
        if self.example is None and len(fields.pairs) <= MAX_EXAMPLE:
            self.example = fields
        here: set[int] = set()
        for tag, raw in fields.pairs:
            values = self.tags.get(tag)
            if values is None:
                values = self.tags[tag] = Values()
            if tag not in here:
                here.add(tag)
                values.messages += 1
            if tag not in self._skipped:
                self._skipped[tag] = bool(skipped(self.dictionary, tag))
            if not self._skipped[tag]:
                values.add(self.dictionary, tag, raw)


def _usable(item: bytes) -> bool:
    return 0 < len(item) <= MAX_VALUE_BYTES and all(0x20 <= byte <= 0x7E for byte in item) and item == item.strip()
