"""Every command escapes others' texts for the terminal."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

import authzsvc.cli
from authzsvc.cli.output import console, say, say_json
from authzsvc.visible import is_plain
from tests.unit.test_visible import ANY

OWN = {"output.py", "demo.py", "envoy_config.py"}
"""The module itself; a story of our own; YAML for a file."""
NASTY = "a\x1b]0;b\x07\x9b31m\u202ec\u2066"


def raw(text: str) -> list[str]:
    return [character for character in text if character != "\n" and not is_plain(character)]


@pytest.mark.parametrize("file", [file.name for file in Path(authzsvc.cli.__path__[0]).glob("*.py")])
def test_commands_print_by_this_module_alone(file: str) -> None:
    if file not in OWN:
        source = (Path(authzsvc.cli.__path__[0]) / file).read_text()
        assert re.findall(r"(?<![.\w])print\(|\becho\(|(?<![.\w])Console\(", source) == []


def test_what_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    say(NASTY, 1)
    say(NASTY, err=True)
    say_json({NASTY: [NASTY]}, indent=2)
    captured = capsys.readouterr()
    assert raw(captured.out) == raw(captured.err) == []
    assert "\\x1b" in captured.out


@given(ANY, st.booleans())
def test_what_a_console_prints(text: str, is_terminal: bool) -> None:
    file = io.StringIO()
    made = console(file=file, force_terminal=is_terminal, no_color=True, soft_wrap=True, markup=False, emoji=False)
    made.print(text)
    made.print(Text(text), text)
    table = Table("x", box=None)
    table.add_row(Text(text))
    made.print(table)
    own = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue()) if is_terminal else file.getvalue()
    assert raw(own) == []


def test_colours_stay() -> None:
    file = io.StringIO()
    console(file=file, force_terminal=True, color_system="standard").print(Text(NASTY, "red"))
    assert "\x1b[31m" in file.getvalue()
    assert raw(re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())) == []
