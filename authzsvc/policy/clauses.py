"""From a condition as an author wrote it to one in numbers, held against the dictionary and the message it is about.

What could never hold, or never be evaluated, is a fault: a range whose ends are the wrong way round, a number range on
a field of letters, a regular expression that RE2 does not take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import re2

from authzsvc.fix import data_types, plain_forms
from authzsvc.fix.data_types import MOMENTS, NUMBERS, DataType
from authzsvc.fix.dictionary import did_you_mean
from authzsvc.policy import clock, language
from authzsvc.policy.attributes import Attributes
from authzsvc.policy.conditions import AnyCondition, Condition, Entries
from authzsvc.policy.groups import Every, Repeating
from authzsvc.policy.lookup import Lookup
from authzsvc.policy.source import Spot
from authzsvc.policy.token_tests import ClaimBound, ClaimPrefix
from authzsvc.policy.value_tests import InClaim, InRange, Matches, OneOf, Prefix, ValueTest
from authzsvc.policy.windows import WEEKDAYS, InTime

FREE = frozenset((None, "STRING"))
"""Types that say nothing of what a value looks like."""

Conditions = tuple[Condition, ...]

_AMOUNT = 44
"""A tag whose values are compared as amounts are: Price."""
_REGEX_MEMORY = 1 << 20
_NOTES = {"any": " in some occurrence", "every": " in every occurrence"}


@dataclass(frozen=True, slots=True)
class Clauses:
    """Reads the conditions of one rule."""

    lookup: Lookup
    msg_type: str
    forbids: bool
    """The rule forbids: one occurrence suffices, unless said otherwise."""
    attributes: Attributes | None = None
    """The attributes that conditions may name."""

    def read(self, when: Mapping[str, language.Condition], spot: Spot, id: str) -> tuple[AnyCondition, ...] | None:
        """Give the conditions of a rule, those on tags first, sorted; None where one has a fault."""
        own = {word: said for word, said in when.items() if self.attributes is not None and word in self.attributes}
        on_tags = self.on_tags({word: said for word, said in when.items() if word not in own}, spot, id)
        before = len(self.lookup.faults)
        found = [
            self.attributes.condition(word, own[word], spot.at(word), self, f"{id}.{word}")
            for word in sorted(own)
            if self.attributes is not None
        ]
        if on_tags is None or len(self.lookup.faults) > before:
            return None
        return (*on_tags, *(condition for condition in found if condition is not None))

    def on_tags(self, when: Mapping[str, language.EntryCondition], spot: Spot, id: str) -> Conditions | None:
        """Give conditions on tags that must hold together, sorted, each with `id` and its tag's name for its id; None
        where one has a fault."""
        before = len(self.lookup.faults)
        found: dict[int, Condition] = {}
        for word, said in when.items():
            condition = self._condition(word, said, spot.at(word), id)
            if condition is not None and condition.tag in found:
                self.lookup.fault(spot.at(word), f"`{condition.name}` is there twice, by name and by number")
            elif condition is not None:
                found[condition.tag] = condition
        return tuple(found[tag] for tag in sorted(found)) if len(self.lookup.faults) == before else None

    def _condition(self, word: str, said: language.EntryCondition, spot: Spot, id: str) -> Condition | None:
        if word == clock.NAME:
            return self._clock(said, spot, id)
        tag = self.lookup.body_tag(spot, self.msg_type, word)
        if tag is None:
            return None
        condition = self.on_tag(tag, said, spot, f"{id}.{self.lookup.dictionary.tag_name(tag)}")
        return self._widened(condition, word, said, spot) if isinstance(said, language.Condition) else condition

    def on_tag(self, tag: int, said: language.EntryCondition, spot: Spot, id: str) -> Condition:
        """Give a condition on the values of one tag, as far as it has no fault."""
        return Condition(
            tag=tag,
            name=self.lookup.dictionary.tag_name(tag),
            tests=tuple(self._tests(tag, said, spot)),
            type=self._type(tag),
            present=bool(said.present),
            absent=bool(said.absent),
            default=self.lookup.value(spot.at("default"), tag, said.default) if said.default else None,
            any_occurrence=self.forbids and self._type(tag).several,  # in an entry a tag stands once
            id=id,
        )

    def numbers(self, said: language.EntryCondition, spot: Spot) -> tuple[ValueTest, ...]:
        """Give the tests of an amount."""
        return tuple(self._tests(_AMOUNT, said, spot))

    def _clock(self, said: language.EntryCondition, spot: Spot, id: str) -> Condition | None:
        """Give a condition on the gateway's own clock."""
        keys = said.model_fields_set - {"after", "before", "days", "zone"}
        if keys or not isinstance(said, language.Condition):
            text = "is the gateway's clock, which takes `after`, `before`, `days` and `zone` alone"
            self.lookup.fault(spot, text if keys else "is the gateway's clock, which stands in no entry of a group")
            return None
        tests = tuple(self._window(said, spot, data_types.TIMESTAMP))
        return Condition(clock.TAG, clock.NAME, tests, type=data_types.TIMESTAMP, id=f"{id}.{clock.NAME}")

    def _widened(self, condition: Condition, word: str, said: language.Condition, spot: Spot) -> Condition:
        """Add what only a condition on a message has: groups and occurrences."""
        return replace(
            condition,
            every=self._every(said.every, condition.tag, spot.at("every")) if said.every else None,
            entries=tuple(self._entries(condition, word, said, spot)),
            any_occurrence=said.occurrences == "any" if said.occurrences else self.forbids,
            note=_NOTES.get(said.occurrences or "", ""),
        )

    def _tests(self, tag: int, said: language.EntryCondition, spot: Spot) -> Iterator[ValueTest]:
        if said.equals is not None:
            yield self._values(tag, [said.equals], [spot.at("equals")])
        if said.any_of is not None:
            yield self._values(tag, said.any_of, [spot.at("in", index) for index in range(len(said.any_of))])
        if said.none_of is not None:
            spots = [spot.at("not", index) for index in range(len(said.none_of))]
            yield self._values(tag, said.none_of, spots, negative=True)
        if said.prefix is not None:
            yield _beginning(said.prefix)
        if said.matches is not None:
            yield from self._matches(said.matches, spot.at("matches"))
        if said.minimum is not None or said.maximum is not None:
            yield from self._range(tag, said, spot)
        if said.after is not None or said.before is not None or said.days is not None:
            yield from self._time(tag, said, spot)
        for list_name, key in ((said.in_list, "in_list"), (said.not_in_list, "not_in_list")):
            if list_name is not None:
                yield from self._list(tag, list_name, spot.at(key), negative=key == "not_in_list")
        if said.claim is not None:
            yield InClaim(said.claim, self._type(tag))
        if said.not_claim is not None:
            yield InClaim(said.not_claim, self._type(tag), negative=True)

    def _values(self, tag: int, words: list[str], spots: list[Spot], *, negative: bool = False) -> OneOf:
        found = [self.lookup.item(spot, tag, word) for spot, word in zip(spots, words, strict=True)]
        return OneOf(frozenset(value for value in found if value is not None), negative=negative)

    def _list(self, tag: int, name: str, spot: Spot, *, negative: bool) -> Iterator[OneOf]:
        words = self.lookup.lists.get(name)
        if words is None:
            near = did_you_mean(name, self.lookup.lists).removeprefix("; ")
            self.lookup.fault(spot, f"the mapping has no list `{name}`", near)
            return
        before = len(self.lookup.faults)
        found = set()
        for word in words:
            found.add(self.lookup.item(spot, tag, word))
            if len(self.lookup.faults) > before:  # one value of a wrong list says enough
                return
        yield OneOf(frozenset(value for value in found if value is not None), name, negative)

    def _matches(self, pattern: str, spot: Spot) -> Iterator[Matches]:
        options = re2.Options()
        options.max_mem, options.log_errors, options.never_capture = _REGEX_MEMORY, False, True
        try:
            yield Matches(pattern, re2.compile(pattern, options))
        except (re2.error, UnicodeEncodeError) as error:
            told = error.args[0] if isinstance(error, re2.error) and error.args else "not UTF-8"
            text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
            hint = "RE2's syntax: no look-around, no references, no repetition over 1000"
            self.lookup.fault(spot, f"is no regular expression that is safe: {text}", hint)

    def _range(self, tag: int, said: language.EntryCondition, spot: Spot) -> Iterator[InRange | ClaimBound]:
        low, high = (Decimal(bound) if isinstance(bound, str) else None for bound in (said.minimum, said.maximum))
        typed = self._type(tag) in NUMBERS
        if not self._has_type(tag, NUMBERS):
            self.lookup.fault(spot, f"has `min` or `max`, and {self._typed(tag)} is no number")
            return
        if low is not None and high is not None and low > high:
            self.lookup.fault(spot.at("min"), "is more than `max`, so that nothing could pass")
            return
        if low is not None or high is not None:
            yield InRange(low, high, typed=typed)
        for bound, upper in ((said.minimum, False), (said.maximum, True)):
            if isinstance(bound, language.Claimed):
                yield ClaimBound(bound.claim, upper, typed=typed)

    def _time(self, tag: int, said: language.EntryCondition, spot: Spot) -> Iterator[InTime]:
        type_ = self._type(tag)
        if not self._has_type(tag, MOMENTS):
            self.lookup.fault(spot, f"has `after`, `before` or `days`, and {self._typed(tag)} is no UTC time")
            return
        for window in self._window(said, spot, type_):
            dated = window.zone or window.days or b"-" in (window.after or b"") + (window.before or b"")
            if dated and type_ is data_types.TIME:
                self.lookup.fault(spot, f"names a day or a time zone, and {self._typed(tag)} tells no day")
            else:
                yield window

    def _window(self, said: language.EntryCondition, spot: Spot, type_: DataType) -> Iterator[InTime]:
        """Give the window of time that is said; none, and a fault, where nothing could be in it."""
        (after, zone), (before, other) = _moment(said.after), _moment(said.before)
        zones = sorted({name for name in (zone, other, said.zone) if name}) or ["UTC"]
        for bound, key in ((after, "after"), (before, "before")):
            if bound and b"-" in bound and plain_forms.day(bound.partition(b"-")[0]) is None:
                self.lookup.fault(spot.at(key), "names a day that the calendar does not have")
                return
        if len(zones) > 1:
            self.lookup.fault(spot, f"names several time zones: {', '.join(zones)}", "write one `zone`")
        elif not self.lookup.is_zone(spot, zones[0]):
            return
        elif after and before and (b"-" in after) == (b"-" in before) and after >= before:
            hint = "write two rules for hours on both sides of midnight"
            self.lookup.fault(spot.at("after"), "is not earlier than `before`, so that nothing could pass", hint)
        else:
            days = frozenset(WEEKDAYS.index(day) for day in said.days or ())
            yield InTime(after, before, type_ in MOMENTS, days, "" if zones == ["UTC"] else zones[0])

    def _type(self, tag: int) -> DataType:
        return self.lookup.dictionary.data_type(tag)

    def _has_type(self, tag: int, types: frozenset[DataType]) -> bool:
        free = self.lookup.dictionary.stands_anywhere(tag) and self.lookup.dictionary.type(tag) in FREE
        return free or self._type(tag) in types

    def _typed(self, tag: int) -> str:
        return f"{self.lookup.dictionary.tag_name(tag)} of type {self.lookup.dictionary.type(tag)}"

    def _every(self, word: str, tag: int, spot: Spot) -> Every | None:
        group = self._group(spot, word)
        if group is None or not self.lookup.in_group(spot, self.msg_type, group.count_tag, tag):
            return None
        return Every(group)

    def _group(self, spot: Spot, word: str) -> Repeating | None:
        return self.lookup.group(spot, self.msg_type, word, self.lookup.tag(spot, word))

    def _entries(self, counted: Condition, word: str, said: language.Condition, spot: Spot) -> Iterator[Entries]:
        for when, key in ((said.any_entry, "any_entry"), (said.each_entry, "each_entry")):
            inner = spot.at(key)
            group = self.lookup.group(inner, self.msg_type, word, counted.tag) if when is not None else None
            if group is None or when is None:
                continue
            conditions = self.on_tags(when, inner, f"{counted.id}.{key}")
            for condition in conditions or ():
                self.lookup.in_group(inner, self.msg_type, group.count_tag, condition.tag)
            yield Entries(group, conditions or (), each=key == "each_entry")


def _beginning(said: str | language.Claimed) -> Prefix | ClaimPrefix:
    return Prefix(said.encode()) if isinstance(said, str) else ClaimPrefix(said.claim)


def _moment(said: str | None) -> tuple[bytes | None, str]:
    """Take a time and its zone apart, and write the time with its seconds."""
    moment, _, zone = (said or "").partition(" ")
    whole = moment if moment.count(":") == 2 else f"{moment}:00"
    return (whole.encode() if moment else None), zone
