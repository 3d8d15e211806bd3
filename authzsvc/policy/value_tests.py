"""Tests of one value of one field, compiled: bytes and numbers, no names to look up.

Values come in the plain form of the field's data type. `InRange` also tests text fields, whose values it reads as
numbers itself.

A test returns whether the value passes, or raises `DoubtError` if the value or the token leaves that open. A *negative*
test (`not`, `not_in_list`, `not_claim`) says what a value must not be; for an absent field its result is open.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from authzsvc.fix import plain_forms
from authzsvc.fix.data_types import TEXT, DataType
from authzsvc.policy.claims import Claims, claim_at, holds_item, in_claim
from authzsvc.policy.truth import DoubtError

_EXACT_DIGITS = 15
_LISTED_IN_FULL = 64
_SHOWN = 8

Meaning = tuple[str, ...]


class ValueTest(Protocol):
    """One test of one value."""

    @property
    def negative(self) -> bool:
        """Whether it says what a value is not."""

    @property
    def meaning(self) -> Meaning:
        """Give the test in words that sort; equal for tests that mean the same."""

    def passes(self, value: bytes, claims: Claims) -> bool:
        """Whether the value passes. Raises `DoubtError`."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """`equals`, `in`, `in_list`, and with `negative` `not` and `not_in_list`."""

    values: frozenset[bytes]
    list_name: str = field(default="", compare=False)
    """What the mapping calls these values."""
    negative: bool = False

    def passes(self, value: bytes, claims: Claims) -> bool:
        """Whether the value is one of these; `negative`: whether it is none."""
        return (value in self.values) is not self.negative

    @property
    def meaning(self) -> Meaning:
        """Long lists are told by their digest."""
        values = sorted(value.decode("latin-1") for value in self.values)
        if len(values) > _LISTED_IN_FULL:
            # As JSON, so that two lists never give the same bytes, and under a word of its own, so that no short list
            # reads like the digest of a long one.
            digest = hashlib.sha256(json.dumps(values).encode()).hexdigest()
            return ("not in digest" if self.negative else "in digest", digest)
        return ("not in" if self.negative else "in", *values)

    def __str__(self) -> str:
        if self.list_name:
            return f" {'not ' if self.negative else ''}in list `{self.list_name}`"
        values = [value.decode("latin-1") for value in sorted(self.values)]
        if len(values) == 1:
            return f"{'!=' if self.negative else '='}{values[0]}"
        more = ", …" if len(values) > _SHOWN else ""
        return f" {'none' if self.negative else 'one'} of {', '.join(values[:_SHOWN])}{more}"


@dataclass(frozen=True, slots=True)
class InClaim:
    """`claim`: the value equals this claim of the token, or is in it where the claim is a list.

    With `negative` `not_claim`: the token has the claim, and the value is not in it.
    """

    claim: str
    type: DataType = field(default=TEXT, compare=False)
    """How the claim's values are read, as those of the field are."""
    negative: bool = False

    def passes(self, value: bytes, claims: Claims) -> bool:
        """Whether it is. Raises `DoubtError` for a claim of no use, and for bytes that are no UTF-8.

        A token without the claim passes no `not_claim`: it says nothing that the value could contradict.
        """
        if self.negative and claim_at(claims, self.claim) is None:
            return False
        if self.type is TEXT:
            return in_claim(claims, self.claim, _text(value)) is not self.negative
        return holds_item(claims, self.claim, value, self.type) is not self.negative

    @property
    def meaning(self) -> Meaning:
        """The claim's path."""
        return "not claim" if self.negative else "claim", self.claim

    def __str__(self) -> str:
        return f" {'not ' if self.negative else ''}in claim `{self.claim}`"


@dataclass(frozen=True, slots=True)
class Prefix:
    """`prefix`: the value begins so."""

    prefix: bytes
    negative = False

    def passes(self, value: bytes, claims: Claims) -> bool:
        """Whether it does."""
        return value.startswith(self.prefix)

    @property
    def meaning(self) -> Meaning:
        """The prefix."""
        return "prefix", self.prefix.decode("latin-1")

    def __str__(self) -> str:
        return f" beginning with {self.prefix.decode('latin-1')}"


@dataclass(frozen=True, slots=True)
class Matches:
    """`matches`: the whole value matches a regular expression, in time linear in its length (RE2)."""

    pattern: str
    compiled: Any = field(compare=False, repr=False)
    """What `re2.compile` gave."""
    negative = False

    def passes(self, value: bytes, claims: Claims) -> bool:
        """Whether it does. Raises `DoubtError` for bytes that are no UTF-8."""
        _text(value)
        return self.compiled.fullmatch(value) is not None

    @property
    def meaning(self) -> Meaning:
        """The expression."""
        return "matches", self.pattern

    def __str__(self) -> str:
        return f" matching `{self.pattern}`"


@dataclass(frozen=True, slots=True)
class InRange:
    """`min` and `max`: the value is a number, not less and not more than these."""

    minimum: Decimal | None
    maximum: Decimal | None
    typed: bool = field(default=False, compare=False)
    """The field has a type of number, so that the value is one."""
    _whole: tuple[float, float] = field(init=False, repr=False, compare=False)
    """The least and the greatest whole number that passes."""
    negative = False

    def __post_init__(self) -> None:
        """Make whole numbers, the most common ones, quick to compare."""
        low = -math.inf if self.minimum is None else math.ceil(self.minimum)
        high = math.inf if self.maximum is None else math.floor(self.maximum)
        object.__setattr__(self, "_whole", (low, high))

    def passes(self, value: bytes, claims: Claims) -> bool:
        """Whether the value is in the range. Raises `DoubtError` if it is not a number in its plain form."""
        plain = value if self.typed else plain_forms.decimal(value)
        if plain is None:
            raise DoubtError("the value is no plain decimal number")
        if plain.isdigit() and len(plain) <= _EXACT_DIGITS:
            low, high = self._whole
            return low <= int(plain) <= high
        number = Decimal(plain.decode())
        above = self.minimum is None or number >= self.minimum
        return above and (self.maximum is None or number <= self.maximum)

    @property
    def meaning(self) -> Meaning:
        """Both bounds, however they were written."""
        return "range", _plain(self.minimum), _plain(self.maximum)

    def __str__(self) -> str:
        low = f">={self.minimum}" if self.minimum is not None else ""
        high = f"<={self.maximum}" if self.maximum is not None else ""
        return f"{low} and {high}" if low and high else low or high


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise DoubtError("the value is not UTF-8") from None


def _plain(number: Decimal | None) -> str:
    """One text for each number: `1.50` and `1.5` are the same bound."""
    if number is None:
        return ""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
