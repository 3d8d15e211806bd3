"""What changes in meaning between two mappings: who gains and who loses which messages, and what else holds.

Each mapping is turned into facts under subjects (`facts`); the difference is that of the facts. Where both sides have
one fact more than the other on the same topic, that is a change of it.

Invariants: two mappings with the same digest have no difference, whatever their text; with different ones there is
always something to tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from authzsvc.fix.data_types import TEXT
from authzsvc.policy.engine import Policy
from authzsvc.workflow import facts
from authzsvc.workflow.facts import KINDS, Fact, Subject


class Sign(StrEnum):
    """What happened to a fact."""

    GAINED = "gained"
    LOST = "lost"
    CHANGED = "changed"


MARKS = {Sign.GAINED: "+", Sign.LOST: "-", Sign.CHANGED: "~"}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    subject: Subject
    sign: Sign
    text: str


def compare(old: Policy, new: Policy) -> tuple[Change, ...]:
    """Give every difference in meaning, by subject; none where the digests are equal."""
    if old.digest == new.digest:
        return ()
    before, after = facts.of(old), facts.of(new)
    subjects = sorted(before.keys() | after.keys(), key=lambda subject: (KINDS.index(subject.kind), subject.name))
    changes = [change for subject in subjects for change in _changes(subject, before.get(subject), after.get(subject))]
    return tuple(changes) or (
        Change(Subject("mapping", new.name), Sign.CHANGED, "means something else in its details"),
    )


def _changes(subject: Subject, before: frozenset[Fact] | None, after: frozenset[Fact] | None) -> Iterator[Change]:
    if before is None:
        yield Change(subject, Sign.GAINED, "is new")
    elif after is None:
        yield Change(subject, Sign.LOST, "is gone")
    lost, gained = (before or frozenset()) - (after or frozenset()), (after or frozenset()) - (before or frozenset())
    for topic in sorted({fact.topic for fact in lost | gained}):
        yield from _on_topic(subject, topic, _about(topic, lost), _about(topic, gained))


def _about(topic: str, facts: Iterable[Fact]) -> list[Fact]:
    return sorted((fact for fact in facts if fact.topic == topic), key=lambda fact: fact.text)


def _on_topic(subject: Subject, topic: str, lost: list[Fact], gained: list[Fact]) -> Iterator[Change]:
    if len(lost) == 1 and len(gained) == 1:
        yield Change(subject, Sign.CHANGED, f"{topic}: {_from_to(lost[0], gained[0])}")
        return
    for sign, found in ((Sign.LOST, lost), (Sign.GAINED, gained)):
        for fact in found:
            yield Change(subject, sign, f"{topic} {fact.text}".strip())


def _from_to(old: Fact, new: Fact) -> str:
    if old.text != new.text:
        return f"{old.text} → {new.text}"
    if old.types == new.types:
        return f"{new.text}, with other values"
    before, after = dict(old.types), dict(new.types)
    changed = sorted(name for name in before | after if before.get(name) != after.get(name))
    return f"{new.text}, comparing {' and '.join(f'{name} as {after.get(name, TEXT.name)}' for name in changed)}"


def as_document(old: Policy, new: Policy, changes: Iterable[Change]) -> dict[str, object]:
    """Give a difference as programs read it."""
    return {
        "old": {"name": old.name, "digest": old.digest},
        "new": {"name": new.name, "digest": new.digest},
        "changes": [_change_document(change) for change in changes],
    }


def _change_document(change: Change) -> dict[str, str]:
    return {
        "kind": change.subject.kind,
        "name": change.subject.name,
        "sign": str(change.sign),
        "text": change.text,
    }


def as_lines(changes: Iterable[Change], *, markdown: bool = False) -> Iterator[str]:
    """Write a difference for a person: a heading a subject, a line a change."""
    subject: Subject | None = None
    for change in changes:
        if change.subject != subject:
            subject = change.subject
            shown = f"{subject.kind} `{subject.name}`" if subject.name else subject.kind
            yield f"\n### {shown}\n" if markdown else shown
        yield f"- **{change.sign}**: {change.text}" if markdown else f"  {MARKS[change.sign]} {change.text}"
