"""Conditions on what a message is about: attributes of named values, as an `asset_class` of equity, option or bond.

Each tag that says something about the attribute, a *source*, leaves open some of its values; the value is one that all
sources leave open. Sources that contradict each other, and a source that leaves open none, leave it in doubt. So a
forbid on `equity` fires if SecurityType says a share and CFICode an option, and no grant holds, whichever of the two
the venue reads.

Each place of a message is judged by itself (`places`): each order of a list, each leg. A place without a source is what
the place around it is. A grant needs every place, a forbid any one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from authzsvc.fix.data_types import DataType
from authzsvc.fix.fields import Fields
from authzsvc.policy.conditions import Claims, Condition, Single, Tag
from authzsvc.policy.places import Level, Place
from authzsvc.policy.truth import DoubtError, Truth
from authzsvc.policy.value_tests import OneOf

_REMEMBERED = 4096
"""Combinations of values that an attribute's verdict is remembered for."""
_REMEMBERED_MESSAGES = 64

CLASS = 1_000_001
"""Begins the meaning of these conditions; those on a tag begin with the tag, which is less."""

Candidates = frozenset[str]
"""The values that an attribute may have; none where that cannot be told."""


class Told(NamedTuple):
    """What one place says of an attribute."""

    own: Candidates | None
    """What all of its sources leave open; None where it has none."""
    hinted: Candidates | None
    """What it hints at where it has no source; None for nothing."""


_OPEN: Candidates = frozenset()
_NO_FIELDS = Fields(())
_NO_CLAIMS: Claims = {}


@dataclass(frozen=True, slots=True)
class Alternative:
    """Conditions that hold together where the attribute may have a value. The first one's tag is the source."""

    value: str
    conditions: tuple[Condition, ...]

    def truth(self, found: Single) -> Truth:
        """Whether they hold in a place."""
        return min(condition.truth(_NO_FIELDS, _NO_CLAIMS, found) for condition in self.conditions)

    @property
    def meaning(self) -> tuple[Any, ...]:
        """Give what two alternatives that mean the same have in common."""
        return self.value, [condition.meaning for condition in self.conditions]


@dataclass(frozen=True)
class Classification:
    """An attribute of named values, as one kind of message can tell it."""

    name: str
    alternatives: tuple[Alternative, ...]
    level: Level
    """Where the tags of the alternatives stand in the message."""
    otherwise: str | None = None
    """What holds where the message has no source."""
    by_entries: frozenset[str] = frozenset()
    """Values that leave it to the entries of a group, where there are any."""
    hints: tuple[Alternative, ...] = ()
    """What a place without a source is, where one of these holds."""

    def judge(self, fields: Fields, single: Single | None) -> tuple[Candidates, ...]:
        """Give what each place of the message may be. Raises `DoubtError` where its places cannot be told apart."""
        if single is not None and (not self.level.groups or self.level.grouped.isdisjoint(single)):
            own, hinted = self._found(tuple(map(single.get, self._asked)))
            found = hinted if own is None else own
            return (self._otherwise if found is None else found,)
        return self._judged(fields)

    @cached_property
    def _asked(self) -> tuple[int, ...]:
        """The tags of the alternatives."""
        return tuple(sorted({condition.tag for condition in self.conditions}))

    @cached_property
    def by_source(self) -> Mapping[int, tuple[Alternative, ...]]:
        """Source → its alternatives."""
        found: dict[int, list[Alternative]] = {}
        for alternative in self.alternatives:
            found.setdefault(alternative.conditions[0].tag, []).append(alternative)
        return {tag: tuple(alternatives) for tag, alternatives in found.items()}

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """All conditions of all alternatives and hints."""
        told = (*self.alternatives, *self.hints)
        return tuple(condition for alternative in told for condition in alternative.conditions)

    @cached_property
    def _otherwise(self) -> Candidates:
        return _OPEN if self.otherwise is None else frozenset((self.otherwise,))

    @cached_property
    def _found(self) -> Callable[[tuple[bytes | None, ...]], Told]:
        return lru_cache(maxsize=_REMEMBERED)(self._candidates)

    @cached_property
    def _judged(self) -> Callable[[Fields], tuple[Candidates, ...]]:
        return lru_cache(maxsize=_REMEMBERED_MESSAGES)(self._by_places)

    def _candidates(self, values: tuple[bytes | None, ...]) -> Told:
        """Give what the sources of a place leave open, and what it hints at."""
        there = {tag: value for tag, value in zip(self._asked, values, strict=True) if value is not None}
        found: Candidates | None = None
        for tag, alternatives in self.by_source.items():
            if tag in there:
                left = _left_open(alternatives, there)
                found = left if found is None else found & left
        return Told(found, self._hinted(there) if found is None else None)

    def _hinted(self, there: Single) -> Candidates | None:
        """Give what hints hold; nothing that can be told where one is in doubt, and None where none holds."""
        truths = [hint.truth(there) for hint in self.hints]
        if Truth.DOUBT in truths:
            return _OPEN
        held = zip(self.hints, truths, strict=True)
        return frozenset(hint.value for hint, truth in held if truth is Truth.YES) or None

    def _by_places(self, fields: Fields) -> tuple[Candidates, ...]:
        return tuple(self._judge(self.level.read(fields), self._otherwise, told=False))

    def _judge(self, place: Place, around: Candidates, *, told: bool) -> Iterator[Candidates]:
        """Give what a place and those inside may be; `told` says that a source of a place around says so. Hints count
        only where none does."""
        if any(len(values) > 1 for values in place.values.values()):
            raise DoubtError("a tag stands there twice")
        own, hinted = self._found(tuple(place.values[tag][0] if tag in place.values else None for tag in self._asked))
        told_here = told or own is not None
        own = hinted if own is None and not told else own
        entries = list(place.entries)
        if not entries:
            yield around if own is None else own
            return
        left = own is not None and own and own <= self.by_entries
        if own is not None and not left:
            yield own
        inner = _OPEN if left else around if own is None else own
        for entry in entries:
            yield from self._judge(entry, inner, told=told_here and not left)

    @cached_property
    def meaning(self) -> tuple[Any, ...]:
        """Give what two that mean the same have in common; can be written as JSON."""
        alternatives = sorted(alternative.meaning for alternative in self.alternatives)
        hints = ([sorted(hint.meaning for hint in self.hints)],) if self.hints else ()
        return alternatives, self.level.meaning, self.otherwise or "", sorted(self.by_entries), *hints


