"""Tests of one value: each against plain Python's own idea of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.policy.truth import DoubtError
from authzsvc.policy.value_tests import InClaim, InRange, Matches, OneOf, Prefix

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=3)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2050, 1, 1))


@given(NUMBERS, NUMBERS, NUMBERS)
def test_numbers_compare_as_numbers(value: Decimal, low: Decimal, high: Decimal) -> None:
    written = f"{value:f}".encode()
    if written != b"-0.000":
        assert InRange(low, high).passes(written, {}) is (low <= value <= high)
    assert InRange(value, value).meaning == InRange(value.normalize(), value * Decimal("1.0")).meaning


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"+1",
        b"01",
        b"1e3",
        b" 1",
        b"1 ",
        b"1_0",
        b".5",
        b"1.",
        b"0x1",
        b"NaN",
        b"Infinity",
        b"\xd9\xa1",
        b"1" * 40,
    ],
)
def test_what_is_no_plain_number_leaves_a_doubt(value: bytes) -> None:
    with pytest.raises(DoubtError, match="no plain decimal number"):
        InRange(Decimal(0), None).passes(value, {})


@given(st.binary(min_size=1, max_size=3), st.frozensets(st.binary(min_size=1, max_size=3)))
def test_one_of_and_none_of_are_opposites(value: bytes, values: frozenset[bytes]) -> None:
    assert OneOf(values).passes(value, {}) is (value in values)
    assert OneOf(values, negative=True).passes(value, {}) is (value not in values)


def test_prefixes_are_of_bytes() -> None:
    assert Prefix(b"AB").passes(b"AB", {})
    assert not Prefix(b"AB").passes(b"xAB", {})


def test_an_expression_is_for_the_whole_value_and_for_text() -> None:
    matches = Matches("é+|a", re2.compile("é+|a"))
    assert [matches.passes(value.encode(), {}) for value in ("é", "éé", "a", "aa", "éa")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    with pytest.raises(DoubtError, match="not UTF-8"):
        matches.passes(b"\xe9", {})


def test_a_value_that_is_no_text_is_in_no_claim() -> None:
    assert InClaim("c").passes("é".encode(), {"c": ["é"]})
    with pytest.raises(DoubtError, match="not UTF-8"):
        InClaim("c").passes(b"\xe9", {"c": ["é"]})


def test_long_lists_are_told_by_their_digest() -> None:
    long = OneOf(frozenset(b"%d" % n for n in range(1000)))
    assert len(long.meaning) == 2
    assert str(long).endswith(", …")
    assert OneOf(long.values, "universe").meaning == long.meaning
    assert OneOf(long.values | {b"x"}).meaning != long.meaning


@pytest.mark.parametrize(
    ("claims", "passes"),
    [
        ({"accounts": ["A1"]}, False),
        ({"accounts": "A1"}, False),
        ({"accounts": ["A2"]}, True),
        ({"accounts": []}, True),
        ({}, False),
    ],
)
def test_a_value_that_is_not_in_a_claim_which_the_token_has(claims: dict[str, object], passes: bool) -> None:
    assert InClaim("accounts", negative=True).passes(b"A1", claims) is passes


@pytest.mark.parametrize("claim", [True, {"a": 1}, 1.5])
def test_a_claim_of_no_use_leaves_it_open_what_is_not_in_it(claim: object) -> None:
    with pytest.raises(DoubtError, match="no usable claim"):
        InClaim("accounts", negative=True).passes(b"A1", {"accounts": claim})
