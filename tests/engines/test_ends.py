"""How sessions end: by either side, by the gateway, by silence, by the clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from authzsvc.demo.wire import Message
from tests.e2e.rig import eventually
from tests.engines.conftest import MakeDuel
from tests.engines.duel import FORBIDDEN, SECRET, Duel
from tests.engines.engine import Kind

Pair = tuple[Kind, Kind]


async def test_logouts(make_duel: MakeDuel, pair: Pair) -> None:
    """By the client, then by the venue, right behind denials; the numbers go on."""
    duel = await make_duel(pair)
    await duel.log_on()
    for number, engine in enumerate((duel.client, duel.venue), 1):
        await duel.trade()
        await duel.order(FORBIDDEN)
        await duel.report(symbol=SECRET)
        await engine.ask("logout")
        await duel.down()
        await engine.ask("logon")
        assert [len(s.of("5")) for s in (duel.far.up, duel.near.down)][engine is duel.venue] == number
        await duel.log_on()
    await duel.trade()
    # Not all wait for the answer to their Logout.
    await duel.assert_whole(goodbyes=len(duel.near.up.of("5") + duel.far.down.of("5")), resends=None)


async def _refused(duel: Duel, *, reset: bool = False) -> None:
    """A Logon with a token that has expired; the venue sees nothing of it."""
    seen, sent = len(duel.far.up.messages), len(duel.near.up.of("A"))
    await duel.connect(duel.token(ttl_s=-1), reset=reset)
    await eventually(lambda: len(duel.near.up.of("A")) > sent, "the Logon", 20)
    await eventually(lambda: not duel.near.connected, "the end of the connection")
    assert len(duel.far.up.messages) == seen


@pytest.mark.parametrize("keep_numbers", [False, True], ids=["told", "keeping-numbers"])
async def test_a_refused_logon(make_duel: MakeDuel, pair: Pair, keep_numbers: bool) -> None:
    """The engine is told why, the venue sees nothing, and the next Logon is as if it were the first."""
    duel = await make_duel(pair, keep_numbers=keep_numbers)
    await _refused(duel, reset=True)
    # On the wire: not every engine shows its application a Logout that comes before the Logon. Some try again at once.
    assert {m.get(58) for m in duel.near.down.messages} == {"access token expired"}
    await duel.log_on(reset=True)
    await duel.trade()
    await duel.assert_whole(goodbyes=len(duel.near.up.of("5")))


@pytest.mark.needs("uncounted_logout")
async def test_a_refused_logon_in_mid_session(make_duel: MakeDuel, pair: Pair) -> None:
    """An engine that awaits another number than that of our Logout does not count it: the next Logon goes on."""
    duel = await make_duel(pair)
    await duel.log_on()
    await duel.trade()
    await duel.cut()
    await _refused(duel)
    assert {(m.seq, m.get(58)) for m in duel.near.down.of("5")} == {(1, "access token expired")}
    await duel.log_on()
    await duel.trade()
    await duel.assert_whole(resends=None, goodbyes=len(duel.near.up.of("5")))


async def test_refused_logons_that_keep_the_numbers(make_duel: MakeDuel, pair: Pair) -> None:
    """Nothing is said that an engine could count: on the first day and in mid-session, the next Logon goes on."""
    duel = await make_duel(pair, keep_numbers=True)
    await _refused(duel)
    await duel.log_on()
    await duel.trade()
    await duel.cut()
    for _ in range(2):
        await _refused(duel)
    assert duel.near.down.of("5") == []
    await duel.log_on()
    await duel.trade()
    await duel.assert_whole(resends=None)


@pytest.mark.padding
async def test_a_padded_length_is_refused_where_it_is_not_allowed(make_duel: MakeDuel, pair: Pair) -> None:
    """By the strict profile: the connection ends at the first such message, which goes nowhere."""
    duel = await make_duel(pair, strict=True)
    await duel.connect(duel.token())
    near, far = ((duel.near.up, duel.far.up), (duel.far.down, duel.near.down))[pair[1].pads]
    padded = await duel.sent(near, "A")
    assert padded.get(9).startswith("0")
    await eventually(lambda: not duel.near.connected, "the end of the connection", 20)
    assert [m for m in far.messages if m.type != "5"] == []
    assert duel.client.count("logon") == 0
    reason = "violation: BodyLength (9) is not the second field, not canonical or not exact"
    await eventually(lambda: [e for e in duel.stack.events() if e.get("reason") == reason], "the report of it")


async def _ended(duel: Duel, text: str) -> Message:
    """The client says something, and gets the Logout."""
    await duel.order()
    logout = await duel.client.message("5", _58=text)
    await duel.down()
    return logout


async def test_the_gateway_ends_it(make_duel: MakeDuel, pair: Pair) -> None:
    """A token that expires, and the desk's kill switch: both engines see a Logout, and the next Logon heals."""
    duel = await make_duel(pair)
    await duel.log_on(ttl_s=pair[0].connects_in_s)
    await duel.trade()
    await eventually(lambda: _ends_are_known(duel, 1), "the end of the token", 20)
    await _ended(duel, "access token expired")
    await duel.log_on()
    await duel.trade()
    await duel.desk.kill("--comp-id", duel.comp_id)
    await _ended(duel, "runaway orders")
    await duel.desk.restore("--comp-id", duel.comp_id)
    await duel.log_on()
    await duel.trade()
    await duel.assert_whole(goodbyes=len(duel.near.up.of("5") + duel.far.down.of("5")), resends=None)
    assert len(duel.far.up.of("5")) == 2


