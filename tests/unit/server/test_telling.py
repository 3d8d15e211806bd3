from __future__ import annotations

import asyncio
import time

import pytest

from authzsvc.server import telling
from authzsvc.server.telling import TOLD_S, Telling

SOON_S = 0.05


def expecting(*session_ids: str, within_s: float = SOON_S) -> Telling:
    made = Telling(time.monotonic)
    for session_id in session_ids:
        made.expect(session_id, time.monotonic() + within_s)
    return made


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "ACKNOWLEDGED_S", SOON_S)


async def test_a_session_has_acknowledged_once_its_next_watch_comes() -> None:
    sessions = expecting("a", "b", within_s=60)
    waiting = asyncio.create_task(sessions.told(lambda _id: True, alone=True))
    for session_id in ("a", "b"):
        assert not waiting.done()
        sessions.answered(session_id, ends=False)
        sessions.came(session_id)
        await asyncio.sleep(0)
    assert await waiting == 0
    assert await sessions.told(lambda _id: True, alone=True) == 0


async def test_a_watch_that_came_before_the_answer_acknowledges_nothing() -> None:
    sessions = expecting("a")
    sessions.came("a")
    assert await sessions.told(lambda _id: True, alone=True) == 1


@pytest.mark.parametrize("alone", [True, False])
async def test_without_a_next_watch_it_has_not_acknowledged(alone: bool) -> None:
    sessions = expecting("a")
    sessions.answered("a", ends=False)
    assert await sessions.told(lambda _id: True, alone=alone) == 1


async def test_the_next_watch_is_waited_for_as_long_as_the_answer_only_where_no_other_service_may_get_it() -> None:
    sessions = expecting("a", within_s=60)
    sessions.answered("a", ends=False)
    assert await sessions.told(lambda _id: True, alone=False) == 1

    sessions = expecting("a", within_s=60)
    sessions.answered("a", ends=False)
    waiting = asyncio.create_task(sessions.told(lambda _id: True, alone=True))
    await asyncio.sleep(3 * SOON_S)
    assert not waiting.done()
    sessions.came("a")
    assert await waiting == 0


async def test_a_session_that_is_ended_or_not_live_has_no_next_watch() -> None:
    sessions = expecting("ended", "gone", within_s=60)
    sessions.answered("ended", ends=True)
    sessions.answered("gone", ends=False)
    assert await sessions.told(lambda session_id: session_id != "gone", alone=True) == 0


async def test_of_a_session_that_nobody_expects_nothing_is_kept() -> None:
    sessions = Telling(time.monotonic)
    sessions.answered("a", ends=False)
    sessions.came("a")
    assert await sessions.told(lambda _id: True, alone=True) == 0


async def test_who_is_not_waited_for_any_more_is_forgotten() -> None:
    now = [100.0]
    sessions = Telling(lambda: now[0])
    sessions.expect("a", 101.0)
    now[0] = 101.0 + TOLD_S
    sessions.sweep()
    assert await sessions.told(lambda _id: True, alone=True) == 0
