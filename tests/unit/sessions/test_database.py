from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from authzsvc.errors import StoreError
from authzsvc.sessions.database import connect, plain_words


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def test_the_file_and_its_logs_are_its_owners_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        database = connect(path, 1.0)
    finally:
        os.umask(before)
    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()}
    database.close()
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


def test_a_file_that_others_can_read_is_made_private(path: Path) -> None:
    connect(path, 1.0).close()
    path.chmod(0o644)
    connect(path, 1.0).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_commits_are_on_disk(path: Path) -> None:
    database = connect(path, 1.0)
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)
    database.close()


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such file or directory"):
        connect(tmp_path / "none" / "store.db", 1.0)


def test_a_directory_that_everyone_can_write_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(StoreError, match="can be written by everyone"):
        connect(tmp_path / "store.db", 1.0)
    tmp_path.chmod(0o1777)
    connect(tmp_path / "store.db", 1.0).close()


def test_a_directory_and_a_link_in_the_files_place(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))
    with pytest.raises(StoreError, match="no regular file"):
        connect(path, 1.0)
    assert not path.with_name("elsewhere").exists()
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match="no regular file"):
        connect(path, 1.0)


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to hold a header" * 40, b"SQLite format 3\0" * 64]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        connect(path, 1.0)
    assert path.read_bytes() == content


def test_a_damaged_page_is_found_at_start(path: Path) -> None:
    connect(path, 1.0).close()
    content = bytearray(path.read_bytes())
    content[4096 + 100 : 8192] = b"\xee" * (4096 - 100)
    content[4096:4100] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        connect(path, 1.0)


@pytest.mark.parametrize("statement", ["CREATE TABLE other (x)", "PRAGMA application_id=7", "PRAGMA user_version=1"])
def test_another_programs_database_is_left_alone(path: Path, statement: str) -> None:
    other = sqlite3.connect(path)
    other.execute(statement)
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="database of another program"):
        connect(path, 1.0)


def test_a_later_version_is_refused(path: Path) -> None:
    database = connect(path, 1.0)
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(StoreError, match="later version of authzsvc"):
        connect(path, 1.0)


def test_a_write_ahead_log_that_cannot_be_made(path: Path) -> None:
    connect(path, 1.0).close()
    path.with_name("store.db-wal").mkdir()
    with pytest.raises(StoreError, match="cannot be opened"):
        connect(path, 1.0)


def test_a_file_that_another_program_holds(path: Path) -> None:
    holder = connect(path, 1.0)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another program"):
        connect(path, 0.05)
    holder.close()


def test_a_disk_that_cannot_be_written(path: Path) -> None:
    connect(path, 1.0).close()
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    with pytest.raises(StoreError, match="it is read-only"), plain_words(str(path)):
        database.execute("DELETE FROM meta")
    database.close()
