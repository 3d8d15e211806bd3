"""`authzsvc mapping replay`: exit codes and formats."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from authzsvc.cli.app import main
from tests.unit.workflow.desk import DESK, write_text

Run = Callable[..., tuple[int, str, str]]
DAY = (
    "20260105-14:30:00 : 8=FIX.4.4|9=5|35=D|34=2|49=ALGO|56=VENUE|55=ACME|167=CS|54=1|10=000|\n"
    "20260105-14:30:01 : 8=FIX.4.4|9=5|35=F|34=3|49=ALGO|56=VENUE|11=1|10=000|\n"
)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    write_text(Path("old.yaml"), DESK)
    write_text(Path("new.yaml"), DESK, (("roles: [canceller]}", "roles: []}"),))
    Path("day.log").write_text(DAY)

    def running(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["authzsvc", "mapping", "replay", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        shown = capsys.readouterr()
        return int(exit_.value.code or 0), shown.out, shown.err

    return running


TRADER = ("--client", "ALGO", "--roles", "trader")


def test_nothing_differs(run: Run) -> None:
    code, out, err = run("day.log", "--mapping", "old.yaml", "--baseline", "old.yaml", *TRADER)
    assert (code, err) == (0, "")
    assert "2 messages decided, 0 differ" in out


def test_something_differs(run: Run) -> None:
    code, out, err = run("day.log", "--mapping", "new.yaml", "--baseline", "old.yaml", *TRADER)
    assert (code, err) == (1, "")
    assert "1 of ALGO inbound F: allow → deny (line 2: no scope of the token grants" in out


def test_as_json_and_by_a_file_of_sessions(run: Run) -> None:
    Path("sessions.yaml").write_text("ALGO: {roles: [trader]}\n")
    code, out, _ = run("day.log", "--mapping", "new.yaml", "--comp-id-map", "sessions.yaml", "--format", "json")
    assert code == 1
    (difference,) = json.loads(out)["differences"]
    assert (difference["msg_type"], difference["line"], difference["candidate"]) == ("F", 2, "deny")


@pytest.mark.parametrize(
    ("log", "client", "said"),
    [("day.log", "NOBODY", "no message of a client"), ("noise.log", "ALGO", "3 lines"), ("empty.log", "ALGO", "no m")],
)
def test_nothing_decided_is_no_success(run: Run, log: str, client: str, said: str) -> None:
    Path("noise.log").write_text("nothing\n" * 3 + DAY)
    Path("empty.log").write_text("")
    code, _, err = run(log, "--mapping", "old.yaml", "--baseline", "old.yaml", "--client", client, "--roles", "trader")
    assert code == 3
    assert said in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("day.log", "--mapping", "new.yaml"), "--client"),
        (("none.log", "--mapping", "new.yaml", *TRADER), "none.log"),
        (("day.log", "--mapping", "none.yaml", *TRADER), "none.yaml"),
        (("day.log", "--mapping", "new.yaml", "--claims", "[", *TRADER), "--claims"),
    ],
)
def test_bad_input(run: Run, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err
