"""Whoever reaches the decision socket without a session's credential cannot change that session by anything he sends,
neither with its public name, which logs print, nor with its secret one."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authzsvc.server.allowance import Allowance
from tests.unit.checks import Desk, check, soh
from tests.unit.contract.test_traffic import D, entry
from tests.unit.server.asking import Session, answered, opened, turns
from tests.unit.server.test_accounting import message

OTHER = {"comp_id": "OTHER", "subject": "other", "client_id": "other"}
EVENTS = ("message", "logon", "watch", "renewal", "report")
CREDENTIALS = ("none", "garbage", "other's", "other's expired", "basic")
FUTURE = 4_000_000_000

_numbers = count(1)


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        yield made


async def watched(at: Desk) -> tuple[Session, asyncio.Task[Any]]:
    """A session with its watch out."""
    session = Session(at, at.token())
    assert (await session.log_on()).allowed
    watch = session.watching()
    await turns()
    return session, watch


def request(at: Desk, event: str, credential: str, name: str, sender: str, direction: str = "inbound") -> Any:  # noqa: ANN401
    """What a stranger sends about a session of that name."""
    token = {
        "garbage": "garbage",
        "other's": at.token(**OTHER),
        "other's expired": at.token(ttl_s=-1, **OTHER),
    }.get(credential)
    headers = {"x-fix-session": name}
    if credential == "basic":
        headers["authorization"] = "Basic YWxnb3Byb3ZpZGVyLW1tOmd1ZXNz"
    if event == "renewal":
        headers["x-fix-fresh-authorization"] = f"Bearer {at.token(**OTHER)}"
    if event == "watch":
        headers["if-none-match"] = '"none"'
    if event == "report":
        headers |= {"x-fix-report": "violation", "x-fix-reason": "forged"}
    msg_type = {"logon": "A", "renewal": "BE", "message": "AB"}.get(event, "")
    asked = check(
        token, event=event, msg_type=msg_type, sender=sender, direction=direction, body=soh("11=O-1|"), headers=headers
    )
    asked.attributes.request.http.id = f"{name}-{next(_numbers)}"
    return asked


async def send(at: Desk, asked: Any) -> None:  # noqa: ANN401
    """Ask, and hang up where the answer takes long."""
    task = asyncio.create_task(answered(at, asked))
    await turns(20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_message_without_a_credential_ends_no_session(at: Desk) -> None:
    """With the public name, which the audit prints, and with the secret one."""
    session, watch = await watched(at)
    for name in (session.id, session.name):
        answer = await answered(at, request(at, "message", "none", name, "ALGO"))
        assert answer.headers["x-fix-action"] == "logout", "the stranger's own session would end"
        assert [facts.id for facts in at.parts.live.registry] == [session.id]
    assert not watch.done()
    watch.cancel()


async def test_a_watch_of_a_strangers_does_not_take_the_place_of_the_sessions(at: Desk) -> None:
    session, watch = await watched(at)
    for credential in CREDENTIALS:
        await send(at, request(at, "watch", credential, session.name, "OTHER"))
        assert (at.parts.live.watched, len(at.parts.live), watch.done()) == (1, 1, False), credential
    answer = await answered(at, request(at, "watch", "other's", session.name, "OTHER"))
    assert (answer.headers["x-fix-action"], answer.text) == ("logout", "session is another client's")
    watch.cancel()


async def test_a_logon_under_the_name_of_anothers_session_is_refused(at: Desk) -> None:
    session, watch = await watched(at)
    answer = await answered(at, request(at, "logon", "other's", session.name, "OTHER"))
    assert answer.text == "session is another client's"
    assert [facts.key.sender for facts in at.parts.live.registry] == ["ALGO"]
    watch.cancel()


async def test_the_sessions_own_credential_ends_it_though_it_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as at:
        session = Session(at, at.token(ttl_s=2))
        await session.log_on()
        await asyncio.sleep(2.1)
        assert (await session.send()).headers["x-fix-action"] == "logout"
        assert len(at.parts.live) == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
async def test_no_sequence_of_a_strangers_changes_a_session(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with opened(tmp_path / f"{seed}") as at:
        session, watch = await watched(at)
        before = at.parts.live.find(session.id)
        for _ in range(8):
            name = chance.choice((session.name, session.id, "made-up"))
            sender = chance.choice(("ALGO", "OTHER"))
            event, credential = chance.choice(EVENTS), chance.choice(CREDENTIALS)
            direction = chance.choice(("inbound", "outbound")) if event in ("message", "report") else "inbound"
            await send(at, request(at, event, credential, name, sender, direction))
            assert at.parts.live.find(session.id) is before, (event, credential, name)
            assert before in tuple(at.parts.live.registry)
            assert not watch.done()
        assert (await session.send()).allowed
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        assert session.id not in [facts.id for facts in at.parts.live.registry]


async def test_forged_reports_are_told_apart_and_bounded(at: Desk) -> None:
    session, watch = await watched(at)
    for _ in range(1000):
        await answered(at, request(at, "report", "none", session.name, "ALGO"))
    await answered(at, request(at, "report", "other's", session.name, "ALGO"))
    headers = {"x-fix-session": session.name, "x-fix-report": "limit", "x-fix-reason": "too many orders"}
    await answered(at, check(session.token, event="report", headers=headers))
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    reports = [event for event in map(json.loads, at.audited()) if event["event"] == "report"]
    proven = [event for event in reports if "unproven" not in event]
    assert [event["session"]["client_id"] for event in proven] == ["algoprovider-mm"]
    forged = [event for event in reports if event.get("unproven")]
    assert 200 <= len(forged) < 400
    assert {(event["session"]["client_id"], event["session"]["subject"]) for event in forged} == {("", "")}
    assert at.authorizer.counts.unrecorded_reports == 1001 - len(forged)


async def test_the_next_report_says_how_many_were_left_out(at: Desk) -> None:
    at.authorizer.unproven = Allowance(burst=2, per_s=0.0)
    for _ in range(5):
        await answered(at, request(at, "report", "none", "x", "ALGO"))
    at.authorizer.unproven.per_s = 1e9
    await answered(at, request(at, "report", "none", "x", "ALGO"))
    reasons = [json.loads(line)["reason"] for line in at.audited()]
    assert reasons == ["violation: forged"] * 2 + ["3 reports before this one were not recorded; violation: forged"]


async def test_accounts_of_a_session_need_its_secret_name(at: Desk) -> None:
    session, watch = await watched(at)
    taking = at.parts.accounting
    await taking.take(message(entry(session.id, began=FUTURE, **{D: 1_000_000})))
    await taking.take(message(entry(session.name, began=FUTURE, **{D: 17})))
    watch.cancel()
    forged, own = (event for event in map(json.loads, at.audited()) if event["event"] == "traffic")
    assert (forged["unproven"], forged["session"]["client_id"]) == (True, "")
    assert forged["traffic"]["connection"] != session.id
    assert ("unproven" in own, own["session"]["client_id"]) == (False, "algoprovider-mm")
    assert [count["count"] for count in own["traffic"]["counts"]] == [17]


async def test_made_up_sessions_fill_the_ledger_only_so_fast(at: Desk) -> None:
    session, watch = await watched(at)
    for start in range(0, 8_000, 100):
        entries = [entry(f"made-up-{number}", began=FUTURE, **{D: 1}) for number in range(start, start + 100)]
        await at.parts.accounting.take(message(*entries))
    assert 5_000 <= len(at.parts.accounting.ledger) < 7_500
    assert at.authorizer.counts.odd_reports >= 500
    await at.parts.accounting.take(message(entry(session.name, began=FUTURE, **{D: 17})))
    watch.cancel()
    own = json.loads(at.audited()[-1])
    assert own["session"]["client_id"] == "algoprovider-mm"
