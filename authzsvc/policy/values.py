"""Conditions on the values that a message gives an attribute: its accounts, its instruments, its quantities.

An attribute has several *sources*: tags, in whatever group of the message they stand, some of them only beside another
value (a PartyID with the PartyRole of an account). All values that are found count: a grant needs every one to pass and
at least one, a forbid fires on any. Where a place of the message (an order of a list, a leg) has no value, its own or
the message's around it, that is a doubt: nothing was shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from authzsvc.fix.data_types import TEXT, DataType
from authzsvc.fix.fields import Fields
from authzsvc.policy.conditions import Claims, Condition, Single, Tag
from authzsvc.policy.places import Level, Place
from authzsvc.policy.truth import DoubtError, Truth
from authzsvc.policy.value_tests import OneOf

VALUES = 1_000_002
"""Begins the meaning of these conditions; those on a tag begin with the tag, which is less."""

_NO_FIELDS = Fields(())


@dataclass(frozen=True, slots=True)
class Source:
    """A tag that has values of an attribute."""

    condition: Condition
    """What its values must be."""
    where: tuple[Condition, ...] = ()
    """What must stand beside it; elsewhere the tag does not count."""
    folded: Condition | None = None
    """The same for values without regard to case and to blanks at either end."""
    tag: int = field(init=False, compare=False)
    _listed: frozenset[bytes] | None = field(init=False, repr=False, compare=False)
    """The values that pass, where that is all that is asked of a text."""
    _listed_folded: frozenset[bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the most common test, whether a text is in a list, a look-up."""
        object.__setattr__(self, "tag", self.condition.tag)
        object.__setattr__(self, "_listed", _texts(self.condition))
        object.__setattr__(self, "_listed_folded", (self.folded and _texts(self.folded)) or frozenset())

    def stands(self, beside: Single, claims: Claims) -> Truth:
        """Whether the tag counts beside these values."""
        truths = (condition.truth(_NO_FIELDS, claims, beside) for condition in self.where)
        return min(truths, default=Truth.YES)

    def truth(self, value: bytes, claims: Claims) -> Truth:
        """Whether a value passes; with `folded`, in either form."""
        if self._listed is not None and value:
            passes = value in self._listed or (self._listed_folded and fold(value) in self._listed_folded)
            return Truth.YES if passes else Truth.NO
        found = self.condition.truth(_NO_FIELDS, claims, {self.tag: value})
        if self.folded is None or found is Truth.YES:
            return found
        return max(found, self.folded.truth(_NO_FIELDS, claims, {self.tag: fold(value)}))

    @property
    def meaning(self) -> tuple[Any, ...]:
        """Give what two sources that mean the same have in common."""
        return self.condition.meaning, [condition.meaning for condition in self.where], self.folded is not None


