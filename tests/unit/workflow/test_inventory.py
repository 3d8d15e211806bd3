"""The inventory of recorded days: counts, tags, and how a mapping covers each kind of message."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.fix.dictionary import load
from authzsvc.fix.direction import Direction
from authzsvc.policy.engine import Policy
from authzsvc.workflow import inventory, tables
from authzsvc.workflow.inventory import Cover, Entry, Inventory
from authzsvc.workflow.replay import Replay
from authzsvc.workflow.sessions import Held
from authzsvc.workflow.tables import Format
from tests.unit.workflow.test_replay import message

FIX50SP2 = load("FIX.5.0SP2")
ALGO = frozenset({"ALGO"})


def read(*messages: bytes | None) -> Inventory:
    counted = Inventory()
    counted.run(enumerate(messages, 1))
    return counted


def held_against(policy: Policy, *messages: bytes, held: Held | None = None) -> dict[tuple[str, str], Entry]:
    counted = Inventory()
    run = Replay(policy, None, {"ALGO": held or Held(policy.scopes, {"accounts": ["A1"]})})
    report = run.run(counted.passing(enumerate(messages, 1)))
    found, _ = inventory.entries(counted, ALGO, policy.dictionary)
    return {(str(entry.row.direction), entry.row.msg_type): entry for entry in inventory.covered(found, policy, report)}


def test_counts_and_tags() -> None:
    counted = read(
        message("D", "55=ACME|54=1|"), message("D", "55=ACME|44=1|"), message("8", "37=1|", "VENUE", "ALGO"), None
    )
    found, foreign = inventory.entries(counted, ALGO, FIX50SP2)
    assert [(entry.label, str(entry.row.direction), entry.count, dict(entry.tags)) for entry in found] == [
        ("NewOrderSingle", "inbound", 2, {44: 1, 54: 1, 55: 2}),
        ("ExecutionReport", "outbound", 1, {37: 1}),
    ]
    assert (foreign, counted.unreadable, counted.unreadable_line, counted.fix) == (0, 1, 4, "FIX.4.4")


def test_messages_of_nobodys_session_are_foreign() -> None:
    assert inventory.entries(read(message("D", "", "X", "Y")), ALGO, FIX50SP2) == ([], 1)


def test_what_the_gateway_would_not_read_is_unreadable() -> None:
    assert read(message("D", "055=ACME|"), message("D", "354=9|355=x|"), message("", "")).unreadable == 3


def test_the_order_is_by_category() -> None:
    found, _ = inventory.entries(
        read(message("V", ""), message("F", ""), message("D", ""), message("U1", "")), ALGO, FIX50SP2
    )
    assert [(entry.category, entry.row.msg_type) for entry in found] == [
        ("market data", "V"),
        ("orders", "D"),
        ("orders", "F"),
        ("venue's own", "U1"),
    ]


def test_the_cover_of_each_kind(desk: Policy) -> None:
    found = held_against(
        desk,
        message("A", "98=0|"),
        message("0", ""),
        message("D", "55=ACME|167=CS|54=1|"),
        message("D", "55=ACME|167=OPT|54=1|"),
        message("F", "11=1|"),
        message("V", "262=1|"),
        message("8", "1=B1|", "VENUE", "ALGO"),
        message("j", "45=1|", "VENUE", "ALGO"),
    )
    assert {kind: entry.cover for kind, entry in found.items()} == {
        ("inbound", "A"): Cover.SESSION,
        ("inbound", "0"): Cover.SESSION,
        ("inbound", "D"): Cover.PARTLY,
        ("inbound", "F"): Cover.COVERED,
        ("inbound", "V"): Cover.NO_RULE,
        ("outbound", "8"): Cover.DENIED,
        ("outbound", "j"): Cover.UNNAMED,
    }
    order = found["inbound", "D"]
    assert (order.denied, order.count) == (1, 2)
    assert "SecurityType" in order.reason


def test_an_exempt_message(desk: Policy) -> None:
    exempting = replace(desk, exempt=("B",))
    assert held_against(exempting, message("B", "148=x|"))["inbound", "B"].cover is Cover.EXEMPT


def test_what_a_closed_mapping_withholds(desk: Policy) -> None:
    closed = replace(desk, closed=True, passes=("j",))
    found = held_against(closed, message("j", "45=1|", "VENUE", "ALGO"), message("9", "11=1|", "VENUE", "ALGO"))
    assert found["outbound", "j"].cover is Cover.UNNAMED
    assert found["outbound", "9"].cover is Cover.NO_RULE


def test_what_a_client_holds_counts(desk: Policy) -> None:
    cancel = message("F", "11=1|")
    assert held_against(desk, cancel, held=Held())["inbound", "F"].cover is Cover.DENIED


def test_as_a_table_and_as_a_document() -> None:
    counted = read(message("D", "55=ACME|9000=x|"), message("D", "55=ACME|"))
    found, _ = inventory.entries(counted, ALGO, FIX50SP2)
    shown = tables.write(inventory.table(found, FIX50SP2, "t", "n"), Format.CSV)
    assert shown.splitlines()[1] == "ALGO,inbound,orders,NewOrderSingle,D,2,55 9000?"
    (document,) = inventory.as_document(found, FIX50SP2)
    assert document["tags"] == [
        {"tag": 55, "name": "Symbol", "messages": 2},
        {"tag": 9000, "name": None, "messages": 1},
    ]
    assert "mapping" not in document


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "MAX_KINDS", 3)
    monkeypatch.setattr(inventory, "MAX_SHAPES", 2)
    counted = read(*(message(f"U{number}", f"{5000 + number}=1|") for number in range(50)))
    assert len(counted.kinds) == 4
    found, _ = inventory.entries(counted, ALGO, FIX50SP2)
    assert sum(entry.count for entry in found) == 50
    many = next(entry for entry in found if entry.row.msg_type == inventory.MANY)
    assert set(many.tags) == {5000 + number for number in range(3, 50)}


KINDS = st.tuples(
    st.sampled_from(("D", "F", "8", "U1")), st.sampled_from(Direction), st.sets(st.sampled_from((11, 54, 55, 5001)))
)


@given(st.lists(KINDS, max_size=30))
def test_every_message_and_every_tag_is_counted_once(day: list[tuple[str, Direction, set[int]]]) -> None:
    parties = {Direction.INBOUND: ("ALGO", "VENUE"), Direction.OUTBOUND: ("VENUE", "ALGO")}
    counted = read(*(message(type_, "".join(f"{tag}=1|" for tag in tags), *parties[way]) for type_, way, tags in day))
    found, foreign = inventory.entries(counted, ALGO, FIX50SP2)
    assert foreign == 0
    assert {(entry.row.msg_type, entry.row.direction): entry.count for entry in found} == Counter(
        (type_, way) for type_, way, _ in day
    )
    for entry in found:
        of_kind = [tags for type_, way, tags in day if (type_, way) == (entry.row.msg_type, entry.row.direction)]
        assert entry.tags == Counter(tag for tags in of_kind for tag in tags)
