"""`authzsvc mapping keygen`, `sign` and `verify`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from authzsvc.cli.app import main
from tests.unit.workflow.desk import DESK, write_text

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    write_text(Path("desk.yaml"), DESK)

    def running(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["authzsvc", "mapping", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        shown = capsys.readouterr()
        return int(exit_.value.code or 0), shown.out, shown.err

    return running


def test_from_keys_to_a_signature_that_holds_and_one_that_does_not(run: Run) -> None:
    code, out, err = run("keygen", "keys")
    assert (code, err, out.count("\n")) == (0, "", 2)
    assert "PRIVATE KEY" not in out
    assert run("sign", "desk.yaml", "--key", "keys/mapping-key.pem")[0] == 0
    assert Path("desk.yaml.sig").exists()
    code, out, err = run("verify", "desk.yaml", "--key", "keys/mapping-key.pub.pem")
    assert (code, err) == (0, "")
    assert "is signed under serial" in out
    write_text(Path("desk.yaml"), DESK, (("EVIL, WORSE", "EVIL"),))
    code, out, err = run("verify", "desk.yaml", "--key", "keys/mapping-key.pub.pem")
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_the_signature_may_go_elsewhere(run: Run) -> None:
    run("keygen", ".")
    assert run("sign", "desk.yaml", "--key", "mapping-key.pem", "--out", "other.sig")[0] == 0
    assert not Path("desk.yaml.sig").exists()
    assert run("verify", "desk.yaml", "--key", "mapping-key.pub.pem", "--sig", "other.sig")[0] == 0
    code, _, err = run("sign", "desk.yaml", "--key", "mapping-key.pem", "--out", "none/x.sig")
    assert (code, err.count("\n")) == (2, 1)


def test_a_mapping_with_faults_is_not_signed(run: Run) -> None:
    run("keygen", ".")
    write_text(Path("desk.yaml"), DESK, (("FIX.5.0SP2", "FIX.9"),))
    code, _, err = run("sign", "desk.yaml", "--key", "mapping-key.pem")
    assert code == 2
    assert "desk.yaml:3" in err
    assert not Path("desk.yaml.sig").exists()


def serial() -> int:
    return int(json.loads(Path("desk.yaml.sig").read_text())["serial"])


def test_a_serial_rises_with_the_meaning_or_when_told(run: Run) -> None:
    run("keygen", ".")
    sign = ("sign", "desk.yaml", "--key", "mapping-key.pem")
    code, out, _ = run(*sign)
    first = serial()
    assert (code, f"under serial {first} with key" in out) == (0, True)
    assert first > 20261101000000
    run(*sign)
    assert serial() == first
    run(*sign, "--renew")
    second = serial()
    assert second > first
    write_text(Path("desk.yaml"), DESK, (("EVIL, WORSE", "EVIL"),))
    run(*sign)
    assert serial() > second
    run(*sign, "--serial", "7")
    assert serial() == 7
    assert "under serial 7 with key" in run("verify", "desk.yaml", "--key", "mapping-key.pub.pem")[1]
    assert run(*sign, "--serial", "0")[0] == 2