@dataclass(frozen=True)
class ValuesCondition:
    """One line of a rule's `when`: the attribute's values pass tests."""

    name: str
    """The attribute's name."""
    sources: tuple[Source, ...]
    level: Level
    """Where the sources, and what must stand beside them, are in the message."""
    ignore: frozenset[bytes] = frozenset()
    """Values that stand for another tag's."""
    default: bytes | None = None
    """Its value where the message has no source."""
    present: bool = False
    """A message, or a place in it, without a value is a no, and not a doubt."""
    absent: bool = False
    """There must be no value; there are no tests then."""
    any_occurrence: bool = False
    """Whether one passing value is enough; otherwise all must pass."""
    words: str = field(default="", compare=False)
    """The tests, for people."""
    id: str = field(default="", compare=False)
    """Its place in the mapping."""

    def truth(self, fields: Fields, claims: Claims, single: Single | None = None) -> Truth:
        """Whether it holds for a message. Whatever goes wrong in finding out is a doubt."""
        try:
            if single is not None and self._grouped.isdisjoint(single):
                if self._simple:
                    return self._of_message(single, claims)
                found = self._beside(single, claims)
            elif not self._qualified and (found := self._anywhere(fields)).shown:
                pass
            else:
                found = self._in_places(self.level.read(fields), claims)
            return self._truth(found, claims)
        except Exception:  # an odd claim, say: neither may it grant, nor keep from forbidding
            return Truth.DOUBT

    def _of_message(self, single: Single, claims: Claims) -> Truth:
        """Whether it holds for a message without groups; the quick way for most messages."""
        if self.absent:
            return self._absent_from(single)
        best, there, referred = None, self.any_occurrence, False
        for tag, source in self._outermost:
            value = single.get(tag)
            if value is None:
                continue
            if value in self.ignore:
                referred = True
                continue
            found = source.truth(value, claims)
            if best is None or (found > best if there else found < best):
                best = found
        if best is not None:
            return best
        return Truth.DOUBT if referred else self._unsaid(claims)

    def _absent_from(self, single: Single) -> Truth:
        """Whether a message without groups names no value."""
        absent = Truth.YES
        for tag, _ in self._outermost:
            value = single.get(tag)
            if value is None:
                continue
            if value and value not in self.ignore:
                return Truth.NO
            absent = Truth.DOUBT
        return absent

    def _unsaid(self, claims: Claims) -> Truth:
        """Whether it holds for a message that says nothing of it."""
        if self.default is not None:
            return self.sources[0].truth(self.default, claims)
        return Truth.NO if self.present else Truth.DOUBT

    def _truth(self, found: _Found, claims: Claims) -> Truth:
        if self.absent:
            if not found.values:
                return Truth.YES if found.none else Truth.DOUBT
            return Truth.NO if any(value for _, value in found.values) else Truth.DOUBT
        if found.none:
            return self._unsaid(claims)
        truths = [source.truth(value, claims) for source, value in found.values]
        if found.doubtful or not (found.shown or self.present):
            truths.append(Truth.DOUBT)
        elif not found.shown:
            truths.append(Truth.NO)
        return (max if self.any_occurrence else min)(truths)

    @cached_property
    def _by_tag(self) -> Mapping[int, tuple[Source, ...]]:
        found: dict[int, list[Source]] = {}
        for source in self.sources:
            found.setdefault(source.tag, []).append(source)
        return {tag: tuple(sources) for tag, sources in found.items()}

    @cached_property
    def _grouped(self) -> frozenset[int]:
        return self.level.grouped

    @cached_property
    def _outermost(self) -> tuple[tuple[int, Source], ...]:
        """The sources that stand in the message itself."""
        return tuple((source.tag, source) for source in self.sources if source.tag in self.level.tags)

    @cached_property
    def _simple(self) -> bool:
        """Whether every source of the message itself counts, whatever stands beside it."""
        return not any(source.where for _, source in self._outermost)

    @cached_property
    def _conditions(self) -> tuple[Condition, ...]:
        return tuple(condition for source in self.sources for condition in (source.condition, *source.where))

    @cached_property
    def _qualified(self) -> bool:
        return any(source.where for source in self.sources)

    @cached_property
    def _dependent(self) -> frozenset[int]:
        """The tags of sources that count only beside others, and these."""
        return frozenset(
            tag
            for source in self.sources
            if source.where
            for tag in (source.tag, *(condition.tag for condition in source.where))
        )

    @cached_property
    def _outer(self) -> frozenset[int]:
        """Tags that stand in the message itself alone."""
        return self.level.tags - self.level.grouped

    @cached_property
    def _filters(self) -> frozenset[int]:
        """The count fields of groups whose entries may or may not be about the attribute: as parties are."""
        plain = {source.tag for source in self.sources if not source.where}
        return frozenset(
            level.count_tag
            for level in self.level.every
            if level.count_tag and not level.groups and level.tags.isdisjoint(plain)
        )

    @cached_property
    def _optional(self) -> frozenset[int]:
        """The count fields of other groups that have nothing of the attribute but such entries."""
        plain = {source.tag for source in self.sources if not source.where}
        return frozenset(
            level.count_tag
            for level in self.level.every
            if level.count_tag and level.groups and all(inner.tags.isdisjoint(plain) for inner in level.every)
        )

    def _beside(self, there: Single, claims: Claims) -> _Found:
        """Find the values of one place."""
        found = _Found()
        for tag, sources in self._by_tag.items():
            value = there.get(tag)
            if value is None:
                continue
            for source in sources:
                stands = source.stands(there, claims) if source.where else Truth.YES
                if stands is Truth.DOUBT:
                    found.doubtful = True
                elif stands is Truth.YES:
                    found.take(source, value, self.ignore)
        found.shown = bool(found.values)
        return found

    def _anywhere(self, fields: Fields) -> _Found:
        """Find the values of all places; they are shown if the message itself has one."""
        found = _Found()
        for tag, value in fields.pairs:
            for source in self._by_tag.get(tag, ()):
                before = len(found.values)
                found.take(source, value, self.ignore)
                found.shown = found.shown or (tag in self._outer and len(found.values) > before)
        return found

    def _in_places(self, place: Place, claims: Claims) -> _Found:
        """Find the values of a place and of all places inside. A value of its own is that of all inside too."""
        found = self._in_place(place, claims)
        inner: list[Place] = []
        for group, entries in place.groups:
            if group.count_tag in self._filters:
                for entry in entries:
                    found.add(self._in_place(entry, claims))
            elif not self._silent(group, entries, claims):
                inner += entries
        inside = [self._in_places(entry, claims) for entry in inner]
        found.shown = bool(found.values) or (bool(inside) and all(one.shown for one in inside))
        for one in inside:
            found.add(one)
        return found

    def _silent(self, group: Level, entries: list[Place], claims: Claims) -> bool:
        """Whether entries need not say anything of the attribute, and none does: as the orders that are allocated."""
        return group.count_tag in self._optional and all(self._in_places(entry, claims).none for entry in entries)

    def _in_place(self, place: Place, claims: Claims) -> _Found:
        """Find the values of one place, all of a tag that stands there twice."""
        twice = {tag for tag, values in place.values.items() if len(values) > 1}
        if not self._dependent.isdisjoint(twice):
            raise DoubtError("a tag stands there twice, and which one stands beside the other is not told")
        found = self._beside({tag: values[0] for tag, values in place.values.items()}, claims)
        for tag in twice:
            for value in place.values[tag][1:]:
                for source in self._by_tag.get(tag, ()):
                    found.take(source, value, self.ignore)
        return found

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The tags that have its values, and those that must stand beside them."""
        return tuple({condition.tag: condition.tags[0] for condition in self._conditions}.values())

    @property
    def types(self) -> Mapping[int, DataType]:
        """How the values of these tags are compared."""
        return {condition.tag: condition.type for condition in self._conditions}

    @property
    def lists(self) -> tuple[OneOf, ...]:
        """Every test against a value list. A tag that can have none of a list's values does not make the list empty."""
        found = tuple(test for source in self.sources for test in source.condition.lists)
        filled = {test.list_name for test in found if test.values}
        return tuple(test for test in found if test.values or test.list_name not in filled)

    @property
    def consulted(self) -> frozenset[int]:
        """The body tags that the answer rests on."""
        return self.level.consulted

    @property
    def meaning(self) -> tuple[Any, ...]:
        """Give what two conditions that mean the same have in common; can be written as JSON."""
        return (
            VALUES,
            sorted(source.meaning for source in self.sources),
            self.level.meaning,
            sorted(value.decode("latin-1") for value in self.ignore),
            (self.default or b"").decode("latin-1"),
            self.present,
            self.absent,
            self.any_occurrence,
        )

    def in_doubt(self, tag: int, value: bytes) -> bool:
        """Whether a value of the tag cannot be tested."""
        if value in self.ignore:
            return False
        return any(condition.in_doubt(tag, value) for condition in self._conditions if condition.tag == tag)

    def needed(self, *, forbids: bool) -> Mapping[int, frozenset[bytes | None]]:
        """Nothing: any of the sources may have the value."""
        return {}

    def __str__(self) -> str:
        return f"no {self.name}" if self.absent else f"{self.name}{self.words}"


