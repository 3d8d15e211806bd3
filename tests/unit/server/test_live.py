"""Who is logged on, who watches, and who waits for a FIX identity."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from authzsvc.decision import SecondLogon
from authzsvc.gateway import FilterSettings
from authzsvc.server.live import (
    ENDING_PATIENCE_S,
    GRACE_S,
    UNWATCHED_PATIENCE_S,
    WATCHED_PATIENCE_S,
    LiveSessions,
    Watch,
)
from authzsvc.sessions.facts import SessionFacts
from authzsvc.sessions.registry import Registry
from authzsvc.sessions.sqlite import SqliteStore
from tests.unit.server.asking import turns
from tests.unit.sessions.building import key, session

REFUSE, TAKEOVER = SecondLogon.REFUSE, SecondLogon.TAKEOVER


class Clock:
    """Monotonic seconds, by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def live(clock: Clock) -> AsyncIterator[LiveSessions]:
    store = await SqliteStore.open(None)
    yield LiveSessions(Registry(), store, clock)
    await store.close()


@contextmanager
def watched(live: LiveSessions, session_id: str) -> Iterator[Watch]:
    """A watch whose caller has proven to be the session's."""
    with live.watching(session_id) as one:
        live.attend(one)
        yield one


def watch(live: LiveSessions, session_id: str) -> asyncio.Task[None]:
    """A watch that waits until it is woken or cancelled."""

    async def run() -> None:
        with watched(live, session_id) as one:
            await one.wait(60)

    return asyncio.create_task(run())


async def cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def ids(live: LiveSessions) -> set[str]:
    return {facts.id for facts in live.registry}


async def test_a_watch_that_is_cancelled_ends_its_session(live: LiveSessions) -> None:
    live.open(session("a"))
    task = watch(live, "a")
    await turns()
    assert (len(live), live.watched) == (1, 1)
    await cancel(task)
    assert (len(live), live.watched) == (0, 0)
    assert live.find("a") is not None  # a moment ago; the call may merely have been cut


async def test_a_watch_that_nobody_has_proven_changes_nothing(live: LiveSessions) -> None:
    live.open(session("a"))
    own = watch(live, "a")
    await turns()

    async def strangers() -> None:
        with live.watching("a") as one:
            await one.wait(60)

    stranger = asyncio.create_task(strangers())
    await turns()
    live.wake(("a",))
    await turns()
    assert stranger.done(), "it is woken like others"
    assert (len(live), live.watched, own.done()) == (1, 0, True), (
        "the session's own has been answered, and may come again"
    )
    own = watch(live, "a")
    stranger = asyncio.create_task(strangers())
    await turns()
    await cancel(stranger)
    assert (ids(live), live.watched, own.done()) == ({"a"}, 1, False)
    await cancel(own)
    stranger = asyncio.create_task(strangers())
    await turns()
    assert ids(live) == set(), "it brings no session back, either"
    await cancel(stranger)


async def test_a_session_whose_watch_was_cut_comes_back(live: LiveSessions) -> None:
    live.open(session("a"))
    task = watch(live, "a")
    await turns()
    await cancel(task)
    again = watch(live, "a")
    await turns()
    assert ids(live) == {"a"}
    await cancel(again)


async def test_it_does_not_come_back_over_another(live: LiveSessions) -> None:
    live.open(session("a"))
    task = watch(live, "a")
    await turns()
    await cancel(task)
    live.open(session("b"))
    again = watch(live, "a")
    await turns()
    assert ids(live) == {"b"}
    await cancel(again)
    assert ids(live) == {"b"}


async def test_a_watch_that_is_answered_ends_nothing(live: LiveSessions, clock: Clock) -> None:
    live.open(session("a"))
    task = watch(live, "a")
    await turns()
    live.wake()
    await task
    assert ids(live) == {"a"}
    clock.now += GRACE_S
    live.sweep()
    assert ids(live) == {"a"}
    clock.now += 1
    live.sweep()
    assert ids(live) == set()


