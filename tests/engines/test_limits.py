"""Limits of a session between two QuickFIX engines, which hold all they get against their dictionaries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from authzsvc.demo.stack import Stack
from authzsvc.gateway import Endpoint, FilterSettings, GatewayOptions
from authzsvc.gateway.filter_settings import Limits
from tests.engines.conftest import HERE, PATIENT, MakeDuel
from tests.engines.duel import FORBIDDEN, Duel
from tests.engines.engine import Kind
from tests.engines.kinds import QUICKFIX
from tests.engines.tap import Tap
from tests.engines.versions import FIX44, VERSIONS, Version

PAIR = (QUICKFIX, QUICKFIX)


@pytest.fixture(scope="module")
def limited(taps: tuple[Tap, Tap], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A gateway that lets little through."""
    nowhere = Endpoint("127.0.0.1", 0)
    settings = FilterSettings(check=PATIENT, limits=Limits(messages_per_day=2, denials_per_minute=3))
    folder = tmp_path_factory.mktemp("limited")
    service = {"sessions": {"store": str(folder / "sessions.db")}}
    options = GatewayOptions(nowhere, nowhere, nowhere, filter=settings)
    with Stack(folder, taps[1].port, HERE / "mapping.yaml", options, service) as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="session")
async def make_duel(
    limited: Stack, taps: tuple[Tap, Tap], tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[MakeDuel]:
    """Sets engines against each other through that gateway."""
    duels: list[Duel] = []
    before = taps[0].target

    async def make(pair: tuple[Kind, Kind], version: Version = FIX44) -> Duel:
        duel = Duel(limited, *taps, pair, version, tmp_path / "duel")
        taps[0].target = limited.port
        duels.append(duel)
        await duel.start()
        return duel

    request.node.duels = duels
    yield make
    for duel in duels:
        await duel.stop()
    taps[0].target = before


@pytest.mark.parametrize("version", VERSIONS, ids=str)
async def test_over_a_limit_in_each_version(make_duel: MakeDuel, version: Version) -> None:
    duel = await make_duel(PAIR, version)
    await duel.log_on()
    for _ in range(2):
        await duel.venue.message("D", _11=await duel.order())
    order_id = await duel.order()
    text = "Throttle limit exceeded: at most 2 messages a day"
    reject = await duel.client.message("3" if version.level < 42 else "j", _58=text)
    if version.level >= 42:
        told = {372: "D", 379: order_id, 380: "8" if version.level == 52 else "0"}
        assert {tag: reject.get(tag) for tag in told} == told
    await duel.assert_whole()


async def test_too_many_denials_end_the_session(make_duel: MakeDuel) -> None:
    """Both engines see a Logout, and the next Logon heals."""
    duel = await make_duel(PAIR)
    await duel.log_on()
    for _ in range(3):
        await duel.order(FORBIDDEN)
    text = "Session ended: 3 messages denied within a minute"
    await duel.client.message("5", _58=text)
    await duel.down()
    assert [logout.get(58) for logout in duel.far.up.of("5")] == [text]
    await duel.log_on()
    await duel.assert_whole(goodbyes=len(duel.near.up.of("5") + duel.far.down.of("5")), resends=None)
