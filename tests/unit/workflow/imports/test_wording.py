"""Conditions as people write them in tables."""

from __future__ import annotations

from decimal import Decimal

import pytest

from authzsvc.fix.dictionary import load
from authzsvc.workflow.imports import wording
from authzsvc.workflow.imports.limits import Absent, Claimed, Limit, NoneOf, OneOf, Present, Range, Test
from authzsvc.workflow.imports.wording import WordingError

FIX44 = load("FIX.4.4")


def read(text: str) -> tuple[Limit, ...]:
    return wording.merged(wording.read(FIX44, "D", text))


@pytest.mark.parametrize(
    ("text", "tag", "test"),
    [
        ("SecurityType=CS", 167, OneOf(("CS",))),
        ("security type = common stock", 167, OneOf(("CS",))),
        ("167=CS|FUT", 167, OneOf(("CS", "FUT"))),
        ("Side!=5|6", 54, NoneOf(("5", "6"))),
        ("OrderQty<=1,000", 38, Range(None, Decimal(1000))),
        ("OrderQty >= 1", 38, Range(Decimal(1), None)),
        ("OrderQty=1..50", 38, Range(Decimal(1), Decimal(50))),
        ("OrderQty>=1; OrderQty<=50", 38, Range(Decimal(1), Decimal(50))),
        ("Account=claim:desk.accounts", 1, Claimed("desk.accounts")),
        ("Price present", 44, Present()),
        ("ExecInst ABSENT", 18, Absent()),
        ("OnBehalfOfCompID=FIRM", 115, OneOf(("FIRM",))),
        ("Symbol=A-B.C", 55, OneOf(("A-B.C",))),
    ],
)
def test_a_condition(text: str, tag: int, test: Test) -> None:
    assert read(text) == (Limit(tag, test),)


def test_several_conditions() -> None:
    parted = [read(f"Side=1{mark}Symbol=ACME") for mark in ("; ", ";", "\n", " and ", " AND ")]
    assert parted == [(Limit(54, OneOf(("1",))), Limit(55, OneOf(("ACME",))))] * 5
    assert read(" ; ") == ()


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("foo", "`foo` is no condition", "Tag=value"),
        ("Symbl=A", "no field `Symbl`", "Symbol"),
        ("Side=12", "no value of Side", ""),
        ("OrderQty<5", "has `<`", "<="),
        ("OrderQty<=many", "is no number", ""),
        ("Side<=2", "is no number", ""),
        ("OrderQty=5..1", "has no number", ""),
        ("Symbol=", "has no value", "present"),
        ("Symbol=A|", "empty value", "both sides"),
        ("Symbol=A; Symbol=B", "two conditions", "v|w"),
        ("MDReqID=1", "is no field of `NewOrderSingle`", ""),
        ("SenderCompID=X", "header field", ""),
        ("ExecInst=1 6", "several values", "1|6"),
    ],
)
def test_what_cannot_be_read(text: str, said: str, hint: str) -> None:
    with pytest.raises(WordingError) as error:
        read(text)
    assert said in str(error.value)
    assert hint in error.value.hint
