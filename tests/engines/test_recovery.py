"""What engines do about numbers: resends over denied messages, gap fills, resets, reconnects."""

from __future__ import annotations

import pytest

from tests.e2e.rig import eventually
from tests.engines.conftest import MakeDuel
from tests.engines.duel import FORBIDDEN, SECRET, Duel
from tests.engines.engine import Kind
from tests.engines.versions import VERSIONS, Version

Pair = tuple[Kind, Kind]
LAST_PROCESSED = 369
NEXT_EXPECTED = 789


async def test_a_reconnect_without_reset(make_duel: MakeDuel, pair: Pair) -> None:
    """Nothing was lost, denials lie behind: nobody asks for anything."""
    duel = await make_duel(pair)
    await duel.log_on()
    await duel.trade()
    await duel.assert_whole()
    await duel.cut()
    await duel.log_on()
    await duel.trade()
    await duel.assert_whole()


async def _reports_lost(duel: Duel) -> list[str]:
    """Reports that the client may and may not see, and a reject: on their way when the connection breaks."""
    duel.near.down.held = True
    seen = [await duel.report()]
    await duel.report(symbol=SECRET)
    await duel.order(FORBIDDEN)
    await eventually(lambda: duel.near.down.of("j"), "the reject, which is lost")
    seen.append(await duel.report())
    await eventually(lambda: [m for m in duel.near.down.of("8") if m.get(11) == seen[1]], "the report, which is lost")
    assert [m for m in duel.client.received("8") if m.get(11) in seen] == []
    await duel.cut()
    return seen


async def test_the_client_asks_for_what_it_missed(make_duel: MakeDuel, pair: Pair) -> None:
    duel = await make_duel(pair)
    await duel.log_on()
    await duel.trade()
    seen = await _reports_lost(duel)
    await duel.log_on()
    for order_id in seen:
        assert (await duel.client.message("8", _11=order_id)).get(43) == "Y"
    await duel.assert_whole(resends=1)
    replays = [m for m in duel.near.down.messages if m.get(43) == "Y"]
    # The reject was lost too; its number would be a gap, and the gateway puts it back there.
    assert {m.type for m in replays} == {"4", "8", "j"}
    assert all(m.get(122) for m in replays if m.type == "j")
    await duel.trade()
    await duel.assert_whole(resends=1)


async def test_the_venue_asks_for_what_it_missed(make_duel: MakeDuel, pair: Pair) -> None:
    """Orders sent into the void: after the reconnect they are judged, and the denied one becomes a gap fill."""
    duel = await make_duel(pair)
    await duel.log_on()
    await duel.trade()
    duel.far.up.held = True
    first = await duel.order()
    await duel.order(FORBIDDEN)
    last = await duel.order()
    await eventually(lambda: [m for m in duel.far.up.of("D") if m.get(11) == last], "the order, which is lost")
    await duel.cut()
    await duel.log_on()
    for order_id in (first, last):
        assert (await duel.venue.message("D", _11=order_id)).get(43) == "Y"
    await duel.assert_whole(resends=1)
    await duel.trade()
    await duel.assert_whole(resends=1)


async def _lost_reject(duel: Duel) -> None:
    """The gateway's own message, which no engine has to send again: the application gets it after the reconnect."""
    await duel.log_on()
    await duel.trade()
    duel.near.down.held = True
    order = await duel.sent(duel.near.up, "D", _11=await duel.order(FORBIDDEN))
    reject = await duel.sent(duel.near.down, duel.version.reject, _45=order.seq)
    await duel.cut()
    await duel.log_on()
    again = await duel.client.message(reject.type, _45=order.seq)
    assert (again.seq, again.get(43), again.get(58)) == (reject.seq, "Y", "Insufficient permissions")
    assert [again.get(tag) for tag in (372, 379, 380)] == [reject.get(tag) for tag in (372, 379, 380)]
    await duel.assert_whole(resends=1)
    await duel.trade()
    await duel.assert_whole(resends=1)
    assert [m.seq for m in duel.client.received(reject.type) if m.get(45) == order.get(34)] == [reject.seq]


@pytest.mark.parametrize("version", [VERSIONS[2], VERSIONS[4]], ids=str)
async def test_a_lost_reject_is_given_back(make_duel: MakeDuel, pair: Pair, version: Version) -> None:
    await _lost_reject(await make_duel(pair, version))


@pytest.mark.needs("open_range")
async def test_a_lost_session_reject_is_given_back(make_duel: MakeDuel, pair: Pair) -> None:
    """In a version that has no business reject, and whose ResendRequest ends at 999999."""
    await _lost_reject(await make_duel(pair, VERSIONS[0]))


