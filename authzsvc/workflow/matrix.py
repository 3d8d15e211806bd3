"""The scope-to-message matrix of a mapping, and who can do what by role, as tables.

Forbids stand in both: a matrix without them would promise too much.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from authzsvc.fix.direction import Direction
from authzsvc.policy.engine import Policy
from authzsvc.policy.terms import Scope
from authzsvc.workflow.lines import Kind, Line, all_lines
from authzsvc.workflow.tables import Table


class By(StrEnum):
    """What the rows are sorted by."""

    SCOPE = "scope"
    ROLE = "role"
    SUMMARY = "summary"
    """A row for each role."""


def table(policy: Policy, by: By) -> Table:
    """Give the matrix of a mapping."""
    title = f"{policy.name}: {'scopes and messages' if by is By.SCOPE else 'roles and messages'}"
    note = f"{policy.fix}, policy {policy.digest[:16]}" + (", outbound closed" if policy.closed else "")
    if by is By.SUMMARY:
        columns = ("Role", "Description", "Sends", "Receives", "Stopped by")
        return Table(f"{policy.name}: what each role can do", note, columns, tuple(_summaries(policy)))
    columns = (by.value.capitalize(), *(("Scope",) if by is By.ROLE else ()), "Message", "Type", "Direction", "When")
    if by is By.ROLE:
        return Table(title, note, columns, tuple(_by_role(policy)))
    return Table(title, note, (*columns, "Notes", "Description"), tuple(_by_scope(policy)))


def _by_scope(policy: Policy) -> Iterator[tuple[str, ...]]:
    for line in sorted(all_lines(policy), key=_order):
        notes = "; ".join(_notes(policy, line))
        yield (_name(line), *_what(line), notes, line.description)
    for scope in sorted(policy.scope_terms.values(), key=lambda scope: scope.name):
        if scope.modifier:
            notes = "; ".join(("modifier", *_scope_notes(scope)))
            yield (scope.name, "", "", "", _lifts(policy, scope.name), notes, scope.description)


def _by_role(policy: Policy) -> Iterator[tuple[str, ...]]:
    """Give what each role grants, and the forbids that stand against that."""
    lines = sorted(all_lines(policy), key=_order)
    for role, scopes in sorted(policy.roles.items()):
        granted = [line for line in lines if line.kind is Kind.GRANT and line.name in scopes]
        messages = {line.key for line in granted}
        for line in granted:
            yield role, line.name, *_what(line)
        for line in lines:
            if line.kind is Kind.FORBID and line.key in messages and not _lifted(policy, role, line):
                yield role, _name(line), *_what(line)
        for scope in sorted(policy.role_terms[role].named):
            if policy.scope_terms[scope].modifier:
                yield role, scope, "", "", "", _lifts(policy, scope)


def _summaries(policy: Policy) -> Iterator[tuple[str, ...]]:
    """Give for each role which messages it may send and receive, and the forbids on these that it does not lift."""
    lines = sorted(all_lines(policy), key=_order)
    for role, scopes in sorted(policy.roles.items()):
        granted = [line for line in lines if line.kind is Kind.GRANT and line.name in scopes]
        messages = {line.key for line in granted}
        forbids = (line for line in lines if line.kind is Kind.FORBID and line.key in messages)
        names = dict.fromkeys(line.name for line in forbids if not _lifted(policy, role, line))
        sends, receives = (_together(granted, direction) for direction in (Direction.INBOUND, Direction.OUTBOUND))
        yield role, policy.role_terms[role].description, sends, receives, ", ".join(names)


def _together(granted: list[Line], direction: Direction) -> str:
    """Give the messages of grants with their conditions; none for a message that some grant has without any."""
    found: dict[str, list[str]] = {}
    for line in sorted(granted, key=lambda line: line.label):
        if line.rule.direction is direction:
            found.setdefault(line.label, []).append(line.when)
    return "; ".join(_with_conditions(label, whens) for label, whens in found.items())


def _with_conditions(label: str, whens: list[str]) -> str:
    return label if not all(whens) else f"{label} ({' or '.join(dict.fromkeys(whens))})"


def _lifted(policy: Policy, role: str, line: Line) -> bool:
    """Whether a role lifts a forbid."""
    held = policy.role_terms[role].scopes if line.wildcards_lift else policy.role_terms[role].named
    return not held.isdisjoint(line.unless)


def _lifts(policy: Policy, modifier: str) -> str:
    names = dict.fromkeys(forbid.name for forbid in policy.forbids if modifier in forbid.unless)
    return f"lifts {', '.join(names)}" if names else "lifts nothing"


def _order(line: Line) -> tuple[object, ...]:
    return line.kind is Kind.FORBID, line.name, line.rule.direction, line.label, line.rule.line


def _name(line: Line) -> str:
    return line.name if line.kind is Kind.GRANT else f"forbid {line.name}"


def _what(line: Line) -> tuple[str, ...]:
    return line.label, line.rule.msg_type, str(line.rule.direction), line.when


def _notes(policy: Policy, line: Line) -> Iterator[str]:
    if line.kind is Kind.FORBID:
        yield from (line.lifting,) if line.unless else ()
        return
    yield from _scope_notes(policy.scope_terms[line.name])


def _scope_notes(scope: Scope) -> Iterator[str]:
    if scope.sensitive:
        yield "sensitive"
    if scope.mode:
        yield str(scope.mode)
