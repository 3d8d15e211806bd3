"""Limits of a draft: what one tag of a message must be, in the few forms that an import can conclude.

A limit knows how a mapping writes it, a value that it takes, and values that it does not take, so that tests of it can
be made. Values are as on the wire, in printable ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from authzsvc.errors import UnknownName
from authzsvc.fix.data_types import BOOLEAN, CHARACTER, CHARACTERS, COUNT, DAY_OF_MONTH, INTEGER, NUMBERS
from authzsvc.fix.dictionary import Dictionary
from authzsvc.workflow.imports.scalars import flow_list, quoted, scalar

_FALLBACKS = ("OTHER", "~", "!", "999999", "Y", "N")
"""Values that are tried where the dictionary lists none."""
_MOST = {INTEGER: 2**31 - 1, COUNT: 2**31 - 1, DAY_OF_MONTH: 31}


@dataclass(frozen=True, slots=True)
class OneOf:
    """The value is one of these."""

    values: tuple[str, ...]

    def written(self, dictionary: Dictionary, tag: int) -> Iterator[str]:
        """Gives the tests of the condition."""
        if all(takes(dictionary, tag, value) for value in self.values):
            yield f"in: {flow_list(named(dictionary, tag, value) for value in self.values)}"
        else:  # the dictionary lists other values alone
            yield f"matches: {quoted('|'.join(map(re.escape, self.values)))}"

    def good(self) -> str:
        """Returns a value that passes."""
        return self.values[0]

    def bad(self, dictionary: Dictionary, tag: int) -> Iterator[str]:
        """Gives values that do not pass."""
        yield from (value for value in (*dictionary.values(tag), *_FALLBACKS) if value not in self.values)


@dataclass(frozen=True, slots=True)
class NoneOf:
    """The value is there and is none of these."""

    values: tuple[str, ...]

    def written(self, dictionary: Dictionary, tag: int) -> Iterator[str]:
        """Gives the tests of the condition."""
        yield f"not: {flow_list(named(dictionary, tag, value) for value in self.values)}"

    def good_for(self, dictionary: Dictionary, tag: int) -> str:
        """Returns a value that passes."""
        candidates = (*dictionary.values(tag), *_FALLBACKS)
        read = dictionary.data_type(tag).read
        return next(value for value in candidates if value not in self.values and read(value.encode()) is not None)

    def bad(self, dictionary: Dictionary, tag: int) -> Iterator[str]:
        """Gives values that do not pass."""
        yield from self.values


@dataclass(frozen=True, slots=True)
class Range:
    """The value is a number between these, both included."""

    low: Decimal | None
    high: Decimal | None

    def written(self, dictionary: Dictionary, tag: int) -> Iterator[str]:
        """Gives the tests of the condition."""
        if self.low is not None:
            yield f"min: {plain(self.low)}"
        if self.high is not None:
            yield f"max: {plain(self.high)}"

    def good(self) -> str:
        """Returns a value that passes."""
        return plain(next(bound for bound in (self.high, self.low) if bound is not None))

    def bad(self, dictionary: Dictionary, tag: int) -> Iterator[str]:
        """Gives values that do not pass."""
        if self.high is not None and self.high + 1 <= _MOST.get(dictionary.data_type(tag), self.high + 1):
            yield plain(self.high + 1)
        if self.low is not None:
            yield plain(self.low - 1)


@dataclass(frozen=True, slots=True)
class Claimed:
    """The value is in a claim of the token."""

    claim: str

    def written(self, dictionary: Dictionary, tag: int) -> Iterator[str]:
        """Gives the tests of the condition."""
        yield f"claim: {scalar(self.claim)}"

    def bad(self, dictionary: Dictionary, tag: int) -> Iterator[str]:
        """Gives values that do not pass."""
        yield from _FALLBACKS


@dataclass(frozen=True, slots=True)
class Present:
    """The tag is there."""

    def written(self, dictionary: Dictionary, tag: int) -> Iterator[str]:
        """Gives the tests of the condition."""
        yield "present: true"

    def bad(self, dictionary: Dictionary, tag: int) -> Iterator[str | None]:
        """Gives what does not pass: its absence."""
        yield None


@dataclass(frozen=True, slots=True)
class Absent:
    """The tag is not there."""

    def written(self, dictionary: Dictionary, tag: int) -> Iterator[str]:
        """Gives the tests of the condition."""
        yield "absent: true"

    def bad(self, dictionary: Dictionary, tag: int) -> Iterator[str]:
        """Gives what does not pass: any value."""
        yield next(iter(dictionary.values(tag)), "1")


Test = OneOf | NoneOf | Range | Claimed | Present | Absent


@dataclass(frozen=True, slots=True)
class Limit:
    """What one tag of a message must be."""

    tag: int
    test: Test
    default: str | None = None
    """The value that an absent tag stands for; None if an absent tag does not pass."""

    def written(self, dictionary: Dictionary) -> str:
        """Returns the condition as a mapping writes it: `Side: {in: [Buy, Sell]}`."""
        key = scalar(dictionary.tag_name(self.tag))
        if isinstance(self.test, OneOf) and len(self.test.values) == 1 and self.default is None:
            value = self.test.values[0]
            if takes(dictionary, self.tag, value):
                return f"{key}: {named(dictionary, self.tag, value)}"
        parts = [*self.test.written(dictionary, self.tag)]
        if self.default is not None:
            parts.append(f"default: {named(dictionary, self.tag, self.default)}")
        return f"{key}: {{{', '.join(parts)}}}"

    def good(self, dictionary: Dictionary) -> str | None:
        """Returns a value that passes; None for a tag that must be absent."""
        match self.test:
            case OneOf() | Range():
                return self.test.good()
            case NoneOf():
                return self.test.good_for(dictionary, self.tag)
            case Claimed() | Present():
                return sample(dictionary, self.tag)
            case Absent():
                return None

    def bad(self, dictionary: Dictionary) -> Iterator[str | None]:
        """Gives values that do not pass, None for the tag's absence."""
        yield from self.test.bad(dictionary, self.tag)


