"""Tests of one value: each against plain Python's own idea of it."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.policy.truth import DoubtError
from authzsvc.policy.value_tests import InClaim, InRange, InTime, Matches, OneOf, Prefix

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


@given(MOMENTS, MOMENTS.map(lambda moment: moment.replace(microsecond=0)), st.sampled_from([0, 3, 6]))
def test_timestamps_compare_as_times(value: datetime, bound: datetime, digits: int) -> None:
    fraction = f".{value.microsecond:06d}"[: digits + 1] if digits else ""
    told = value.replace(microsecond=int(fraction[1:].ljust(6, "0")) if digits else 0)
    written = f"{value:%Y%m%d-%H:%M:%S}{fraction}".encode()
    day, clock = f"{bound:%Y%m%d-%H:%M:%S}".encode(), f"{bound:%H:%M:%S}".encode()
    assert InTime(day, None).passes(written, {}) is (told >= bound)
    assert InTime(None, day).passes(written, {}) is (told < bound)
    assert InTime(clock, None).passes(written, {}) is (told.time() >= bound.time())
    assert InTime(None, clock).passes(written[9:], {}) is (told.time() < bound.time())


def test_a_window_is_half_open() -> None:
    window = InTime(b"08:00:00", b"16:30:00")
    hours = [time(8), time(16, 29, 59), time(16, 30), time(7, 59, 59)]
    assert [window.passes(f"{hour:%H:%M:%S}.999".encode(), {}) for hour in hours] == [True, True, False, False]
    assert timedelta(hours=8, minutes=30) > timedelta()


@pytest.mark.parametrize(
    "value", [b"8:00:00", b"08:00", b"24:00:00", b"08:60:00", b"08:00:61", b"20261301-08:00:00", b"20260132-08:00:00",
              b"20260101 08:00:00", b"20260101-08:00:00Z", b"08:00:00.", b"08:00:00.1234567890123", b""]
)  # fmt: skip
def test_what_is_no_utc_time_leaves_a_doubt(value: bytes) -> None:
    with pytest.raises(DoubtError, match="no UTC time"):
        InTime(b"00:00:00", None).passes(value, {})


def test_a_time_that_tells_no_day_leaves_a_doubt_where_one_is_asked_for() -> None:
    with pytest.raises(DoubtError, match="tells no day"):
        InTime(b"20260101-00:00:00", None).passes(b"08:00:00", {})


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
