"""Rules: several conditions together, and what stands for what when one cannot be told."""

from __future__ import annotations

from decimal import Decimal

import pytest

from authzsvc.fix.fields import Fields
from authzsvc.policy.conditions import Condition
from authzsvc.policy.rules import all_of
from authzsvc.policy.truth import Truth
from authzsvc.policy.value_tests import InRange, OneOf

SMALL = Condition(38, "OrderQty", (InRange(None, Decimal(10)),))
A = Condition(55, "Symbol", (OneOf(frozenset({b"A"})),))


@pytest.mark.parametrize(
    ("pairs", "truth"),
    [
        (((38, b"1"), (55, b"A")), Truth.YES),
        (((38, b"11"), (55, b"A")), Truth.NO),
        (((38, b"x"), (55, b"A")), Truth.DOUBT),
        (((38, b"x"), (55, b"B")), Truth.NO),
        (((38, b"1"),), Truth.NO),
    ],
)
def test_a_no_outweighs_a_doubt_and_a_doubt_a_yes(pairs: tuple[tuple[int, bytes], ...], truth: Truth) -> None:
    for conditions in ((SMALL, A), (A, SMALL)):
        assert all_of(conditions, Fields(pairs), {}) is truth
        assert all_of(conditions, Fields(pairs), {}, dict(pairs)) is truth


def test_without_conditions_everything_holds() -> None:
    assert all_of((), Fields(()), {}) is Truth.YES
