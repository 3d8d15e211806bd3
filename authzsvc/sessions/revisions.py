"""The store's numbers: they tell all services of a store which change is newer, and which service has put it in force.

Every change takes the next number, whether of the mapping or of the restrictions. The first number of a new store is
the time in milliseconds, so its numbers are higher than those of a store that it replaces. Each service writes to the
store up to which number it has put everything in force. A service that has written nothing for `ALIVE_S` counts as
ended.

Invariant: a number is written in the transaction of its change, so no two changes have the same.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from authzsvc.errors import StoreError

TABLE = """
CREATE TABLE IF NOT EXISTS service (name TEXT PRIMARY KEY, seen INTEGER NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
"""
"""Versions of the store without this table never look at it, so the store's version stays."""

BEAT_S = 2.0
"""How often a service writes to the store that it runs."""
ALIVE_S = 8.0
"""A service that has written nothing for this long counts as ended."""

_GENERATION, _MAPPING, _DIGEST = "generation", "mapping_revision", "mapping_digest"


@dataclass(frozen=True, slots=True)
class Revisions:
    """What a service has read of the store."""

    read: int = 0
    """Every change up to this number has been read."""
    mapping: int = 0
    """The number of the newest mapping that any service has put in force; 0 if there is none."""
    digest: str = ""
    """The digest of that mapping."""


def first() -> int:
    """Returns the first number of a new store: the time in milliseconds. No store makes a change every millisecond."""
    return int(time.time() * 1000)


def read(database: sqlite3.Connection) -> Revisions:
    """Returns the store's present numbers."""
    known = dict(
        database.execute("SELECT name, value FROM meta WHERE name IN (?, ?, ?)", (_GENERATION, _MAPPING, _DIGEST))
    )
    generation = known.get(_GENERATION)
    if not isinstance(generation, int):
        raise StoreError("the store is damaged: it has no generation (put a copy in its place, or move it away)")
    return Revisions(generation, int(known.get(_MAPPING, 0)), str(known.get(_DIGEST, "")))


def note_mapping(database: sqlite3.Connection, digest: str) -> Revisions:
    """Gives the mapping that a service puts in force the next number. If it is the newest mapping already, it keeps its
    number. Runs within a transaction of the caller's."""
    known = read(database)
    if known.digest == digest:
        return known
    number = known.read + 1
    values = [(_GENERATION, number), (_MAPPING, number), (_DIGEST, digest)]
    database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values)
    return Revisions(number, number, digest)


def acknowledge(database: sqlite3.Connection, service: str, number: int, now: float) -> None:
    """Notes that a service runs, and that every change up to `number` is in force in it. `now` is on the machine's
    monotonic clock, the same in all its processes: the calendar's may be set while a kill waits."""
    database.execute("INSERT OR REPLACE INTO service VALUES (?, ?, ?)", (service, number, now))
    # What is ahead of the clock was written before the machine was started.
    database.execute("DELETE FROM service WHERE at < ? OR at > ?", (now - 3600, now + 1))


def leave(database: sqlite3.Connection, service: str) -> None:
    """Notes that a service has ended."""
    database.execute("DELETE FROM service WHERE name = ?", (service,))


def behind(database: sqlite3.Connection, number: int, now: float) -> tuple[str, ...]:
    """Returns the services that run and in which the change of that number is not in force."""
    seen = (number, now - ALIVE_S, now + 1)
    rows = database.execute("SELECT name FROM service WHERE seen < ? AND at BETWEEN ? AND ?", seen)
    return tuple(sorted(name for (name,) in rows))
