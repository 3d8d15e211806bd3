"""Which signed mappings a store has accepted: the last serial of each key and mapping's name.

A signature proves who signed a mapping, but not that the mapping is the latest: whoever can write to the mapping's
directory could put an older mapping back with its own signature, which still holds. So each signature carries a serial,
and no service of a store accepts a lower serial than the last accepted one.

Invariants: the serial is checked and written in one transaction, so that all services of a store agree; the serial is
on disk before the mapping is put in force.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from authzsvc.errors import SignatureError

TABLE = """
CREATE TABLE IF NOT EXISTS signed_mapping (key_id TEXT NOT NULL, name TEXT NOT NULL, serial INTEGER NOT NULL,
    digest TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (key_id, name)) WITHOUT ROWID;
"""
"""Earlier versions of this program ignore the table, so the store's version number stays the same."""

_MEND = "put the newer mapping back, or sign this one anew with `authzsvc mapping sign --renew`"


@dataclass(frozen=True, slots=True)
class SignedMapping:
    """A mapping whose signature holds."""

    key_id: str
    name: str
    serial: int
    digest: str
    file: str = field(default="", compare=False)
    """The signature's file, for people."""


def accept(database: sqlite3.Connection, found: SignedMapping) -> None:
    """Records a mapping as the last accepted one, within a transaction of the caller's.

    Raises `SignatureError` if a later one was accepted before.
    """
    rows = database.execute("SELECT name, serial, digest FROM signed_mapping WHERE key_id = ?", (found.key_id,))
    known = [SignedMapping(found.key_id, name, serial, digest) for name, serial, digest in rows]
    if found in known:
        return
    check(found, known)
    row = (found.key_id, found.name, found.serial, found.digest, time.time())
    database.execute("INSERT OR REPLACE INTO signed_mapping VALUES (?, ?, ?, ?, ?)", row)


def check(found: SignedMapping, known: Iterable[SignedMapping]) -> None:
    """Compares a mapping's serial with the last accepted ones of its key. Raises `SignatureError`.

    A mapping whose name is new must have a serial as high as the highest of them. Otherwise an old mapping could come
    back under the name that it had before it was renamed.
    """
    by_name = {last.name: last for last in known}
    last = by_name.get(found.name) or max(by_name.values(), key=lambda last: last.serial, default=found)
    if found.serial < last.serial:
        raise SignatureError(
            f"`{found.file}` has serial {found.serial}, and serial {last.serial} of mapping `{last.name}` was accepted "
            f"before ({_MEND})"
        )
    if found.name == last.name and found.serial == last.serial and found.digest != last.digest:
        raise SignatureError(
            f"`{found.file}` has serial {found.serial}, under which mapping `{last.name}` was accepted with another "
            f"meaning ({_MEND})"
        )
