"""What the clients tell, read from a program that tells it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from authzsvc.errors import ToolError
from benches.sessions.crowd import Crowd, Ends, Logons


def teller(directory: Path, *lines: str) -> Path:
    """A program that answers each command but `session` with the next of these lines, and then ends."""
    script = directory / "teller"
    answers = "".join(f"read -r line; echo '{line}'\n" for line in lines)
    script.write_text(f"#!/bin/sh\nread -r one\ncase $one in 'session A t') ;; *) exit 1 ;; esac\n{answers}")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def crowd(program: Path) -> Crowd:
    return Crowd(program, 1, {"A": "t"})


def test_logons_are_read_in_seconds_and_microseconds(tmp_path: Path) -> None:
    told = '{"elapsed_ns":1500000000,"logons_ns":[2000,3000],"firsts_ns":[4000],"refused":0,"why":""}'
    with crowd(teller(tmp_path, told)) as clients:
        assert clients.log_on(1, order=True) == Logons(1.5, (2.0, 3.0), (4.0,), 0, "")


def test_a_refused_logon_is_an_error_that_says_why(tmp_path: Path) -> None:
    told = '{"elapsed_ns":1,"logons_ns":[],"firsts_ns":[],"refused":2,"why":"no"}'
    with crowd(teller(tmp_path, told)) as clients, pytest.raises(ToolError, match="2 Logons were refused: `no`"):
        clients.log_on(1)


def test_ends_are_read_in_milliseconds(tmp_path: Path) -> None:
    told = '{"refused_ns":[0,2500000],"cut":1,"live":2,"text":"halted"}'
    with crowd(teller(tmp_path, '{"sessions":5}', told)) as clients:
        clients.trade(100)
        assert clients.probe(1.0) == Ends((0.0, 2.5), 1, 2, "halted")


def test_a_program_that_ends_is_an_error(tmp_path: Path) -> None:
    with crowd(teller(tmp_path)) as clients, pytest.raises(ToolError, match="have ended"):
        clients.leave()
