"""No command waits for a file that is a FIFO: it ends with code 2 and says what to put there."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from pathlib import Path

import pytest

from authzsvc.cli.app import main
from authzsvc.workflow import signing
from tests.unit.workflow.desk import DESK, SUITE

pytestmark = pytest.mark.timeout(20)

OFFLINE = ("--scopes", "order:cancel", "--message", "35=F|11=1")
TCP = ("--admin", "127.0.0.1:1")
COMMANDS = [
    ("check", "--mapping", "fifo", *OFFLINE),
    ("check", "--mapping", "listed.yaml", *OFFLINE),
    ("check", "--mapping", "including.yaml", *OFFLINE),
    ("mapping", "lint", "fifo"),
    ("mapping", "lint", "directory"),
    ("mapping", "test", "fifo.test.yaml"),
    ("mapping", "test", "directory"),
    ("mapping", "explain", "fifo", *OFFLINE),
    ("mapping", "matrix", "fifo"),
    ("mapping", "diff", "desk.yaml", "fifo"),
    ("mapping", "sign", "fifo", "--key", "mapping-key.pem"),
    ("mapping", "sign", "desk.yaml", "--key", "fifo"),
    ("mapping", "verify", "desk.yaml", "--key", "fifo"),
    ("mapping", "verify", "desk.yaml", "--key", "mapping-key.pub.pem", "--sig", "fifo"),
    ("mapping", "replay", "fifo", "--mapping", "desk.yaml", "--client", "ALGO"),
    ("mapping", "replay", "log", "--mapping", "desk.yaml", "--comp-id-map", "fifo"),
    ("serve", "--config", "fifo"),
    ("token", "inspect", "e30.e30.e30", "--jwks", "fifo"),
    ("token", "mint", "--keys", "keys"),
    ("session", "list", "--config", "fifo"),
    ("session", "list", *TCP, "--token-file", "fifo"),
    ("session", "list", *TCP, "--token-file", "log", "--ca", "fifo"),
    ("session", "list", *TCP, "--cert", "fifo", "--key", "mapping-key.pem"),
    ("session", "list", *TCP, "--cert", "mapping-key.pem", "--key", "fifo"),
    ("envoy-config", "--listen", "127.0.0.1:1", "--upstream", "127.0.0.1:2", "--service", "unix:/s",
     "--filter-config", "fifo"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    signing.generate(tmp_path)
    for name in ("directory", "keys"):
        Path(name).mkdir()
    for fifo in (
        "fifo",
        "fifo.test.yaml",
        "directory/desk.yaml",
        "directory/desk.test.yaml",
        "keys/development-key.pem",
    ):
        os.mkfifo(fifo)
    Path("desk.yaml").write_text(DESK)
    Path("desk.test.yaml").write_text(SUITE)
    Path("listed.yaml").write_text(DESK.replace("{values: [EVIL, WORSE]}", "{file: fifo}"))
    Path("including.yaml").write_text(DESK.replace("lists:\n", "include: [fifo]\nlists:\n"))
    Path("log").write_text("token\n")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["authzsvc", *command])
    with pytest.raises(SystemExit) as exit_:
        main()
    said = "".join(capsys.readouterr())  # `lint` tells its findings on standard output
    assert exit_.value.code == 2
    assert "is a FIFO, not a regular file" in said or "is no regular file" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("packed", [False, True])
def test_a_log_from_a_pipe_is_replayed(
    packed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = b"8=FIX.4.4|9=5|35=F|49=ALGO|56=VENUE|34=2|11=1|10=000|\n"
    reader, writer = os.pipe()
    os.write(writer, gzip.compress(message) if packed else message)
    os.close(writer)
    command = ["mapping", "replay", "-", "--mapping", "desk.yaml", "--client", "ALGO", "--scopes", "order:cancel"]
    monkeypatch.setattr(sys, "argv", ["authzsvc", *command, "--claims", '{"fix_comp_id": "ALGO"}', "--format", "json"])
    with io.TextIOWrapper(os.fdopen(reader, "rb")) as log:
        monkeypatch.setattr(sys, "stdin", log)
        with pytest.raises(SystemExit) as exit_:
            main()
    assert exit_.value.code == 0
    assert json.loads(capsys.readouterr().out)["messages"] == 1
