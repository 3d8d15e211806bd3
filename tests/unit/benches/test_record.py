"""`build/bench.json`: each bench adds to it, and what is from elsewhere goes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benches.record import merged, write
from benches.results import Machine, Result, as_json

MACHINE = Machine("A Processor", 2, "6.1", "1.40.0", "3.11.7", 0.25)
BUSY = replace(MACHINE, load=2.5)


def result(name: str, value: float) -> Result:
    return Result(name, value, "us", None, None)


def values(document: dict[str, object]) -> dict[str, float]:
    results = document["results"]
    assert isinstance(results, list)
    return {entry["name"]: entry["value"] for entry in results}


def test_figures_of_the_same_name_are_replaced_and_others_stay() -> None:
    before = as_json(MACHINE, [result("a", 1), result("b", 2)])
    after = merged(before, MACHINE, [result("b", 3), result("c", 4)])
    assert values(after) == {"a": 1, "b": 3, "c": 4}
    assert values(before) == {"a": 1, "b": 2}


@pytest.mark.parametrize("other", [replace(MACHINE, cpu="Another"), replace(MACHINE, python="3.12.1")])
def test_figures_from_another_machine_go(other: Machine) -> None:
    after = merged(as_json(MACHINE, [result("a", 1)]), other, [result("b", 2)])
    assert (after["machine"]["cpu"], after["machine"]["python"]) == (other.cpu, other.python)
    assert values(after) == {"b": 2}


def test_the_load_is_that_of_the_last_run_unless_it_is_to_stay() -> None:
    before = as_json(MACHINE, [result("a", 1)])
    assert merged(before, BUSY, [])["machine"]["load"] == 2.5
    kept = merged(before, BUSY, [], keep_load=True)
    assert (kept["machine"]["load"], values(kept)) == (0.25, {"a": 1})
    assert merged({}, BUSY, [], keep_load=True)["machine"]["load"] == 2.5


@pytest.mark.parametrize("before", [None, "", "{", "[]", "null", '{"machine": 1}', '{"results": 3}'])
def test_a_file_that_is_not_there_or_no_such_file_is_written_anew(tmp_path: Path, before: str | None) -> None:
    path = tmp_path / "build" / "bench.json"
    if before is not None:
        path.parent.mkdir()
        path.write_text(before)
    write(path, MACHINE, [result("a", 1)])
    assert values(json.loads(path.read_text())) == {"a": 1}


def test_the_file_holds_what_two_benches_found(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    write(path, MACHINE, [result("a", 1)])
    write(path, BUSY, [result("b", 2)], keep_load=True)
    document = json.loads(path.read_text())
    assert values(document) == {"a": 1, "b": 2}
    assert document["machine"]["load"] == 0.25
