"""Coverage: which rules of a mapping its tests would miss.

A rule counts as seen to allow, or to deny, only by a test that rests on it: were the rule (or the condition) taken
out or turned round, that test would fail. So full coverage means that no single rule or condition can be lost unseen.

- A grant is seen to allow where it is the only one that grants, and to deny where its message is denied without it.
- A condition of a grant is seen to allow with its grant, and to deny where it alone stands in the way.
- A forbid is seen to deny where it is the only one that fires, on what a scope grants; to allow where its message
  passes. A condition of it is seen to allow where it alone keeps the forbid from firing, a scope of `unless` where it
  alone lifts it.

Only tests that pass count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from authzsvc.fix.direction import Direction
from authzsvc.policy.engine import Policy
from authzsvc.policy.rules import Rule
from authzsvc.policy.trace import Tried
from authzsvc.workflow.explain import Explanation, conditions_hold, only_failing
from authzsvc.workflow.lines import Line, all_lines, unless_of

Key = tuple[str, str]
"""A rule's id, and the id of a part of it; the empty id is the rule as a whole."""

Seen = tuple[Key, bool]
"""What a test saw: a key, and whether it was seen to allow."""


@dataclass(frozen=True, slots=True)
class Item:
    """A rule, a condition or an `unless`, and how the tests saw it."""

    line: Line
    text: str
    """The condition or `unless` in words; empty for the rule as a whole."""
    allow: bool
    deny: bool

    @property
    def lacks(self) -> tuple[str, ...]:
        """What no test shows."""
        return (() if self.allow else ("allow",)) + (() if self.deny else ("deny",))


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every item of a mapping."""

    items: tuple[Item, ...]

    @property
    def seen(self) -> int:
        """How many of `wanted` were seen."""
        return sum(item.allow + item.deny for item in self.items)

    @property
    def wanted(self) -> int:
        """Each item is to be seen to allow and to deny."""
        return 2 * len(self.items)

    @property
    def percent(self) -> float:
        """From 0 to 100; a mapping without rules is covered."""
        return 100.0 * self.seen / self.wanted if self.wanted else 100.0


def measure(policy: Policy, explanations: Iterable[Explanation]) -> Coverage:
    """Measure what these explanations, of tests that passed, show of the mapping's rules."""
    told = (explanation for explanation in explanations if not explanation.refused)
    seen = {mark for explanation in told for mark in _marks(policy, explanation)}
    items = {}
    for line in all_lines(policy):
        for part_id, text in _parts(line.rule):
            key = (line.id, part_id)
            items[key] = Item(line, text, (key, True) in seen, (key, False) in seen)
    return Coverage(tuple(items.values()))


def _parts(rule: Rule) -> Iterator[tuple[str, str]]:
    """Give the id and the words of the rule as a whole, of each condition and of each `unless`."""
    yield "", ""
    for condition in rule.conditions:
        yield condition.id, str(condition)
    for scope in unless_of(rule):
        yield _lifted_by(scope), f"unless `{scope}`"


def _lifted_by(scope: str) -> str:
    return f"unless {scope}"


def _marks(policy: Policy, explanation: Explanation) -> Iterator[Seen]:
    granting = [rule for rule in explanation.grants if rule.applies]
    firing = [rule for rule in explanation.forbids if rule.applies]
    outbound = explanation.question.direction is Direction.OUTBOUND
    unguarded = outbound and not explanation.grants and not policy.closed
    for rule in explanation.grants:
        yield from _grant_marks(rule, explanation, sole=granting == [rule], forbidden=bool(firing))
    for rule in explanation.forbids:
        yield from _forbid_marks(rule, explanation, sole=firing == [rule] and (bool(granting) or unguarded))


def _grant_marks(tried: Tried, explanation: Explanation, *, sole: bool, forbidden: bool) -> Iterator[Seen]:
    rule, failing = tried.rule, only_failing(tried)
    if sole and not explanation.denied:
        yield from _all(rule, allow=True)
    if explanation.denied and not forbidden and not tried.applies:
        yield (rule.id, ""), False
        if tried.held and failing is not None:
            yield (rule.id, failing.id), False


def _forbid_marks(tried: Tried, explanation: Explanation, *, sole: bool) -> Iterator[Seen]:
    rule, failing = tried.rule, only_failing(tried)
    if sole and explanation.denied:
        yield from _all(rule, allow=False)
    if explanation.denied:
        return
    yield (rule.id, ""), True
    if failing is not None and not tried.held:
        yield (rule.id, failing.id), True
    if conditions_hold(tried) and len(tried.held) == 1:
        yield (rule.id, _lifted_by(tried.held[0])), True


def _all(rule: Rule, *, allow: bool) -> Iterator[Seen]:
    return (((rule.id, part_id), allow) for part_id, _ in _parts(rule))
