"""Rules filed by the values that they ask for, so that a decision looks only at those that could apply.

A rule that needs a tag to be one of a few values is filed under them; one that asks for nothing of the kind is looked
at each time. What is filed is still evaluated: filing leaves out only rules of which a condition is known to be false.

Invariant: `first` and `every` give what trying all rules in their order would give.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Generic, TypeVar

from authzsvc.fix.fields import Fields
from authzsvc.policy.conditions import Claims, Condition
from authzsvc.policy.rules import Forbid, Grant, all_of
from authzsvc.policy.truth import Truth
from authzsvc.policy.value_tests import OneOf

MAX_TAGS = 3
"""Tags that one rule is filed under together."""
MAX_KEYS = 64
"""Combinations of values that one rule is filed under."""
MAX_TABLES = 8

RuleT = TypeVar("RuleT", Grant, Forbid)

Tags = tuple[int, ...]
Values = tuple[bytes | None, ...]


@dataclass(frozen=True, slots=True)
class Filed(Generic[RuleT]):
    """A rule, and what is left to ask of it."""

    rank: int
    rule: RuleT
    rest: tuple[Condition, ...]
    """The conditions that being found here does not answer, where no tag stands twice."""


@dataclass(frozen=True, slots=True)
class Index(Generic[RuleT]):
    """Rules in their order, filed."""

    least: Truth
    """From what truth on a rule applies: a grant from yes, a forbid from doubt."""
    tables: tuple[tuple[Tags, Mapping[Values, tuple[Filed[RuleT], ...]]], ...]
    loose: tuple[Filed[RuleT], ...]

    def first(self, fields: Fields, claims: Claims) -> RuleT | None:
        """Give the first rule that applies."""
        best: Filed[RuleT] | None = None
        plain, found = self._found(fields)
        for filed in found:
            for candidate in filed:
                if best is not None and candidate.rank > best.rank:
                    break
                conditions = candidate.rest if plain else candidate.rule.conditions
                if not conditions or all_of(conditions, fields, claims) >= self.least:
                    best = candidate
                    break
        return None if best is None else best.rule

    def every(self, fields: Fields, claims: Claims) -> list[RuleT]:
        """Give all rules that apply."""
        plain, found = self._found(fields)
        candidates = {candidate.rank: candidate for filed in found for candidate in filed}
        return [
            filed.rule
            for _, filed in sorted(candidates.items())
            if all_of(filed.rest if plain else filed.rule.conditions, fields, claims) >= self.least
        ]

    def _found(self, fields: Fields) -> tuple[bool, list[tuple[Filed[RuleT], ...]]]:
        """Give the rules that could apply, in lists each of which is in order; and whether no tag stands twice."""
        values: dict[int, bytes] = dict(fields.pairs)
        plain = len(values) == len(fields.pairs)
        found = [self.loose] if self.loose else []
        for tags, table in self.tables:
            for key in (tuple(map(values.get, tags)),) if plain or self.least is Truth.YES else _keys(fields, tags):
                if key in table:
                    found.append(table[key])
        return plain, found


def _keys(fields: Fields, tags: Tags) -> Iterator[Values]:
    """Give what a forbid could be filed under, of whose tag any occurrence counts."""
    return ((value,) for value in dict.fromkeys(fields.all(tags[0])))


def build(rules: Sequence[RuleT], least: Truth) -> Index[RuleT]:
    """File rules; they stay in this order."""
    most = MAX_TAGS if least is Truth.YES else 1
    spread = _spread(rules, least)
    filed = [_tags(rule, least, most, spread) for rule in rules]
    if len(set(filed)) > MAX_TABLES:
        filed = [_tags(rule, least, 1, spread) for rule in rules]
    tables: dict[Tags, dict[Values, list[Filed[RuleT]]]] = defaultdict(lambda: defaultdict(list))
    loose = []
    for rank, (rule, tags) in enumerate(zip(rules, filed, strict=True)):
        if not tags:
            loose.append(Filed(rank, rule, rule.conditions))
            continue
        needed = _needed(rule, least)
        answered = {tag for tag in tags if needed[tag][1]}
        entry = Filed(rank, rule, tuple(condition for condition in rule.conditions if condition.tag not in answered))
        for key in product(*(needed[tag][0] for tag in tags)):
            tables[tags][key].append(entry)
    frozen = tuple((tags, {key: tuple(entries) for key, entries in table.items()}) for tags, table in tables.items())
    return Index(least, frozen, tuple(loose))


def _spread(rules: Sequence[RuleT], least: Truth) -> Counter[int]:
    """Count the values of each tag that rules ask for: the more there are, the fewer rules are under each."""
    asked = {(tag, value) for rule in rules for tag, (values, _) in _needed(rule, least).items() for value in values}
    return Counter(tag for tag, _ in asked)


def _needed(rule: RuleT, least: Truth) -> dict[int, tuple[frozenset[bytes], bool]]:
    """Give the tags without one of these values of which a rule cannot apply; and whether that is all that is asked."""
    found = {}
    for condition in rule.conditions:
        sets = [test.values for test in condition.tests if isinstance(test, OneOf) and not test.negative]
        fits = condition.any_occurrence is (least is not Truth.YES)
        if sets and fits and condition.default is None and len(sets[0]) <= MAX_KEYS:
            alone = len(condition.tests) == 1 and condition.every is None and not condition.entries
            found[condition.tag] = (sets[0], alone)
    return found


def _tags(rule: RuleT, least: Truth, most: int, spread: Mapping[int, int]) -> Tags:
    """Choose what to file a rule under: the tags with the most values among the rules, within bounds."""
    needed = _needed(rule, least)
    chosen: list[int] = []
    keys = 1
    for tag in sorted(needed, key=lambda tag: (-spread[tag], tag)):
        if len(chosen) < most and keys * len(needed[tag][0]) <= MAX_KEYS:
            keys *= len(needed[tag][0])
            chosen.append(tag)
    return tuple(sorted(chosen))
