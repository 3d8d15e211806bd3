from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from authzsvc.errors import AdminError, StoreError
from authzsvc.sessions import control as controls
from authzsvc.sessions import services
from authzsvc.sessions.acts import Act, NotInForce, Operator
from authzsvc.sessions.control import MAX_PAGE, Control
from authzsvc.sessions.registry import Registry
from authzsvc.sessions.restrictions import By, Mode, Restrictions, RevokedBy, Selector
from authzsvc.sessions.sqlite import SqliteStore
from tests.unit.sessions.building import eventually, restriction, revocation, session, who

ANN = Operator("unix:ann", claimed=True)
ALL = Selector(By.ALL)
ALGO = Selector(By.CLIENT, "algo")


@dataclass
class Desk:
    """A control over a real store, and what it told."""

    store: SqliteStore
    registry: Registry = field(default_factory=Registry)
    acts: list[Act] = field(default_factory=list)
    told: list[Restrictions] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.control = Control(self.store, self.registry, self.acts.append, clock=lambda: 5000.0)
        self.control.tell = lambda _before, now: self.told.append(now)

    def kills(self, comp_id: str = "ALGO") -> bool:
        found = self.control.restrictions.on(comp_id, who(), frozenset())
        return found is not None and found.mode is Mode.KILL

    async def on_disk(self) -> set[str]:
        found = await self.store.in_force()
        return set(found.restrictions) | set(found.revocations)


@contextlib.asynccontextmanager
async def desk(path: Path | None = None, **options: float) -> AsyncIterator[Desk]:
    store = await SqliteStore.open(path, **options)
    made = Desk(store)
    await made.control.load()
    running = asyncio.create_task(made.control.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.wait([running])
        await store.close()


async def test_a_kill_is_in_force_at_once_told_kept_and_recorded() -> None:
    async with desk() as at:
        at.registry.open(session("1"))
        at.registry.open(session("2", "OTHER", client_id="other"))
        call = asyncio.ensure_future(at.control.kill(ALGO, Mode.KILL, "runaway orders", ANN))
        await asyncio.sleep(0)
        assert at.kills()  # for every Check, before the store has it
        done = await call
        assert done.hit == 1
        assert await at.on_disk() == set(done.ids)
        (act,) = at.acts
        assert (act.action, act.by, act.value, act.mode) == ("kill", "client", "algo", "kill")
        assert (act.targets, act.hit, act.refused, act.not_kept, act.operator) == (done.ids, 1, "", "", ANN)


@pytest.mark.parametrize(
    ("selector", "hit"),
    [
        (ALL, 3),
        (Selector(By.COMP_ID, "A"), 1),
        (Selector(By.ROLE, "trader"), 2),
        (Selector(By.SUBJECT, "svc"), 2),
        (Selector(By.CLIENT, "nobody"), 0),
    ],
)
async def test_how_many_sessions_are_hit(selector: Selector, hit: int) -> None:
    async with desk() as at:
        at.registry.open(session("1", "A", ("trader", "auditor")))
        at.registry.open(session("2", "B", ("trader",)))
        at.registry.open(session("3", "C", subject="other"))
        assert (await at.control.kill(selector, Mode.CANCEL_ONLY, "test", ANN)).hit == hit
        assert (await at.control.restore(ANN, selector=selector)).hit == hit


async def test_a_kill_survives_a_restart_and_a_restoration_does(tmp_path: Path) -> None:
    async with desk(tmp_path / "s") as at:
        killed = await at.control.kill(ALL, Mode.KILL, "test", ANN)
    async with desk(tmp_path / "s") as at:
        assert at.kills()
        assert (await at.control.restore(ANN, ids=frozenset(killed.ids))).ids == killed.ids
        assert not at.kills()
    async with desk(tmp_path / "s") as at:
        assert not at.kills()


async def test_a_kill_that_cannot_be_kept_holds_says_so_and_is_kept_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controls, "RETRY_S", 0.05)
    async with desk(tmp_path / "s", busy_s=0.02) as at:
        holder = sqlite3.connect(tmp_path / "s", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"in force as .* but not kept.*locked by another program.*tried again"):
            await at.control.kill(ALL, Mode.KILL, "test", ANN)
        assert at.kills()
        assert "locked" in at.acts[0].not_kept
        holder.execute("ROLLBACK")
        holder.execute("UPDATE meta SET value = value + 1 WHERE name = 'generation'")  # as if another had written
        holder.close()
        (entry,) = at.control.restrictions.restrictions
        for _ in range(200):
            if await at.on_disk() == {entry}:
                break
            await asyncio.sleep(0.02)
        assert await at.on_disk() == {entry}
        assert at.kills()


