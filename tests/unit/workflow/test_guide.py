"""The guide's own mapping, suite and screens, held against what the tools say."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from authzsvc.cli.app import main

GUIDE = (Path(__file__).parents[3] / "docs" / "workflow.md").read_text()
MAPPING, SUITE = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
SCREENS = [screen.split("\n", 1) for screen in re.findall(r"```\n\$ authzsvc (.*?)```", GUIDE, re.DOTALL)]


@pytest.mark.parametrize(("command", "screen"), [(c, s) for c, s in SCREENS if s and "git:" not in c])
def test_a_screen(
    command: str, screen: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("desk.yaml").write_text(MAPPING)
    Path("desk.test.yaml").write_text(SUITE)
    monkeypatch.setattr(sys, "argv", ["authzsvc", *shlex.split(command)])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code in (0, 1)
    assert capsys.readouterr().out == screen


def test_there_are_screens() -> None:
    assert len([screen for _, screen in SCREENS if screen]) == 5
