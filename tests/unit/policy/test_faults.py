"""Faults as they are gathered: a hostile file is not read on for ever."""

from __future__ import annotations

import pytest

from authzsvc.errors import Fault
from authzsvc.policy.faults import MAX_FAULTS, EnoughError, Gathered
from tests.unit.policy.building import told

FAULT = Fault("m.yaml", 1, "a", "is wrong")


def test_there_is_an_end_to_them() -> None:
    faults = Gathered()
    with pytest.raises(EnoughError):
        faults.extend(FAULT for _ in range(MAX_FAULTS + 1))
    assert len(faults) == MAX_FAULTS


def test_each_is_told_once_by_file_and_line() -> None:
    faults = Gathered()
    faults.extend([Fault("b", 1, "", "x"), Fault("a", 9, "", "x"), Fault("a", 2, "", "x"), Fault("b", 1, "", "x")])
    assert [str(fault) for fault in faults.refusal(["a", "b"]).faults] == ["a:2: x", "a:9: x", "b:1: x"]


@pytest.mark.parametrize(
    "text",
    [
        "scopes: {" + "".join(f"a:b{n}: {{grants: [{{message: Nope{n}}}]}}, " for n in range(5000)) + "}",
        "scopes: {a:b: {grants: [{message: D, when: {" + ", ".join(f"x{n}: 1" for n in range(5000)) + "}}]}}",
        "scopes: {a:b: {grants: [" + "1, " * 50_000 + "]}}",
        "".join(f"zz{n}: 1\n" for n in range(50_000)),
        "scopes: {" + "a:b: {grants: [{message: D}]}, " * 20_000 + "}",
    ],
)
def test_a_file_full_of_faults_ends_in_some_of_them(text: str) -> None:
    assert 1 <= len(told(text)) <= MAX_FAULTS
