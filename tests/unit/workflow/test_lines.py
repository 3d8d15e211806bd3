"""Rules with their words and places."""

from __future__ import annotations

from authzsvc.fix.direction import Direction
from authzsvc.policy.engine import Policy
from authzsvc.workflow.lines import Kind, all_lines, lines_for, lists_of


def test_the_rules_of_one_message_forbids_first(desk: Policy) -> None:
    lines = list(lines_for(desk, Direction.INBOUND, "D"))
    assert [(line.kind, line.name) for line in lines] == [
        (Kind.FORBID, "restricted-list"),
        (Kind.GRANT, "order:create:equity"),
        (Kind.GRANT, "order:create:restricted"),
    ]
    assert lines[0].unless == ("order:create:restricted",)
    assert lines[1].place.endswith("desk.yaml:18")
    assert (lines[1].what, lines[1].description) == ("NewOrderSingle inbound", "Buy and sell shares")


def test_a_message_without_rules(desk: Policy) -> None:
    assert list(lines_for(desk, Direction.INBOUND, "B")) == []


def test_all_rules(desk: Policy) -> None:
    assert len(all_lines(desk)) == 5
    names = {test.list_name for line in all_lines(desk) for test in lists_of(line.conditions)}
    assert names == {"restricted"}
