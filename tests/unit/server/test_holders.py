"""Who a request is from, and what is left to them, above all once their token has ended."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from authzsvc.sessions.acts import Operator
from authzsvc.sessions.restrictions import By, Mode, RevokedBy, Selector
from tests.unit.checks import Desk
from tests.unit.server.asking import Session, opened

ANN = Operator("unix:ann", claimed=True)
EXPIRED = "access token expired"
STOCK = "11=O-2|167=CS|"


async def ended(at: Desk, *scopes: str) -> Session:
    """A session whose token has ended."""
    session = Session(at, at.token(ttl_s=1, scopes=scopes or ("order:create:option_multileg", "trade:view:own")))
    assert (await session.log_on()).allowed
    await asyncio.sleep(1.1)
    return session


def sessions(on_expiry: str) -> dict[str, dict[str, str]]:
    return {"sessions": {"on_expiry": on_expiry}}


async def test_logout(tmp_path: Path) -> None:
    async with opened(tmp_path, **sessions("logout")) as at:
        session = await ended(at)
        answer = await session.send()
        assert (answer.headers["x-fix-action"], answer.text) == ("logout", EXPIRED)


async def test_deny(tmp_path: Path) -> None:
    async with opened(tmp_path, **sessions("deny")) as at:
        session = await ended(at)
        order, stock = await session.send(), await session.send("D", STOCK)
        assert (order.headers["x-fix-action"], order.text) == ("reject", EXPIRED)
        assert stock.text == "Insufficient permissions"
        assert (await session.send("8", "37=1|1=ACC-1|", "outbound")).allowed
        assert (await session.send("F", "41=O|11=C|")).text == "Insufficient permissions"
        assert (await Session(at, session.token, "f" * 16).log_on()).text == EXPIRED
        # The filter forgets what it holds of before.
        answer = await asyncio.wait_for(session.watching(), 2)
        assert answer.headers["etag"] != session.etag


async def test_session(tmp_path: Path) -> None:
    async with opened(tmp_path, **sessions("session")) as at:
        session = await ended(at)
        assert (await session.send()).allowed
        assert (await session.send("D", STOCK)).text == "Insufficient permissions"
        assert (await Session(at, session.token, "f" * 16).log_on()).text == EXPIRED


@pytest.mark.parametrize("on_expiry", ["deny", "session"])
async def test_only_the_sessions_own_token_goes_on(tmp_path: Path, on_expiry: str) -> None:
    async with opened(tmp_path, **sessions(on_expiry)) as at:
        session = await ended(at)
        own = session.token
        session.token = at.token(ttl_s=-1)
        assert (await session.send()).headers["x-fix-action"] == "logout"
        stranger = Session(at, own, "f" * 16)
        assert (await stranger.send()).headers["x-fix-action"] == "logout"


@pytest.mark.parametrize("on_expiry", ["deny", "session"])
async def test_a_session_that_outlives_its_token_can_be_stopped(tmp_path: Path, on_expiry: str) -> None:
    async with opened(tmp_path, **sessions(on_expiry)) as at:
        session = await ended(at)
        await at.parts.control.kill(Selector(By.CLIENT, "algoprovider-mm"), Mode.KILL, "runaway", ANN)
        assert (await session.send()).text == "runaway"


async def test_or_its_token_revoked(tmp_path: Path) -> None:
    async with opened(tmp_path, **sessions("session")) as at:
        session = await ended(at)
        await at.parts.control.revoke(RevokedBy.SUBJECT, "algoprovider", "stolen", ANN)
        assert (await session.send()).text == "access token revoked"


async def test_roles_are_those_of_the_token(tmp_path: Path) -> None:
    async with opened(tmp_path) as at:
        session = Session(at, at.token(scopes=("order:create:option_multileg", "role:desk-7")))
        await session.log_on()
        (facts,) = at.parts.live.registry
        assert facts.roles == frozenset({"desk-7"})
        await at.parts.control.kill(Selector(By.ROLE, "desk-7"), Mode.KILL, "runaway", ANN)
        assert (await session.send()).text == "runaway"


async def test_a_report_that_comes_after_the_end_of_its_token_is_still_its_sessions(tmp_path: Path) -> None:
    async with opened(tmp_path) as at:
        session = await ended(at)
        strangers = [Session(at, session.token, "f" * 16), Session(at, at.token(ttl_s=-1), session.name)]
        answers = [await each.report("unavailable", "late") for each in (session, *strangers)]
        assert all(answer.allowed for answer in answers)
        at.parts.live.close(session.id)
        assert (await session.report("unavailable", "later")).allowed
        reports = [line for line in map(json.loads, at.audited()) if line["event"] == "report"]
        assert ["unproven" in line for line in reports] == [False, True, True, False]
        assert reports[-1]["session"]["client_id"] == "algoprovider-mm"