@pytest.mark.needs("crossing")
@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[2]], ids=str)
async def test_both_miss_something(make_duel: MakeDuel, pair: Pair, version: Version) -> None:
    """In the old versions, whose ResendRequest ends at 999999 and whose gap fills are older."""
    duel = await make_duel(pair, version)
    await duel.log_on()
    await duel.trade()
    duel.far.up.held = duel.near.down.held = True
    order_id = await duel.order()
    await duel.order(FORBIDDEN)
    await duel.report(symbol=SECRET)
    report_id = await duel.report()
    await eventually(lambda: duel.far.up.of("1")[1:], "the TestRequest, which is lost")
    await eventually(lambda: [m for m in duel.near.down.of("8") if m.get(11) == report_id], "the lost report")
    await duel.cut()
    await duel.log_on()
    await duel.venue.message("D", _11=order_id)
    await duel.client.message("8", _11=report_id)
    # Where ResendRequests cross, an engine may count the other's only when the next message shows that it is missing.
    await duel.trade()
    await duel.assert_whole(resends=None)


async def test_resends_that_an_application_asks_for(make_duel: MakeDuel, pair: Pair) -> None:
    """In a session where nothing is missing; what comes again has PossDupFlag, and is taken for what it is."""
    duel = await make_duel(pair)
    await duel.log_on()
    await duel.trade()
    for engine, wire in ((duel.client, duel.near.down), (duel.venue, duel.far.up)):
        await engine.send("2", [(7, 1), (16, 0)])
        await eventually(lambda wire=wire: [m for m in wire.of("4") if m.get(43) == "Y"], "the replay")  # type: ignore[misc]
    await duel.assert_whole(resends=2)
    await duel.trade()
    await duel.assert_whole(resends=2)


@pytest.mark.needs("skip")
async def test_a_sequence_reset(make_duel: MakeDuel, pair: Pair) -> None:
    """SequenceReset-Reset of either side, and a gap fill of either, between denials."""
    duel = await make_duel(pair)
    await duel.log_on()
    await duel.trade()
    for engine in (duel.client, duel.venue):
        out, _ = await engine.numbers()
        await engine.send("4", [(36, out + 50)])
        await engine.ask("skip", to=out + 50)
        await duel.trade()
    for engine in (duel.client, duel.venue):
        out, _ = await engine.numbers()
        await engine.send("4", [(123, "Y"), (36, out + 10)])
        await engine.ask("skip", to=out + 10)
        await duel.trade()
    await duel.assert_whole()


async def test_a_logon_that_resets(make_duel: MakeDuel, pair: Pair) -> None:
    """141=Y, with rejects and reports lost before: nothing of before comes back."""
    duel = await make_duel(pair)
    await duel.log_on(reset=True)
    await duel.trade()
    await _reports_lost(duel)
    heard = len(duel.near.up.messages)
    await duel.log_on(reset=True)
    logon = duel.near.up.messages[heard]
    assert (logon.type, logon.get(141), logon.seq) == ("A", "Y", 1)
    await duel.trade()
    await duel.assert_whole()


@pytest.mark.needs("next_expected")
async def test_next_expected(make_duel: MakeDuel, pair: Pair) -> None:
    """789: what was missed comes without a ResendRequest, the denied of it as gap fills."""
    duel = await make_duel(pair, next_expected=True)
    await duel.log_on()
    await duel.trade()
    seen = await _reports_lost(duel)
    await duel.log_on()
    for order_id in seen:
        await duel.client.message("8", _11=order_id)
    logons = duel.near.up.of("A") + duel.far.down.of("A")
    assert all(logon.get(NEXT_EXPECTED) for logon in logons)
    await duel.trade()
    await duel.assert_whole()


@pytest.mark.needs("last_processed")
async def test_last_processed(make_duel: MakeDuel, pair: Pair) -> None:
    """369 says the same to both sides, denials or not: the numbers that it names are theirs."""
    duel = await make_duel(pair, last_processed=True)
    await duel.log_on()
    await duel.trade()
    await duel.assert_whole()
    for stream in (duel.near.down, duel.far.up):
        assert all(message.get(LAST_PROCESSED) for message in stream.messages)
    test_request = duel.far.up.of("1")[0]
    denied = next(m for m in duel.near.up.messages if m.seq == test_request.seq)
    assert test_request.get(LAST_PROCESSED) == denied.get(LAST_PROCESSED)
