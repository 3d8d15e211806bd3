"""An index of rules by the values that they need, so that a decision evaluates only rules that could apply.

A rule that needs a tag to have one of a few values is filed under these values. A rule without such a condition (with
only a range, a prefix, an expression or a claim) is evaluated for every message. Filed rules are evaluated too: the
index leaves out only rules with a condition that is known to be false.

Rules are filed under plain forms (`fix.data_types`). Nearly every value of a message is already in its plain form, so
the raw value is looked up first. If no rule is filed under it, the plain forms of its items are looked up. For a value
in doubt every forbid that tests its tag is evaluated, because a forbid fires on a doubt, and no grant.

Invariant: `first` and `every` give what trying all rules in their order would give.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Generic, NamedTuple, TypeVar

from authzsvc.fix.data_types import TEXT, DataType
from authzsvc.fix.fields import Fields
from authzsvc.policy.conditions import AnyCondition, Claims, Condition, Single
from authzsvc.policy.rules import Rule, all_of
from authzsvc.policy.truth import Truth

MAX_TAGS = 3
"""Tags that one rule is filed under together."""
MAX_KEYS = 64
"""Combinations of values that one rule is filed under."""
MAX_TABLES = 8

RuleT = TypeVar("RuleT", bound=Rule)

Tags = tuple[int, ...]
Value = bytes | None
"""A value that rules are filed under, or None for the tag's absence."""


@dataclass(frozen=True, slots=True)
class Filed(Generic[RuleT]):
    """A rule, and what is left to ask of it."""

    rank: int
    rule: RuleT
    rest: tuple[AnyCondition, ...]
    """The conditions that being found here does not answer, where no tag stands twice."""


Rules = tuple[Filed[RuleT], ...]


class Narrow(NamedTuple, Generic[RuleT]):
    """Rules filed under the values of one tag."""

    tag: int
    filed: Mapping[Value, Rules[RuleT]]
    typed: DataType | None
    """The tag's data type. None for text, which has no other form to look up."""
    doubtful: Rules[RuleT]
    """The rules that apply to a value in doubt."""

    def find(self, raw: Value) -> list[Rules[RuleT]]:
        """Give the rules that could apply to a value, in lists each of which is in order."""
        rules = self.filed.get(raw)
        return self.find_items(raw) if rules is None else [rules]

    def find_items(self, raw: Value) -> list[Rules[RuleT]]:
        """Give the rules for a value under whose raw form no rule is filed."""
        if raw == b"":
            return [self.doubtful]
        if raw is None or self.typed is None:
            return []
        if self.typed.several:
            items = self.typed.read(raw)
            if items is None:
                return [self.doubtful]
            return [self.filed[item] for item in dict.fromkeys(items) if item in self.filed]
        plain = self.typed.plain(raw)
        if plain is None:
            return [self.doubtful]
        return [self.filed[plain]] if plain != raw and plain in self.filed else []


class Wide(NamedTuple, Generic[RuleT]):
    """Grants filed under the values of several tags together."""

    tags: Tags
    filed: Mapping[tuple[Value, ...], Rules[RuleT]]
    rewritten: tuple[tuple[int, DataType], ...]
    """The positions of those tags whose values may differ from their plain form."""

    def find_items(self, key: tuple[Value, ...]) -> Rules[RuleT] | None:
        """Give the rules for values that none is filed under as they stand.

        Of several items in a value a grant needs each, so the first is looked up.
        """
        plain = list(key)
        for place, type_ in self.rewritten:
            raw = key[place]
            items = None if raw is None else type_.read(raw)
            if items is not None:
                plain[place] = items[0]
        return self.filed.get(tuple(plain))


@dataclass(frozen=True, slots=True)
class Index(Generic[RuleT]):
    """Rules in their order, filed."""

    least: Truth
    """From what truth on a rule applies: a grant from yes, a forbid from doubt."""
    loose: Rules[RuleT]
    """Rules that are under no value."""
    by_tag: tuple[Narrow[RuleT], ...]
    by_tags: tuple[Wide[RuleT], ...]

    def first(self, fields: Fields, claims: Claims, values: Single) -> RuleT | None:
        """Give the first rule that applies. `values` is `dict(fields.pairs)`."""
        best: Filed[RuleT] | None = None
        single = values if len(values) == len(fields.pairs) else None
        for rules in self._found(fields, values, single):
            for filed in rules:
                if best is not None and filed.rank > best.rank:
                    break
                conditions = filed.rule.conditions if single is None else filed.rest
                if not conditions or all_of(conditions, fields, claims, single) >= self.least:
                    best = filed
                    break
        return None if best is None else best.rule

    def every(self, fields: Fields, claims: Claims, values: Single) -> list[RuleT]:
        """Give all rules that apply."""
        single = values if len(values) == len(fields.pairs) else None
        found = {filed.rank: filed for rules in self._found(fields, values, single) for filed in rules}
        applying = (
            rank
            for rank, filed in found.items()
            if all_of(filed.rule.conditions if single is None else filed.rest, fields, claims, single) >= self.least
        )
        return [found[rank].rule for rank in sorted(applying)]

    def _found(self, fields: Fields, values: Single, single: Single | None) -> list[Rules[RuleT]]:
        """Give the rules that could apply, in lists each of which is in order.

        Of a tag that stands twice, a grant needs every value, so any one will do to look it up; a forbid needs some.
        """
        found = [self.loose] if self.loose else []
        for narrow in self.by_tag:
            tag, filed, typed, _ = narrow
            if single is None and self.least is Truth.DOUBT:
                for raw in dict.fromkeys(fields.all(tag) or (None,)):
                    found += narrow.find(raw)
            elif (rules := filed.get(value := values.get(tag))) is not None:
                found.append(rules)
            elif typed is not None or value == b"":
                found += narrow.find_items(value)
        for wide in self.by_tags:
            key = tuple(map(values.get, wide[0]))
            rules = wide[1].get(key)
            if rules is None and wide[2]:
                rules = wide.find_items(key)
            if rules is not None:
                found.append(rules)
        return found


