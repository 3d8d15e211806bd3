"""The decision service is killed in mid-flow, with orders and reports on their way, and comes back.

No report is lost and none is doubled, every order is either at the venue or rejected, and the numbers agree. Each
message has a symbol of its own, so that no cached decision stands in for the service.
"""

from __future__ import annotations

import asyncio

from authzsvc.demo.wire import Message
from tests.e2e.rig import eventually
from tests.engines.conftest import MakeDuel
from tests.engines.duel import FORBIDDEN, SECRET, Duel
from tests.engines.engine import Kind

Pair = tuple[Kind, Kind]
PAUSE_S = 0.004
KILLS = 3
AWAY_S = 0.3


async def test_the_service_is_killed_in_mid_flow(make_duel: MakeDuel, pair: Pair) -> None:
    duel = await make_duel(pair)
    await duel.log_on()
    orders: list[str] = []
    reports: list[str] = []
    flow = asyncio.Event()

    async def trade() -> None:
        number = 0
        while not flow.is_set():
            number += 1
            orders.append(await duel.order(FORBIDDEN if number % 5 == 0 else f"S{number}"))
            await asyncio.sleep(PAUSE_S)

    async def report() -> None:
        number = 0
        while not flow.is_set():
            number += 1
            report_id = await duel.report(symbol=SECRET if number % 5 == 0 else f"S{number}")
            if number % 5:
                reports.append(report_id)
            await asyncio.sleep(PAUSE_S)

    trading = asyncio.gather(trade(), report())
    for _ in range(KILLS):
        await asyncio.sleep(0.5)
        await asyncio.to_thread(_kill, duel)
        await asyncio.sleep(AWAY_S)
        await asyncio.to_thread(duel.stack.start_service)
    await asyncio.sleep(0.5)
    flow.set()
    await trading
    await _all_answered(duel, orders)
    await duel.client.message("8", _11=reports[-1])
    await duel.trade()
    await duel.assert_whole()
    assert [m.get(11) for m in duel.client.received("8") if m.get(11) in set(reports)] == reports
    assert [m.get(11) for m in duel.client.received("8") if m.get(55) == SECRET] == []


def _kill(duel: Duel) -> None:
    assert duel.stack.service is not None
    duel.stack.service.kill()


async def _all_answered(duel: Duel, orders: list[str]) -> None:
    """Each order came to the venue, or the client has its reject: never both, never neither."""

    def rejected() -> set[str]:
        return {message.get(379) for message in duel.client.received("j")}

    def at_venue() -> set[str]:
        return {message.get(11) for message in duel.venue.received("D")}

    await eventually(lambda: rejected() | at_venue() >= set(orders), "an answer to every order", 30)
    assert rejected() & at_venue() == set()
    seen: list[Message] = duel.venue.received("D")
    assert [m.get(11) for m in seen] == [order for order in orders if order in at_venue()]
    assert at_venue() != set()
