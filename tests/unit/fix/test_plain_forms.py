"""The one way to write a value, against Python's own numbers and days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.fix import plain_forms

WHOLE = st.integers(-(2**33), 2**33)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4)
DAYS = st.dates(date(1990, 1, 1), date(2050, 12, 31))
Form = Callable[[bytes], bytes | None]


@given(WHOLE)
def test_a_whole_number_of_32_bits_is_its_own_plain_form(number: int) -> None:
    written = b"%d" % number
    assert plain_forms.integer(written) == (written if -(2**31) <= number < 2**31 else None)
    assert plain_forms.count(written) == (written if 0 <= number < 2**31 else None)
    assert plain_forms.sequence_number(written) == (written if number >= 0 else None)


@given(DECIMALS, st.integers(0, 5))
def test_equal_decimals_have_one_plain_form(number: Decimal, zeros: int) -> None:
    written = f"{number:f}".encode() + b"0" * zeros
    plain = plain_forms.decimal(written)
    if number == 0 and number.is_signed():
        assert plain is None
    else:
        assert plain is not None
        assert Decimal(plain.decode()) == number
        assert plain_forms.decimal(plain) == plain


@given(st.text("0123456789.", min_size=16, max_size=20), st.text("0123456789.", min_size=16, max_size=20))
def test_decimals_that_are_told_apart_differ_in_floating_point(one: str, other: str) -> None:
    plain = [plain_forms.decimal(text.encode()) for text in (one, other, one[:-1] + "1", one[:-1] + "2")]
    found = {form for form in plain if form is not None}
    assert len({float(form) for form in found}) == len(found)


DOUBTS: list[tuple[Form, list[bytes]]] = [
    (
        plain_forms.integer,
        [b"", b"-", b"-0", b"00", b"013", b"+5", b" 5", b"5 ", b"5.0", b"1_0", b"\xd9\xa5", b"2147483648", b"1e3",
         b"-2147483649", b"1\n", b"0x1", b"--1", b"5\x00", b"9" * 40],
    ),
    (plain_forms.count, [b"-1", b"01"]),
    (plain_forms.day_of_month, [b"0", b"32", b"05", b"-1"]),
    (plain_forms.sequence_number, [b"-1", b"9223372036854775808", b"01"]),
    (
        plain_forms.decimal,
        [b"", b"-", b".", b".5", b"-.5", b"5.", b"+1", b"01", b"00.5", b"-0", b"-0.0", b"1e3", b"1E3", b"NaN", b"inf",
         b" 1", b"1 ", b"1_000", b"1,5", b"0x1", b"1\n", b"\xd9\xa5", b"0.30000000000000001", b"9007199254740993",
         b"10000.0000000000000001", b"1" * 33],
    ),
    (plain_forms.character, [b"", b"12", b" ", b"\x7f", b"\xe9", b"\xc3\xa9", b"\x00"]),
    (plain_forms.visible, [b"", b"A B", b"A\x00", b"\xc3\xa9"]),
    (plain_forms.boolean, [b"", b"y", b"n", b"YES", b"1", b"0", b"T", b"Y "]),
    (
        plain_forms.timestamp,
        [b"", b"20260102", b"08:00:00", b"20260102-08:00", b"20260102-8:00:00", b"20260102 08:00:00",
         b"20260102-08:00:00Z", b"20260102-08:00:00.", b"20260102-08:00:00.5", b"20260102-08:00:00.0000",
         b"20260102-08:00:00.123456789012", b"20260231-08:00:00", b"20261301-08:00:00", b"20260100-08:00:00",
         b"00000101-08:00:00", b"20260102-24:00:00", b"20260102-08:60:00", b"20260102-08:00:60"],
    ),
    (plain_forms.time, [b"", b"8:00:00", b"08:00", b"24:00:00", b"08:00:60", b"08:00:00.5", b"20260102-08:00:00"]),
    (plain_forms.local_time, [b"08:00", b"08:00:00.000", b"24:00:00"]),
    (plain_forms.day, [b"", b"20260231", b"20260000", b"00000101", b"2026-1-1", b"202601", b"2026 101", b"202601011"]),
    (plain_forms.month, [b"", b"202600", b"202613", b"202601w0", b"202601w6", b"202601W1", b"20260231", b"000001"]),
    (
        plain_forms.zoned_time,
        [b"08:00", b"08:00:00", b"08:00z", b"08:00+5", b"08:00+15", b"08:00+05:60", b"08:00.000Z", b"08:00:00.5Z",
         b"20260102-08:00Z", b"08:00 Z", b"08:00:60Z"],
    ),
    (
        plain_forms.zoned_timestamp,
        [b"08:00Z", b"20260102-08:00", b"20260231-08:00Z", b"00010101-00:00+14", b"99991231-23:00-14"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "value"), [pytest.param(f, v, id=f"{f.__name__}-{v!r}") for f, values in DOUBTS for v in values]
)
def test_doubts(form: Form, value: bytes) -> None:
    assert form(value) is None


@pytest.mark.parametrize(
    ("form", "value", "plain"),
    [
        (plain_forms.text, b" any \xff", b" any \xff"),
        (plain_forms.character, b"~", b"~"),
        (plain_forms.visible, b"E.W", b"E.W"),
        (plain_forms.boolean, b"N", b"N"),
        (plain_forms.integer, b"-1", b"-1"),
        (plain_forms.integer, b"0", b"0"),
        (plain_forms.day_of_month, b"31", b"31"),
        (plain_forms.decimal, b"100.00", b"100"),
        (plain_forms.decimal, b"0.0", b"0"),
        (plain_forms.decimal, b"-0.50", b"-0.5"),
        (plain_forms.decimal, b"1000", b"1000"),
        (plain_forms.decimal, b"123456789.12345678", b"123456789.12345678"),
        (plain_forms.decimal, b"10000000000000000000000", b"10000000000000000000000"),
        (plain_forms.timestamp, b"20240229-23:59:59.000", b"20240229-23:59:59"),
        (plain_forms.timestamp, b"20260102-08:00:00.120000", b"20260102-08:00:00.120"),
        (plain_forms.time, b"08:00:00.000000000", b"08:00:00"),
        (plain_forms.local_time, b"23:59:59", b"23:59:59"),
        (plain_forms.day, b"20240229", b"20240229"),
        (plain_forms.month, b"202601", b"202601"),
        (plain_forms.month, b"202601w5", b"202601w5"),
        (plain_forms.month, b"20260131", b"20260131"),
        (plain_forms.zoned_time, b"07:39Z", b"07:39:00Z"),
        (plain_forms.zoned_time, b"23:30:00.500-05", b"04:30:00.500Z"),
        (plain_forms.zoned_time, b"13:09+05:30", b"07:39:00Z"),
        (plain_forms.zoned_timestamp, b"20260101-00:09+05:30", b"20251231-18:39:00Z"),
        (plain_forms.zoned_timestamp, b"00080101-12:00Z", b"00080101-12:00:00Z"),
    ],
)
def test_plain_forms(form: Form, value: bytes, plain: bytes) -> None:
    assert form(value) == plain
    assert form(plain) == plain or form in (plain_forms.timestamp, plain_forms.zoned_time)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2050, 1, 1)), st.sampled_from([0, 3, 6, 9]))
def test_equal_moments_have_one_plain_form(moment: datetime, digits: int) -> None:
    told = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    fraction = f".{told.microsecond:06d}000"[: digits + 1] if digits else ""
    whole = told if digits else told.replace(microsecond=0)
    written = f"{told:%Y%m%d-%H:%M:%S}{fraction}".encode()
    plain = plain_forms.timestamp(written)
    assert plain == plain_forms.timestamp(f"{whole:%Y%m%d-%H:%M:%S}.{whole.microsecond // 1000:03d}".encode())


@given(st.datetimes(datetime(1990, 1, 1), datetime(2050, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_the_same_moment_in_any_zone_has_one_plain_form(moment: datetime, ahead: int) -> None:
    in_utc = moment.replace(microsecond=0, tzinfo=UTC)
    there = in_utc.astimezone(timezone(timedelta(minutes=ahead)))
    sign, (hours, minutes) = "-" if ahead < 0 else "+", divmod(abs(ahead), 60)
    written = f"{there:%Y%m%d-%H:%M:%S}{sign}{hours:02}:{minutes:02}".encode()
    assert plain_forms.zoned_timestamp(written) == f"{in_utc:%Y%m%d-%H:%M:%S}Z".encode()


@given(DAYS, st.integers(0, 99))
def test_a_day_is_in_the_calendar(day: date, other: int) -> None:
    written = f"{day:%Y%m}{other:02}"
    try:
        date(day.year, day.month, other)
    except ValueError:
        assert plain_forms.day(written.encode()) is None
    else:
        assert plain_forms.day(written.encode()) == written.encode()


@pytest.mark.parametrize(
    ("read", "raw"),
    [
        (plain_forms.timestamp, b"20260102-08:00:00.500"),
        (plain_forms.timestamp, b"20260102-08:00:00.500000"),
        (plain_forms.timestamp, b"20260102-08:00:00.123456000"),
        (plain_forms.timestamp, b"20260102-08:00:00.000"),
        (plain_forms.time, b"08:00:00.120"),
        (plain_forms.time, b"08:00:00.000000"),
        (plain_forms.decimal, b"100.50"),
    ],
)
def test_a_plain_form_is_its_own_plain_form(read: Callable[[bytes], bytes | None], raw: bytes) -> None:
    """A default is kept in its plain form, and read again where the tag is absent."""
    plain = read(raw)
    assert plain is not None
    assert read(plain) == plain
