"""Conditions on the fields of a message, compiled: numbers and bytes, no names to look up.

A condition is true, false, or in doubt. For a grant all conditions must be true; a forbid does not fire only if one of
its conditions is false. An absent tag fails every test except the negative ones, which it leaves in doubt. If a tag
occurs several times, or holds several items in one value, all of them must pass the test for a grant, and any of them
is enough for a forbid, so that it does not matter whether an engine takes the first or the last one.

Values are compared by the tag's data type: tests see the plain form of each item. A value without a plain form, which
engines may read differently, leaves every test in doubt. So does a field without a value (`framing.empty_values`): to
some engines it is not there, so that is in doubt, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from authzsvc.fix.data_types import TEXT, DataType
from authzsvc.fix.fields import Fields
from authzsvc.policy.claims import Claims as Claims
from authzsvc.policy.claims import claim_values as claim_values
from authzsvc.policy.groups import Entry, Every, Repeating
from authzsvc.policy.truth import DoubtError, Truth
from authzsvc.policy.value_tests import InClaim as InClaim
from authzsvc.policy.value_tests import OneOf as OneOf
from authzsvc.policy.value_tests import ValueTest

Single = Mapping[int, bytes]

Tag = tuple[int, str]
"""A tag and its name."""

_NO_TAGS: frozenset[int] = frozenset()


class AnyCondition(Protocol):
    """What a rule asks of a message: a condition on one tag, or one on an attribute (`policy.classes`,
    `policy.values`)."""

    @property
    def id(self) -> str:
        """Its place in the mapping."""

    @property
    def name(self) -> str:
        """The tag's or the attribute's name, for people."""

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The tags whose values it looks at, to be shown to people."""

    @property
    def types(self) -> Mapping[int, DataType]:
        """How the values of these tags are compared."""

    @property
    def lists(self) -> tuple[OneOf, ...]:
        """Every test against a value list."""

    @property
    def consulted(self) -> frozenset[int]:
        """The body tags that the answer rests on."""

    @property
    def meaning(self) -> tuple[Any, ...]:
        """What two conditions that mean the same have in common; can be written as JSON."""

    def truth(self, fields: Fields, claims: Claims, single: Single | None = None) -> Truth:
        """Whether it holds for a message. `single` is the message as tag → value, where no tag stands twice."""

    def in_doubt(self, tag: int, value: bytes) -> bool:
        """Whether engines may read a value of the tag differently, so that it cannot be tested."""

    def needed(self, *, forbids: bool) -> Mapping[int, frozenset[bytes | None]]:
        """Give tags each of which must have one of these values (None: be absent) where a rule applies."""


