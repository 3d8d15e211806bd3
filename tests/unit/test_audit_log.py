from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
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


@pytest.fixture
def standard_output() -> Iterator[Callable[[int], None]]:
    """Puts a descriptor in the place of standard output, until the end of the test."""
    before = os.dup(1)

    def put(descriptor: int) -> None:
        os.dup2(descriptor, 1)

    yield put
    os.dup2(before, 1)
    os.close(before)


def test_a_log_that_is_full_is_not_available(standard_output: Callable[[int], None]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    standard_output(full)
    log = AuditLog("-")
    assert log.available
    log.append(b"1\n")
    eventually(lambda: not log.available)
    log.close()
    os.close(full)


def test_a_reader_that_stalls_makes_it_unavailable_before_anything_is_lost(
    standard_output: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "MAX_PENDING", 10)
    monkeypatch.setattr(audit_log, "CLOSE_S", 0.01)
    reader, writer = os.pipe()
    standard_output(writer)
    log = AuditLog("-")
    log.append(b"x" * 1_000_000 + b"\n")
    eventually(lambda: len(log._pending) == 0)
    for _ in range(5):
        log.append(b"y\n")
    assert not log.available
    log.close()
    os.set_blocking(reader, False)  # the thread may have written its last byte already and not yet ended
    while log._thread.is_alive():  # else the rest would go to the standard output of all tests
        with suppress(BlockingIOError):
            os.read(reader, 1_000_000)
        log._thread.join(0.01)
    os.close(reader)
    os.close(writer)


@pytest.mark.timeout(10)
def test_only_a_regular_file_is_taken(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    for path, kind in (("fifo", "a FIFO"), ("link", "a FIFO"), (".", "a directory"), ("/dev/full", "a device")):
        with pytest.raises(ToolError, match=f"cannot write the audit log .*: it is {kind}, not a regular file"):
            AuditLog(str(tmp_path / path))


def test_a_link_to_a_regular_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "link").symlink_to("logs/audit.jsonl")
    log = AuditLog(str(tmp_path / "link"))
    log.append(b"1\n")
    log.close()
    assert (tmp_path / "logs" / "audit.jsonl").read_bytes() == b"1\n"


def test_a_directory_that_everyone_can_write_to_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    (tmp_path / "link").symlink_to("shared/audit.jsonl")
    for path in (shared / "audit.jsonl", tmp_path / "link"):
        with pytest.raises(ToolError, match=r"shared` can be written by everyone \(take another, or `chmod o-w`\)"):
            AuditLog(str(path))
    shared.chmod(0o1777)
    AuditLog(str(shared / "audit.jsonl")).close()


@pytest.mark.timeout(20)
def test_a_fifo_in_its_place_stops_nothing_but_what_must_be_recorded(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(str(path))
    path.unlink()
    os.mkfifo(path)
    log.append(b"1\n")
    eventually(lambda: not log.available)
    path.unlink()
    eventually(lambda: log.available)
    log.close()
    assert path.read_bytes() == b"1\n"


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="audit log"):
        AuditLog(str(tmp_path / "none" / "audit.jsonl"))
