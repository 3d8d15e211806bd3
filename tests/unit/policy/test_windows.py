"""Windows of time, in UTC and by the wall clock of a zone, and when their answer may change."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.policy.clock import timestamp
from authzsvc.policy.truth import DoubtError
from authzsvc.policy.windows import MAX_AHEAD_S, WEEKDAYS, InTime

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1))


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


NEW_YORK = InTime(b"09:30:00", b"16:00:00", True, frozenset(range(5)), "America/New_York")


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("20260105-14:29:59", False),  # winter: UTC-5
        ("20260105-14:30:00.500", True),
        ("20260105-20:59:59", True),
        ("20260105-21:00:00", False),
        ("20260706-13:30:00", True),  # summer: UTC-4
        ("20260706-20:00:00", False),
        ("20260104-15:00:00", False),  # Sunday
        ("20260308-15:00:00", False),
        ("20260309-13:30:00", True),  # the Monday after the clocks were set
        ("20260309-14:30:00", True),
    ],
)
def test_a_window_by_the_wall_clock_of_a_zone(moment: str, inside: bool) -> None:
    assert NEW_YORK.passes(moment.encode(), {}) is inside


@pytest.mark.parametrize("value", [b"08:00:00", b"00010101-00:00:00"])
def test_a_zone_needs_a_day_of_the_calendar(value: bytes) -> None:
    with pytest.raises(DoubtError):
        InTime(b"08:00:00", None, False, frozenset(), "America/New_York").passes(value, {})


@given(MOMENTS, st.sampled_from(["", "Asia/Tokyo", "America/New_York"]))
def test_days_are_those_of_the_zone(moment: datetime, zone: str) -> None:
    local = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone or "UTC"))
    written = f"{moment:%Y%m%d-%H:%M:%S}".encode()
    passing = [day for day in range(7) if InTime(None, None, True, frozenset({day}), zone).passes(written, {})]
    assert passing == [local.weekday()] == [WEEKDAYS.index(f"{local:%a}")]


ZONES = st.sampled_from(
    ["", "America/New_York", "Europe/London", "Asia/Tokyo", "Australia/Lord_Howe", "Africa/Casablanca",
     "Pacific/Apia", "Asia/Kathmandu", "America/Scoresbysund"]
)  # fmt: skip
CLOCKS = st.none() | st.sampled_from(
    [b"00:00:00", b"01:30:00", b"02:15:30", b"03:00:00", b"09:30:00", b"16:00:00", b"23:59:60"]
)
SET = st.sampled_from(
    ["2026-03-08T06:30", "2026-11-01T05:10", "2026-03-29T00:40", "2026-10-25T00:59", "2026-04-04T14:45",
     "2026-10-03T15:10", "2026-02-15T01:30", "2026-03-22T02:10", "2011-12-30T09:00", "2026-06-15T12:00"]
).map(lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC))  # fmt: skip
"""Moments about which clocks are set somewhere."""


@settings(max_examples=300, deadline=None)
@given(
    st.builds(lambda moment, minutes: moment + timedelta(minutes=minutes), SET, st.integers(-1500, 1500)),
    CLOCKS, CLOCKS, st.frozensets(st.integers(0, 6), max_size=3), ZONES, st.floats(0, 1, exclude_max=True),
)  # fmt: skip
def test_the_answer_stays_until_the_next_change(
    moment: datetime, after: bytes | None, before: bytes | None, days: frozenset[int], zone: str, fraction: float
) -> None:
    window, now = InTime(after, before, True, days, zone), moment.timestamp() + fraction
    end = window.next_change(now)
    assert now < end <= now + MAX_AHEAD_S
    answer = window.passes(timestamp(now), {})
    for step in range(97):
        assert window.passes(timestamp(min(now + (end - now) * step / 97, end - 0.001)), {}) is answer
    assert window.passes(timestamp(end - 1 if end - 1 >= now else now), {}) is answer


def test_the_next_change_is_not_told_too_early() -> None:
    noon = datetime(2026, 1, 5, 17, tzinfo=UTC)
    assert NEW_YORK.next_change(noon.timestamp()) == (noon + timedelta(hours=4)).timestamp()
    assert InTime(b"08:00:00", None, True).next_change(noon.timestamp()) == (noon + timedelta(hours=7)).timestamp()
    dated = InTime(b"20260105-18:00:00", None, True)
    assert dated.next_change(noon.timestamp()) == (noon + timedelta(hours=1)).timestamp()
