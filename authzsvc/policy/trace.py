"""A decision shown: every rule about the message, whether its scope is held, and each of its conditions.

This is the slow way, rule by rule in order and without any index. Invariant: its verdict is the one that is decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authzsvc.policy import clock, reasons
from authzsvc.policy.by_version import with_version
from authzsvc.policy.clock import with_clock
from authzsvc.policy.conditions import AnyCondition
from authzsvc.policy.granted import Granted, RuleSet
from authzsvc.policy.question import Question, Verdict
from authzsvc.policy.rules import Forbid, Grant, Rule
from authzsvc.policy.truth import Truth

if TYPE_CHECKING:
    from authzsvc.policy.engine import Policy

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Step:
    """One condition of a rule, looked at."""

    condition: AnyCondition
    truth: Truth
    found: str
    """What the message has there, for people."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule, looked at."""

    rule: Rule
    held: tuple[str, ...]
    """Of a grant: its scope, where it is held. Of a forbid: the held scopes that lift it."""
    steps: tuple[Step, ...]

    @property
    def truth(self) -> Truth:
        """Whether all conditions hold."""
        return min((step.truth for step in self.steps), default=Truth.YES)

    @property
    def applies(self) -> bool:
        """Whether the grant grants, or the forbid denies."""
        if isinstance(self.rule, Forbid):
            return not self.held and self.truth is not Truth.NO
        return bool(self.held) and self.truth is Truth.YES


@dataclass(frozen=True, slots=True)
class Trace:
    """A question's verdict, and every rule that was tried for it, in order."""

    verdict: Verdict
    granted: Granted
    forbids: tuple[Tried, ...]
    grants: tuple[Tried, ...]


def trace(policy: Policy, question: Question) -> Trace:
    """Try every rule about a message."""
    granted = policy.expand(question.scopes, question.claims)
    found = policy.rules.get((question.direction, question.msg_type))
    if found is None:
        return Trace(policy.decide(question), granted, (), ())
    if found.clocks:
        question = question._replace(fields=with_clock(question.fields, question.now))
    if found.by_version:
        question = question._replace(fields=with_version(question.fields, question.begin_string))
    forbids = tuple(_try(rule, granted.lifting(rule), question) for rule in found.forbids)
    grants = tuple(_try(rule, (rule.scope,) if rule.scope in granted.scopes else (), question) for rule in found.grants)
    return Trace(_verdict(policy, question, found, forbids, grants, granted), granted, forbids, grants)


def _try(rule: Rule, held: tuple[str, ...], question: Question) -> Tried:
    steps = tuple(
        Step(condition, condition.truth(question.fields, question.claims), _found(condition, question))
        for condition in rule.conditions
    )
    return Tried(rule, held, steps)


def _found(condition: AnyCondition, question: Question) -> str:
    """Say what the message has; of several tags, with their names."""
    there = {}
    for tag, name in condition.tags:
        values = list(dict.fromkeys(question.fields.all(tag)))
        if values:
            there[name] = _told(condition, tag, values)
    if not there:
        return "the message has none"
    if condition.tags[0][0] == clock.TAG:
        now = question.fields.first(clock.TAG)
        return f"it is {now.decode()} UTC" if now else "nobody told the time"
    if len(condition.tags) == 1:
        return f"the message has {''.join(there.values())}"
    return f"the message has {', '.join(f'{name}={told}' for name, told in there.items())}"


def _told(condition: AnyCondition, tag: int, values: list[bytes]) -> str:
    told = ", ".join(map(reasons.shown, values[:_SHOWN])) + (", …" if len(values) > _SHOWN else "")
    doubtful = next((value for value in values if condition.in_doubt(tag, value)), None)
    return told + (f"; {reasons.shown(doubtful)} is not {condition.types[tag].words}" if doubtful is not None else "")


def _verdict(
    policy: Policy,
    question: Question,
    found: RuleSet,
    forbids: tuple[Tried, ...],
    grants: tuple[Tried, ...],
    granted: Granted,
) -> Verdict:
    firing = [tried.rule for tried in forbids if tried.applies and isinstance(tried.rule, Forbid)]
    granting = next((tried.rule for tried in grants if tried.applies and isinstance(tried.rule, Grant)), None)
    plan = granted.plan((question.direction, question.msg_type), found)
    if firing:
        return policy.prohibition(question, plan, firing, granted=bool(found.unguarded or granting))
    if granting is not None:
        return found.granted[granting.scope]
    if found.unguarded is not None:
        return found.unguarded
    lacking = [tried.rule for tried in grants if not tried.held and tried.truth is Truth.YES and tried.steps]
    return policy.refusal(question, plan, [rule for rule in lacking if isinstance(rule, Grant)])
