"""What came of a replay: how many messages passed or not under either mapping, and where the verdicts differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from authzsvc.fix.direction import Direction


class Outcome(StrEnum):
    """What becomes of a message."""

    ALLOW = "allow"
    DENY = "deny"
    SHADOW = "shadow"
    """It passes because its denial is not enforced."""


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of message of one client."""

    comp_id: str
    direction: Direction
    msg_type: str


@dataclass(frozen=True, slots=True)
class Change:
    """Verdicts that differ, in the same way."""

    row: Row
    before: Outcome
    after: Outcome
    rule: str
    """The forbid that denies under the candidate or, where it allows, under the baseline; or the scopes missing (where
    messages alike in all else miss different ones, those of the first)."""


@dataclass(slots=True)
class Seen:
    """How often a change was seen, and one place of it."""

    count: int
    line: int
    reason: str
    """Of the denial at that line."""


@dataclass(slots=True)
class Report:
    """What came of a log."""

    counts: dict[Row, dict[tuple[Outcome, Outcome], int]] = field(default_factory=dict)
    """(under the baseline, under the candidate) → how many messages."""
    changes: dict[Change, Seen] = field(default_factory=dict)
    unlisted: int = 0
    """Messages whose verdicts differ in a way beyond `MAX_DIFFERENCES`."""
    unreadable: int = 0
    unreadable_line: int = 0
    """The first of them."""
    foreign: int = 0
    """Messages of sessions of none of the clients."""

    @property
    def messages(self) -> int:
        """Messages that were decided."""
        return sum(sum(outcomes.values()) for outcomes in self.counts.values())

    @property
    def differing(self) -> int:
        """Messages whose verdicts differ."""
        return self.unlisted + sum(seen.count for seen in self.changes.values())


def as_document(report: Report) -> dict[str, object]:
    """Give a report as programs read it."""
    return {
        "messages": report.messages,
        "differing": report.differing,
        "unreadable": report.unreadable,
        "unreadable_line": report.unreadable_line or None,
        "foreign": report.foreign,
        "counts": [
            {**_row_document(row), "baseline": _sums(outcomes, 0), "candidate": _sums(outcomes, 1)}
            for row, outcomes in sorted(report.counts.items(), key=lambda item: _order(item[0]))
        ],
        "differences": [
            {
                **_row_document(change.row),
                "baseline": str(change.before),
                "candidate": str(change.after),
                "count": seen.count,
                "line": seen.line,
                "reason": seen.reason,
            }
            for change, seen in ordered(report)
        ],
        "unlisted": report.unlisted,
    }


def ordered(report: Report) -> list[tuple[Change, Seen]]:
    """Give the changes, the most frequent first."""
    return sorted(report.changes.items(), key=lambda item: (-item[1].count, item[1].line, _order(item[0].row)))


def sums(outcomes: Mapping[tuple[Outcome, Outcome], int], which: int) -> dict[Outcome, int]:
    """Give how many messages had which outcome, under the baseline (0) or the candidate (1)."""
    return {one: sum(count for both, count in outcomes.items() if both[which] is one) for one in Outcome}


def rows(report: Report) -> list[Row]:
    """Give the kinds of messages, in order."""
    return sorted(report.counts, key=_order)


def _sums(outcomes: Mapping[tuple[Outcome, Outcome], int], which: int) -> dict[str, int]:
    return {str(outcome): count for outcome, count in sums(outcomes, which).items()}


def _row_document(row: Row) -> dict[str, str]:
    return {"comp_id": row.comp_id, "direction": str(row.direction), "msg_type": row.msg_type}


def _order(row: Row) -> tuple[str, str, str]:
    return row.comp_id, row.direction, row.msg_type
