"""A connected session: trading, denials both ways, requests of the engines' own."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.rig import eventually
from tests.engines.conftest import MakeDuel
from tests.engines.duel import FORBIDDEN, SECRET, Duel
from tests.engines.engine import Kind
from tests.engines.versions import FIX50, VERSIONS, Version

Pair = tuple[Kind, Kind]
BURST = 20


async def test_trading(make_duel: MakeDuel, pair: Pair) -> None:
    duel = await make_duel(pair)
    await duel.log_on()
    for _ in range(5):
        order_id = await duel.order()
        await duel.venue.message("D", _11=order_id)
        await duel.report(order_id)
        await duel.client.message("8", _11=order_id)
    await duel.assert_whole()
    assert [m.raw for m in duel.far.up.of("D")] == [m.raw for m in duel.near.up.of("D")]
    assert [m.raw for m in duel.near.down.messages] == [m.raw for m in duel.far.down.messages]


@pytest.mark.padding
async def test_a_padded_length_is_read_as_decimal(make_duel: MakeDuel, pair: Pair) -> None:
    """By every engine, from its stream: of as many lengths, one read otherwise would end a message elsewhere."""
    duel = await make_duel(pair)
    await duel.log_on()
    for extra in range(1, 31):
        order_id = await duel.order(more=[(58, "x" * extra)])
        await duel.venue.message("D", _11=order_id)
        await duel.report(order_id, "S" * extra)
        await duel.client.message("8", _11=order_id)
    await duel.assert_whole()
    padded = duel.far.up.of("D") if pair[0].pads else duel.near.down.of("8")
    lengths = [message.get(9) for message in padded]
    assert all(length.startswith("0") for length in lengths)
    # 8 and 9 are no octal digits, and nearly all others mean another number there.
    assert {length[-1] for length in lengths} == set("0123456789")


async def test_denials_between_orders(make_duel: MakeDuel, pair: Pair) -> None:
    """Sent without waiting: each is judged for itself, and the engine gets the reject of each."""
    duel = await make_duel(pair)
    await duel.log_on()
    for _ in range(BURST):
        await duel.order()
        await duel.order(FORBIDDEN)
    await eventually(lambda: len(duel.client.received("j")) == BURST, "the rejects", 20)
    denied = [message for message in duel.near.up.of("D") if message.get(55) == FORBIDDEN]
    assert [m.get(45) for m in duel.client.received("j")] == [m.get(34) for m in denied]
    assert [m.get(379) for m in duel.client.received("j")] == [m.get(11) for m in denied]
    await duel.assert_whole()
    assert len(duel.venue.received("D")) == BURST
    assert len(duel.far.up.of("1")) == BURST


async def test_reports_that_the_client_may_not_see(make_duel: MakeDuel, pair: Pair) -> None:
    """The engine steps over the gap fills; its application sees what it may."""
    duel = await make_duel(pair)
    await duel.log_on()
    for _ in range(BURST):
        await duel.report()
        await duel.report(symbol=SECRET)
    await duel.assert_whole()
    assert [m.get(55) for m in duel.client.received("8")] == ["ACME"] * BURST
    assert len(duel.near.down.of("4")) == BURST


async def test_denials_both_ways_at_once(make_duel: MakeDuel, pair: Pair) -> None:
    duel = await make_duel(pair)
    await duel.log_on()

    async def orders() -> None:
        for number in range(BURST):
            await duel.order(FORBIDDEN if number % 2 else "ACME")

    async def reports() -> None:
        for number in range(BURST):
            await duel.report(symbol=SECRET if number % 2 else "ACME")

    await asyncio.gather(orders(), reports())
    await eventually(lambda: len(duel.client.received("j")) == BURST // 2, "the rejects", 20)
    await duel.assert_whole()
    assert (len(duel.venue.received("D")), len(duel.client.received("8"))) == (BURST // 2, BURST // 2)


async def test_poss_resend(make_duel: MakeDuel, pair: Pair) -> None:
    duel = await make_duel(pair)
    await duel.log_on()
    order_id = await duel.order(more=[(97, "Y")])
    assert (await duel.venue.message("D", _11=order_id)).get(97) == "Y"
    order_id = await duel.order(FORBIDDEN, more=[(97, "Y")])
    await duel.client.message("j", _379=order_id)
    await duel.assert_whole()
    assert [m.get(97) for m in duel.far.up.of("1")] == [""]


async def test_test_requests_of_the_engines_own(make_duel: MakeDuel, pair: Pair) -> None:
    """Before, between and behind denials: each side gets its own answers, and the gateway's never show."""
    duel = await make_duel(pair)
    await duel.log_on()
    for number in range(5):
        await duel.client.send("1", [(112, f"mine-{number}")])
        await duel.order(FORBIDDEN)
        await duel.venue.send("1", [(112, f"yours-{number}")])
    for number in range(5):
        await duel.client.message("0", _112=f"mine-{number}")
        await duel.venue.message("0", _112=f"yours-{number}")
    await eventually(lambda: len(duel.client.received("j")) == 5, "the rejects", 20)
    await duel.assert_whole()
    assert len(duel.near.down.of("0")) == 5


@pytest.mark.needs("fixt")
async def test_appl_ver_id(make_duel: MakeDuel, pair: Pair) -> None:
    """1128 on a message passes as it is, and does not get into the reject of another session level."""
    duel = await make_duel(pair, FIX50)
    await duel.log_on()
    assert [m.get(1137) for m in duel.far.up.of("A") + duel.near.down.of("A")] == ["7", "7"]
    order_id = await duel.order(more=[(1128, "7")])
    assert (await duel.venue.message("D", _11=order_id)).get(1128) == "7"
    order_id = await duel.order(FORBIDDEN, more=[(1128, "7")])
    assert (await duel.client.message("j", _379=order_id)).get(380) == "6"
    assert [m.get(1128) for m in duel.far.up.of("1")] == [""]
    await duel.assert_whole()


@pytest.mark.parametrize("version", [v for v in VERSIONS if str(v) in {"FIX.4.4", "FIX.5.0"}], ids=str)
async def test_renewal(make_duel: MakeDuel, pair: Pair, version: Version) -> None:
    """UserRequest with a fresh token: more scopes, and the answer is one that the engine's dictionary knows."""
    duel = await make_duel(pair, version)
    await duel.log_on()
    await duel.denied()
    fresh = duel.token("order:forbidden", "report:view")
    await duel.client.send("BE", [(923, "r1"), (924, 1), (553, "algo"), (925, fresh)])
    assert (await duel.client.message("BF", _923="r1")).get(926) == "1"
    order_id = await _forbidden_at_venue(duel)
    await duel.report(order_id)
    await duel.client.message("8", _11=order_id)
    assert duel.far.up.of("BE") == []


async def _forbidden_at_venue(duel: Duel) -> str:
    order_id = await duel.order(FORBIDDEN)
    await duel.venue.message("D", _11=order_id)
    return order_id
