"""The scope-to-message matrix of a mapping, and who can do what by role, as tables.

Forbids stand in both: a matrix without them would promise too much.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from authzsvc.policy.engine import Policy
from authzsvc.workflow.lines import Kind, Line, all_lines
from authzsvc.workflow.tables import Table


class By(StrEnum):
    """What the rows are sorted by."""

    SCOPE = "scope"
    ROLE = "role"


def table(policy: Policy, by: By) -> Table:
    """Give the matrix of a mapping."""
    title = f"{policy.name}: {'scopes and messages' if by is By.SCOPE else 'roles and messages'}"
    note = f"{policy.fix}, policy {policy.digest[:16]}"
    columns = (by.value.capitalize(), *(("Scope",) if by is By.ROLE else ()), "Message", "Type", "Direction", "When")
    if by is By.ROLE:
        return Table(title, note, columns, tuple(_by_role(policy)))
    return Table(title, note, (*columns, "Notes", "Description"), tuple(_by_scope(policy)))


def _by_scope(policy: Policy) -> Iterator[tuple[str, ...]]:
    for line in sorted(all_lines(policy), key=_order):
        notes = "; ".join(_notes(policy, line))
        yield (_name(line), *_what(line), notes, line.description)


def _by_role(policy: Policy) -> Iterator[tuple[str, ...]]:
    """Give what each role grants, and the forbids that stand against that."""
    lines = sorted(all_lines(policy), key=_order)
    for role, scopes in sorted(policy.roles.items()):
        granted = [line for line in lines if line.kind is Kind.GRANT and line.name in scopes]
        messages = {line.key for line in granted}
        for line in granted:
            yield role, line.name, *_what(line)
        for line in lines:
            if line.kind is Kind.FORBID and line.key in messages and scopes.isdisjoint(line.unless):
                yield role, _name(line), *_what(line)


def _order(line: Line) -> tuple[object, ...]:
    return line.kind is Kind.FORBID, line.name, line.rule.direction, line.label, line.rule.line


def _name(line: Line) -> str:
    return line.name if line.kind is Kind.GRANT else f"forbid {line.name}"


def _what(line: Line) -> tuple[str, ...]:
    return line.label, line.rule.msg_type, str(line.rule.direction), line.when


def _notes(policy: Policy, line: Line) -> Iterator[str]:
    if line.unless:
        yield f"unless {', '.join(line.unless)}"
    if line.kind is Kind.FORBID:
        return
    scope = policy.scope_terms[line.name]
    if scope.sensitive:
        yield "sensitive"
    if scope.mode:
        yield str(scope.mode)