def build(rules: Sequence[RuleT], least: Truth) -> Index[RuleT]:
    """File rules; they stay in this order."""
    most = MAX_TAGS if least is Truth.YES else 1
    spread = _spread(rules, least)
    chosen = [_tags(rule, least, most, spread) for rule in rules]
    if len(set(chosen)) > MAX_TABLES:
        chosen = [_tags(rule, least, 1, spread) for rule in rules]
    tables: dict[Tags, dict[tuple[Value, ...], list[Filed[RuleT]]]] = defaultdict(lambda: defaultdict(list))
    for rank, (rule, tags) in enumerate(zip(rules, chosen, strict=True)):
        needed = _needed(rule, least)
        answered = {tag for tag in tags if needed[tag].alone}
        filed = Filed(rank, rule, tuple(condition for condition in rule.conditions if not _is_on(condition, answered)))
        for key in product(*(needed[tag].values for tag in tags)):
            tables[tags][key].append(filed)
    loose = tables.pop((), {(): []})
    types = _types(rules)
    frozen = {tags: {key: tuple(rules) for key, rules in table.items()} for tags, table in tables.items()}
    return Index(
        least,
        tuple(loose[()]),
        tuple(_narrow(tags[0], types[tags[0]], table, least) for tags, table in frozen.items() if len(tags) == 1),
        tuple(_wide(tags, types, table) for tags, table in frozen.items() if len(tags) > 1),
    )


def _narrow(tag: int, type_: DataType, table: Mapping[tuple[Value, ...], Rules[RuleT]], least: Truth) -> Narrow[RuleT]:
    by_rank = {filed.rank: filed for found in table.values() for filed in found} if least is Truth.DOUBT else {}
    doubtful = tuple(by_rank[rank] for rank in sorted(by_rank))
    typed = None if type_ is TEXT else type_
    return Narrow(tag, {key[0]: found for key, found in table.items()}, typed, doubtful)


def _wide(tags: Tags, types: Mapping[int, DataType], table: Mapping[tuple[Value, ...], Rules[RuleT]]) -> Wide[RuleT]:
    own = ((place, types[tag]) for place, tag in enumerate(tags))
    return Wide(tags, table, tuple((place, type_) for place, type_ in own if type_.rewrites or type_.several))


@dataclass(frozen=True, slots=True)
class _Needed:
    """Values of a tag without which a rule cannot apply."""

    values: frozenset[Value]
    alone: bool
    """Nothing else is asked of the tag."""


def _needed(rule: RuleT, least: Truth) -> dict[int, _Needed]:
    """Give the tags of which a rule needs one of a few values."""
    found: dict[int, _Needed] = {}
    for condition in rule.conditions:
        for tag, values in condition.needed(forbids=least is not Truth.YES).items():
            if len(values) < MAX_KEYS and not (tag in found and found[tag].alone):
                found[tag] = _Needed(values, _is_all(condition, least))
    return found


def _is_all(condition: AnyCondition, least: Truth) -> bool:
    """Whether a condition asks nothing else of its tag than to have one of the values that it needs."""
    if not isinstance(condition, Condition):
        return False
    alone = len(condition.tests) == 1 and condition.every is None and not condition.entries
    return alone and not (condition.type.several and least is Truth.YES)


def _is_on(condition: AnyCondition, tags: Collection[int]) -> bool:
    return isinstance(condition, Condition) and condition.tag in tags


def _types(rules: Sequence[RuleT]) -> dict[int, DataType]:
    """Give how the values of each tag are compared that rules can be filed under."""
    types: dict[int, DataType] = {}
    for condition in (condition for rule in rules for condition in rule.conditions):
        types |= {condition.tag: condition.type} if isinstance(condition, Condition) else condition.types
    return types


def _spread(rules: Sequence[RuleT], least: Truth) -> Counter[int]:
    """Count the values of each tag that rules ask for: the more there are, the fewer rules are under each."""
    needed = [(tag, found) for rule in rules for tag, found in _needed(rule, least).items()]
    return Counter(tag for tag, _ in {(tag, value) for tag, found in needed for value in found.values})


def _tags(rule: RuleT, least: Truth, most: int, spread: Mapping[int, int]) -> Tags:
    """Choose what to file a rule under: the tags with the most values among the rules, within bounds."""
    needed = _needed(rule, least)
    chosen: list[int] = []
    keys = 1
    for tag in sorted(needed, key=lambda tag: (-spread[tag], tag)):
        if len(chosen) < most and keys * len(needed[tag].values) <= MAX_KEYS:
            keys *= len(needed[tag].values)
            chosen.append(tag)
    return tuple(sorted(chosen))
