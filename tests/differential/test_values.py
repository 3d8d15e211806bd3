"""Whatever we read as a value without a doubt, QuickFIX reads as the same value (`docs/mapping.md`, "Data types").

The other direction follows: what QuickFIX refuses, or reads as another value, is a doubt with us.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authzsvc.fix import data_types
from authzsvc.fix.data_types import DataType
from tests.differential.readings import QUICKFIX
from tests.differential.values import Converters, ours

EXAMPLES = 1_500
BYTES = [byte for byte in range(256) if byte != 1]
"""All but SOH, which ends a value."""
TYPES: dict[str, DataType] = {type_.name: type_ for type_ in data_types.BY_NAME.values()}
COMPARED = (
    "boolean", "character", "count", "date", "day of month", "decimal", "integer", "sequence number", "time",
    "timestamp",
)  # fmt: skip

WHOLE = st.one_of(
    st.integers(-(2**66), 2**66),
    st.integers(-40, 40),
    st.sampled_from([2**power + beside for power in (8, 15, 16, 31, 32, 53, 63, 64) for beside in (-1, 0, 1)]),
)
DIGITS = st.text("0123456789", min_size=1, max_size=20)
FORMS = st.sampled_from(
    ["{}", "{}", "0{}", "+{}", "-{}", " {}", "{} ", "{}.0", "{}.", ".{}", "{}e2", "{}E-1", "{}_0", "{},0", "\x00{}",
     "{}\x00", "{}\t", "0x{}", "{}-", "--{}", "{}f", "00{}.10", "0.{}", "1.{}", "123456789.{}"]
)  # fmt: skip
NUMBERS = st.builds(lambda form, number: form.format(number), FORMS, WHOLE | DIGITS)
ODD = st.sampled_from(
    ["", " ", "-", ".", "-.", "-0", "-0.0", "NaN", "nan", "inf", "-inf", "Infinity", "1e400", "\u0663", "\u0665.\u0665",
     "\uff11", "\u00bd", "0.30000000000000001", "0.1", "9007199254740993", "1" * 32, "1" * 40, "0." + "0" * 29 + "1"]
)  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x01"), max_size=3) | st.sampled_from(
    ["Y", "N", "y", "n", "T", "YES", "Y ", " N", "1", "12", "\x00", "é", "\x7f", "~"]
)
PARTS = {
    "year": ["2026", "1970", "2000", "1900", "0000", "0001", "9999", "26", "02026"],
    "month": ["01", "02", "12", "00", "13", "1"],
    "day": ["01", "28", "29", "30", "31", "00", "32", "1"],
    "hour": ["00", "08", "23", "24", "25", "8"],
    "minute": ["00", "30", "59", "60", "5"],
    "second": ["00", "30", "59", "60", "61", "5"],
}
FRACTIONS = [
    "", "", "", ".000", ".500", ".123456", ".123456789", ".123456789012", ".", ".5", ".50", ".0000", ".+12", ". 12",
    ",000", ".00a", ".000Z", ".000 ", "Z", "+01",
]  # fmt: skip
DAYS = st.tuples(*(st.sampled_from(PARTS[name]) for name in ("year", "month", "day"))).map("".join)
CLOCKS = st.tuples(
    st.tuples(*(st.sampled_from(PARTS[name]) for name in ("hour", "minute", "second"))).map(":".join),
    st.sampled_from(FRACTIONS),
).map("".join)
TIMES = st.one_of(
    DAYS,
    CLOCKS,
    st.builds("{}{}{}".format, DAYS, st.sampled_from(["-", "-", "-", " ", "T", ""]), CLOCKS),
    st.datetimes().map(lambda moment: f"{moment:%H:%M:%S}.{moment.microsecond:06d}"),
    st.datetimes().map(lambda moment: f"{moment.year:04}{moment:%m%d-%H:%M:%S}.{moment.microsecond // 1000:03d}"),
)


@st.composite
def tampered(draw: st.DrawFn, values: st.SearchStrategy[str]) -> bytes:
    """A value, sometimes with one byte changed, put in or taken out."""
    value = bytearray(draw(values).encode())
    at, byte = draw(st.integers(0, len(value))), draw(st.sampled_from(list(b"\x00\n\r +-.0:9_eEZ\x80\xff")))
    match draw(st.sampled_from(["as it is", "as it is", "as it is", "changed", "put in", "taken out"])):
        case "changed" if at < len(value):
            value[at] = byte
        case "put in":
            value.insert(at, byte)
        case "taken out" if at < len(value):
            del value[at]
    return bytes(value)


VALUES = tampered(st.one_of(NUMBERS, ODD, TEXTS, TIMES))


@pytest.fixture(scope="module")
def quickfix() -> Converters:
    """The real engine; `make test` builds it."""
    if not QUICKFIX.exists():
        pytest.fail("quickfix is not built (make setup-tests)")
    return Converters()


def assert_agrees(quickfix: Converters, name: str, value: bytes) -> bool:
    """Says whether the value is one without a doubt."""
    items = TYPES[name].read(value)
    if items is None:
        return False
    assert quickfix.read(name, value) == ours(name, items[0]), (name, value)
    return True


def test_all_converters_are_compared(quickfix: Converters) -> None:
    """None is left out, and the types that are compared as numbers, flags or moments are among them."""
    assert quickfix.types == list(COMPARED)
    assert {type_.name for type_ in data_types.NUMBERS | data_types.MOMENTS} <= set(COMPARED)


@pytest.mark.parametrize("name", COMPARED)
def test_quickfix_reads_values_as_we_do(quickfix: Converters, name: str) -> None:
    """Random values, made to look like numbers, flags, days and times, and tampered with."""
    seen: Counter[bool] = Counter()
    own = {"date": DAYS, "time": CLOCKS, "timestamp": st.builds("{}-{}".format, DAYS, CLOCKS)}
    likely = tampered(own.get(name, TEXTS if name in ("boolean", "character") else NUMBERS | ODD))

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(value=likely | VALUES)
    def agree(value: bytes) -> None:
        seen[assert_agrees(quickfix, name, value)] += 1

    agree()
    assert seen[True] > EXAMPLES / 400
    assert seen[False] > EXAMPLES / 10


def short() -> Iterator[bytes]:
    """Every value of one or two bytes, and every short one of digits, signs and points."""
    yield from (bytes(some) for length in (1, 2) for some in product(BYTES, repeat=length))
    yield from (bytes(some) for length in (3, 4, 5) for some in product(b"0159-+.", repeat=length))


@pytest.mark.parametrize("name", [name for name in COMPARED if name not in ("date", "time", "timestamp")])
def test_quickfix_reads_short_values_as_we_do(quickfix: Converters, name: str) -> None:
    """All of them, not only those that chance would find."""
    assert sum(assert_agrees(quickfix, name, value) for value in short()) > 0


def test_quickfix_reads_days_as_we_do(quickfix: Converters) -> None:
    """Every month, with every day up to 32: what it folds into the next month is a doubt with us."""
    folded = 0
    for year, month, day in product((1900, 1999, 2000, 2024, 2026), range(14), range(33)):
        value = b"%04d%02d%02d" % (year, month, day)
        for name, written in (("date", value), ("timestamp", value + b"-08:00:00")):
            if not assert_agrees(quickfix, name, written):
                folded += quickfix.read(name, written) is not None
    assert folded > 0


@pytest.mark.parametrize(
    ("name", "value", "reading"),
    [
        ("integer", b"013", 13),
        ("integer", b"-0", 0),
        ("integer", b"00", 0),
        ("integer", b"2147483648", None),
        ("integer", b"+5", None),
        ("decimal", b".5", 0.5),
        ("decimal", b"00.5", 0.5),
        ("decimal", b"0.30000000000000001", 0.3),
        ("decimal", b"1e3", None),
        ("timestamp", b"20260231-08:00:00", ((2026, 3, 3), (8, 0, 0, 0))),
        ("timestamp", b"20260102-08:00:00.123456789012", None),
        ("character", b"12", None),
        ("boolean", b"y", None),
    ],
)
def test_why_these_are_doubts(quickfix: Converters, name: str, value: bytes, reading: object) -> None:
    """What QuickFIX makes of values that we leave in doubt: a test that fails when an upgrade of it changes that."""
    assert quickfix.read(name, value) == reading
    assert TYPES[name].read(value) is None
