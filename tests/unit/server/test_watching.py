"""Watches and renewals of a service in this process, in the time of the wall: they wait for it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from authzsvc.contract.session_name import public_name
from authzsvc.policy.compiler import compile_mapping
from authzsvc.server import live as lives
from authzsvc.sessions.acts import Operator
from authzsvc.sessions.restrictions import By, Mode, Restriction, RevokedBy, Selector
from authzsvc.sessions.sqlite import SqliteStore
from tests.unit.checks import MAPPING, SCOPES, Answer, Desk, check
from tests.unit.server.asking import Session, answered, opened, turns

ANN = Operator("unix:ann", claimed=True)
FOUR_SECONDS = {"watch_s": 4}
OTHER = "f" * 16


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path, sessions=FOUR_SECONDS) as made:
        yield made


async def eventually(happens: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not happens():
            await asyncio.sleep(0.02)


async def live(at: Desk, token: str = "") -> Session:
    session = Session(at, token or at.token())
    assert (await session.log_on()).allowed
    return session


async def test_nothing_new(tmp_path: Path) -> None:
    """In time, with the tag that was sent, and no line in the audit."""
    async with opened(tmp_path, sessions={"watch_s": 1}) as at:
        session = await live(at)
        tag = session.etag
        assert tag
        answer = await session.watched()
        assert (answer.allowed, answer.headers["etag"], answer.headers["x-fix-watch"]) == (True, tag, "1")
        assert [json.loads(line)["event"] for line in at.audited()] == ["logon"]


async def test_an_old_tag_is_answered_at_once(at: Desk) -> None:
    session = await live(at)
    tag, session.etag = session.etag, '"old"'
    answer = await asyncio.wait_for(session.watching(), 2)
    assert answer.headers["etag"] == tag
    assert answer.headers["x-fix-guard-outbound"] == "8"


async def test_a_reload(at: Desk, tmp_path: Path) -> None:
    session = await live(at)
    task = session.watching()
    await turns()
    (tmp_path / "mapping.yaml").write_text(MAPPING.replace("direction: outbound", "direction: inbound"))
    at.parts.authorizer.in_force.policy = compile_mapping(tmp_path / "mapping.yaml")
    at.parts.live.wake()
    answer = await asyncio.wait_for(task, 2)
    assert answer.headers["etag"] != session.etag
    assert answer.headers["x-fix-guard-outbound"] == ""


async def test_a_wake_with_nothing_new_is_not_answered(at: Desk) -> None:
    session = await live(at)
    task = session.watching()
    for _ in range(3):
        await turns()
        at.parts.live.wake()
    await turns()
    assert not task.done()
    at.parts.live.drain()
    assert (await asyncio.wait_for(task, 2)).headers["etag"] == session.etag


async def test_a_watch_that_wants_no_wait_is_answered_at_once_with_the_terms(at: Desk) -> None:
    session = await live(at)
    answer = await asyncio.wait_for(session.watching(prefer="wait=0", x_fix_revision="0.0"), 2)
    assert answer.headers["etag"] == session.etag
    assert answer.headers["x-fix-terms"] == at.parts.authorizer.in_force.terms.name
    assert answer.headers["x-fix-revision"] == at.parts.authorizer.in_force.revision
    assert [json.loads(line)["event"] for line in at.audited()] == ["logon"]


async def test_a_service_that_is_behind_says_nothing_of_its_older_mapping(at: Desk) -> None:
    session = await live(at)
    in_force = at.parts.authorizer.in_force
    newest = in_force.mapping_number + 1
    in_force.newest_mapping = newest
    tag, session.etag = session.etag, '"of the newer mapping"'
    known = f"{newest}.{in_force.restrictions_number}"
    task = session.watching(x_fix_revision=known)
    await turns()
    assert not task.done()
    # A restriction is told all the same.
    await at.parts.control.kill(Selector(By.ALL), Mode.CANCEL_ONLY, "get flat", ANN)
    assert (await asyncio.wait_for(task, 2)).headers["etag"] != tag
    await at.parts.control.restore(ANN)
    in_force.newest_mapping = newest  # The store of this test does not know of it.
    # So is the mapping, once it is in force.
    task = session.watching(x_fix_revision=known)
    await turns()
    assert not task.done()
    in_force.mapping_number = newest
    at.parts.live.wake()
    assert (await asyncio.wait_for(task, 2)).headers["etag"] == tag


async def test_a_kill_waits_for_the_next_watch_of_a_session(at: Desk) -> None:
    session = await live(at)
    task = session.watching()
    await turns()
    call = asyncio.create_task(at.parts.control.kill(Selector(By.ALL), Mode.CANCEL_ONLY, "get flat", ANN))
    session.etag = (await asyncio.wait_for(task, 2)).headers["etag"]
    await asyncio.sleep(0.1)
    assert not call.done()
    again = session.watching()
    await asyncio.wait_for(call, 2)
    again.cancel()


async def test_a_message_names_its_terms_and_is_told_the_state(at: Desk) -> None:
    session = await live(at)
    in_force = at.parts.authorizer.in_force

    async def sent(terms: str) -> Answer:
        request = check(session.token, headers={"x-fix-session": session.name, "x-fix-terms": terms})
        return await answered(at, request)

    for terms in ("*", in_force.terms.name):
        answer = await sent(terms)
        assert answer.allowed
        told = (answer.headers["etag"], answer.headers["x-fix-revision"], answer.headers["x-fix-terms"])
        assert told == (session.etag, in_force.revision, in_force.terms.name)
    other = await sent("0123456789abcdef")
    assert (other.allowed, other.headers["x-fix-action"]) == (False, "terms")
    assert other.headers["x-fix-want-tags"] == ",".join(map(str, in_force.terms.want_tags or ()))
    # It will be asked about again, and is recorded then.
    assert [json.loads(line)["event"] for line in at.audited()] == ["logon", "message", "message"]


async def test_a_restriction_that_a_proxy_has_heard_of_is_read_before_its_message_is_decided(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    async with opened(tmp_path, sessions={"store": str(path)}) as at:
        session = await live(at)
        other = await SqliteStore.open(path)
        await other.load()
        await other.add_restriction(Restriction("r1", By.ALL, "", Mode.CANCEL_ONLY, "get flat", "ann", 1.0))
        known = f"0.{other.revisions.read}"
        await other.close()
        request = check(session.token, headers={"x-fix-session": session.name, "x-fix-revision": known})
        assert (await answered(at, request)).text == "only risk-reducing messages are allowed: get flat"


async def test_a_kill_and_its_end(at: Desk) -> None:
    session = await live(at)
    task = session.watching()
    await turns()
    done = await at.parts.control.kill(Selector(By.COMP_ID, "ALGO"), Mode.KILL, "runaway", ANN)
    answer = await asyncio.wait_for(task, 2)
    assert (answer.headers["x-fix-action"], answer.text) == ("logout", "runaway")
    assert len(at.parts.live) == 0
    assert (await session.send()).text == "runaway"
    assert (await session.log_on()).text == "logons are suspended"
    await at.parts.control.restore(ANN, ids=frozenset(done.ids))
    assert (await session.log_on()).allowed


async def test_cancel_only_changes_the_tag(at: Desk) -> None:
    session = await live(at)
    task = session.watching()
    await turns()
    await at.parts.control.kill(Selector(By.ALL), Mode.CANCEL_ONLY, "get flat", ANN)
    answer = await asyncio.wait_for(task, 2)
    assert answer.allowed
    assert answer.headers["etag"] != session.etag
    assert (await session.send()).text == "only risk-reducing messages are allowed: get flat"


async def test_a_kill_of_others_wakes_nobody(at: Desk) -> None:
    session = await live(at)
    task = session.watching()
    await turns()
    await at.parts.control.kill(Selector(By.COMP_ID, "OTHER"), Mode.KILL, "runaway", ANN)
    await turns()
    assert not task.done()
    task.cancel()


async def test_the_tokens_end(at: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        session = await live(at, at.token(ttl_s=2))
        answer = await session.watched()
    assert (answer.headers["x-fix-action"], answer.text) == ("logout", "access token expired")
    assert [record.message for record in caplog.records] == ["access token expires soon"]
    assert len(at.parts.live) == 0
    last = json.loads(at.audited()[-1])
    assert (last["event"], last["session"]["client_id"]) == ("watch", "algoprovider-mm")


async def test_a_revoked_token(at: Desk) -> None:
    session = await live(at, at.token(claims={"jti": "t-7"}))
    task = session.watching()
    await turns()
    await at.parts.control.revoke(RevokedBy.TOKEN_ID, "t-7", "stolen", ANN)
    assert (await asyncio.wait_for(task, 2)).text == "access token revoked"


async def test_a_session_that_is_not_known_is_noted(at: Desk) -> None:
    """The service was restarted, or another one let it in."""
    session = Session(at, at.token())
    session.etag = (await Session(at, at.token(), "f" * 16, sender="ALGO").log_on()).headers["etag"]
    at.parts.live.close(public_name("f" * 16))
    task = session.watching()
    await turns()
    assert [facts.id for facts in at.parts.live.registry] == [session.id]
    task.cancel()


def _another(session: Session) -> Session:
    """Of the same identity, whose Logon another service has answered."""
    other = Session(session.at, session.at.token(), OTHER)
    other.etag = session.etag
    return other


async def test_of_two_that_are_watched_under_one_identity_the_later_known_is_cut_off(at: Desk) -> None:
    session = await live(at)
    task = session.watching()
    await turns()
    other = _another(session)
    assert (await other.watched()).headers["x-fix-action"] == "disconnect"
    assert (await other.send()).headers["x-fix-action"] == "disconnect"
    assert (await session.send()).allowed
    assert not task.done()
    task.cancel()


async def test_one_that_nobody_watches_gives_way_to_one_that_is_watched(at: Desk) -> None:
    """Its watch went to another service, which alone heard of its end; and another service let its successor in."""
    session = await live(at)
    other = _another(session)
    task = other.watching()
    await asyncio.sleep(0.6)
    assert [facts.id for facts in at.parts.live.registry] == [session.id]  # its own watch may be on its way
    await eventually(lambda: [facts.id for facts in at.parts.live.registry] == [public_name(OTHER)])
    assert not task.done()
    assert (await other.send()).allowed
    assert (await session.send()).allowed  # nothing proves that it is gone
    task.cancel()


async def test_one_whose_first_watch_comes_in_time_does_not_give_way(at: Desk) -> None:
    session = await live(at)
    other = _another(session)
    contending = other.watching()
    await turns()
    task = session.watching()
    assert (await asyncio.wait_for(contending, 2)).headers["x-fix-action"] == "disconnect"
    assert [facts.id for facts in at.parts.live.registry] == [session.id]
    task.cancel()


async def test_one_that_ends_is_followed_by_one_that_came_before_the_word_of_that(at: Desk) -> None:
    session = await live(at)
    task = session.watching()
    await turns()
    other = _another(session)
    contending = other.watching()
    await turns()
    task.cancel()
    await eventually(lambda: [facts.id for facts in at.parts.live.registry] == [public_name(OTHER)])
    assert not contending.done()
    contending.cancel()


async def test_one_that_waits_for_its_identity_can_be_killed(at: Desk) -> None:
    session = await live(at)
    other = _another(session)
    contending = other.watching()
    await turns()
    await at.parts.control.kill(Selector(By.COMP_ID, "ALGO"), Mode.KILL, "runaway", ANN)
    assert (await asyncio.wait_for(contending, 1)).text == "runaway"


async def test_a_renewal(at: Desk) -> None:
    session = await live(at, at.token(scopes=()))
    assert not (await session.send()).allowed
    old_watch = session.watching()
    await turns()
    answer = await session.renew(at.token())
    assert answer.allowed
    assert (await session.send()).allowed
    new_watch = session.watching()
    await turns()
    assert old_watch.done()
    # What the old watch stood on is the session's no more.
    (facts,) = at.parts.live.registry
    assert facts.identity.scopes == frozenset(SCOPES)
    new_watch.cancel()


async def test_the_old_tokens_end_in_a_forgotten_watch_ends_nothing(at: Desk) -> None:
    session = await live(at, at.token(ttl_s=1))
    old_watch = session.watching()
    await turns()
    assert (await session.renew(at.token())).allowed
    new_watch = session.watching()
    await asyncio.wait_for(old_watch, 4)
    await asyncio.sleep(1)
    assert [facts.id for facts in at.parts.live.registry] == [session.id]
    assert not new_watch.done()
    new_watch.cancel()


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({"sub": "other"}, "access token not accepted"),
        ({"client_id": "other"}, "access token not accepted"),
        ({"fix_comp_id": "OTHER"}, "SenderCompID is not the token's"),
        ({"exp": 1}, "access token expired"),
        ({"aud": "other"}, "token is not for this gateway"),
    ],
)
async def test_a_renewal_that_is_refused_leaves_the_session(at: Desk, claims: dict[str, object], text: str) -> None:
    session = await live(at)
    answer = await session.renew(at.token(claims={"accounts": ["ACC-1"], **claims}))
    assert (answer.headers["x-fix-action"], answer.text) == ("reject", text)
    assert (await session.send()).allowed
    assert len(at.parts.live) == 1


async def test_renewals_do_not_get_round_a_lock(tmp_path: Path) -> None:
    async with opened(tmp_path, sessions=FOUR_SECONDS, guessing={"attempts": 3}) as at:
        session = await live(at)
        texts = [(await session.renew(f"guess-{number}")).text for number in range(5)]
        assert texts == ["access token not accepted"] * 3 + ["too many failed logons"] * 2
        assert (await session.renew(at.token())).allowed, "a signed token cannot be guessed"
        assert (await session.send()).allowed


async def test_a_killed_session_does_not_renew(at: Desk) -> None:
    session = await live(at)
    await at.parts.control.kill(Selector(By.ALL), Mode.KILL, "runaway", ANN)
    assert not (await session.renew(at.token())).allowed


async def test_a_kill_waits_for_a_session_between_two_watches(at: Desk) -> None:
    session = await live(at)
    task = session.watching()
    await turns()
    at.parts.live.drain()
    await asyncio.wait_for(task, 2)
    at.parts.live._draining = False
    # It goes by decisions that were cached before, until its next watch is answered.
    call = asyncio.create_task(at.parts.control.kill(Selector(By.ALL), Mode.CANCEL_ONLY, "get flat", ANN))
    await asyncio.sleep(0.1)
    assert not call.done()
    before = session.etag
    await session.watched()
    assert session.etag != before
    await asyncio.sleep(0.05)
    assert not call.done()
    again = session.watching()
    await asyncio.wait_for(call, 0.2)
    again.cancel()


async def test_a_kill_waits_no_longer_for_a_session_than_it_may_be_away(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(at)
    monkeypatch.setattr(lives, "RETURN_S", 0.1)
    await asyncio.sleep(0.11)
    await asyncio.wait_for(at.parts.control.kill(Selector(By.ALL), Mode.CANCEL_ONLY, "get flat", ANN), 0.2)


async def test_a_kill_waits_for_a_session_whose_watch_was_cut(at: Desk) -> None:
    session = await live(at)
    task = session.watching()
    await turns()
    task.cancel()
    await turns()
    call = asyncio.create_task(at.parts.control.kill(Selector(By.ALL), Mode.CANCEL_ONLY, "get flat", ANN))
    await asyncio.sleep(0.1)
    assert not call.done()
    before = session.etag
    await session.watched()
    assert session.etag != before
    again = session.watching()
    await asyncio.wait_for(call, 0.2)
    again.cancel()