def sample(dictionary: Dictionary, tag: int) -> str:
    """Returns some value of a tag's type."""
    type_ = dictionary.data_type(tag)
    candidates = (*dictionary.values(tag), "A1", "1", "Y", "20260102-08:00:00", "20260102", "08:00:00", "07:39Z")
    return next((value for value in candidates if type_.read(value.encode()) is not None), "1")


def takes(dictionary: Dictionary, tag: int, value: str) -> bool:
    """Whether a mapping may name this value of a tag, as it is on the wire."""
    return takes_as(dictionary, tag, value, value)


def takes_as(dictionary: Dictionary, tag: int, word: str, value: str) -> bool:
    """Whether a word of a mapping stands for this value of a tag."""
    try:
        return dictionary.value(tag, word) == value.encode()
    except UnknownName:
        return False


def named(dictionary: Dictionary, tag: int, value: str) -> str:
    """Returns a value as a mapping writes it: by its name, if the dictionary has one that stands for it alone."""
    name = dictionary.values(tag).get(value, "")
    for word in ("".join(part.capitalize() for part in name.split("_")), name):
        if word and word != value and takes_as(dictionary, tag, word, value):
            return scalar(word)
    return scalar(value)


def listable(dictionary: Dictionary, tag: int) -> bool:
    """Whether a tag has one of a few values by its type: a code, a flag, or a value that the dictionary lists."""
    return bool(dictionary.values(tag)) or dictionary.data_type(tag) in (BOOLEAN, CHARACTER, CHARACTERS)


def numeric(dictionary: Dictionary, tag: int) -> bool:
    """Whether a tag has a number that may be held in a range."""
    return dictionary.data_type(tag) in NUMBERS - {DAY_OF_MONTH} and not dictionary.values(tag)


def plain(number: Decimal) -> str:
    """Returns a number as FIX writes it."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text
