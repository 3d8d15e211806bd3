"""What a cached decision rests on: the tags of `vary`, and for each of them the rules whose conditions ask for it.

The gateway answers a message from its cache if a message with equal values in all these tags was decided before. So
each tag that a rule asks for divides the messages further, for every session: also for those whose scopes do not reach
the rule. A tag whose values hardly repeat, such as a quantity or an id, takes nearly every message to the service.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from authzsvc.fix.data_types import DATE, LOCAL_TIME, MOMENTS, NUMBERS, ZONED_TIME, ZONED_TIMESTAMP
from authzsvc.fix.dictionary import Dictionary
from authzsvc.fix.direction import Direction
from authzsvc.policy import clock
from authzsvc.policy.compiler import BUSINESS_IDS
from authzsvc.policy.conditions import AnyCondition, Condition
from authzsvc.policy.engine import Policy
from authzsvc.policy.question import Question
from authzsvc.policy.reasons import shown
from authzsvc.policy.source import one_line
from authzsvc.workflow.lines import Line, lines_for

_TIMES = MOMENTS | {DATE, LOCAL_TIME, ZONED_TIME, ZONED_TIMESTAMP}
_SHOWN = 5
"""Rules of one tag that a person is shown."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A rule that asks for a tag, and the condition by which it does."""

    line: Line
    condition: AnyCondition
    entries: bool
    """Whether the condition needs the tag only to tell a group's entries apart."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A tag that decisions about one kind of message rest on."""

    tag: int
    name: str
    askings: tuple[Asking, ...]
    changing: str
    """Why its values hardly repeat from message to message; empty where they may."""


def of(policy: Policy, direction: Direction, msg_type: str) -> tuple[Asked, ...]:
    """Gives the tags that decisions about one kind of message rest on, sorted; none if no rule is about it."""
    found = policy.rules.get((direction, msg_type))
    lines = tuple(lines_for(policy, direction, msg_type))
    return tuple(_asked(policy.dictionary, tag, lines) for tag in (found.vary if found is not None else ()))


def _by_clock(policy: Policy, direction: Direction, msg_type: str) -> Iterator[Line]:
    """Gives the rules that ask for the gateway's clock."""
    for line in lines_for(policy, direction, msg_type):
        if any(clock.TAG in condition.consulted for condition in line.conditions):
            yield line


def _asked(dictionary: Dictionary, tag: int, lines: tuple[Line, ...]) -> Asked:
    return Asked(tag, dictionary.tag_name(tag), tuple(_askings(tag, lines)), _changing(dictionary, tag))


def _askings(tag: int, lines: tuple[Line, ...]) -> Iterator[Asking]:
    for line in lines:
        for condition in line.conditions:
            if tag in condition.consulted:
                yield Asking(line, condition, entries=tag not in _tested(condition))


def _tested(condition: AnyCondition) -> set[int]:
    """Gives the tags whose values a condition tests."""
    if not isinstance(condition, Condition):
        return {tag for tag, _ in condition.tags}
    inner = (one for entries in condition.entries for one in entries.conditions)
    own = {condition.tag} if condition.tests or not condition.entries else set[int]()
    return own.union(*(_tested(one) for one in inner))


def _changing(dictionary: Dictionary, tag: int) -> str:
    type_ = dictionary.data_type(tag)
    if tag in BUSINESS_IDS:
        return "an id: no two messages are alike"
    if type_ in _TIMES:
        return "a time: hardly two messages are alike"
    if type_ in NUMBERS and dictionary.type(tag) != "NUMINGROUP" and not dictionary.values(tag):
        return "a number: few messages are alike"
    return ""


def report(policy: Policy, question: Question) -> list[str]:
    """Writes for a person what a cached decision about a message rests on, a line each."""
    asked = of(policy, question.direction, question.msg_type)
    label = policy.dictionary.message_name(question.msg_type)
    what = f"{one_line(label)} {question.direction}"
    lines = []
    if not policy.ids_are_the_sessions:
        lines += ["cache    none: `session.identity` holds ids that may differ from message to message"]
    lines += [f"cache    no longer than until the clock may change it: {line.name} needs {line.when} ({line.place})"
              for line in _by_clock(policy, question.direction, question.msg_type)]  # fmt: skip
    if not asked:
        return [*lines, f"cache    one decision for every {what}: no rule looks at a body field"]
    count = f"{len(asked)} tag{'' if len(asked) == 1 else 's'}"
    lines += [f"cache    a decision stands for each {what} with equal values in {count}"]
    for one in asked:
        lines += _tag_lines(one, question)
    return lines


def _tag_lines(asked: Asked, question: Question) -> Iterator[str]:
    name = f"{asked.name} ({asked.tag})" if asked.name != str(asked.tag) else asked.name
    value = question.fields.first(asked.tag)
    here = f"here {shown(value)}" if value is not None else "absent here"
    yield f"  {name}, {here}" + (f"; {asked.changing}" if asked.changing else "")
    for asking in asked.askings[:_SHOWN]:
        line = asking.line
        why = f"to tell entries apart: {asking.condition}" if asking.entries else str(asking.condition)
        yield f"    {line.kind} {line.name}: {why} ({line.place})"
    if len(asked.askings) > _SHOWN:
        yield f"    … and {len(asked.askings) - _SHOWN} more rules"


def as_document(policy: Policy, question: Question) -> dict[str, object]:
    """Gives what a cached decision rests on as programs read it."""
    asked = of(policy, question.direction, question.msg_type)
    clocked = [line.id for line in _by_clock(policy, question.direction, question.msg_type)]
    tags = [_document(one) for one in asked]
    return {"cached": policy.ids_are_the_sessions, "tags": tags, "until_the_clock_changes": clocked}


def _document(asked: Asked) -> dict[str, object]:
    return {
        "tag": asked.tag,
        "name": asked.name,
        "changing": asked.changing,
        "rules": [
            {
                "kind": str(asking.line.kind),
                "name": asking.line.name,
                "id": asking.line.id,
                "file": asking.line.rule.file,
                "line": asking.line.rule.line,
                "condition": str(asking.condition),
                "entries": asking.entries,
            }
            for asking in asked.askings
        ],
    }
