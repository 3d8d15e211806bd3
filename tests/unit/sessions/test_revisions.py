from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from authzsvc.errors import StoreError
from authzsvc.sessions import revisions
from authzsvc.sessions.revisions import ALIVE_S, Revisions
from authzsvc.sessions.sqlite import SqliteStore
from tests.unit.sessions.building import restriction

NOW = 1_767_600_000.0


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(":memory:", isolation_level=None)
    made.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID")
    made.execute("INSERT INTO meta VALUES ('generation', 7)")
    made.execute(revisions.TABLE)
    yield made
    made.close()


def test_a_mapping_keeps_its_number_until_another_one_takes_its_place(database: sqlite3.Connection) -> None:
    assert revisions.read(database) == Revisions(7, 0, "")
    first = revisions.note_mapping(database, "one")
    assert first == Revisions(8, 8, "one") == revisions.note_mapping(database, "one")
    assert revisions.note_mapping(database, "two") == Revisions(9, 9, "two")
    # The one of before, put back, is newer than what it replaces.
    assert revisions.note_mapping(database, "one") == Revisions(10, 10, "one") == revisions.read(database)


def test_services_that_run_and_have_not_come_so_far_are_behind(database: sqlite3.Connection) -> None:
    revisions.acknowledge(database, "gone", 7, NOW - ALIVE_S - 1)
    revisions.acknowledge(database, "a", 9, NOW)
    revisions.acknowledge(database, "b", 7, NOW)
    assert revisions.behind(database, 8, NOW) == ("b",)
    assert revisions.behind(database, 10, NOW) == ("a", "b")
    revisions.acknowledge(database, "b", 8, NOW)
    assert revisions.behind(database, 8, NOW) == ()
    # It was written before the machine was started, when its clock stood higher.
    revisions.acknowledge(database, "before", 7, NOW + 100)
    assert revisions.behind(database, 8, NOW) == ()
    revisions.leave(database, "a")
    assert revisions.behind(database, 10, NOW) == ("b",)


def test_a_store_without_its_number_is_damaged(database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM meta")
    with pytest.raises(StoreError, match="damaged"):
        revisions.read(database)


async def test_a_new_store_has_higher_numbers_than_one_before_it() -> None:
    numbers = []
    for _ in range(2):
        store = await SqliteStore.open(None)
        await store.load()
        await store.add_restriction(restriction())
        numbers.append(store.revisions.read)
        await store.close()
    assert numbers[0] < numbers[1]
