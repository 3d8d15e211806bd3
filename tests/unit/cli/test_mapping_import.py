"""`authzsvc mapping import` and `export`: what they write, what they say, exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from authzsvc.cli.app import main
from tests.unit.cli.test_mapping_replay import DAY
from tests.unit.workflow.desk import DESK, write_text
from tests.unit.workflow.imports.test_exported import REALM, SERVER
from tests.unit.workflow.imports.test_table import TABLE

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    write_text(Path("desk.yaml"), DESK)
    Path("day.log").write_text(DAY)
    Path("noise.log").write_text("nothing\n" * 3 + DAY)
    Path("keys.csv").write_text(TABLE)
    Path("realm.json").write_text(json.dumps(REALM))
    Path("okta.json").write_text(json.dumps(SERVER))

    def running(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["authzsvc", "mapping", *arguments])
        try:
            main()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return running


@pytest.mark.parametrize(
    "source", [("learn", "day.log"), ("table", "keys.csv"), ("keycloak", "realm.json"), ("okta", "okta.json")]
)
def test_an_import_is_linted_and_tested(run: Run, source: tuple[str, str]) -> None:
    code, out, err = run("import", *source, "--out", "new.yaml")
    assert (code, err) == (0, "")
    assert "wrote new.yaml, new.test.yaml" in out
    assert "note    Guessed" in out
    assert ("replay  2 messages decided, 0 denied" in out) is (source[0] == "learn")
    assert run("lint", "new.yaml")[0] == 0
    assert run("test", "new.yaml", "--coverage-threshold", "100")[0] == 0
    assert "by `authzsvc mapping import " + source[0] in Path("new.yaml").read_text()


def test_what_was_learnt_replays_clean(run: Run) -> None:
    run("import", "learn", "day.log", "--out", "new.yaml", "--claim", "Symbol=symbols")
    arguments = ("replay", "day.log", "--mapping", "new.yaml", "--comp-id-map", "new.sessions.yaml")
    assert run(*arguments)[0] == 0
    assert "symbols: [ACME]" in Path("new.sessions.yaml").read_text()


def test_as_json(run: Run) -> None:
    code, out, _ = run("import", "table", "keys.csv", "--out", "new.yaml", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["clean"]
    assert document["written"] == ["new.yaml", "new.test.yaml"]
    assert document["roles"]["trader"] == ["order:cancel", "order:create:equity"]


def test_files_are_not_overwritten_unasked(run: Run) -> None:
    arguments = ("import", "table", "keys.csv", "--out", "desk.yaml")
    code, _, err = run(*arguments)
    assert code == 2
    assert "`desk.yaml` is there already" in err
    assert Path("desk.yaml").read_text() == DESK
    assert run(*arguments, "--force")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("learn", "day.log", "--out", "x.yaml", "--client", "NOBODY"), 3, "no message of a client"),
        (("learn", "noise.log", "--out", "x.yaml"), 3, "3 lines or messages"),
        (("learn", "-", "--out", "x.yaml"), 2, "standard input"),
        (("learn", "day.log", "--out", "x.yaml", "--claim", "Symbol"), 2, "TAG=CLAIM"),
        (("learn", "day.log", "--out", "x.yaml", "--claim", "Symbl=a"), 2, "Symbl"),
        (("learn", "day.log", "--out", "x.yaml", "--fix", "FIX.9"), 2, "FIX.9"),
        (("table", "none.csv", "--out", "x.yaml"), 2, "none.csv"),
        (("table", "keys.csv", "--out", "x"), 2, "is no name for a mapping"),
        (("table", "keys.csv", "--out", "none/x.yaml"), 2, "cannot be written"),
        (("keycloak", "keys.csv", "--out", "x.yaml"), 2, "is no JSON"),
        (("okta", "realm.json", "--out", "x.yaml"), 2, "has no scopes"),
    ],
)
def test_what_makes_no_mapping(run: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    found, _, err = run("import", *arguments)
    assert found == code
    assert said in err
    assert not Path("x.yaml").exists()


@pytest.mark.parametrize("to", ["keycloak", "okta", "fusionauth"])
def test_an_export_is_json(run: Run, to: str) -> None:
    code, out, _ = run("export", "desk.yaml", "--to", to)
    assert code == 0
    assert "order:create:equity" in json.dumps(json.loads(out))


def test_an_export_to_a_file(run: Run) -> None:
    assert run("export", "desk.yaml", "--to", "terraform", "--output", "main.tf") == (0, "", "")
    assert 'resource "keycloak_role" "trader"' in Path("main.tf").read_text()
    code, _, err = run("export", "desk.yaml", "--to", "okta", "--output", "none/x.json")
    assert code == 2
    assert "--output" in err
