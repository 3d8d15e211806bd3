"""The parser's limits, and the arithmetic between two counts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from authzsvc.errors import ToolError
from benches import parser
from benches.load import ROOT


def program(path: Path, text: str) -> Path:
    """A program that stands for the parser's."""
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_message_is_what_the_longer_run_has_more() -> None:
    assert parser.per_message(1_000_000, 1_000_000 + 4 * 1_024 * 1_500) == 1_500


def test_each_set_of_the_program_has_a_limit() -> None:
    limits = json.loads(parser.LIMITS.read_text())
    source = (ROOT / "envoy" / "core" / "examples" / "parser.rs").read_text()
    assert set(limits) == {"orders", "mixed"}
    assert all(f'"{name}" =>' in source for name in limits)
    assert f"const MESSAGES: usize = {parser.MESSAGES:_};" in source


def test_times_become_figures(tmp_path: Path) -> None:
    line = '{"set":"orders","bytes_per_message":160.0,"ns_per_message":75.0,"gb_per_s":2.1}'
    results = parser.timed(program(tmp_path / "parser", f"print('{line}')"))
    assert [(result.name, result.value) for result in results] == [
        ("parser_orders_gb_per_s", 2.1),
        ("parser_orders_ns", 75.0),
    ]


def test_a_run_that_fails_is_no_count(tmp_path: Path) -> None:
    with pytest.raises((ToolError, FileNotFoundError)):
        parser.collected(program(tmp_path / "parser", "raise SystemExit(3)"), "orders", 2)


def test_without_valgrind_nothing_is_counted_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert parser.count(tmp_path / "parser", {"orders": 1}) == {}
    assert "`valgrind` is missing" in capsys.readouterr().err


def test_above_a_limit_the_check_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder / "valgrind", "import sys; print('Collected :', 9_000_000 * int(sys.argv[-1]), file=sys.stderr)")
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    assert parser.count(tmp_path / "parser", {"orders": 1_600}) == {"orders": pytest.approx(9_000_000 / 1_024)}
    assert parser.above({"orders": 8_789.1}, {"orders": 1_600}) == ["orders"]
    assert parser.above({"orders": 1_600}, {"orders": 1_600}) == []
