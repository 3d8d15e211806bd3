"""The store's numbers: which change is newer, for all services of a store, and how far each of them has come.

Every change of what is in force takes the next number, a mapping and a restriction alike. A new store begins with the
time, so that its numbers are higher than those of a store that it replaces. Each service notes up to which number it
has put everything in force; one that has not been heard of for `ALIVE_S` is taken for gone.

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
"""How often a service says that it runs."""
ALIVE_S = 8.0
"""A service that has said nothing for so long is gone."""

_GENERATION, _MAPPING, _DIGEST = "generation", "mapping_revision", "mapping_digest"


@dataclass(frozen=True, slots=True)
class Revisions:
    """What a service has read of the store."""

    read: int = 0
    """Every change up to this number has been read."""
    mapping: int = 0
    """The number of the newest mapping that any service has put in force; 0 where there is none."""
    digest: str = ""
    """Its digest."""


def first() -> int:
    """Returns the number that a new store begins with: milliseconds, of which no store makes as many changes."""
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
    """Gives the mapping that a service puts in force the next number, or the one that it has while no other mapping was
    put in force after it. Within a transaction of the caller's."""
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
