"""The load's programs, as they are started and as what they print is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from authzsvc.errors import ToolError
from benches.load import Client, Lane, Turns, by_turns_us

TURNS = Turns(warmup=9, turns=2, block=3)


def a_program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def lanes(program: Path) -> list[Lane]:
    return [Lane(Client(program, "first"), 5000, "D"), Lane(Client(program, "second"), 5001, "mixed")]


def test_ways_by_turns_are_told_in_blocks_and_no_token_is_in_the_command(tmp_path: Path) -> None:
    told = '{"round_trips_ns":[[1000,2000,3000,4000,5000,6500],[7000,7000,7000,8000,8000,8000]]}'
    script = f"cd {tmp_path}; echo \"$*\" > words; cat > tokens; echo '{told}'"
    program = a_program(tmp_path / "load", script)
    found = by_turns_us(program, lanes(program), TURNS)
    assert [[list(block) for block in way] for way in found] == [
        [[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]],
        [[7.0, 7.0, 7.0], [8.0, 8.0, 8.0]],
    ]
    assert (tmp_path / "words").read_text() == "turns 9 2 3 5000:D 5001:mixed\n"
    assert (tmp_path / "tokens").read_text() == "first\nsecond\n"


def test_what_goes_wrong_is_told_in_the_program_s_words(tmp_path: Path) -> None:
    program = a_program(tmp_path / "load", "cat > /dev/null; echo no report >&2; exit 1")
    with pytest.raises(ToolError, match=r"2 ways by turns.*no report"):
        by_turns_us(program, lanes(program), TURNS)