@dataclass(frozen=True, slots=True)
class Entries:
    """`any_entry` and `each_entry`: conditions that one entry of a group must meet together."""

    group: Repeating
    conditions: tuple[Condition, ...]
    each: bool

    def truth(self, fields: Fields, claims: Claims) -> Truth:
        """Whether some entry meets them; `each`: whether there are entries and each does."""
        try:
            entries = self.group.entries(fields, (condition.tag for condition in self.conditions))
        except DoubtError:
            return Truth.DOUBT
        found = (self._met(entry, claims) for entry in entries)
        return (min if self.each else max)(found, default=Truth.NO)

    def _met(self, entry: Entry, claims: Claims) -> Truth:
        fields = Fields(tuple(entry.items()))
        return min(condition.truth(fields, claims) for condition in self.conditions)

    @property
    def consulted(self) -> frozenset[int]:
        """The tags that the answer rests on."""
        return self.group.consulted.union(condition.tag for condition in self.conditions)

    @property
    def meaning(self) -> tuple[Any, ...]:
        """Give what two of these that mean the same have in common."""
        conditions = tuple(condition.meaning for condition in self.conditions)
        return "each" if self.each else "any", self.group.meaning, conditions

    def __str__(self) -> str:
        return f" with {'each' if self.each else 'an'} entry of {' and '.join(map(str, self.conditions))}"


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of a rule's `when`, or of the conditions on an entry."""

    tag: int
    name: str
    """The tag's name, for people."""
    tests: tuple[ValueTest, ...] = ()
    """All must pass; none: the tag must only be there."""
    every: Every | None = None
    entries: tuple[Entries, ...] = ()
    present: bool = False
    """The tag must be there, so that a negative test of an absent one is no doubt but a no."""
    absent: bool = False
    """The tag must not be there; there are no tests then."""
    default: bytes | None = None
    """Stands in where the tag is absent."""
    any_occurrence: bool = False
    """Whether one passing value (or item of a value) is enough; otherwise all must pass."""
    type: DataType = TEXT
    """How the tag's values are read."""
    open: bool = False
    """An absent tag leaves every test in doubt, because it does not show that the message lacks the attribute."""
    note: str = field(default="", compare=False)
    """What the author said of occurrences, for people."""
    id: str = field(default="", compare=False)
    """Its place in the mapping: `scopes.order:cancel.grants[0].when.Account`."""

    def truth(self, fields: Fields, claims: Claims, single: Single | None = None) -> Truth:
        """Whether it holds for a message. Whatever goes wrong in finding out is a doubt.

        `single` is the message once more, as tag → value, where no tag of it stands twice.
        """
        try:
            if single is None or self.entries or self.every is not None:
                return min(self._parts(fields, claims))
            value = single.get(self.tag)
            return self._values(() if value is None else (value,), claims)
        except Exception:  # an odd claim, say: neither may it grant, nor keep from forbidding
            return Truth.DOUBT

    def holds(self, fields: Fields, claims: Claims) -> bool:
        """Whether it was found true, as a grant needs it."""
        return self.truth(fields, claims) is Truth.YES

    def _parts(self, fields: Fields, claims: Claims) -> Iterator[Truth]:
        if not self.entries or self.tests:
            yield self._values(fields.all(self.tag), claims)
        if self.every is not None:
            yield self.every.truth(fields, self.tag)
        for entries in self.entries:
            yield entries.truth(fields, claims)

    def _values(self, found: Sequence[bytes], claims: Claims) -> Truth:
        if self.absent:
            return (Truth.NO if all(found) else Truth.DOUBT) if found else Truth.YES
        values = found or (() if self.default is None else (self.default,))
        if not values:
            return Truth.DOUBT if self._unshown else Truth.NO
        if len(values) == 1:
            return self._value(values[0], claims)
        truths = (self._value(value, claims) for value in values)
        return max(truths) if self.any_occurrence else min(truths)

    @property
    def _unshown(self) -> bool:
        """Whether an absent tag leaves it in doubt: for one, if it is only said what the value must not be."""
        if self.present:
            return False
        return self.open or (bool(self.tests) and all(test.negative for test in self.tests))

    def _value(self, value: bytes, claims: Claims) -> Truth:
        """Whether a value's items pass: all of them, or with `any_occurrence` any of them."""
        type_ = self.type
        if not value:
            return Truth.DOUBT
        if type_ is TEXT or not self.tests:
            return self._item(value, claims)
        if not type_.several:
            item = type_.plain(value)
            return Truth.DOUBT if item is None else self._item(item, claims)
        items = type_.read(value)
        if items is None:
            return Truth.DOUBT
        truths = (self._item(item, claims) for item in items)
        return max(truths) if self.any_occurrence else min(truths)

    def _item(self, item: bytes, claims: Claims) -> Truth:
        found = Truth.YES
        for test in self.tests:
            try:
                if not test.passes(item, claims):
                    return Truth.NO
            except DoubtError:
                found = Truth.DOUBT
        return found

    @property
    def type_matters(self) -> bool:
        """Whether values are compared, by another type than text."""
        return bool(self.tests) and self.type is not TEXT

    def in_doubt(self, tag: int, value: bytes) -> bool:
        """Whether engines may read a value of the tag differently, so that it cannot be tested."""
        return not value or (self.type_matters and self.type.read(value) is None)

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The one tag."""
        return ((self.tag, self.name),)

    @property
    def types(self) -> Mapping[int, DataType]:
        """How its values are compared, and those in the entries of the group that it counts."""
        inner = [condition.types for entries in self.entries for condition in entries.conditions]
        return {tag: type_ for types in (*inner, {self.tag: self.type}) for tag, type_ in types.items()}

    @property
    def lists(self) -> tuple[OneOf, ...]:
        """Every test against a value list, in the entries of the group that it counts too."""
        own = tuple(test for test in self.tests if isinstance(test, OneOf) and test.list_name)
        inner = (condition.lists for entries in self.entries for condition in entries.conditions)
        return own + tuple(test for lists in inner for test in lists)

    def needed(self, *, forbids: bool) -> Mapping[int, frozenset[bytes | None]]:
        """Give the values of the tag, where a test lists them and the rule looks at occurrences as rules of its kind
        do."""
        sets = [test.values for test in self.tests if isinstance(test, OneOf) and not test.negative]
        if not sets or self.any_occurrence is not forbids:
            return {}
        absent = frozenset((None,)) if self._absence_fits(sets[0], forbids) else frozenset[None]()
        return {self.tag: sets[0] | absent}

    def _absence_fits(self, values: frozenset[bytes], forbids: bool) -> bool:
        """Whether a rule may apply where the tag is absent: an item of the default is one of these, or in doubt."""
        if self.default is None:
            return forbids and self.open
        items = self.type.read(self.default)
        return items is None or not values.isdisjoint(items)

    @property
    def consulted(self) -> frozenset[int]:
        """The body tags that the answer rests on."""
        group = self.every.group.consulted if self.every else _NO_TAGS
        return frozenset((self.tag,)).union(group, *(entries.consulted for entries in self.entries))

    @property
    def meaning(self) -> tuple[Any, ...]:
        """Give what two conditions that mean the same have in common; can be written as JSON."""
        return (
            self.tag,
            sorted(test.meaning for test in self.tests),
            self.every.group.meaning if self.every else (),
            [entries.meaning for entries in self.entries],
            self.absent,
            self._unshown,
            (self.default or b"").decode("latin-1"),
            self.any_occurrence,
            *((self.type.name,) if self.type_matters else ()),
        )

    def __str__(self) -> str:
        if self.absent:
            return f"no {self.name}"
        parts = [f"{self.name}{test}" for test in (*self.tests, *self.entries)] or [f"{self.name} present"]
        every = f" in each entry of {self.every.group.name}" if self.every else ""
        default = f" (else {self.default.decode('latin-1')})" if self.default is not None else ""
        return " and ".join(parts) + every + (self._items_note or self.note) + default

    @property
    def _items_note(self) -> str:
        """Which items count, where a value holds several."""
        if not self.type_matters or not self.type.several:
            return ""
        return " in any of its values" if self.any_occurrence else " in each of its values"
