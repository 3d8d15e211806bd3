"""The words of a denial."""

from __future__ import annotations

from authzsvc.fix.direction import Direction
from authzsvc.policy.reasons import no_scope, shown


def test_values_are_shown_bounded_and_printable() -> None:
    assert shown(b"CS") == "CS"
    assert shown(b"\xff`\n") == "???"
    assert shown("x" * 100) == "x" * 31 + "…"


def test_only_the_first_scopes_are_named() -> None:
    line = no_scope("NewOrderSingle", Direction.INBOUND, [f"order:create:{n}" for n in range(9)], sure=True)
    assert line.endswith("`order:create:4`, …")
    assert "`order:create:5`" not in line


def test_lines_are_bounded() -> None:
    assert len(no_scope("X", Direction.OUTBOUND, ["s:" + "x" * 198] * 5, sure=False)) == 400
