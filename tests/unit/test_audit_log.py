from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from authzsvc import audit_log
from authzsvc.audit_log import AuditLog
from authzsvc.errors import ToolError


def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("what was waited for did not happen")


def test_lines_come_in_order_and_are_private(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(str(path))
    lines = [b"%d\n" % number for number in range(5000)]
    for one in lines:
        log.append(one)
    log.close()
    assert path.read_bytes() == b"".join(lines)
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0


def test_lines_are_written_without_being_asked(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(str(path))
    for one in (b"1\n", b"1\n2\n"):
        log.append(one[-2:])
        eventually(lambda want=one: path.read_bytes() == want)  # type: ignore[misc]
    log.close()


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for one in (b"1\n", b"2\n"):
        log = AuditLog(str(path))
        log.append(one)
        log.close()
    assert path.read_bytes() == b"1\n2\n"


def test_a_rotated_file_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(str(path))
    log.append(b"1\n")
    eventually(lambda: path.read_bytes() == b"1\n")
    path.rename(tmp_path / "audit.1")
    log.append(b"2\n")
    log.close()
    assert (path.read_bytes(), (tmp_path / "audit.1").read_bytes()) == (b"2\n", b"1\n")


def test_what_cannot_be_written_is_kept_until_it_can(tmp_path: Path) -> None:
    directory = tmp_path / "logs"
    directory.mkdir()
    path = directory / "audit.jsonl"
    log = AuditLog(str(path))
    directory.rename(tmp_path / "away")
    log.append(b"1\n")
    eventually(lambda: not log.available)
    log.append(b"2\n")
    directory.mkdir()
    eventually(lambda: log.available)
    log.close()
    assert path.read_bytes() == b"1\n2\n"


def test_a_log_that_is_full_is_not_available() -> None:
    log = AuditLog("/dev/full")
    assert log.available
    log.append(b"1\n")
    eventually(lambda: not log.available)
    log.close()


def test_a_reader_that_stalls_makes_it_unavailable_before_anything_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "MAX_PENDING", 10)
    monkeypatch.setattr(audit_log, "CLOSE_S", 0.01)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    log = AuditLog(str(pipe))
    log.append(b"x" * 1_000_000 + b"\n")
    eventually(lambda: len(log._pending) == 0)
    for _ in range(5):
        log.append(b"y\n")
    assert not log.available
    log.close()
    os.close(reader)


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="audit log"):
        AuditLog(str(tmp_path / "none" / "audit.jsonl"))
