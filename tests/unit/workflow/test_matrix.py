"""The matrix: a row a grant, the forbids with them."""

from __future__ import annotations

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
