"""`SqliteStore`: the store in one SQLite file, which several processes of one machine may share; or in memory.

One thread owns the connection, so writes are in order and nothing here blocks the event loop. What an operator does is
on disk before the call returns. Sessions are written behind, in batches; a batch that fails is kept and tried again.
Others' writes are seen by polling: `PRAGMA data_version` tells that another connection wrote something, a generation
number in the file that it was about what is in force.

Invariant: a change by another process is reported until it has been read, however often reading it fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from authzsvc.errors import StoreError
from authzsvc.sessions import database as files
from authzsvc.sessions import revisions, signed_mappings
from authzsvc.sessions.facts import SessionFacts, decode, encode
from authzsvc.sessions.restrictions import By, Mode, Restriction, Restrictions, Revocation, RevokedBy
from authzsvc.sessions.revisions import Revisions
from authzsvc.sessions.signed_mappings import SignedMapping
from authzsvc.sessions.store import Stored

POLL_S = 0.1
BUSY_S = 5.0
BATCH_S = 1.0
"""Seldom, as each transaction takes a thread and the disk for some milliseconds, and decisions wait for both."""
BATCH = 500
"""Sessions in one transaction: what an operator's write waits for at most."""
MAX_PENDING = 100_000
"""Sessions kept while they cannot be written; beyond it the oldest are given up, and must log on after a restart."""
MAX_AGE_S = 8 * 86_400.0
"""A stored session older than this is none: FIX sessions last a week at most."""

_T = TypeVar("_T")
_Row = tuple[str, float, bytes]
"""Id, when it logged on, facts."""

_log = logging.getLogger(__name__)