async def test_a_restoration_that_cannot_be_kept_lifts_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path / "s", busy_s=0.02) as at:
        await at.control.kill(ALL, Mode.KILL, "test", ANN)
        holder = sqlite3.connect(tmp_path / "s", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            await at.control.restore(ANN, selector=ALL)
        holder.close()
        assert at.kills()
        assert "locked" in at.acts[-1].refused


async def test_what_another_process_does_is_taken_over(tmp_path: Path) -> None:
    async with desk(tmp_path / "s", poll_s=0.01) as one, desk(tmp_path / "s", poll_s=0.01) as two:
        await one.control.kill(ALL, Mode.KILL, "test", ANN)
        await eventually(two.kills)
        assert two.told
        await two.control.restore(ANN, selector=ALL)
        await eventually(lambda: not one.kills())


async def test_many_at_once_in_two_processes_are_all_in_force(tmp_path: Path) -> None:
    async with desk(tmp_path / "s", poll_s=0.005) as one, desk(tmp_path / "s", poll_s=0.005) as two:
        selectors = [Selector(By.COMP_ID, f"C{number}") for number in range(40)]
        await asyncio.gather(
            *(at.control.kill(each, Mode.KILL, "test", ANN) for each in selectors for at in (one, two))
        )
        for at in (one, two):
            await eventually(lambda at=at: len(at.control.restrictions.restrictions) == 80)  # type: ignore[misc]
        assert len(await one.on_disk()) == 80


async def test_restore_by_selector_everything_and_id() -> None:
    async with desk() as at:
        for selector, mode in ((ALL, Mode.KILL), (ALGO, Mode.KILL), (ALGO, Mode.CANCEL_ONLY)):
            await at.control.kill(selector, mode, "test", ANN)
        revoked = await at.control.revoke(RevokedBy.SUBJECT, "svc", "left", ANN)
        assert len((await at.control.restore(ANN, selector=ALGO)).ids) == 2
        assert at.kills()
        await at.control.restore(ANN)
        assert await at.on_disk() == set(revoked.ids)
        await at.control.restore(ANN, ids=frozenset(revoked.ids))
        assert at.control.restrictions == Restrictions()


async def test_what_is_not_in_force_cannot_be_lifted() -> None:
    async with desk() as at:
        killed = await at.control.kill(ALGO, Mode.KILL, "test", ANN)
        with pytest.raises(NotInForce, match="`gone` is in force"):
            await at.control.restore(ANN, ids=frozenset({"gone", *killed.ids}))
        with pytest.raises(NotInForce, match="no such restriction"):
            await at.control.restore(ANN, selector=ALL)
        assert at.kills()
        assert [bool(act.refused) for act in at.acts] == [False, True, True]


async def test_a_kill_without_a_reason_or_a_value_is_refused_and_recorded() -> None:
    async with desk() as at:
        with pytest.raises(AdminError, match="the reason is missing"):
            await at.control.kill(ALL, Mode.KILL, "", ANN)
        with pytest.raises(AdminError, match="the client is missing"):
            await at.control.kill(Selector(By.CLIENT), Mode.KILL, "test", ANN)
        with pytest.raises(AdminError, match="the jti is missing"):
            await at.control.revoke(RevokedBy.TOKEN_ID, "", "test", ANN)
        assert [bool(act.refused) for act in at.acts] == [True] * 3
        assert at.told == []


async def test_there_is_always_room_to_kill_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controls, "MAX_RESTRICTIONS", 1)
    async with desk() as at:
        await at.control.kill(ALGO, Mode.KILL, "test", ANN)
        with pytest.raises(AdminError, match="restrictions are in force"):
            await at.control.kill(ALGO, Mode.KILL, "test", ANN)
        await at.control.kill(ALL, Mode.KILL, "test", ANN)


async def test_a_revocation_hits_the_sessions_of_those_tokens() -> None:
    async with desk() as at:
        at.registry.open(session("1", "A", token_id="t-1"))
        at.registry.open(session("2", "B", token_id="t-2"))
        done = await at.control.revoke(RevokedBy.TOKEN_ID, "t-2", "stolen", ANN, issuer="https://as", keep_s=60.0)
        assert done.hit == 1
        assert at.control.restrictions.revocations[done.ids[0]].until == 5060.0
        assert at.control.restrictions.revocation_of(who(token_id="t-2")) is not None
        assert at.control.restrictions.revocation_of(who(token_id="t-2", issuer="https://other")) is None


async def test_outlived_revocations_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controls, "TIDY_S", 0.02)
    store = await SqliteStore.open(None)
    await store.add_revocation(revocation("old", until=4999.0))
    await store.add_revocation(revocation("young", until=5001.0))
    at = Desk(store)
    await at.control.load()
    running = asyncio.create_task(at.control.run())
    await eventually(lambda: set(at.control.restrictions.revocations) == {"young"})
    assert await at.on_disk() == {"young"}
    running.cancel()
    await asyncio.wait([running])
    await store.close()


async def test_sessions_come_in_bounded_pages_each_once() -> None:
    async with desk() as at:
        await at.control.kill(Selector(By.COMP_ID, "S7"), Mode.CANCEL_ONLY, "test", ANN)
        for number in range(1234):
            at.registry.open(session(f"{number:04}", f"S{number}"))
        seen: list[str] = []
        while page := at.control.sessions(None, seen[-1] if seen else "", 100_000):
            assert len(page) <= MAX_PAGE
            seen += [one.facts.id for one in page]
            at.registry.open(session("0000x", "LATE"))
        assert [name for name in seen if name != "0000x"] == [f"{number:04}" for number in range(1234)]
        (one,) = at.control.sessions(Selector(By.COMP_ID, "S7"), "", 10)
        assert one.restriction is not None
        assert one.restriction.mode is Mode.CANCEL_ONLY
        assert at.control.sessions(Selector(By.COMP_ID, "none"), "", 10) == []