def _left_open(alternatives: tuple[Alternative, ...], found: Single) -> Candidates:
    """Give the values that one source leaves open; none where a condition is in doubt."""
    truths = [(alternative.value, alternative.truth(found)) for alternative in alternatives]
    if any(truth is Truth.DOUBT for _, truth in truths):
        return _OPEN
    return frozenset(value for value, truth in truths if truth is Truth.YES)


@dataclass(frozen=True, slots=True)
class ClassCondition:
    """One line of a rule's `when`: the attribute is one of these values, or with `negative` none of them."""

    attribute: Classification
    wanted: frozenset[str]
    negative: bool = False
    any_occurrence: bool = False
    """Whether one place is enough; otherwise all must pass."""
    id: str = field(default="", compare=False)
    """Its place in the mapping."""

    def truth(self, fields: Fields, claims: Claims, single: Single | None = None) -> Truth:
        """Whether it holds for a message. Whatever goes wrong in finding out is a doubt."""
        try:
            judged = self.attribute.judge(fields, single)
        except DoubtError:
            return Truth.DOUBT
        if len(judged) == 1:
            return self._passes(judged[0])
        return (max if self.any_occurrence else min)(map(self._passes, judged))

    def _passes(self, candidates: Candidates) -> Truth:
        if not candidates:
            return Truth.DOUBT
        if candidates <= self.wanted:
            return Truth.NO if self.negative else Truth.YES
        if candidates.isdisjoint(self.wanted):
            return Truth.YES if self.negative else Truth.NO
        return Truth.DOUBT

    def implies(self, other: ClassCondition) -> bool:
        """Whether each message that this applies to is one that `other` applies to, doubts included."""
        if self.attribute != other.attribute or self.any_occurrence != other.any_occurrence:
            return False
        if self.negative or other.negative:
            return self.negative and other.negative and other.wanted <= self.wanted
        return self.wanted <= other.wanted

    @property
    def name(self) -> str:
        """The attribute's name."""
        return self.attribute.name

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The tags that tell it."""
        return tuple({condition.tag: condition.tags[0] for condition in self.attribute.conditions}.values())

    @property
    def types(self) -> Mapping[int, DataType]:
        """How the values of these tags are compared."""
        return {condition.tag: condition.type for condition in self.attribute.conditions}

    @property
    def lists(self) -> tuple[OneOf, ...]:
        """Every test against a value list in its definition."""
        return tuple(test for condition in self.attribute.conditions for test in condition.lists)

    @property
    def consulted(self) -> frozenset[int]:
        """The body tags that the answer rests on."""
        return self.attribute.level.consulted

    @property
    def meaning(self) -> tuple[Any, ...]:
        """Give what two conditions that mean the same have in common; can be written as JSON."""
        what = "is not" if self.negative else "is"
        return CLASS, what, sorted(self.wanted), self.any_occurrence, self.attribute.meaning

    def in_doubt(self, tag: int, value: bytes) -> bool:
        """Whether some test of the tag cannot be made on this value."""
        return any(condition.in_doubt(tag, value) for condition in self.attribute.conditions if condition.tag == tag)

    def needed(self, *, forbids: bool) -> Mapping[int, frozenset[bytes | None]]:
        """Give the values of each source that leave open what a grant wants: the source has one of them, or is absent.

        Nothing for a forbid, which also fires where sources contradict each other.
        """
        if forbids or self.negative or self.any_occurrence:
            return {}
        wanted = self.wanted | (self.attribute.by_entries if self.attribute.level.groups else frozenset())
        found: dict[int, frozenset[bytes | None]] = {}
        for tag, alternatives in self.attribute.by_source.items():
            values = [_listed(alternative.conditions[0]) for alternative in alternatives if alternative.value in wanted]
            if all(one is not None for one in values):
                found[tag] = frozenset((None,)).union(*(one for one in values if one is not None))
        return found

    def __str__(self) -> str:
        values = sorted(self.wanted)
        if len(values) == 1:
            return f"{self.name}{'!=' if self.negative else '='}{values[0]}"
        return f"{self.name} {'none' if self.negative else 'one'} of {', '.join(values)}"


def _listed(condition: Condition) -> frozenset[bytes] | None:
    """Give the values that may pass a condition; None where it does not list them."""
    lists = [test.values for test in condition.tests if isinstance(test, OneOf) and not test.negative]
    return lists[0] if lists and condition.default is None else None