async def test_a_second_watch_supersedes_the_first(live: LiveSessions) -> None:
    live.open(session("a"))
    first = watch(live, "a")
    await turns()
    second = watch(live, "a")
    await turns()
    assert first.done()
    assert live.watched == 1
    await cancel(first)
    assert ids(live) == {"a"}
    await cancel(second)
    assert ids(live) == set()


async def test_a_superseded_watch_that_is_cancelled_ends_nothing(live: LiveSessions) -> None:
    """The filter lets go of the old call when the new one is out."""
    live.open(session("a"))
    first = watch(live, "a")
    await turns()
    second = watch(live, "a")
    await asyncio.sleep(0)  # the second is out, and the first not yet on its way
    await cancel(first)
    assert ids(live) == {"a"}
    assert live.watched == 1
    await cancel(second)


async def test_waking_some_leaves_the_others(live: LiveSessions) -> None:
    tasks = []
    for name in ("a", "b"):
        live.open(session(name, sender=name))
        tasks.append(watch(live, name))
    await turns()
    live.wake(["a", "nobody"])
    await turns()
    assert [task.done() for task in tasks] == [True, False]
    await cancel(tasks[1])


async def test_a_drain_ends_watches_and_keeps_sessions(live: LiveSessions) -> None:
    live.open(session("a"))
    live.open(session("b", sender="b"))
    tasks = [watch(live, "a"), watch(live, "b")]
    await turns()
    live.drain()
    await tasks[0]
    await cancel(tasks[1])
    assert ids(live) == {"a", "b"}


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> float:
    """How long a Logon waits here before it is refused: a wait is real time."""
    seconds = 0.3
    monkeypatch.setattr("authzsvc.server.live.ENDING_PATIENCE_S", seconds)
    return seconds


def test_a_logon_waits_longer_than_the_filter_lets_a_session_end() -> None:
    """Longer than a session lasts that one side has ended, with time to spare; and shorter than its Check may take."""
    settings = FilterSettings()
    assert settings.limits.logout_timeout_ms / 1_000 + 1 < ENDING_PATIENCE_S
    assert settings.check.logon_timeout_ms / 1_000 - 2 > ENDING_PATIENCE_S


async def test_refused_while_the_first_is_watched(live: LiveSessions, clock: Clock, brief: float) -> None:
    live.open(session("a"))
    task = watch(live, "a")
    await turns()
    trying = asyncio.create_task(live.admit(session("b"), REFUSE))
    await asyncio.sleep(0.05)
    assert not trying.done()
    clock.now += brief
    other = await asyncio.wait_for(trying, 5)
    assert other is not None
    assert other.id == "a"
    assert ids(live) == {"a"}
    assert not live.is_ousted("a")
    await cancel(task)


async def test_admitted_as_soon_as_the_first_is_gone(live: LiveSessions) -> None:
    live.open(session("a"))
    task = watch(live, "a")
    await turns()
    trying = asyncio.create_task(live.admit(session("b"), REFUSE))
    await turns()
    await cancel(task)
    assert await trying is None
    assert ids(live) == {"b"}


async def test_who_is_not_watched_gives_way(live: LiveSessions, clock: Clock) -> None:
    live.open(session("a"))
    trying = asyncio.create_task(live.admit(session("b"), REFUSE))
    await turns()
    assert not trying.done()
    clock.now += UNWATCHED_PATIENCE_S
    live.close("nobody")
    assert await asyncio.wait_for(trying, UNWATCHED_PATIENCE_S + 2) is None
    assert ids(live) == {"b"}
    assert live.is_ousted("a")


async def test_a_takeover_ousts_at_once(live: LiveSessions) -> None:
    live.open(session("a"))
    task = watch(live, "a")
    await turns()
    trying = asyncio.create_task(live.admit(session("b"), TAKEOVER))
    await turns()
    assert task.done()  # to be answered: it is ousted
    assert live.is_ousted("a")
    live.close("a")
    assert await trying is None
    assert ids(live) == {"b"}


async def test_a_wait_that_is_given_up_leaves_nothing(live: LiveSessions) -> None:
    live.open(session("a"))
    trying = asyncio.create_task(live.admit(session("b"), REFUSE))
    await turns()
    trying.cancel()
    await asyncio.gather(trying, return_exceptions=True)
    assert live._waiting == {}
    assert ids(live) == {"a"}


