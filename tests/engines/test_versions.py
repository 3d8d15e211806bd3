"""Every version of FIX between two engines that hold all they get against its dictionary."""

from __future__ import annotations

import pytest

from tests.engines.conftest import MakeDuel
from tests.engines.engine import Kind
from tests.engines.versions import APPL_VER_IDS, VERSIONS, Version


@pytest.mark.parametrize("version", VERSIONS, ids=str)
async def test_the_reject_of_each_version(make_duel: MakeDuel, pair: tuple[Kind, Kind], version: Version) -> None:
    duel = await make_duel(pair, version)
    await duel.log_on()
    await duel.trade()
    reject = await duel.denied()
    order = duel.near.up.of("D")[-1]
    expected = {8: version.begin_string, 45: order.get(34), 58: "Insufficient permissions"}
    if version.level >= 42:
        expected |= {372: "D", 379: order.get(11), 380: "0" if version.level == 42 else "6"}
    assert {tag: reject.get(tag) for tag in expected} == expected
    logons = duel.far.up.of("A") + duel.near.down.of("A")
    assert {logon.get(1137) for logon in logons} == {APPL_VER_IDS.get(version.application, "")}
    await duel.assert_whole()
