"""The kinds of text of the language."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from authzsvc.policy.words import Moment, Name, Number, RoleName, ScopeName, Word, Words


@pytest.mark.parametrize(
    ("kind", "written", "read"),
    [
        (Word, "x", "x"),
        (Word, 8, "8"),
        (Words, "x", ["x"]),
        (Words, [1, "x"], ["1", "x"]),
        (Number, 10, "10"),
        (Number, "-0.50", "-0.50"),
        (Moment, "08:00", "08:00"),
        (Moment, "20260229-23:59:60", "20260229-23:59:60"),
        (Name, "a.b-c_1", "a.b-c_1"),
        (ScopeName, "order:create:equity", "order:create:equity"),
        (ScopeName, "read", "read"),
        (ScopeName, "https://api.example/fix.order", "https://api.example/fix.order"),
        (RoleName, "Equity Traders", "Equity Traders"),
        (RoleName, "/Desk/Equity", "/Desk/Equity"),
        (RoleName, "H\u00e4ndler", "H\u00e4ndler"),
    ],
)
def test_what_is_taken(kind: Any, written: object, read: object) -> None:  # noqa: ANN401
    assert TypeAdapter(kind).validate_python(written) == read


REFUSED: list[tuple[Any, list[Any]]] = [
    (Word, ["", True, None, 1.5, "x" * 257, ["x"]]),
    (Words, [[], True, {}, [None]]),
    (Number, ["+1", "01", "1e3", "1.", ".5", " 1", "1\n", "", True, "\u0661"]),
    (Moment, ["8:00", "24:00", "08:60", "08:00:61", "20261301-08:00", "08:00Z", "08:00\n", 800]),
    (Name, ["", "a b", "-a", "a\n", "\u00e9", "a" * 101]),
    (ScopeName, ["", "a b", "a:*", "*", "-", 'a"b', "a\\b", "role:x", "a:b\n", "\u00e9", "a:" + "b" * 200]),
    (RoleName, ["", " a", "a ", "a\nb", "a\u202eb", "a" * 201]),
]


@pytest.mark.parametrize(("kind", "written"), [(kind, value) for kind, values in REFUSED for value in values])
def test_what_is_not(kind: Any, written: object) -> None:  # noqa: ANN401
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(written)
