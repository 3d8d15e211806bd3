"""An application that sends a field that is wrong: an empty Text, a repeated tag, a flag that is none.

The message is refused, its number is used, and the session goes on. For an order the client's engine gets a session
Reject (35=3), and a report is gap-filled.
"""

from __future__ import annotations

import pytest

from tests.e2e.rig import eventually
from tests.engines.conftest import MakeDuel
from tests.engines.duel import Duel
from tests.engines.engine import Kind
from tests.engines.versions import VERSIONS, Version

Pair = tuple[Kind, Kind]
Fields = list[tuple[int, object]]

BAD: dict[str, tuple[Fields, str, str]] = {
    "an empty Text": ([(58, "")], "58", "4"),
    "a repeated field": ([(112, "1"), (112, "2")], "112", "13"),
    "a flag that is none": ([(43, "X")], "43", "6"),
}
"""What the application adds to its message; RefTagID (371) and SessionRejectReason (373) of the answer."""
VERSIONS_OF_REJECTS = [VERSIONS[0], VERSIONS[4]]
"""Without 371 and 373, and with both. `test_as_bare` has the Rejects of all versions."""


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("version", VERSIONS_OF_REJECTS, ids=str)
async def test_an_order_that_is_wrong(make_duel: MakeDuel, pair: Pair, version: Version, bad: str) -> None:
    duel = await make_duel(pair, version)
    fields, tag, reason = BAD[bad]
    await duel.log_on()
    await duel.trade()
    for _ in range(3):
        order = await duel.sent(duel.near.up, "D", _11=await duel.order(more=fields))
        reject = await duel.client.message("3", _45=order.seq)
        if version.level > 42:
            assert (reject.get(371), reject.get(372), reject.get(373)) == (tag, "D", reason)
        await duel.trade()
        assert [m for m in duel.venue.received("D") if m.get(11) == order.get(11)] == []
    await duel.assert_whole()


@pytest.mark.parametrize("bad", BAD)
async def test_a_report_that_is_wrong(make_duel: MakeDuel, pair: Pair, bad: str) -> None:
    duel = await make_duel(pair)
    await duel.log_on()
    await duel.trade()
    for _ in range(3):
        order_id = await duel.order()
        await duel.venue.send("8", [*BAD[bad][0], *duel.version.report(order_id)])
        report = await duel.sent(duel.far.down, "8", _11=order_id)
        gap_fill = await duel.sent(duel.near.down, "4", _34=report.seq)
        assert (gap_fill.get(123), gap_fill.get(36)) == ("Y", str(report.seq + 1))
        await duel.trade()
        assert [m for m in duel.client.received("8") if m.get(11) == order_id] == []
    await duel.assert_whole()


@pytest.mark.parametrize("bad", ["an empty Text", "a flag that is none"])
async def test_an_order_that_is_wrong_and_sent_again(make_duel: MakeDuel, pair: Pair, bad: str) -> None:
    """It was lost on its way, so the venue asks for its number, and the engine sends it again: once.

    Of a repeated field, QuickFIX/J leaves the second out when it sends the message again, and quickfixgo garbles it.
    """
    duel = await make_duel(pair)
    await duel.log_on()
    await duel.trade()
    duel.far.up.held = True
    order = await duel.sent(duel.near.up, "D", _11=await duel.order(more=BAD[bad][0]))
    await eventually(lambda: [m for m in duel.far.up.messages if m.seq == order.seq], "the substitute, which is lost")
    await duel.cut()
    await duel.log_on()
    await duel.trade()
    await duel.assert_whole(resends=None)
    assert len(duel.near.up.of("A")) == 2


@pytest.mark.parametrize("bad", BAD)
async def test_bad_ones_among_good_ones(make_duel: MakeDuel, pair: Pair, bad: str) -> None:
    """All good ones go on, in order, whatever is among them; both sides at once."""
    duel = await make_duel(pair)
    await duel.log_on()
    good: list[str] = []
    reports: list[str] = []
    for number in range(30):
        order_id = await duel.order(more=BAD[bad][0] if number % 3 == 1 else None)
        if number % 3 == 1:
            await duel.venue.send("8", [*BAD[bad][0], *duel.version.report(f"v{number}")])
        else:
            good.append(order_id)
            reports.append(await duel.report())
    await _all_there(duel, good, reports)
    await duel.trade()
    await duel.assert_whole()
    assert len([m for m in duel.client.received("3") if m.get(371) == BAD[bad][1]]) == 10


async def _all_there(duel: Duel, orders: list[str], reports: list[str]) -> None:
    await duel.venue.message("D", _11=orders[-1])
    await duel.client.message("8", _11=reports[-1])
    assert [m.get(11) for m in duel.venue.received("D")] == orders
    assert [m.get(11) for m in duel.client.received("8")] == reports
