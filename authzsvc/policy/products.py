"""Conditions on a product of values that stand together, as the notional of an order: quantity, price and multiplier.

A place of the message (the message itself, an order of a list, a leg) has an amount where it has a value of the first
factor. The other factors are the place's own, or those of the place around it, or their default. Where a place gives
several values of a factor (a bid and an offer), every product counts. A grant needs every amount to pass and at least
one, a forbid fires on any. An amount that cannot be told, as that of an order without a price, is a doubt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from functools import cached_property
from itertools import product
from typing import Any

from authzsvc.fix.data_types import DataType
from authzsvc.fix.fields import Fields
from authzsvc.policy.conditions import Claims, Condition, Single, Tag
from authzsvc.policy.places import Level, Place
from authzsvc.policy.truth import DoubtError, Truth
from authzsvc.policy.value_tests import OneOf, ValueTest

PRODUCTS = 1_000_003
"""Begins the meaning of these conditions; those on a tag begin with the tag, which is less."""

Numbers = tuple[Decimal, ...]

_EXACT = Context(prec=200)
_NO_FIELDS = Fields(())


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor of a product."""

    name: str
    """The attribute's name."""
    sources: tuple[tuple[Condition, tuple[Condition, ...]], ...]
    """The tags that have its values, each with what must stand beside it."""
    default: Decimal | None = None

    @property
    def instead(self) -> Numbers:
        """What stands in for a value."""
        return () if self.default is None else (self.default,)

    def own(self, place: Place, claims: Claims) -> Numbers:
        """Give its values in a place. Raises `DoubtError` for what is no number."""
        found: list[Decimal] = []
        for condition, where in self.sources:
            values = place.values.get(condition.tag)
            if values is None:
                continue
            stands = _stand(where, place, claims) if where else Truth.YES
            if stands is Truth.DOUBT:
                raise DoubtError("whether a tag counts cannot be told")
            found += [_number(value, condition.type) for value in values if stands is Truth.YES]
        return tuple(found)

    @property
    def meaning(self) -> tuple[Any, ...]:
        """Give what two factors that mean the same have in common."""
        sources = sorted((one.meaning, [beside.meaning for beside in where]) for one, where in self.sources)
        return sources, "" if self.default is None else f"{self.default.normalize(_EXACT):f}"


@dataclass(frozen=True)
class ProductCondition:
    """One line of a rule's `when`: the attribute's amounts pass tests."""

    name: str
    """The attribute's name."""
    factors: tuple[Factor, ...]
    whole: Factor
    """The tags that have the amount itself."""
    level: Level
    """Where all these tags are in the message."""
    tests: tuple[ValueTest, ...]
    any_occurrence: bool = False
    """Whether one passing amount is enough; otherwise all must pass."""
    id: str = field(default="", compare=False)
    """Its place in the mapping."""

    def truth(self, fields: Fields, claims: Claims, single: Single | None = None) -> Truth:
        """Whether it holds for a message. Whatever goes wrong in finding out is a doubt."""
        try:
            place = self._place(fields, single)
            amounts, shown = self._amounts(place, (), claims)
            truths = [self._passes(amount, claims) for amount in amounts]
        except Exception:  # an odd claim, say: neither may it grant, nor keep from forbidding
            return Truth.DOUBT
        if not shown:
            truths.append(Truth.DOUBT)
        return (max if self.any_occurrence else min)(truths)

    def _place(self, fields: Fields, single: Single | None) -> Place:
        if single is None or not self.level.grouped.isdisjoint(single):
            return self.level.read(fields)
        return Place(self.level, {tag: [single[tag]] for tag in self.level.tags if tag in single})

    def _amounts(self, place: Place, around: Sequence[Numbers], claims: Claims) -> tuple[list[Decimal | None], bool]:
        """Give every amount of a place and of those inside, None for one that cannot be told; and whether the place has
        one, or all of those inside have, of which there are some."""
        own = [factor.own(place, claims) for factor in self.factors]
        known = [mine or theirs for mine, theirs in zip(own, around, strict=True)] if around else own
        found: list[Decimal | None] = list(self.whole.own(place, claims))
        if own and own[0]:
            told = [values or factor.instead for factor, values in zip(self.factors, known, strict=True)]
            found += map(_multiplied, product(*told)) if all(told) else (None,)
        inside = [self._amounts(entry, known, claims) for entry in place.entries]
        shown = bool(found) or (bool(inside) and all(one for _, one in inside))
        return found + [amount for amounts, _ in inside for amount in amounts], shown

    def _passes(self, amount: Decimal | None, claims: Claims) -> Truth:
        if amount is None:
            return Truth.DOUBT
        text = f"{amount:f}".encode()
        found = Truth.YES
        for test in self.tests:
            try:
                if not test.passes(text, claims):
                    return Truth.NO
            except DoubtError:
                found = Truth.DOUBT
        return found

    @cached_property
    def _sources(self) -> tuple[Condition, ...]:
        factors = (*self.factors, self.whole)
        return tuple(one for factor in factors for source, where in factor.sources for one in (source, *where))

    @cached_property
    def _amount_tags(self) -> frozenset[int]:
        return frozenset(source.tag for factor in (*self.factors, self.whole) for source, _ in factor.sources)

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The tags that it is made from."""
        return tuple({condition.tag: condition.tags[0] for condition in self._sources}.values())

    @property
    def types(self) -> Mapping[int, DataType]:
        """How the values of these tags are read."""
        return {condition.tag: condition.type for condition in self._sources}

    @property
    def lists(self) -> tuple[OneOf, ...]:
        """There are none."""
        return ()

    @property
    def consulted(self) -> frozenset[int]:
        """The body tags that the answer rests on."""
        return self.level.consulted

    @property
    def meaning(self) -> tuple[Any, ...]:
        """Give what two conditions that mean the same have in common; can be written as JSON."""
        factors = sorted(factor.meaning for factor in self.factors[1:])
        first = [factor.meaning for factor in self.factors[:1]]
        tests = sorted(test.meaning for test in self.tests)
        return PRODUCTS, first, factors, self.whole.meaning, self.level.meaning, tests, self.any_occurrence

    def in_doubt(self, tag: int, value: bytes) -> bool:
        """Whether a value of the tag is no number."""
        if tag not in self._amount_tags:
            return any(condition.in_doubt(tag, value) for condition in self._sources if condition.tag == tag)
        return any(condition.type.plain(value) is None for condition in self._sources if condition.tag == tag)

    def needed(self, *, forbids: bool) -> Mapping[int, frozenset[bytes | None]]:
        """Nothing: an amount has no value that could be listed."""
        return {}

    def __str__(self) -> str:
        return f"{self.name}{''.join(map(str, self.tests))}"


def _stand(where: Sequence[Condition], place: Place, claims: Claims) -> Truth:
    """Whether a tag counts beside the others of its place, which stand there once."""
    asked = [place.values.get(condition.tag, ()) for condition in where]
    if any(len(values) > 1 for values in asked):
        return Truth.DOUBT
    beside = {tag: values[0] for tag, values in place.values.items()}
    return min(condition.truth(_NO_FIELDS, claims, beside) for condition in where)


def _number(value: bytes, type_: DataType) -> Decimal:
    plain = type_.plain(value)
    if plain is None:
        raise DoubtError("a value is no number")
    return Decimal(plain.decode())


def _multiplied(numbers: Sequence[Decimal]) -> Decimal:
    found, *others = numbers
    for number in others:
        found = _EXACT.multiply(found, number)
    return found
