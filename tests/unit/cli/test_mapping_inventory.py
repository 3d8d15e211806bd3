"""`authzsvc mapping inventory`: exit codes and forms."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from authzsvc.cli.app import main
from tests.unit.cli.test_mapping_replay import DAY
from tests.unit.workflow.desk import DESK, write_text

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    write_text(Path("desk.yaml"), DESK)
    Path("day.log").write_text(DAY)
    Path("other.log").write_text(DAY.replace("35=F", "35=H"))
    Path("noise.log").write_text("nothing\n" * 3 + DAY)

    def running(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["authzsvc", "mapping", "inventory", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        shown = capsys.readouterr()
        return int(exit_.value.code or 0), shown.out, shown.err

    return running


def test_without_a_mapping(run: Run) -> None:
    code, out, err = run("day.log", "other.log")
    assert (code, err) == (0, "")
    assert "4 messages of 1 clients" in out
    assert "clients, told by what they send: ALGO" in out
    assert "NewOrderSingle" in out


def test_covered_by_all_scopes_or_not_by_those_held(run: Run) -> None:
    assert run("day.log", "--mapping", "desk.yaml")[0] == 0
    code, out, _ = run("day.log", "--mapping", "desk.yaml", "--roles", "canceller")
    assert code == 1
    assert "all denied: ALGO inbound NewOrderSingle (D): no scope of the token grants" in out


def test_a_type_that_the_mapping_does_not_cover(run: Run) -> None:
    code, out, _ = run("other.log", "--mapping", "desk.yaml", "--json")
    document = json.loads(out)
    assert code == 1
    assert (document["clients"], document["guessed"], document["fix"]) == (["ALGO"], True, "FIX.5.0SP2")
    assert [(entry["msg_type"], entry["mapping"]) for entry in document["entries"]] == [
        ("D", "covered"),
        ("H", "no rule"),
    ]


def test_the_clients_may_be_named(run: Run) -> None:
    Path("sessions.yaml").write_text("VENUE: {scopes: []}\n")
    _, out, _ = run("day.log", "--comp-id-map", "sessions.yaml", "--json")
    assert [entry["direction"] for entry in json.loads(out)["entries"]] == ["outbound", "outbound"]


def test_other_forms(run: Run) -> None:
    _, out, _ = run("day.log", "--format", "csv")
    assert out.splitlines()[0] == "Client,Direction,Category,Message,Type,Count,Tags"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("day.log", "--client", "NOBODY"), 3, "no message of a client"),
        (("noise.log",), 3, "3 lines or messages could not be read"),
        (("none.log",), 2, "none.log"),
        (("day.log", "--mapping", "none.yaml"), 2, "none.yaml"),
        (("day.log", "--fix", "FIX.9"), 2, "FIX.9"),
        (("-", "--mapping", "desk.yaml"), 2, "--client"),
    ],
)
def test_what_is_no_success(run: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    found, _, err = run(*arguments)
    assert found == code
    assert said in err
