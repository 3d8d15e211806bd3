"""Claims of a token, by name and by path."""

from __future__ import annotations

import pytest

from authzsvc.policy.claims import claim_at, claim_values, in_claim
from authzsvc.policy.truth import DoubtError

CLAIMS = {"a": "x", "n": {"b": ["y", 2], "c": {"d": "z"}}, "https://x.example/c": "web", "n.b": "dotted", "null": None}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a", "x"),
        ("n.b", "dotted"),
        ("n.c.d", "z"),
        ("https://x.example/c", "web"),
        ("n.x", None),
        ("a.b", None),
        ("n..d", None),
        ("", None),
        (".", None),
        ("null", None),
    ],
)
def test_a_claim_by_its_path(path: str, found: object) -> None:
    assert claim_at(CLAIMS, path) == found


@pytest.mark.parametrize(
    ("claim", "value", "there"),
    [
        ("A", "A", True),
        ("A", "B", False),
        ("AB", "A", False),
        (["A", "B"], "B", True),
        (("A",), "A", True),
        ([], "A", False),
        (7, "7", True),
        ([7], "7", True),
        ([7], "07", False),
        ([7], "7.0", False),
        ([7.0], "7", False),
        ([True], "1", False),
        ([True, 1], "1", True),
        ([None, ["A"], {"A": 1}], "A", False),
        ([12345678901234567890], "12345678901234567890", False),
    ],
)
def test_whether_a_value_is_in_a_claim(claim: object, value: str, there: bool) -> None:
    assert in_claim({"c": claim}, "c", value) is there


@pytest.mark.parametrize("claim", [None, True, 1.5, {"A": "A"}])
def test_a_claim_of_no_use_leaves_a_doubt(claim: object) -> None:
    with pytest.raises(DoubtError, match="no usable claim `c`"):
        in_claim({"c": claim}, "c", "A")


def test_the_values_of_a_claim() -> None:
    assert claim_values({"a": ["x", 1, True, None, ["y"]]}, "a") == ("x", "1")
    assert claim_values({"a": {"b": "x"}}, "a.b") == ("x",)
    assert claim_values({}, "a") == ()
