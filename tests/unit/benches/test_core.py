"""The core's limits, and the arithmetic between two counts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from authzsvc.errors import ToolError
from benches import core
from benches.load import ROOT


def program(path: Path, text: str) -> Path:
    """A program that stands for one of the core's, or for valgrind."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(0o755)
    return path


def test_each_set_of_each_program_has_a_limit() -> None:
    limits = json.loads(core.LIMITS.read_text())
    assert set(limits) == set(core.MESSAGES)
    for name in limits:
        source = (ROOT / "envoy" / "core" / "examples" / f"{name}.rs").read_text()
        assert set(limits[name]) == {"orders", "mixed"}
        assert all(f'"{one}" =>' in source for one in limits[name])


def test_the_programs_have_as_many_messages_as_are_counted() -> None:
    examples = ROOT / "envoy" / "core" / "examples"
    assert f"const MESSAGES: usize = {core.MESSAGES['parser']:_};" in (examples / "parser.rs").read_text()
    source = (examples / "session.rs").read_text()
    assert "const MESSAGES: usize = 2 * 17 * SYMBOLS;" in source
    assert "const SYMBOLS: usize = 48;" in source
    assert core.MESSAGES["session"] == 2 * 17 * 48


def test_times_become_figures(tmp_path: Path) -> None:
    line = '{"set":"orders","bytes_per_message":160.0,"ns_per_message":75.0,"gb_per_s":2.1}'
    results = core.timed(program(tmp_path / "parser", f"print('{line}')"))
    assert [(result.name, result.value) for result in results] == [
        ("parser_orders_gb_per_s", 2.1),
        ("parser_orders_ns", 75.0),
    ]


def test_a_run_that_fails_is_no_count(tmp_path: Path) -> None:
    with pytest.raises((ToolError, FileNotFoundError)):
        core.collected(program(tmp_path / "parser", "raise SystemExit(3)"), "orders", 2)


def test_without_valgrind_nothing_can_be_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="`valgrind` is missing"):
        core.counts(tmp_path / "parser", {"orders": 1})


def test_a_message_is_what_the_longer_run_has_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "import sys; print('Collected :', 9_000 + 1_632_000 * int(sys.argv[-1]), file=sys.stderr)"
    program(tmp_path / "bin" / "valgrind", said)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    [result] = core.counts(tmp_path / "session", {"orders": 800})
    assert (result.name, result.value, result.ratio) == ("session_orders_instructions", 1_000, 1.25)
