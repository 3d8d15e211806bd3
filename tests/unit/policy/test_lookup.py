"""Names looked up: what is found, and what becomes a fault instead."""

from __future__ import annotations

import pytest

from authzsvc.errors import Fault
from authzsvc.fix.dictionary import load
from authzsvc.policy.groups import Repeating
from authzsvc.policy.lookup import Lookup
from authzsvc.policy.source import Spot, parse

SPOT = Spot(parse(b"a: [1]\n", "m.yaml"), ("a",))


def lookup(version: str = "FIX.4.4") -> Lookup:
    faults: list[Fault] = []
    return Lookup(load(version), faults, {})


def test_what_is_found() -> None:
    names = lookup()
    assert names.message(SPOT, "NewOrderSingle") == "D"
    assert names.body_tag(SPOT, "D", "Symbol") == 55
    assert names.body_tag(SPOT, "D", "9001") == 9001
    assert names.value(SPOT, 54, "Buy") == b"1"
    assert names.messages(SPOT, ["q", "F", "OrderCancelRequest"]) == ("F", "q")
    assert names.faults == []


def test_groups() -> None:
    names = lookup()
    assert names.group(SPOT, "D", "NoPartyIDs", 453) == Repeating(453, 448, "NoPartyIDs", nested=False)
    assert names.group(SPOT, "AE", "NoPartyIDs", 453) == Repeating(453, 448, "NoPartyIDs", nested=True)
    assert names.in_group(SPOT, "D", 453, 452)
    assert names.in_group(SPOT, "D", 453, 9001)
    assert names.faults == []


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("Symbl", "FIX.4.4 has no field `Symbl` (did you mean `Symbol`?)"),
        ("Password", "is a secret, or measures one: decisions do not see it"),
        (
            "SenderCompID",
            "is a header or trailer field (conditions are on the body, on ids besides the CompIDs, and on PossResend;"
            " see `session.identity`)",
        ),
        ("MDReqID", "is no field of `NewOrderSingle` in FIX.4.4"),
    ],
)
def test_tags_that_a_condition_cannot_be_about(word: str, fault: str) -> None:
    names = lookup()
    assert names.body_tag(SPOT, "D", word) is None
    assert [str(told) for told in names.faults] == [f"m.yaml:1: `a` {fault}"]


@pytest.mark.parametrize("word", ["Heartbeat", "0", "Logon", "Nope"])
def test_messages_that_a_rule_cannot_be_about(word: str) -> None:
    names = lookup()
    assert names.message(SPOT, word) is None
    assert len(names.faults) == 1
