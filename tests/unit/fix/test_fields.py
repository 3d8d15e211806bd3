"""Fields: what is read, and every reading that is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.errors import FieldsError
from authzsvc.fix.data_fields import DATA_OF_LENGTH
from authzsvc.fix.fields import Fields


def parse(text: str) -> Fields:
    return Fields.parse(text.replace("|", "\x01").encode("latin-1"))


def test_order_and_repetition_are_kept() -> None:
    fields = parse("167=CS|55=A|167=OPT|")
    assert fields.pairs == ((167, b"CS"), (55, b"A"), (167, b"OPT"))
    assert fields.all(167) == [b"CS", b"OPT"]
    assert fields.first(167) == b"CS"


def test_an_absent_tag() -> None:
    assert parse("55=A|").all(167) == []
    assert parse("55=A|").first(167) is None


def test_no_bytes_are_no_fields() -> None:
    assert Fields.parse(b"").pairs == ()


def test_a_value_may_hold_equals_signs_and_any_byte_but_soh() -> None:
    assert parse("58=a=b\xff\x00\n|").first(58) == b"a=b\xff\x00\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0167=CS|", "does not begin with a tag"),
        ("0=CS|", "does not begin with a tag"),
        ("+35=D|", "does not begin with a tag"),
        ("-35=D|", "does not begin with a tag"),
        (" 35=D|", "does not begin with a tag"),
        ("35 =D|", "does not begin with a tag"),
        ("3_5=D|", "does not begin with a tag"),
        ("1000000=D|", "does not begin with a tag"),
        ("\xb2=D|", "does not begin with a tag"),
        ("=D|", "does not begin with a tag"),
        ("D|", "does not begin with a tag"),
        ("|", "does not begin with a tag"),
        ("35=D||", "byte 5"),
        ("35=|", "tag 35 at byte 0 is empty"),
        ("35=", "tag 35 at byte 0 is empty"),
        ("35=D", "does not end with SOH"),
        ("35=D|58=x", "tag 58 at byte 5 does not end with SOH"),
    ],
)
def test_what_engines_could_read_differently_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(FieldsError, match=complaint):
        parse(text)


def test_a_large_tag_is_itself_and_nothing_else() -> None:
    assert parse("65703=CS|").all(167) == []


def test_a_true_length_before_its_data_is_read() -> None:
    assert parse("354=3|355=abc|58=x|").all(355) == [b"abc"]


def test_data_without_its_length_is_read() -> None:
    assert parse("355=abc|").all(355) == [b"abc"]


@pytest.mark.parametrize(
    "text",
    [
        "354=4|355=abc|",
        "354=03|355=abc|",
        "354=+3|355=abc|",
        "354=3|58=abc|",
        "354=3|",
        "355=abc|354=3|",
        "354=10|355=abc|167=CS|",
        "93=3|90=abc|",
    ],
)
def test_a_length_that_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(FieldsError, match="length in tag"):
        parse(text)


def test_irregular_data_fields_are_known() -> None:
    assert {length: DATA_OF_LENGTH[length] for length in (93, 1525, 43111)} == {93: 89, 1525: 1527, 43111: 42982}
    assert 2110 not in DATA_OF_LENGTH


def test_a_complaint_quotes_no_value() -> None:
    with pytest.raises(FieldsError) as caught:
        parse("554=hunter2")
    assert "hunter2" not in str(caught.value)


@given(st.lists(st.tuples(st.integers(1, 999_999), st.binary(min_size=1, max_size=8))))
def test_what_is_written_is_read(pairs: list[tuple[int, bytes]]) -> None:
    pairs = [(tag, value) for tag, value in pairs if b"\x01" not in value and tag not in DATA_OF_LENGTH]
    raw = b"".join(b"%d=%b\x01" % pair for pair in pairs)
    assert Fields.parse(raw).pairs == tuple(pairs)


@given(st.binary(max_size=40) | st.text("0123456789=|D+ ", max_size=40).map(lambda s: s.replace("|", "\x01").encode()))
def test_any_bytes_are_read_whole_or_refused(raw: bytes) -> None:
    with contextlib.suppress(FieldsError):
        assert b"".join(b"%d=%b\x01" % pair for pair in Fields.parse(raw).pairs) == raw


def test_empty_values_are_taken_where_they_may_be() -> None:
    raw = "453=1|448=|447=D|58=|".replace("|", "\x01").encode()
    fields = Fields.parse(raw, may_be_empty=True)
    assert fields.pairs == ((453, b"1"), (448, b""), (447, b"D"), (58, b""))


@pytest.mark.parametrize("text", ["=|", "|", "58|", "0=|", "x=|", "58="])
def test_what_is_no_field_is_none_where_values_may_be_empty(text: str) -> None:
    with pytest.raises(FieldsError):
        Fields.parse(text.replace("|", "\x01").encode(), may_be_empty=True)