@dataclass(slots=True)
class _Found:
    """What a place, or a message, says of an attribute."""

    values: list[tuple[Source, bytes]] = field(default_factory=list)
    referred: bool = False
    """A value stands for another tag's."""
    doubtful: bool = False
    """Whether a tag counts is in doubt."""
    shown: bool = False
    """Each place has a value, or the place around it."""

    @property
    def none(self) -> bool:
        """Whether nothing at all is said."""
        return not (self.values or self.referred or self.doubtful)

    def take(self, source: Source, value: bytes, ignore: frozenset[bytes]) -> None:
        """Add a value, or note that it stands for another."""
        if value in ignore:
            self.referred = True
        else:
            self.values.append((source, value))

    def add(self, other: _Found) -> None:
        """Add what another place says; whether all is shown is for the caller to find out."""
        self.values += other.values
        self.referred = self.referred or other.referred
        self.doubtful = self.doubtful or other.doubtful


def _texts(condition: Condition) -> frozenset[bytes] | None:
    """Give the texts that pass a condition; None where it asks for anything else."""
    match condition.tests:
        case (OneOf(negative=False) as listed,) if condition.type is TEXT:
            return listed.values
    return None


def fold(value: bytes) -> bytes:
    """Return a value without regard to case, and to blanks at either end."""
    return value.strip(b" \t").upper()
