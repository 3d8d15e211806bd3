from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from authzsvc.errors import StoreError
from authzsvc.sessions.facts import fingerprint
from authzsvc.sessions.restrictions import By, Mode, RevokedBy
from authzsvc.sessions.sqlite import BATCH, SqliteStore
from authzsvc.tokens.credential import Credential, Scheme
from tests.unit.sessions.building import eventually, restriction, revocation, session

OTHER = """
import asyncio, sys, time
from pathlib import Path
from authzsvc.sessions.sqlite import SqliteStore
from authzsvc.tokens.credential import Credential, Scheme
from tests.unit.sessions.building import restriction

async def main(path, prefix, count):
    store = await SqliteStore.open(Path(path))
    for number in range(count):
        await store.add_restriction(restriction(f"{prefix}{number}"))
    print("kept", flush=True)
    await asyncio.sleep(60)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""
ROOT = Path(__file__).parents[3]


@contextlib.asynccontextmanager
async def opened(path: Path | None, **options: float) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(path, **options)
    try:
        yield store
    finally:
        await store.close()


@contextlib.contextmanager
def process(path: Path, prefix: str, count: int) -> Iterator[subprocess.Popen[str]]:
    made = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(path), prefix, str(count)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        yield made
    finally:
        made.kill()
        made.wait()
        assert made.stdout is not None
        made.stdout.close()


def kept(one: subprocess.Popen[str]) -> str:
    assert one.stdout is not None
    return one.stdout.readline().strip()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.mark.parametrize("in_memory", [True, False])
async def test_what_is_added_is_there_and_what_is_removed_is_not(path: Path, in_memory: bool) -> None:
    async with opened(None if in_memory else path) as store:
        entries = [restriction(by, by, "" if by is By.ALL else "x", Mode.CANCEL_ONLY, 1.25) for by in By]
        for entry in entries:
            await store.add_restriction(entry)
            await store.add_restriction(entry)
        revoked = [revocation(by, by, "é\u202e'; DROP", "https://as", 2.5, 9.75) for by in RevokedBy]
        revoked.append(revocation("for-good"))
        for one in revoked:
            await store.add_revocation(one)
        in_force = await store.in_force()
        assert sorted(in_force.restrictions.values(), key=lambda e: e.id) == sorted(entries, key=lambda e: e.id)
        assert set(in_force.revocations.values()) == set(revoked)
        await store.remove(frozenset({"role", "jti", "unknown"}))
        left = await store.in_force()
        assert set(left.restrictions) == {"comp-id", "client", "subject", "on-behalf-of", "all"}
        assert set(left.revocations) == {"subject", "for-good"}


async def test_all_of_it_is_there_again_after_a_restart(path: Path) -> None:
    async with opened(path) as store:
        await store.add_restriction(restriction())
        deep = session("1", claims={"accounts": ["A1", {"deep": 2**70}]})
        store.save_session(deep)
        store.save_session(session("2", "B"))
        store.save_session(replace(deep, address="moved"))
        store.save_session(session("3", "C"))
        store.remove_session("3")
        salt = (await store.load()).salt
    async with opened(path) as store:
        stored = await store.load()
        assert set(stored.in_force.restrictions) == {"r-1"}
        assert {one.id: one.address for one in stored.sessions} == {"1": "moved", "2": "192.0.2.7:40001"}
        assert stored.salt == salt


async def test_sessions_are_written_behind_in_batches(path: Path) -> None:
    async with opened(path) as store, opened(path) as other:
        for number in range(BATCH * 2 + 1):
            store.save_session(session(f"{number}", f"S{number}"))
        seen = 0

        async def written() -> int:
            return len((await other.load()).sessions)

        for _ in range(200):
            seen = await written()
            if seen == BATCH * 2 + 1:
                break
            await asyncio.sleep(0.05)
        assert seen == BATCH * 2 + 1


async def test_sessions_of_long_ago_and_unreadable_ones_are_left_out(path: Path) -> None:
    async with opened(path) as store:
        store.save_session(replace(session("old"), logged_on_at=1000.0))
        store.save_session(session("new", "B"))
        store.save_session(session("odd", "C"))
    database = sqlite3.connect(path)
    database.execute("UPDATE session SET facts = x'00ff' WHERE id = 'odd'")
    database.commit()
    database.close()
    async with opened(path) as store:
        assert [one.id for one in (await store.load()).sessions] == ["new"]


async def test_a_restriction_that_cannot_be_read_is_not_passed_over(path: Path) -> None:
    async with opened(path) as store:
        await store.add_restriction(restriction())
        database = sqlite3.connect(path)
        database.execute("UPDATE restriction SET mode = 'later-mode'")
        database.commit()
        database.close()
        with pytest.raises(StoreError, match="restriction that cannot be read"):
            await store.in_force()


async def test_what_returned_survives_the_killing_of_the_process(path: Path) -> None:
    with process(path, "r", 3) as other:
        assert kept(other) == "kept"
        other.send_signal(signal.SIGKILL)
        other.wait()
    async with opened(path) as store:
        assert set((await store.in_force()).restrictions) == {"r0", "r1", "r2"}


async def test_several_processes_write_and_all_is_kept_and_seen(path: Path) -> None:
    async with opened(path, poll_s=0.01) as store:
        await store.load()
        seen = store.changes()
        with process(path, "a", 40) as one, process(path, "b", 40) as two:
            for number in range(20):
                await store.add_restriction(restriction(f"c{number}"))
            assert [await asyncio.to_thread(kept, other) for other in (one, two)] == ["kept", "kept"]
            await anext(seen)
            everything = {f"{prefix}{n}" for prefix, most in (("a", 40), ("b", 40), ("c", 20)) for n in range(most)}
            assert set((await store.in_force()).restrictions) == everything
        await seen.aclose()


async def test_ones_own_writes_and_others_sessions_are_no_change(path: Path) -> None:
    async with opened(path, poll_s=0.01) as store, opened(path) as other:
        await store.load()
        seen = store.changes()
        waiting = asyncio.ensure_future(anext(seen))
        await store.add_restriction(restriction("mine"))
        other.save_session(session("theirs"))
        await other._flush()
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await other.add_restriction(restriction("theirs"))
        await waiting
        await anext(seen)  # told again until it is read
        await store.in_force()
        waiting = asyncio.ensure_future(anext(seen))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_a_write_that_fails_says_so_and_leaves_nothing(path: Path) -> None:
    async with opened(path, busy_s=0.05) as store:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another program"):
            await store.add_restriction(restriction())
        store.save_session(session("1"))
        await eventually(lambda: store._failing)
        holder.execute("ROLLBACK")
        holder.close()
        assert (await store.in_force()).restrictions == {}
        await eventually(lambda: not store._failing)
        assert [one.id for one in (await store.load()).sessions] == ["1"]


async def test_a_full_disk_is_told_in_plain_words(path: Path) -> None:
    async with opened(path) as store:
        pages = await store._run(lambda: store._database.execute("PRAGMA page_count").fetchone()[0])
        await store._run(lambda: store._database.execute(f"PRAGMA max_page_count={pages}").fetchone())

        async def fill() -> None:
            for number in range(1000):
                await store.add_restriction(replace(restriction(f"{number}"), reason="x" * 200))

        with pytest.raises(StoreError, match="the disk is full"):
            await fill()


async def test_a_file_taken_away_under_the_service_is_noticed(path: Path) -> None:
    async with opened(path) as store:
        path.rename(path.with_name("moved"))
        with pytest.raises(StoreError, match="moved or removed under the service"):
            await store.add_restriction(restriction())


async def test_a_store_that_cannot_be_opened_leaves_no_thread(path: Path) -> None:
    path.write_text("nonsense" * 100)
    with pytest.raises(StoreError, match="is damaged"):
        await SqliteStore.open(path)


async def test_no_credential_is_in_the_file(path: Path) -> None:
    async with opened(path) as store:
        salt = (await store.load()).salt
        name = fingerprint(salt, Credential(Scheme.BEARER, "eyJ.a-token"))
        store.save_session(replace(session("1"), credential=name))
    content = b"".join(found.read_bytes() for found in path.parent.iterdir())
    assert b"spiffe://algo" in content
    assert b"eyJ" not in content
