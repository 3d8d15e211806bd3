"""Bounds that the token gives."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.policy.token_tests import ClaimBound, ClaimPrefix
from authzsvc.policy.truth import DoubtError

NUMBERS = st.decimals(-(10**6), 10**6, places=2)


@given(NUMBERS, NUMBERS)
def test_a_number_against_the_claims(value: Decimal, bound: Decimal) -> None:
    written = f"{value:f}".encode()
    if written.strip(b"-0.") == b"":
        written = b"0"
    for claim in [f"{bound:f}", *([int(bound)] if bound == int(bound) else [])]:
        if isinstance(claim, str) and claim.strip("-0.") == "":
            claim = "0"
        assert ClaimBound("max_qty", True).passes(written, {"max_qty": claim}) is (value <= bound)
        assert ClaimBound("max_qty", False).passes(written, {"max_qty": claim}) is (value >= bound)


UNFIT: list[Any] = [None, True, 1.5, 100.0, "", "1e3", "05", "NaN", "x", ["100"], {"a": 1}]


@pytest.mark.parametrize("claim", UNFIT)
def test_a_claim_that_is_no_plain_number_leaves_a_doubt(claim: object) -> None:
    for upper in (True, False):
        with pytest.raises(DoubtError, match=r"no claim `limits\.max_qty` that is a plain number"):
            ClaimBound("limits.max_qty", upper).passes(b"1", {"limits": {"max_qty": claim}})


def test_a_value_that_is_no_plain_number_leaves_a_doubt() -> None:
    with pytest.raises(DoubtError, match="the value"):
        ClaimBound("max_qty", True).passes(b"1e3", {"max_qty": 1})


@pytest.mark.parametrize(
    ("claim", "passes"),
    [
        ("P1", True),
        ("P1-A", True),
        ("P2", False),
        (["P2", "P1"], True),
        (["P2"], False),
        ([], False),
        (["", "P1"], True),
    ],
)
def test_a_value_that_begins_as_the_claim_says(claim: object, passes: bool) -> None:
    assert ClaimPrefix("parent").passes(b"P1-A", {"parent": claim}) is passes


@pytest.mark.parametrize("claim", [None, "", 1, True, {}, ["P2", ""], ["P2", None], [["P1"]]])
def test_a_claim_that_is_no_text_leaves_a_doubt(claim: object) -> None:
    with pytest.raises(DoubtError):
        ClaimPrefix("parent").passes(b"P1-A", {"parent": claim})
