"""Text of others, fit for terminals and logs."""

from __future__ import annotations

import re
import unicodedata

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.visible import is_plain, json_line, printable, visible

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
NASTY = [
    "\x00", "\n", "\r", "\t", "\x1b[31m", "\x7f", "\x80", "\x85", "\x9b31m", "\u061c", "\u200b", "\u200e", "\u200f",
    *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)), "\u2028", "\u2029",
    "\ufeff", "\ud800", "\udfff",
    "\U000e0041", "\U000e0100", "\u3164", "\u115f", "\ue000", "\u00ad", "\u00a0", "\ufe0f", "\U0010ffff",
]  # fmt: skip


def unescaped(text: str) -> str:
    """The text that `visible` was given."""
    pattern = r"\\\\|\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})"

    def character(found: re.Match[str]) -> str:
        digits = next(filter(None, found.groups()), None)
        return chr(int(digits, 16)) if digits else "\\"

    return re.sub(pattern, character, text)


def raw(text: str) -> list[str]:
    """Characters that must not be printed, by Unicode's own words."""
    return [c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or not is_plain(c)]


@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_that_steers_a_terminal_comes_through(nasty: str) -> None:
    text = f"a{nasty}b"
    assert raw(visible(text)) == raw(json_line({text: [text]}).decode()[:-1]) == []


@pytest.mark.parametrize("plain", ["", "ALGO-1", "Zürich", "日本", "a b", "😀", "é"])
def test_plain_text_stays_as_it_is(plain: str) -> None:
    assert visible(plain) == plain
    assert json_line(plain) == orjson.dumps(plain) + b"\n"


def test_how_it_looks() -> None:
    assert visible("a\x1b[31m\u202eb\\x85\U000e0041") == r"a\x1b[31m\u202eb\\x85\U000e0041"
    assert printable("a\x1bb\nc\\") == "a\\x1bb\nc\\"
    assert json_line({"a": "\x7f\u202e\U000e0041"}) == b'{"a":"\\u007f\\u202e\\udb40\\udc41"}\n'


@given(ANY)
def test_whatever_comes_in_it_is_visible_and_unambiguous(text: str) -> None:
    shown = visible(text)
    assert raw(shown) == []
    assert unescaped(shown) == text


@given(st.dictionaries(ANY, st.lists(ANY, max_size=3), max_size=3))
def test_a_line_of_json_has_no_raw_character_and_reads_as_it_was(record: dict[str, list[str]]) -> None:
    line = json_line(record).decode()
    assert line.endswith("\n")
    assert raw(line[:-1]) == []
    texts = [*record, *(text for texts in record.values() for text in texts)]
    if not any("\ud800" <= character <= "\udfff" for character in "".join(texts)):
        assert orjson.loads(line) == record