class SqliteStore:
    """A `Store`. Make it with `open`."""

    def __init__(self, path: Path | None, writer: ThreadPoolExecutor, poll_s: float) -> None:
        self._path = path
        self._name = files.IN_MEMORY if path is None else str(path)
        self._writer = writer
        self._poll_s = poll_s
        self._database: sqlite3.Connection  # of the writer's thread, like the three that follow
        self._revisions = Revisions(read=-1)
        self._version = -1
        self._inode = (0, 0)
        self._pending: dict[str, _Row | None] = {}
        self._flushing: asyncio.Task[None] | None = None
        self._failing = False

    @classmethod
    async def open(cls, path: Path | None, *, busy_s: float = BUSY_S, poll_s: float = POLL_S) -> SqliteStore:
        """The store in that file, made when it is not there; None keeps all in memory. Raises `StoreError`."""
        store = cls(path, ThreadPoolExecutor(1, "store"), poll_s)
        try:
            await store._run(lambda: store._connect(busy_s))
        except BaseException:
            store._writer.shutdown(wait=False)
            raise
        return store

    async def load(self) -> Stored:
        """All of it; sessions that cannot be read, or are too old, are left out."""
        return await self._run(self._load)

    async def in_force(self) -> Restrictions:
        """Restrictions and revocations alone."""
        return await self._run(self._in_force)

    async def add_restriction(self, entry: Restriction) -> int:
        """On disk when it returns."""
        values = (entry.id, entry.by, entry.value, entry.mode, entry.reason, entry.operator, entry.at)
        return await self._change("INSERT OR REPLACE INTO restriction VALUES (?, ?, ?, ?, ?, ?, ?)", [values])

    async def add_revocation(self, entry: Revocation) -> int:
        """On disk when it returns."""
        about = (entry.id, entry.by, entry.value, entry.issuer)
        values = (*about, entry.reason, entry.operator, entry.at, entry.until)
        return await self._change("INSERT OR REPLACE INTO revocation VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [values])

    async def remove(self, ids: frozenset[str]) -> None:
        """Gone from disk when it returns."""
        values = [(entry,) for entry in sorted(ids)]
        await self._change("DELETE FROM restriction WHERE id = ?", values, "DELETE FROM revocation WHERE id = ?")

    @property
    def revisions(self) -> Revisions:
        """As of the last read or write of this process."""
        return self._revisions

    async def note_mapping(self, digest: str) -> Revisions:
        """On disk when it returns."""
        return await self._run(lambda: self._note_mapping(digest))

    async def acknowledge(self, service: str, number: int) -> None:
        """On disk when it returns."""
        await self._run(lambda: self._in_transaction(revisions.acknowledge, service, number, time.monotonic()))

    async def leave(self, service: str) -> None:
        """On disk when it returns."""
        await self._run(lambda: self._in_transaction(revisions.leave, service))

    async def behind(self, number: int) -> tuple[str, ...]:
        """Those that have said that they run, lately."""
        return await self._run(lambda: revisions.behind(self._database, number, time.monotonic()))

    async def accept_mapping(self, found: SignedMapping) -> None:
        """On disk when it returns."""
        await self._run(lambda: self._accept_mapping(found))

    def save_session(self, facts: SessionFacts) -> None:
        """Written with the next batch."""
        # Encoded here, a little with each Logon: a batch at once in the writer's thread would hold up decisions.
        with contextlib.suppress(StoreError):  # claims that cannot be kept: it logs on after a restart
            self._note(facts.id, (facts.id, facts.logged_on_at, encode(facts)))

    def remove_session(self, session_id: str) -> None:
        """Written with the next batch."""
        self._note(session_id, None)

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yields when others have changed what is in force, until `in_force` or `load` has read it."""
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                changed = await self._run(self._changed)
            except StoreError as error:
                self._say(error)
                continue
            if changed:
                yield

    async def close(self) -> None:
        """Write what is pending, and close. Raises nothing: what cannot be written is told in the log."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.wait([self._flushing])
        with contextlib.suppress(StoreError):
            while self._pending:
                await self._flush()
        if self._pending:
            _log.error("sessions lost at shutdown", extra={"sessions": len(self._pending)})
        await self._run(lambda: self._database.close())
        self._writer.shutdown(wait=False)

    # What follows runs on the event loop.

    async def _run(self, work: Callable[[], _T]) -> _T:
        def in_words() -> _T:
            with files.plain_words(self._name):
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._writer, in_words)

    async def _change(self, statement: str, values: Sequence[tuple[object, ...]], *more: str) -> int:
        return await self._run(lambda: self._write((statement, *more), values))

    def _note(self, session_id: str, row: _Row | None) -> None:
        self._pending.pop(session_id, None)
        if len(self._pending) >= MAX_PENDING:
            self._pending.pop(next(iter(self._pending)))
        self._pending[session_id] = row
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush_all())

    async def _flush_all(self) -> None:
        """Until nothing is pending."""
        try:
            while self._pending:
                await asyncio.sleep(BATCH_S)
                try:
                    await self._flush()
                except StoreError as error:
                    self._say(error)
        finally:
            self._flushing = None

    async def _flush(self) -> None:
        """Write all that is pending; what is left when it fails, or is cancelled, stays pending."""
        while self._pending:
            batch = dict(islice(self._pending.items(), BATCH))
            await self._run(lambda batch=batch: self._write_sessions(batch))  # type: ignore[misc]
            for session_id, row in batch.items():
                if self._pending.get(session_id, batch) is row:
                    del self._pending[session_id]
        if self._failing:
            self._failing = False
            _log.warning("the store is written again")

    def _say(self, error: StoreError) -> None:
        """Once, until it works again."""
        if not self._failing:
            self._failing = True
            _log.error("the store does not work", extra={"reason": str(error)})

    # What follows runs on the writer's thread.

    def _connect(self, busy_s: float) -> None:
        self._database = files.connect(self._path, busy_s)
        self._inode = self._present_inode()

    def _load(self) -> Stored:
        in_force = self._in_force()
        salt = self._scalar("SELECT value FROM meta WHERE name = 'salt'", bytes)
        oldest = time.time() - MAX_AGE_S
        with files.transaction(self._database):
            self._database.execute("DELETE FROM session WHERE at < ?", (oldest,))
        rows = self._database.execute("SELECT facts FROM session").fetchall()
        sessions = []
        for (raw,) in rows:
            with contextlib.suppress(StoreError):
                sessions.append(decode(raw))
        if len(sessions) < len(rows):
            _log.warning("stored sessions that cannot be read", extra={"sessions": len(rows) - len(sessions)})
        return Stored(in_force, tuple(sessions), salt)

    def _in_force(self) -> Restrictions:
        self._database.execute("BEGIN")
        try:
            known = revisions.read(self._database)
            restrictions = self._database.execute("SELECT * FROM restriction").fetchall()
            revocations = self._database.execute("SELECT * FROM revocation").fetchall()
        finally:
            self._database.execute("ROLLBACK")
        try:
            read = Restrictions(map(_restriction, restrictions), map(_revocation, revocations))
        except (ValueError, TypeError):
            raise StoreError(f"the store `{self._name}` holds a restriction that cannot be read") from None
        self._revisions = known
        return read

    def _note_mapping(self, digest: str) -> Revisions:
        self._check_place()
        with files.transaction(self._database):
            before = revisions.read(self._database)
            now = revisions.note_mapping(self._database, digest)
        return self._note_write(before, now)

    def _note_write(self, before: Revisions, now: Revisions) -> Revisions:
        """Notes a write of this process; what others wrote before it is still to be read."""
        read = now.read if before.read == self._revisions.read else self._revisions.read
        self._revisions = replace(now, read=read)
        return now

    def _in_transaction(self, write: Callable[..., None], *values: object) -> None:
        self._check_place()
        with files.transaction(self._database):
            write(self._database, *values)

    def _accept_mapping(self, found: SignedMapping) -> None:
        self._check_place()
        with files.transaction(self._database):
            signed_mappings.accept(self._database, found)

    def _write(self, statements: tuple[str, ...], values: Sequence[tuple[object, ...]]) -> int:
        self._check_place()
        with files.transaction(self._database):
            before = revisions.read(self._database)
            for statement in statements:
                self._database.executemany(statement, values)
            self._database.execute("UPDATE meta SET value = ? WHERE name = 'generation'", (before.read + 1,))
        return self._note_write(before, replace(before, read=before.read + 1)).read

    def _write_sessions(self, batch: Mapping[str, _Row | None]) -> None:
        gone = [(session_id,) for session_id, row in batch.items() if row is None]
        saved = [row for row in batch.values() if row is not None]
        with files.transaction(self._database):
            self._database.executemany("DELETE FROM session WHERE id = ?", gone)
            self._database.executemany("INSERT OR REPLACE INTO session VALUES (?, ?, ?)", saved)

    def _changed(self) -> bool:
        version = self._scalar("PRAGMA data_version", int)
        if version == self._version:
            return False
        if self._generation() != self._revisions.read:
            return True
        self._version = version
        return False

    def _generation(self) -> int:
        return self._scalar("SELECT value FROM meta WHERE name = 'generation'", int)

    def _scalar(self, query: str, kind: type[_T]) -> _T:
        row = self._database.execute(query).fetchone()
        if row is None or not isinstance(row[0], kind):
            raise StoreError(f"the store `{self._name}` is damaged (put a copy in its place, or move it away)")
        return row[0]

    def _check_place(self) -> None:
        if self._present_inode() != self._inode:
            raise StoreError(f"the store `{self._name}` was moved or removed under the service (restart the service)")

    def _present_inode(self) -> tuple[int, int]:
        if self._path is None:
            return 0, 0
        try:
            found = os.stat(str(self._path))
        except OSError:
            return -1, -1
        return found.st_dev, found.st_ino


def _restriction(row: tuple[str, str, str, str, str, str, float]) -> Restriction:
    entry, by, value, mode, reason, operator, at = row
    return Restriction(entry, By(by), value, Mode(mode), reason, operator, at)


def _revocation(row: tuple[str, str, str, str, str, str, float, float | None]) -> Revocation:
    entry, by, value, issuer, reason, operator, at, until = row
    return Revocation(entry, RevokedBy(by), value, issuer, reason, operator, at, until)
