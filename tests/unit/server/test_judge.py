"""Logons, messages and reports as they are judged: guesses, second Logons, and what ends a session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from authzsvc.sessions.acts import Operator
from authzsvc.sessions.restrictions import By, Mode, Selector
from tests.unit.checks import Desk, check, logon
from tests.unit.server.asking import Session, answered, opened, turns

ANN = Operator("unix:ann", claimed=True)
OTHER = "f" * 16


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        yield made


async def test_a_session_is_known_from_its_logon_to_its_end(at: Desk) -> None:
    session = Session(at, at.token())
    answer = await session.log_on()
    assert answer.headers["x-fix-watch"] == "50"
    (facts,) = at.parts.live.registry
    assert (facts.id, facts.key.sender, facts.identity.client_id) == (session.id, "ALGO", "algoprovider-mm")
    watch = session.watching()
    await turns()
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    assert len(at.parts.live) == 0


async def test_without_a_session_nothing_is_kept(at: Desk) -> None:
    """Another proxy, which names no sessions and does not watch."""
    for _ in range(2):
        answer = await answered(at, logon(at.token()))
        assert answer.allowed
        assert "x-fix-watch" not in answer.headers
    assert len(at.parts.live) == 0


async def test_a_refused_logon_opens_nothing(at: Desk) -> None:
    for token in (at.token(ttl_s=-1), at.token(comp_id="OTHER"), "garbage"):
        assert not (await Session(at, token).log_on()).allowed
    assert len(at.parts.live) == 0


async def test_a_second_logon_is_refused_while_the_first_is_watched(at: Desk) -> None:
    first = Session(at, at.token())
    await first.log_on()
    watch = first.watching()
    await turns()
    answer = await Session(at, at.token(), OTHER).log_on()
    assert (answer.headers["x-fix-action"], answer.text) == ("logout", "session is already logged on")
    assert answer.headers["x-fix-session-status"] == "7"
    assert (await first.send()).allowed
    watch.cancel()


async def test_a_second_logon_takes_over(tmp_path: Path) -> None:
    async with opened(tmp_path, sessions={"second_logon": "takeover"}) as at:
        first, second = Session(at, at.token()), Session(at, at.token(), OTHER)
        await first.log_on()
        watch = first.watching()
        await turns()
        assert (await second.log_on()).allowed
        assert (await asyncio.wait_for(watch, 2)).headers["x-fix-action"] == "disconnect"
        assert (await first.send()).headers["x-fix-action"] == "disconnect"
        assert (await second.send()).allowed


async def test_what_came_about_while_a_logon_waited_counts(at: Desk) -> None:
    first = Session(at, at.token())
    await first.log_on()
    watch = first.watching()
    await turns()
    waiting = asyncio.create_task(Session(at, at.token(), OTHER).log_on())
    await turns()
    await at.parts.control.kill(Selector(By.ALL), Mode.KILL, "runaway", ANN)
    assert (await asyncio.wait_for(watch, 2)).text == "runaway"
    assert (await asyncio.wait_for(waiting, 2)).text == "logons are suspended"
    assert len(at.parts.live) == 0


async def test_a_message_that_becomes_the_logout_ends_the_session(at: Desk) -> None:
    session = Session(at, at.token(ttl_s=2))
    await session.log_on()
    await asyncio.sleep(2.1)
    assert (await session.send()).headers["x-fix-action"] == "logout"
    assert len(at.parts.live) == 0


async def test_a_report_that_is_withheld_ends_nothing(at: Desk) -> None:
    """It may have been asked about under a token that has been renewed meanwhile."""
    session = Session(at, at.token())
    await session.log_on()
    session.token = at.token(ttl_s=-1)
    assert not (await session.send("8", "37=1|", direction="outbound")).allowed
    assert len(at.parts.live) == 1


async def test_guesses(tmp_path: Path) -> None:
    async with opened(tmp_path, guessing={"attempts": 3}) as at:
        session = Session(at, "guess")
        answers = [await session.log_on() for _ in range(4)]
        assert [answer.headers["x-fix-session-status"] for answer in answers] == ["5", "5", "5", "6"]
        session.token = at.token()
        assert (await session.log_on()).allowed, "a signed token cannot be guessed"
        assert (await Session(at, at.token(comp_id="NEW"), OTHER, sender="NEW").log_on()).allowed


async def test_a_good_token_for_another_makes_nobody_known(tmp_path: Path) -> None:
    """Else its holder could guess on past the limit of his address."""
    limits = {"attempts": 3, "address_attempts": 4}
    async with opened(tmp_path, guessing=limits) as at:
        victim = Session(at, at.token(), sender="VICTIM")
        assert (await victim.log_on()).text == "SenderCompID is not the token's"
        for number in range(4):
            await Session(at, "guess", sender=f"C-{number}").log_on()
        victim.token = "guess"
        assert (await victim.log_on()).text == "too many failed logons"


async def test_a_report_is_acknowledged_whoever_it_is_from(at: Desk) -> None:
    headers = {"x-fix-report": "violation", "x-fix-reason": "odd"}
    for token in (at.token(), "garbage", None):
        answer = await answered(at, check(token, event="report", headers=headers))
        assert answer.allowed