async def test_another_identity_does_not_wait(live: LiveSessions) -> None:
    live.open(session("a"))
    tenant: SessionFacts = replace(session("b"), key=replace(key(), tenant="other"))
    assert await live.admit(tenant, REFUSE) is None
    assert ids(live) == {"a", "b"}


async def test_a_watched_session_is_taken_up_where_its_identity_is_free(live: LiveSessions) -> None:
    with watched(live, "a") as one:
        live.take_up(session("a"), one)
        assert one.contender is None
        assert ids(live) == {"a"}


async def test_a_watched_session_waits_for_one_that_nobody_watches_and_follows_it(
    live: LiveSessions, clock: Clock
) -> None:
    live.open(session("a"))
    clock.now += UNWATCHED_PATIENCE_S - 0.1
    with watched(live, "b") as one:
        live.take_up(session("b"), one)
        assert ids(live) == {"a"}
        assert [facts.id for facts in live.present()] == ["a", "b"]
        clock.now += 0.1
        live.take_up(session("b"), one)
        assert [facts.id for facts in live.present()] == ["b"]
    assert live.find("a") is not None
    assert not live.is_ousted("a")


async def test_it_follows_one_that_nobody_has_watched_for_long_at_once(live: LiveSessions, clock: Clock) -> None:
    live.open(session("a"))
    with watched(live, "a"):
        clock.now += 50
    clock.now += UNWATCHED_PATIENCE_S
    with watched(live, "b") as one:
        live.take_up(session("b"), one)
        assert ids(live) == {"b"}


async def test_of_two_that_are_watched_the_later_is_ousted(live: LiveSessions, clock: Clock) -> None:
    """Though the earlier one is watched only while the later one waits."""
    live.open(session("a"))
    with watched(live, "b") as late:
        live.take_up(session("b"), late)
        clock.now += WATCHED_PATIENCE_S
        with watched(live, "a"):
            clock.now += UNWATCHED_PATIENCE_S
            live.take_up(session("b"), late)
            assert live.is_ousted("b")
            assert not live.is_ousted("a")
            assert [facts.id for facts in live.present()] == ["a"]


async def test_a_watched_session_that_ends_has_a_moment_to_be_known_to(live: LiveSessions, clock: Clock) -> None:
    live.open(session("a"))
    first = watch(live, "a")
    await turns()
    with watched(live, "b") as one:
        live.take_up(session("b"), one)
        clock.now += WATCHED_PATIENCE_S - 0.1
        live.take_up(session("b"), one)
        assert not live.is_ousted("b")
        await cancel(first)
        live.take_up(session("b"), one)
        assert ids(live) == {"b"}


async def test_who_gave_way_comes_back_when_its_successor_is_gone(live: LiveSessions, clock: Clock) -> None:
    """It lived after all: another service had its watch, and the successor was refused by the venue."""
    live.open(session("a"))
    clock.now += UNWATCHED_PATIENCE_S
    with watched(live, "b") as one:
        live.take_up(session("b"), one)
    live.close("b")
    again = watch(live, "a")
    await turns()
    assert ids(live) == {"a"}
    await cancel(again)


async def test_a_logon_that_waits_for_one_that_gives_way_meets_its_successor(
    live: LiveSessions, clock: Clock, brief: float
) -> None:
    live.open(session("a"))
    clock.now += UNWATCHED_PATIENCE_S
    trying = asyncio.create_task(live.admit(session("c"), REFUSE))
    await turns()
    with watched(live, "b") as one:
        live.take_up(session("b"), one)
        await turns()
        clock.now += brief
        other = await asyncio.wait_for(trying, 5)
        assert other is not None
        assert other.id == "b"


async def test_what_the_store_told_is_believed_for_a_while(clock: Clock) -> None:
    store = await SqliteStore.open(None)
    registry = Registry()
    registry.open(session("a"))
    live = LiveSessions(registry, store, clock)
    clock.now += GRACE_S + 1
    live.sweep()
    assert len(live) == 0
    await store.close()
