"""Suites read: defaults, places, and every fault at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from authzsvc.errors import MappingFaults
from authzsvc.fix.direction import Direction
from authzsvc.workflow import suites

Write = Callable[..., Path]


def faults(path: Path) -> list[str]:
    with pytest.raises(MappingFaults) as caught:
        suites.read(path)
    return [str(fault).removeprefix(f"{path}:") for fault in caught.value.faults]


def test_a_suite(write_suite: Write, tmp_path: Path) -> None:
    suite = suites.read(write_suite())
    assert suite.mapping == tmp_path / "desk.yaml"
    assert len(suite.cases) == 11
    first = suite.cases[0]
    assert (first.msg_type, first.direction, first.line) == ("D", Direction.INBOUND, 4)
    assert first.scopes == {"role:trader"}
    assert first.fields.first(55) == b"ACME"
    assert suite.cases[9].direction is Direction.OUTBOUND


def test_defaults_hold_unless_a_test_says_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "a.test.yaml"
    path.write_text(
        "mapping: a.yaml\n"
        "defaults: {comp_id: ALGO, claims: {desk: one, accounts: [A1]}, direction: outbound}\n"
        "tests:\n"
        '  - {name: a, message: "35=8", expect: allow}\n'
        '  - {name: b, message: "35=8", expect: deny, comp_id: OTHER, claims: {desk: two}, direction: inbound}\n'
    )
    first, second = suites.read(path).cases
    assert (first.comp_id, first.claims, first.direction) == ("ALGO", {"desk": "one", "accounts": ["A1"]}, "outbound")
    assert (second.comp_id, second.claims, second.direction) == (
        "OTHER",
        {"desk": "two", "accounts": ["A1"]},
        "inbound",
    )


def test_the_message_names_the_client_where_the_test_does_not(tmp_path: Path) -> None:
    path = tmp_path / "a.test.yaml"
    path.write_text('mapping: a.yaml\ntests: [{name: a, message: "35=D|49=ALGO", expect: deny}]\n')
    assert suites.read(path).cases[0].comp_id == "ALGO"


def test_every_fault_at_once(write_suite: Write) -> None:
    path = write_suite(
        ("expect: allow\n    scope: order:create:equity", "expects: allow\n    scope: order:create:equity"),
        ("name: unless it may", "name: []"),
        ("direction: outbound", "direction: sideways"),
    )
    assert faults(path) == [
        "4: `tests[0].expect` is missing",
        "7: `tests[0].expects` is no key of a suite (did you mean `expect`?)",
        "23: `tests[4].name` must be text",
        "46: `tests[9].direction` must be `inbound` or `outbound`",
        "51: `tests[10].direction` must be `inbound` or `outbound`",
    ]


def test_messages_and_names_have_their_places(write_suite: Write) -> None:
    path = write_suite(("35=F|11=1", "35=F|011=1"), ("name: nobody else does", "name: a canceller cancels"))
    found = faults(path)
    assert [fault.partition(":")[0] for fault in found] == ["38", "40", "42"]
    assert "does not begin with a tag" in found[0]
    assert "is the name of an earlier test" in found[1]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "1: is no suite: it has no keys"),
        ("[a]", "1: is no suite"),
        ("mapping: a.yaml\n", "`tests` is missing"),
        ("mapping: a.yaml\ntests: []\n", "`tests` must not be empty"),
        (
            'mapping: "a\\0"\ntests: [{name: a, message: "35=D", expect: deny}]\n',
            "`mapping` has a character that no path",
        ),
        ("mapping: a\nmapping: b\n", "is there twice"),
        ("a: &x [1]\nb: *x\n", "alias"),
    ],
)
def test_what_is_no_suite(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "a.test.yaml"
    path.write_text(text)
    assert any(complaint in fault for fault in faults(path))


def test_finding(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("b.test.yaml", "a.test.json", "a.yaml", "inner/c.test.yml"):
        (tmp_path / name).write_text("")
    names = ["a.test.json", "b.test.yaml", "inner/c.test.yml"]
    assert suites.find(tmp_path) == [tmp_path / name for name in names]
    assert suites.find(tmp_path / "a.yaml") == [tmp_path / name for name in names[:2]]
    assert suites.find(tmp_path / "inner.yaml") == [tmp_path / name for name in names]
    assert suites.find(tmp_path / "b.test.yaml") == [tmp_path / "b.test.yaml"]
