"""What follows from conditions alone, without any message: which can never hold, and which are implied by others.

Both answers are sure when they are yes; a no means only that it does not follow from what is looked at here. A test
against a claim may come out either way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from authzsvc.policy.classes import ClassCondition
from authzsvc.policy.conditions import AnyCondition, Condition, Entries
from authzsvc.policy.token_tests import BY_TOKEN
from authzsvc.policy.truth import DoubtError
from authzsvc.policy.value_tests import InRange, OneOf, Prefix, ValueTest

T = TypeVar("T")

_FEW = 64
"""Values that a condition is filed under."""


def impossible(conditions: Sequence[AnyCondition]) -> str | None:
    """Give why no message meets all of these; None where some may. (The compiler lets a field stand there once.)"""
    for condition in conditions:
        if not isinstance(condition, Condition):
            continue
        if _listed(condition.tests) == frozenset():
            return f"no value of `{condition.name}` passes `{condition}`"
        for entries in condition.entries:
            why = impossible(entries.conditions)
            if why is not None:
                return why
    return None


def _listed(tests: Sequence[ValueTest]) -> frozenset[bytes] | None:
    """Give the values that may pass, where some test lists them; None where any number of values may."""
    lists = [test.values for test in tests if isinstance(test, OneOf) and not test.negative]
    if not lists:
        return None
    return frozenset(value for value in frozenset.intersection(*lists) if all(_may_pass(t, value) for t in tests))


def _may_pass(test: ValueTest, value: bytes) -> bool:
    return isinstance(test, BY_TOKEN) or _passes(test, value)


def _passes(test: ValueTest, value: bytes) -> bool:
    try:
        return test.passes(value, {})
    except DoubtError:
        return False


def implied(strict: Sequence[AnyCondition], loose: Sequence[AnyCondition], *, exactly: bool = False) -> bool:
    """Whether each message that meets all of `strict` meets all of `loose`.

    `exactly`: also a message that leaves some of `strict` in doubt, as it matters to a forbid.
    """
    return all(any(_implies(one, other, exactly) for one in strict) for other in loose)


def _implies(one: AnyCondition, other: AnyCondition, exactly: bool) -> bool:
    if isinstance(one, ClassCondition) and isinstance(other, ClassCondition):
        return one.implies(other)
    if not isinstance(one, Condition) or not isinstance(other, Condition):
        return one.meaning == other.meaning
    if one.tag != other.tag:
        return False
    if one.meaning == other.meaning:
        return True
    if one.absent or other.absent or not _same_scope(one, other):
        return False
    alike = one.any_occurrence == other.any_occurrence and one.open == other.open
    if exactly and not (alike and _only_lists(one) and _only_lists(other)):
        return False
    return all(_covers(one.tests, test) for test in other.tests)


def _same_scope(one: Condition, other: Condition) -> bool:
    """Whether what `other` asks about beside the values is asked by `one` too."""
    groups = (other.every is None or other.every == one.every) and _within(other.entries, one.entries)
    occurrences = other.any_occurrence or not one.any_occurrence
    absence = one.default is None or one.default == other.default
    return groups and occurrences and absence


def _within(wanted: Iterable[Entries], had: Sequence[Entries]) -> bool:
    return all(entries in had for entries in wanted)


def _only_lists(condition: Condition) -> bool:
    """Whether the condition is a plain list of values, of which nothing is ever in doubt but absence, and a value that
    the tag's data type leaves in doubt for every list."""
    plain = condition.every is None and not condition.entries and condition.default is None
    return plain and len(condition.tests) == 1 and isinstance(condition.tests[0], OneOf)


def _covers(strict: Sequence[ValueTest], loose: ValueTest) -> bool:
    """Whether each value that passes all of `strict` passes `loose`."""
    if any(test.meaning == loose.meaning for test in strict):
        return True
    if isinstance(loose, BY_TOKEN):
        return False
    listed = _listed(strict)
    if listed is not None:
        return all(_passes(loose, value) for value in listed)
    return any(_wider(test, loose) for test in strict)


def _wider(strict: ValueTest, loose: ValueTest) -> bool:
    match strict, loose:
        case OneOf(negative=True), OneOf(negative=True):
            return loose.values <= strict.values
        case Prefix(), Prefix():
            return strict.prefix.startswith(loose.prefix)
        case InRange(), InRange():
            low = loose.minimum is None or (strict.minimum is not None and strict.minimum >= loose.minimum)
            high = loose.maximum is None or (strict.maximum is not None and strict.maximum <= loose.maximum)
            return low and high
    return False


class Shelf(Generic[T]):
    """Things with conditions, filed so that those which other conditions may imply are found without trying all.

    What asks for one of a few values is implied only by conditions that list values too, each of them one of these; so
    it is filed under its values, and looked up by any one of theirs. Conditions that can never hold imply everything,
    and are not looked for here: `impossible` tells them.
    """

    def __init__(self, filed: Iterable[tuple[T, Sequence[AnyCondition]]]) -> None:
        """File things, each with its conditions."""
        self._by_value: dict[tuple[int, bytes], list[T]] = defaultdict(list)
        self._others: list[T] = []
        for thing, conditions in filed:
            keys = next((keys for keys in map(_keys, conditions) if keys), ())
            for key in keys:
                self._by_value[key].append(thing)
            if not keys:
                self._others.append(thing)

    def candidates(self, strict: Iterable[AnyCondition]) -> Iterator[T]:
        """Give all things whose conditions these may imply, and few others."""
        yield from self._others
        for condition in strict:
            values = _listed(condition.tests) if isinstance(condition, Condition) else None
            if values and isinstance(condition, Condition):
                yield from self._by_value.get((condition.tag, min(values)), ())


def _keys(condition: AnyCondition) -> tuple[tuple[int, bytes], ...]:
    """Give what a condition can be filed under: none where it lists no values, or very many."""
    if not isinstance(condition, Condition):
        return ()
    lists = (test.values for test in condition.tests if isinstance(test, OneOf) and not test.negative)
    few = next((values for values in lists if len(values) <= _FEW), frozenset())
    return tuple((condition.tag, value) for value in few)