def _ends_are_known(duel: Duel, number: int) -> bool:
    ends = [event for event in duel.stack.events() if event["event"] == "watch"]
    known = [event for event in ends if event["session"]["sender_comp_id"] == duel.comp_id]
    return len(known) >= number


async def test_silence(make_duel: MakeDuel, pair: Pair) -> None:
    """Heartbeats keep it; where they stop, the engine asks, and then lets go; the next Logon heals."""
    duel = await make_duel(pair, heartbeat=1)
    await duel.log_on()
    await duel.denied()
    await eventually(lambda: len(duel.near.down.of("0")) > 1 and len(duel.far.up.of("0")) > 1, "heartbeats")
    assert duel.near.connected
    # An engine may ask while all is well, or give its Heartbeats an id unasked; ours must not show.
    ours = {m.get(112) for m in duel.far.up.of("1")} - {m.get(112) for m in duel.near.up.of("1")}
    assert ours
    assert not ours & {m.get(112) for m in duel.near.down.of("0")}
    duel.near.up.held = duel.near.down.held = True
    await eventually(lambda: duel.near.up.of("1"), "the client's TestRequest", 20)
    await duel.order(FORBIDDEN)
    await eventually(lambda: not duel.near.connected, "the client to let go", 20)
    await duel.cut()
    await duel.log_on()
    await duel.trade()
    await duel.assert_whole(resends=None, goodbyes=len(duel.near.up.of("5") + duel.far.down.of("5")))


@pytest.mark.needs("schedule")
async def test_a_days_end(make_duel: MakeDuel, pair: Pair) -> None:
    """By the engines' own clocks: the session ends, and the next one begins with 1, without 141."""
    now = datetime.now(UTC)
    open_s = 3 + max(kind.connects_in_s for kind in pair)
    end, start = now + timedelta(seconds=open_s), now + timedelta(seconds=open_s + 1)
    times = {"start_time": f"{start:%H:%M:%S}", "end_time": f"{end:%H:%M:%S}"}
    duel = await make_duel(pair, **times)
    await duel.log_on()
    await duel.trade()
    await duel.assert_whole()
    await duel.down(within_s=open_s + 10)
    await asyncio.sleep(max(0.0, (start - datetime.now(UTC)).total_seconds()) + 1.0)
    heard = len(duel.near.up.messages)
    await duel.log_on()
    logon = duel.near.up.messages[heard]
    assert (logon.type, logon.seq, logon.get(141)) == ("A", 1, "")
    await duel.trade()
    await duel.assert_whole(goodbyes=len(duel.near.up.of("5") + duel.far.down.of("5")))
