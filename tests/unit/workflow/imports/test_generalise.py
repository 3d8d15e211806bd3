"""Rounding outwards."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.workflow.imports.generalise import rounded


@pytest.mark.parametrize(
    ("number", "low", "high"),
    [
        ("0", "0", "0"),
        ("1", "1", "1"),
        ("500", "500", "500"),
        ("501", "500", "1000"),
        ("4700", "2000", "5000"),
        ("112.25", "100", "200"),
        ("0.03", "0.02", "0.05"),
        ("-3", "-5", "-2"),
        ("-0.5", "-0.5", "-0.5"),
    ],
)
def test_round_numbers(number: str, low: str, high: str) -> None:
    assert rounded(Decimal(number), math.floor) == Decimal(low)
    assert rounded(Decimal(number), math.ceil) == Decimal(high)


@given(st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, places=6))
def test_outwards_and_not_far(number: Decimal) -> None:
    low, high = rounded(number, math.floor), rounded(number, math.ceil)
    assert low <= number <= high
    assert abs(high) <= abs(number) * Decimal("2.5") or number == 0
    assert abs(low) <= abs(number) * Decimal("2.5") or number == 0
