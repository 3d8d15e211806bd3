"""What a cached decision rests on: each tag of `vary`, with the rules that ask for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from authzsvc.fix.direction import Direction
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy, Question
from authzsvc.workflow import cache_key, typed
from tests.unit.policy.test_reference import compiled, mappings, slow

INBOUND = Direction.INBOUND


def question(message: str) -> Question:
    msg_type, fields = typed.read(message)
    return Question(INBOUND, msg_type, fields, frozenset(), {})


def test_each_tag_names_the_rules_that_ask_for_it(desk: Policy) -> None:
    found = {one.name: [asking.line.name for asking in one.askings] for one in cache_key.of(desk, INBOUND, "D")}
    assert found == {
        "Side": ["order:create:equity"],
        "Symbol": ["restricted-list", "order:create:restricted"],
        "SecurityType": ["order:create:equity", "order:create:restricted"],
    }


def test_what_a_person_is_told(desk: Policy) -> None:
    report = cache_key.report(desk, question("35=D|54=1|55=ACME"))
    assert report[0] == "cache    a decision stands for each NewOrderSingle inbound with equal values in 3 tags"
    assert "  Side (54), here 1" in report
    assert "  SecurityType (167), absent here" in report
    assert any(line.startswith("    forbid restricted-list: Symbol in list `restricted` (") for line in report)


def test_a_message_without_conditions(desk: Policy) -> None:
    assert cache_key.report(desk, question("35=F|11=1")) == [
        "cache    one decision for every OrderCancelRequest inbound: no rule looks at a body field"
    ]


def test_ids_that_differ_from_message_to_message(desk: Policy) -> None:
    hub = replace(desk, identity={"on_behalf_of": "firms"})
    assert cache_key.report(hub, question("35=F"))[0].startswith("cache    none: ")
    assert cache_key.as_document(hub, question("35=F"))["cached"] is False


@pytest.mark.parametrize(
    ("condition", "tag", "changing"),
    [
        ("OrderQty: {max: 5}", 38, "a number"),
        ("ClOrdID: {present: true}", 11, "an id"),
        ("TransactTime: {present: true}", 60, "a time"),
        ("OrdType: Limit", 40, ""),
        ("NoPartyIDs: {min: 1}", 453, ""),
        ("Symbol: {present: true}", 55, ""),
    ],
)
def test_values_that_hardly_repeat(write: Callable[..., Path], condition: str, tag: int, changing: str) -> None:
    policy = compile_mapping(write(("Side: {in: [Buy, Sell]}", condition)))
    (found,) = (one for one in cache_key.of(policy, INBOUND, "D") if one.tag == tag)
    assert found.changing.startswith(changing)
    assert bool(found.changing) is bool(changing)


def test_tags_that_only_tell_entries_apart(write: Callable[..., Path]) -> None:
    entry = "NoPartyIDs: {any_entry: {PartyRole: ExecutingFirm}}"
    policy = compile_mapping(write(("Side: {in: [Buy, Sell]}", entry)))
    found = {one.tag: [asking.entries for asking in one.askings] for one in cache_key.of(policy, INBOUND, "D")}
    assert (found[452], found[448], found[453]) == ([False], [True], [True])


def test_as_a_document(desk: Policy) -> None:
    document: Any = cache_key.as_document(desk, question("35=D|54=1"))
    (side, _, _) = document["tags"]
    assert (side["tag"], side["name"], side["rules"][0]["condition"]) == (54, "Side", "Side one of 1, 2")


@slow
@given(mappings())
def test_the_tags_are_those_of_the_verdict_and_each_has_a_rule(mapping: dict[str, Any]) -> None:
    policy = compiled(mapping)
    for direction, msg_type in policy.rules:
        found = cache_key.of(policy, direction, msg_type)
        assert tuple(one.tag for one in found) == policy.rules[direction, msg_type].vary
        assert all(one.askings for one in found)


def test_the_clock(write: Callable[..., Path]) -> None:
    policy = compile_mapping(write(("Side: {in: [Buy, Sell]}", "now: {after: '08:00'}")))
    report = cache_key.report(policy, question("35=D|54=1"))
    assert report[0].startswith(
        "cache    no longer than until the clock may change it: order:create:equity needs now not"
    )
    document: Any = cache_key.as_document(policy, question("35=D|54=1"))
    assert document["until_the_clock_changes"] == ["scopes.order:create:equity.grants[0]"]
    assert [one["tag"] for one in document["tags"]] == [55, 167]
