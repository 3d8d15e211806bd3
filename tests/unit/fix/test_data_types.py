"""Data types: what every dictionary calls its fields, and values that hold several items."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.fix import data_types
from authzsvc.fix.data_types import BY_NAME, CHARACTERS, ONE_CHARACTER_EACH, TEXT, WORDS, DataType
from authzsvc.fix.dictionary import VERSIONS, CustomField, load


def tags(version: str) -> list[int]:
    return [tag for tag in range(1, 50_000) if load(version).type(tag) is not None]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_field_has_a_type_that_is_known(version: str) -> None:
    assert {load(version).type(tag) for tag in tags(version)} <= BY_NAME.keys()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_listed_value_is_in_its_plain_form(version: str) -> None:
    dictionary = load(version)
    odd = [
        (tag, value)
        for tag in tags(version)
        for value in dictionary.values(tag)
        if dictionary.data_type(tag).read(value.encode()) != (value.encode(),)
    ]
    assert odd == []


def test_the_codes_of_one_character_are_those_of_fix_5() -> None:
    older = {tag for tag in tags("FIX.4.4") if load("FIX.4.4").type(tag) == "MULTIPLEVALUESTRING"}
    newer = {tag for tag in older if load("FIX.5.0").type(tag) == "MULTIPLECHARVALUE"}
    assert newer == ONE_CHARACTER_EACH
    assert {load("FIX.4.4").data_type(tag) for tag in newer} == {CHARACTERS}
    assert {load("FIX.4.4").data_type(tag) for tag in older - newer} == {WORDS}


@pytest.mark.parametrize("version", ["FIX.4.0", "FIX.4.1"])
def test_what_the_oldest_versions_call_char(version: str) -> None:
    dictionary = load(version)
    named = {tag: dictionary.data_type(tag) for tag in (1, 11, 15, 54, 40, 59, 18, 55, 58, 100)}
    assert named == {
        1: TEXT, 11: TEXT, 15: TEXT, 54: data_types.CHARACTER, 40: data_types.CHARACTER, 59: data_types.CHARACTER,
        18: CHARACTERS, 55: TEXT, 58: TEXT, 100: TEXT,
    }  # fmt: skip
    own = dictionary.with_custom({5001: CustomField("Own", "CHAR", {})}, {})
    assert own.data_type(5001) is data_types.CHARACTER


def test_a_field_that_no_dictionary_names_is_text() -> None:
    assert load("FIX.4.4").data_type(5001) is TEXT
    assert data_types.of(5001, "NOSUCHTYPE") is TEXT


@pytest.mark.parametrize(
    ("type_", "value", "items"),
    [
        (CHARACTERS, b"6", (b"6",)),
        (CHARACTERS, b"6 1 G", (b"6", b"1", b"G")),
        (CHARACTERS, b"6 6", (b"6", b"6")),
        (CHARACTERS, b"61", None),
        (CHARACTERS, b"6  1", None),
        (CHARACTERS, b" 6", None),
        (CHARACTERS, b"6 ", None),
        (CHARACTERS, b" ", None),
        (CHARACTERS, b"6\t1", None),
        (CHARACTERS, b"6,1", None),
        (WORDS, b"ADD AON", (b"ADD", b"AON")),
        (WORDS, b"ADD  AON", None),
        (WORDS, b"ADD \xff", None),
        (TEXT, b"6  1 ", (b"6  1 ",)),
    ],
)
def test_items(type_: DataType, value: bytes, items: tuple[bytes, ...] | None) -> None:
    assert type_.read(value) == items


@given(st.sampled_from(sorted(BY_NAME)), st.binary(max_size=30) | st.text("0159.:-+ YNZw", max_size=24).map(str.encode))
def test_reading_never_fails_and_rewrites_only_where_it_says_so(name: str, value: bytes) -> None:
    type_ = BY_NAME[name]
    items = type_.read(value)
    if items is not None:
        assert items != ()
        assert type_.rewrites or b" ".join(items) == value
        assert type_.several or len(items) == 1
