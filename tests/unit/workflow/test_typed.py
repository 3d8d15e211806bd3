"""Messages as people type them."""

from __future__ import annotations

import pytest

from authzsvc.errors import FieldsError, ToolError
from authzsvc.workflow import typed


@pytest.mark.parametrize("message", ["35=D|167=CS", "35=D|167=CS|", " 35=D\x01167=CS\x01", "35=D\x01167=CS"])
def test_separators(message: str) -> None:
    msg_type, fields = typed.read(message)
    assert (msg_type, fields.pairs) == ("D", ((35, b"D"), (167, b"CS")))


def test_a_bar_is_text_where_there_is_soh() -> None:
    _, fields = typed.read("35=D\x0158=a|b\x01")
    assert fields.first(58) == b"a|b"


def test_a_blank_at_the_end_is_part_of_the_value() -> None:
    _, fields = typed.read("35=D|18=6 \n")
    assert fields.first(18) == b"6 "


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ("", "no MsgType"),
        ("55=A", "no MsgType"),
        ("35=D|35=F", "more than one"),
        ("hello", "does not begin with a tag"),
    ],
)
def test_what_cannot_be_read(message: str, complaint: str) -> None:
    with pytest.raises(FieldsError, match=complaint):
        typed.read(message)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("order:create  read", ["order:create", "read"]),
        ('order:create "role:Equity Traders"', ["order:create", "role:Equity Traders"]),
        ('role:"Equity Traders"', ["role:Equity Traders"]),
        ("it's #1;x|y", ["it's", "#1;x|y"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert typed.words(text) == words


def test_words_that_do_not_end() -> None:
    with pytest.raises(ToolError, match="nothing closes"):
        typed.words('"Equity Traders')
