"""The parts put together: what the store kept is in force, and whom a change wakes."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from authzsvc.sessions.acts import Operator
from authzsvc.sessions.restrictions import By, Mode, Selector
from tests.unit.server.asking import Session, opened, turns

ANN = Operator("unix:ann", claimed=True)


async def test_restrictions_and_sessions_outlive_the_service(tmp_path: Path) -> None:
    sections = {"sessions": {"store": str(tmp_path / "sessions.db")}}
    async with opened(tmp_path, **sections) as at:
        session = Session(at, at.token())
        await session.log_on()
        done = await at.parts.control.kill(Selector(By.ALL), Mode.CANCEL_ONLY, "get flat", ANN)
    async with opened(tmp_path, **sections) as at:
        assert [facts.id for facts in at.parts.live.registry] == [session.id]
        session.at = at
        assert (await session.send()).text == "only risk-reducing messages are allowed: get flat"
        await at.parts.control.restore(ANN, ids=frozenset(done.ids))
        assert (await session.send()).allowed
    async with opened(tmp_path, **sections) as at:
        assert not at.parts.authorizer.in_force.restrictions.restricted


async def test_only_those_that_a_change_concerns_are_woken(tmp_path: Path) -> None:
    async with opened(tmp_path) as at:
        hit, other = Session(at, at.token()), Session(at, at.token(comp_id="OTHER"), "f" * 16, sender="OTHER")
        for session in (hit, other):
            assert (await session.log_on()).allowed
        watches = [hit.watching(), other.watching()]
        await turns()
        await at.parts.control.kill(Selector(By.COMP_ID, "ALGO"), Mode.KILL, "runaway", ANN)
        assert (await asyncio.wait_for(watches[0], 2)).text == "runaway"
        assert not watches[1].done()
        watches[1].cancel()


async def test_what_runs_goes_on_until_it_is_cancelled(tmp_path: Path) -> None:
    async with opened(tmp_path) as at:
        tasks = [asyncio.create_task(coroutine) for coroutine in at.parts.tasks()]
        await turns()
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("watch_s", [1, 600])
async def test_the_settings_reach_the_parts(tmp_path: Path, watch_s: int) -> None:
    async with opened(tmp_path, sessions={"watch_s": watch_s}, decisions={"max_age_s": 7, "stale_if_error_s": 3}) as at:
        answer = await Session(at, at.token()).log_on()
        assert (answer.headers["x-fix-watch"], answer.headers["cache-control"]) == (
            str(watch_s),
            "max-age=7, stale-if-error=3",
        )


@pytest.mark.parametrize(
    ("on_expiry", "kept"), [("session", "max-age=600, stale-if-error=5"), ("logout", "max-age=29")]
)
async def test_decisions_outlive_a_token_where_the_session_does(tmp_path: Path, on_expiry: str, kept: str) -> None:
    decisions = {"max_age_s": 600, "stale_if_error_s": 5}
    async with opened(tmp_path, sessions={"on_expiry": on_expiry}, decisions=decisions) as at:
        session = Session(at, at.token(ttl_s=30))
        began = int(time.time())
        at.authorizer.clock = lambda: began + 0.5
        assert (await session.log_on()).headers["cache-control"] == kept
        assert (await session.send()).headers["cache-control"] == kept
