"""The store's SQLite file: made private, checked, opened; and what goes wrong with it, in plain words.

Write-ahead log with `synchronous=FULL`: a commit that returned is on disk (https://www.sqlite.org/pragma.html,
`synchronous`). The file is its owner's alone, and stands in a directory that strangers cannot write to, because who can
replace it can lift a kill.

Invariants: a file that is damaged, of another program or of a later version is refused and not touched; an existing
file is never opened but through SQLite, since closing it would give up the process's locks on it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from authzsvc import files
from authzsvc.errors import StoreError
from authzsvc.sessions import revisions, signed_mappings

APPLICATION = 0x46495841
"""`FIXA`, in SQLite's `application_id`."""
SCHEMA = 1
"""In `user_version`. Another layout takes another number."""
IN_MEMORY = ":memory:"

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE restriction (id TEXT PRIMARY KEY, by TEXT NOT NULL, value TEXT NOT NULL, mode TEXT NOT NULL,
    reason TEXT NOT NULL, operator TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE revocation (id TEXT PRIMARY KEY, by TEXT NOT NULL, value TEXT NOT NULL, issuer TEXT NOT NULL,
    reason TEXT NOT NULL, operator TEXT NOT NULL, at REAL NOT NULL, until REAL) WITHOUT ROWID;
CREATE TABLE session (id TEXT PRIMARY KEY, at REAL NOT NULL, facts BLOB NOT NULL) WITHOUT ROWID;
"""


def connect(path: Path | None, busy_s: float) -> sqlite3.Connection:
    """Open the store's file, made when it is not there; None is a store in memory. Raises `StoreError`."""
    if path is not None:
        _check_directory(path)
        _make_private(path)
    name = IN_MEMORY if path is None else str(path)
    with plain_words(name):
        database = sqlite3.connect(name, timeout=busy_s, isolation_level=None)
    try:
        with plain_words(name):
            _prepare(database, name, busy_s)
    except BaseException:
        database.close()
        raise
    return database


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; it holds the file's write lock from the start, so it cannot fail halfway for want of it."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def plain_words(name: str) -> Iterator[None]:
    """Turn SQLite's errors into a `StoreError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(_words(name, error)) from None


def _words(name: str, error: sqlite3.Error) -> str:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"the store `{name}` is locked by another program (stop what holds it)"
        case sqlite3.SQLITE_FULL:
            return f"the store `{name}` cannot grow: the disk is full (free some space)"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return f"the store `{name}` cannot be written: it is read-only (make file, directory and disk writable)"
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return (
                f"the store `{name}` is damaged (put a copy in its place, or move it away and repeat what was killed)"
            )
        case sqlite3.SQLITE_CANTOPEN:
            return f"the store `{name}` cannot be opened (is its directory writable?)"
    return f"the store `{name}` cannot be used: {' '.join(str(error).lower().split())}"


def _check_directory(path: Path) -> None:
    try:
        files.check_directory(path)
    except OSError as error:
        raise StoreError(f"the store `{path}` cannot be used: {files.problem(error)}") from None


def _make_private(path: Path) -> None:
    """Make the file, or check the one that is there: regular, ours, and nobody else's to read."""
    with contextlib.suppress(FileExistsError):
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(path, flags, 0o600))
        except FileExistsError:
            raise
        except OSError as error:
            raise StoreError(f"the store `{path}` cannot be made: {files.problem(error)}") from None
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"the store `{path}` is no regular file (take another path)")
    if found.st_uid != os.geteuid():
        raise StoreError(f"the store `{path}` belongs to another user (run as that user, or take another path)")
    if found.st_mode & 0o077:
        _chmod(path)


def _chmod(path: Path) -> None:
    try:
        path.chmod(0o600)
    except OSError as error:
        raise StoreError(f"the store `{path}` cannot be made private: {files.problem(error)}") from None


def _prepare(database: sqlite3.Connection, name: str, busy_s: float) -> None:
    _check_kind(database, name)
    _use_wal(database, busy_s)
    database.execute("PRAGMA synchronous=FULL")
    with transaction(database):
        _check_kind(database, name)  # another process may have made it meanwhile
        if _number(database, "user_version") == 0:
            _make_tables(database)
        database.execute(signed_mappings.TABLE)
        database.execute(revisions.TABLE)
        # A disk that cannot be written is better met now than at the first kill.
        database.execute("INSERT OR REPLACE INTO meta VALUES ('opened', ?)", (time.time(),))
    if database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("malformed")


def _check_kind(database: sqlite3.Connection, name: str) -> None:
    """Refuse what is not ours; an empty file is ours to fill."""
    version, application = _number(database, "user_version"), _number(database, "application_id")
    tables = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application != APPLICATION and (application or version or tables):
        raise StoreError(f"`{name}` is the database of another program (take another path)")
    if version > SCHEMA:
        raise StoreError(
            f"the store `{name}` is of a later version of authzsvc (run that version, or take another path)"
        )


def _make_tables(database: sqlite3.Connection) -> None:
    for statement in _TABLES.split(";"):
        database.execute(statement)
    facts = [("salt", secrets.token_bytes(32)), ("generation", revisions.first())]
    database.executemany("INSERT INTO meta VALUES (?, ?)", facts)
    database.execute(f"PRAGMA application_id={APPLICATION}")
    database.execute(f"PRAGMA user_version={SCHEMA}")


def _use_wal(database: sqlite3.Connection, busy_s: float) -> None:
    """Changing the journal does not wait for locks as other statements do, so it is tried again here."""
    end = time.monotonic() + busy_s
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            busy = (error.sqlite_errorcode & 0xFF) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() >= end:
                raise
            time.sleep(0.01)
        else:
            return


def _number(database: sqlite3.Connection, pragma: str) -> int:
    return int(database.execute(f"PRAGMA {pragma}").fetchone()[0])
