"""Conditions: what holds, what does not, and what they rest on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.fix.fields import Fields
from authzsvc.policy.claims import claim_values
from authzsvc.policy.conditions import Condition
from authzsvc.policy.groups import Every, Repeating
from authzsvc.policy.value_tests import InClaim, OneOf

SYMBOLS_ASKED = Repeating(146, 55, "NoRelatedSym")
STOCK = Condition(167, "SecurityType", (OneOf(frozenset({b"CS"})),))
TOP = Condition(264, "MarketDepth", (OneOf(frozenset({b"0", b"1"})),))
OPTIONS = Condition(167, "SecurityType", (OneOf(frozenset({b"OPT"})),), Every(SYMBOLS_ASKED))
SYMBOLS = Condition(55, "Symbol", (OneOf(frozenset({b"A", b"B"})),), Every(SYMBOLS_ASKED))
OWN = Condition(1, "Account", (InClaim("accounts"),))


def fields(text: str) -> Fields:
    return Fields.parse(text.replace("|", "\x01").encode())


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("167=CS|", True),
        ("55=A|167=CS|40=2|", True),
        ("167=CS|167=CS|", True),
        ("", False),
        ("55=A|", False),
        ("167=OPT|", False),
        ("167=cs|", False),
        ("167=CS |", False),
        ("167=CS|167=OPT|", False),
        ("167=OPT|167=CS|", False),
        ("65703=CS|", False),
    ],
)
def test_equals(text: str, holds: bool) -> None:
    assert STOCK.holds(fields(text), {}) is holds


@pytest.mark.parametrize(("text", "holds"), [("264=0|", True), ("264=1|", True), ("264=2|", False), ("264=01|", False)])
def test_in(text: str, holds: bool) -> None:
    assert TOP.holds(fields(text), {}) is holds


@pytest.mark.parametrize(
    ("text", "claims", "holds"),
    [
        ("1=A1|", {"accounts": "A1"}, True),
        ("1=A1|", {"accounts": ["A0", "A1"]}, True),
        ("1=7|", {"accounts": [7]}, True),
        ("1=A1|", {"accounts": "A12"}, False),
        ("1=A1|", {"accounts": ["A2"]}, False),
        ("1=A1|", {}, False),
        ("1=A1|", {"accounts": None}, False),
        ("1=A1|", {"accounts": []}, False),
        ("1=True|", {"accounts": True}, False),
        ("1=A1|", {"accounts": {"A1": 1}}, False),
        ("1=A1|1=A2|", {"accounts": ["A1"]}, False),
        ("", {"accounts": ["A1"]}, False),
        ("1=é|", {"accounts": "é"}, True),
    ],
)
def test_claim(text: str, claims: dict[str, object], holds: bool) -> None:
    assert OWN.holds(fields(text), claims) is holds


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("146=1|55=A|167=OPT|", True),
        ("146=2|55=A|167=OPT|55=B|167=OPT|", True),
        ("263=1|146=2|55=A|200=202601|167=OPT|55=B|167=OPT|262=r|", True),
        ("167=OPT|", False),
        ("55=A|167=OPT|", False),
        ("146=0|", False),
        ("146=0|167=OPT|", False),
        ("146=1|167=OPT|", False),
        ("146=1|167=OPT|55=A|", False),
        ("167=OPT|146=1|55=A|", False),
        ("146=1|55=A|", False),
        ("146=2|55=A|167=OPT|", False),
        ("146=1|55=A|167=OPT|55=B|167=OPT|", False),
        ("146=2|55=A|167=OPT|55=B|", False),
        ("146=2|55=A|55=B|167=OPT|", False),
        ("146=2|55=A|167=OPT|55=B|167=CS|", False),
        ("146=2|55=A|167=OPT|167=CS|55=B|167=OPT|", False),
        ("146=02|55=A|167=OPT|55=B|167=OPT|", False),
        ("146=1|55=A|167=OPT|146=1|55=B|167=OPT|", False),
        ("55=Z|146=1|55=A|167=OPT|", False),
    ],
)
def test_every_entry_of_a_group(text: str, holds: bool) -> None:
    assert OPTIONS.holds(fields(text), {}) is holds


@pytest.mark.parametrize(
    ("text", "holds"), [("146=2|55=A|55=B|", True), ("146=2|55=A|55=Z|", False), ("146=3|55=A|55=B|", False)]
)
def test_every_on_the_first_field_of_an_entry(text: str, holds: bool) -> None:
    assert SYMBOLS.holds(fields(text), {}) is holds


def test_what_a_condition_rests_on() -> None:
    assert STOCK.consulted == {167}
    assert OPTIONS.consulted == {167, 146, 55}
    assert OWN.consulted == {1}


def test_conditions_in_words() -> None:
    assert [str(condition) for condition in (STOCK, TOP, OPTIONS, OWN)] == [
        "SecurityType=CS",
        "MarketDepth one of 0, 1",
        "SecurityType=OPT in each entry of NoRelatedSym",
        "Account in claim `accounts`",
    ]


def test_claim_values() -> None:
    assert claim_values({"a": ["x", 1, True, None, ["y"]]}, "a") == ("x", "1")


TAGS = st.sampled_from([1, 55, 146, 167, 262, 264])
VALUES = st.sampled_from([b"0", b"1", b"2", b"3", b"CS", b"OPT", b"A"])
PAIRS = st.lists(st.tuples(TAGS, VALUES), max_size=10)


@given(PAIRS, st.sampled_from([STOCK, TOP, OPTIONS, SYMBOLS, OWN]))
def test_only_what_is_consulted_matters(pairs: list[tuple[int, bytes]], condition: Condition) -> None:
    consulted = tuple(pair for pair in pairs if pair[0] in condition.consulted)
    claims = {"accounts": ["A", "1"]}
    assert condition.holds(Fields(tuple(pairs)), claims) == condition.holds(Fields(consulted), claims)


@given(PAIRS, VALUES, st.integers(0, 10), st.sampled_from([STOCK, TOP, OWN]))
def test_one_more_occurrence_never_makes_a_condition_hold(
    pairs: list[tuple[int, bytes]], value: bytes, at: int, condition: Condition
) -> None:
    claims = {"accounts": ["A", "1"]}
    more = (*pairs[:at], (condition.tag, value), *pairs[at:])
    if Fields(tuple(pairs)).all(condition.tag) and condition.holds(Fields(more), claims):
        assert condition.holds(Fields(tuple(pairs)), claims)
