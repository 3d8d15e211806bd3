"""The matrix: a row a grant, the forbids with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy
from authzsvc.workflow import matrix
from authzsvc.workflow.matrix import By


def test_by_scope(desk: Policy) -> None:
    table = matrix.table(desk, By.SCOPE)
    assert table.columns == ("Scope", "Message", "Type", "Direction", "When", "Notes", "Description")
    assert table.rows[0] == ("order:cancel", "OrderCancelRequest", "F", "inbound", "", "", "")
    assert table.rows[1][4:] == ("Side one of 1, 2 and SecurityType=CS", "sensitive", "Buy and sell shares")
    assert [row[0] for row in table.rows][2:] == ["order:create:restricted", "trade:view:own", "forbid restricted-list"]
    assert table.rows[-1][5] == "unless order:create:restricted"
    assert desk.digest[:16] in table.note


def test_by_role(desk: Policy) -> None:
    table = matrix.table(desk, By.ROLE)
    assert table.columns[:2] == ("Role", "Scope")
    assert [row[:3] for row in table.rows] == [
        ("canceller", "order:cancel", "OrderCancelRequest"),
        ("trader", "order:cancel", "OrderCancelRequest"),
        ("trader", "order:create:equity", "NewOrderSingle"),
        ("trader", "forbid restricted-list", "NewOrderSingle"),
    ]


def test_a_row_for_each_role(write: Callable[..., Path]) -> None:
    assert matrix.table(compile_mapping(write()), By.SUMMARY).rows == (
        ("canceller", "", "OrderCancelRequest", "", ""),
        (
            "trader",
            "",
            "NewOrderSingle (Side one of 1, 2 and SecurityType=CS); OrderCancelRequest",
            "",
            "restricted-list",
        ),
    )


def test_modifiers(write: Callable[..., Path]) -> None:
    """A row each, by scope and by role; a role that holds one is not told of the forbid that it lifts."""
    modifier = ("scopes:\n", "scopes:\n  override:x: {modifier: true, sensitive: true, description: All}\n")
    lifting = ('["order:create:restricted"]', '["order:create:restricted", "override:x"]')
    holding = ('["order:create:equity"]', '["order:create:equity", "override:x"]')
    desk = compile_mapping(write(modifier, lifting, holding))
    lifts = "lifts restricted-list"
    assert matrix.table(desk, By.SCOPE).rows[-1] == ("override:x", "", "", "", lifts, "modifier; sensitive", "All")
    by_role = matrix.table(desk, By.ROLE).rows
    assert by_role[-1] == ("trader", "override:x", "", "", "", lifts)
    assert "forbid restricted-list" not in {row[1] for row in by_role}


def test_a_wildcard_of_a_role_lifts_a_forbid_where_the_forbid_says_so(write: Callable[..., Path]) -> None:
    wide = ('["order:create:equity"]', '["order:create:*"]')
    unless = 'unless: ["order:create:restricted"]'
    shown = [
        "forbid restricted-list" in {row[1] for row in matrix.table(compile_mapping(write(*changes)), By.ROLE).rows}
        for changes in ((wide,), (wide, (unless, f"{unless}\n    wildcards_lift: true")))
    ]
    assert shown == [True, False]


def test_a_closed_mapping(write: Callable[..., Path]) -> None:
    closed = compile_mapping(write(("outbound: open", "outbound: closed")))
    assert matrix.table(closed, By.SCOPE).note.endswith(", outbound closed")
