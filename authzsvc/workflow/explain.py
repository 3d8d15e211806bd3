"""A decision explained: every rule that was tried, why it did or did not match, and what would have allowed it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from authzsvc.policy import reasons
from authzsvc.policy.conditions import AnyCondition
from authzsvc.policy.engine import Policy
from authzsvc.policy.question import Question, Verdict
from authzsvc.policy.rules import Forbid
from authzsvc.policy.source import one_line
from authzsvc.policy.trace import Step, Tried
from authzsvc.policy.truth import Truth
from authzsvc.workflow.lines import kind_of, name_of, place_of, unless_of

_TRUTHS = {Truth.YES: "holds", Truth.NO: "fails", Truth.DOUBT: "doubt"}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A question, its answer, and every rule that was tried for it."""

    question: Question
    verdict: Verdict
    refused: bool
    """Whether the client was refused for who it is, before any rule was asked."""
    label: str
    """The message's name."""
    forbids: tuple[Tried, ...]
    grants: tuple[Tried, ...]
    unknown: tuple[str, ...]
    """Scopes of the token that the mapping does not know."""

    @property
    def denied(self) -> bool:
        """Whether the mapping denies, be it in shadow."""
        return self.verdict.shadow or not self.verdict.allowed

    @property
    def would_allow(self) -> tuple[str, ...]:
        """What would have allowed it, a line each; empty where it was allowed."""
        return tuple(_would_allow(self)) if self.denied else ()


def explain(policy: Policy, question: Question, beforehand: Verdict | None = None) -> Explanation:
    """Decide a question and look at every rule of its direction and type. `beforehand` is the verdict of
    `clients.beforehand`, if there is one."""
    trace = policy.trace(question)
    return Explanation(
        question=question,
        verdict=beforehand or trace.verdict,
        refused=beforehand is not None and not beforehand.allowed,
        label=policy.dictionary.message_name(question.msg_type),
        forbids=trace.forbids,
        grants=trace.grants,
        unknown=trace.granted.unknown,
    )


def counts(rule: Tried, step: Step) -> bool:
    """Whether a rule takes a condition for met: a grant takes a doubt for a no, a forbid for a yes."""
    return step.truth is not Truth.NO if isinstance(rule.rule, Forbid) else step.truth is Truth.YES


def conditions_hold(rule: Tried) -> bool:
    """Whether a rule takes all of its conditions for met."""
    return all(counts(rule, step) for step in rule.steps)


def only_failing(rule: Tried) -> AnyCondition | None:
    """Give the condition that alone stands in a rule's way; None where none or several do."""
    failing = [step.condition for step in rule.steps if not counts(rule, step)]
    return failing[0] if len(failing) == 1 else None


def _would_allow(explanation: Explanation) -> Iterator[str]:
    """Give each way to be allowed: what lifts every forbid that applies, and with it what makes one grant apply."""
    first = ["a token that names this client"] if explanation.refused else []
    first += [_lifting(rule) for rule in explanation.forbids if rule.applies]
    if any(rule.applies for rule in explanation.grants):
        yield " and ".join(dict.fromkeys(first))
        return
    for rule in explanation.grants:
        missing = [] if rule.held else [f"the scope `{name_of(rule.rule)}`"]
        missing += [f"{step.condition} ({step.found})" for step in rule.steps if not counts(rule, step)]
        yield " and ".join(dict.fromkeys((*first, *missing)))


def _lifting(rule: Tried) -> str:
    scopes = ", ".join(f"`{scope}`" for scope in unless_of(rule.rule))
    if scopes:
        return f"{'one of the scopes' if len(unless_of(rule.rule)) > 1 else 'the scope'} {scopes}"
    return f"a message that the forbid `{name_of(rule.rule)}` does not match"


def report(explanation: Explanation) -> list[str]:
    """Write an explanation for a person, a line each."""
    question, verdict = explanation.question, explanation.verdict
    decided = ("ALLOW" if verdict.allowed else "DENY") + (" (shadow)" if verdict.shadow else "")
    lines = [f"{decided}  {one_line(explanation.label)} ({reasons.shown(question.msg_type)}) {question.direction}"]
    lines += [f"reason   {verdict.reason}"]
    lines += [f"unknown  the mapping has no scope `{reasons.shown(scope)}`" for scope in explanation.unknown]
    for rule in (*explanation.forbids, *explanation.grants):
        lines += _rule_lines(rule)
    if not explanation.forbids and not explanation.grants:
        lines += ["no rule of the mapping is about this message in this direction"]
    would = explanation.would_allow
    lines += [f"{'or' if index else 'would allow it'}: {way}" for index, way in enumerate(would)]
    return lines


def _rule_lines(rule: Tried) -> Iterator[str]:
    yield f"{kind_of(rule.rule):<8} {name_of(rule.rule)}: {_outcome(rule)} ({place_of(rule.rule)})"
    for step in rule.steps:
        yield f"  {_TRUTHS[step.truth]}  {step.condition} ({step.found})"


def _outcome(rule: Tried) -> str:
    if isinstance(rule.rule, Forbid):
        if rule.applies:
            return "denies"
        return f"lifted by `{rule.held[0]}`" if conditions_hold(rule) else "does not match"
    if not rule.held:
        return "not held" + (", would grant" if conditions_hold(rule) else "")
    return "grants" if conditions_hold(rule) else "held, does not match"


def as_document(policy: Policy, explanation: Explanation) -> dict[str, object]:
    """Give an explanation as programs read it."""
    verdict = explanation.verdict
    return {
        "decision": "allow" if verdict.allowed else "deny",
        "shadow": verdict.shadow,
        "scope": verdict.scope,
        "forbid": verdict.forbid,
        "missing_scopes": list(verdict.missing_scopes),
        "unknown_scopes": list(explanation.unknown),
        "reason": verdict.reason,
        "vary": list(verdict.vary),
        "policy": policy.digest,
        "rules": [_rule_document(rule) for rule in (*explanation.forbids, *explanation.grants)],
        "would_allow": list(explanation.would_allow),
    }


def _rule_document(rule: Tried) -> dict[str, object]:
    return {
        "kind": str(kind_of(rule.rule)),
        "name": name_of(rule.rule),
        "id": rule.rule.id,
        "file": rule.rule.file,
        "line": rule.rule.line,
        "applies": rule.applies,
        "held": list(rule.held),
        "conditions": [_step_document(step) for step in rule.steps],
    }


def _step_document(step: Step) -> dict[str, str]:
    return {"text": str(step.condition), "truth": step.truth.name.lower(), "found": step.found}