async def test_a_failing_listener_does_not_keep_a_kill_from_the_disk() -> None:
    async with desk() as at:

        def fail(_before: Restrictions, _now: Restrictions) -> None:
            raise RuntimeError("a waiter")

        at.control.tell = fail
        done = await at.control.kill(ALL, Mode.KILL, "test", ANN)
        assert await at.on_disk() == set(done.ids)


async def test_what_the_store_holds_at_start_is_in_force() -> None:
    store = await SqliteStore.open(None)
    await store.add_restriction(restriction())
    at = Desk(store)
    stored = await at.control.load()
    assert at.kills()
    assert (len(stored.salt), at.told) == (32, [stored.in_force])
    await store.close()


async def test_a_kill_waits_until_the_other_service_has_it_in_force(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with desk(path, poll_s=0.02) as one, desk(path, poll_s=0.02) as two:
        await one.control.kill(ALL, Mode.KILL, "test", ANN)
        assert two.kills()
        assert one.store.revisions.read == two.store.revisions.read


async def test_a_kill_names_the_service_that_has_not_put_it_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "ACKNOWLEDGED_S", 0.2)
    path = tmp_path / "store.db"
    async with desk(path, poll_s=0.02) as one, desk(path, poll_s=3600.0) as two:
        with pytest.raises(StoreError, match=f"not acknowledged within 0.2 s by `{two.control.services.name}`"):
            await one.control.kill(ALL, Mode.KILL, "test", ANN)
        assert one.kills()
        assert one.acts[-1].behind == (two.control.services.name,)
        # What a proxy has heard of is read from the store before it is answered.
        await two.control.catch_up()
        assert two.kills()


async def test_a_service_that_has_ended_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with desk(path, poll_s=0.02) as one:
        async with desk(path, poll_s=3600.0) as two:
            await two.control.services.leave()
        await one.control.kill(ALL, Mode.KILL, "test", ANN)
        assert one.acts[-1].behind == ()


async def test_a_service_that_was_killed_is_not_waited_for(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    async with desk(tmp_path / "store.db", poll_s=0.02) as one:
        host, _, rest = one.control.services.name.rsplit(":", 2)
        await one.store.acknowledge(f"{host}:{process.pid}:{rest[:6]}beef", 1)
        await one.control.kill(ALL, Mode.KILL, "test", ANN)
        assert one.acts[-1].behind == ()


async def test_a_process_of_another_container_is_not_taken_for_one_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "ACKNOWLEDGED_S", 0.1)
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    async with desk(tmp_path / "store.db", poll_s=0.02) as one:
        host = one.control.services.name.rsplit(":", 2)[0]
        await one.store.acknowledge(f"{host}:{process.pid}:000000beef", 1)
        with pytest.raises(StoreError, match="000000beef"):
            await one.control.kill(ALL, Mode.KILL, "test", ANN)


async def test_the_store_has_a_kill_before_the_sessions_are_told() -> None:
    async with desk() as at:
        kept: list[int] = []
        before = at.store.revisions.read
        at.control.tell = lambda _before, _now: kept.append(at.store.revisions.read)
        await at.control.kill(ALL, Mode.KILL, "test", ANN)
        assert kept == [before + 1]


async def test_a_kill_behind_an_unread_change_of_another_service_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "ACKNOWLEDGED_S", 0.2)
    async with desk(tmp_path / "s", poll_s=60) as at, desk(tmp_path / "s", poll_s=60) as other:
        await other.store.note_mapping("a new one")
        with pytest.raises(StoreError, match=f"not acknowledged within 0.2 s by `{other.control.services.name}`"):
            await at.control.kill(ALL, Mode.KILL, "test", ANN)


async def test_sessions_hear_of_a_kill_by_a_number_that_no_state_without_it_has(tmp_path: Path) -> None:
    async with desk(tmp_path / "s", poll_s=60) as at:
        told: list[int] = []
        at.control.tell = lambda _before, _now: told.append(at.store.revisions.read)
        other = await SqliteStore.open(tmp_path / "s")
        without = await other.add_restriction(restriction("theirs", By.COMP_ID, "OTHER"))
        await at.control.kill(ALGO, Mode.KILL, "test", ANN)
        await other.close()
        assert told
        assert without < told[-1]
        assert "theirs" in at.control.restrictions.restrictions


async def test_the_clock_on_the_wall_makes_no_service_seem_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "ACKNOWLEDGED_S", 0.2)
    async with desk(tmp_path / "s") as at, desk(tmp_path / "s", poll_s=60):
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 60)
        with pytest.raises(StoreError, match="not acknowledged"):
            await at.control.kill(ALL, Mode.KILL, "test", ANN)
