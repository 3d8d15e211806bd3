"""A Logon with 141=Y in a live session, as venues that are open for 24 hours have it daily: from either side."""

from __future__ import annotations

import pytest

from authzsvc.demo.wire import Message, timestamp
from tests.e2e.rig import HandVenue, Line, eventually
from tests.engines.conftest import MakeDuel
from tests.engines.duel import FORBIDDEN, VENUE, Duel
from tests.engines.engine import Kind
from tests.engines.versions import APPL_VER_IDS, FIX50, VERSIONS, Fields, Version

pytestmark = pytest.mark.needs("live_reset")

Pair = tuple[Kind, Kind]
CARRIED = {"no token": False, "a fresh token": True}


@pytest.mark.parametrize("carried", CARRIED)
@pytest.mark.parametrize("version", [VERSIONS[2], VERSIONS[4], FIX50], ids=str)
async def test_the_client_resets(make_duel: MakeDuel, pair: Pair, version: Version, carried: str) -> None:
    duel = await make_duel(pair, version)
    await duel.log_on()
    await _trade_and_be_denied(duel)
    for resets in range(1, 4):
        fields = [(554, duel.token())] if CARRIED[carried] else []
        await duel.client.ask("reset", fields=[*_application(version), *fields])
        await _both_reset(duel, resets)
        await _trade_and_be_denied(duel)
        await duel.assert_whole()


@pytest.mark.needs("answer_to_reset")
@pytest.mark.parametrize("version", [VERSIONS[2], VERSIONS[4], FIX50], ids=str)
async def test_the_venue_resets(make_duel: MakeDuel, pair: Pair, version: Version) -> None:
    """The client's engine answers with the Logon that it always sends, token and all.

    The venue is played by hand: each of the engines, as acceptor, answers the answer with one more Logon.
    """
    duel = await make_duel(pair, version)
    venue = HandVenue()
    await venue.start()
    duel.far.target = venue.port
    await duel.connect(duel.token())
    peer = _Peer(duel, await venue.line())
    assert (await peer.next("A")).seq == 1
    peer.send("A", peer.logon)
    await duel.client.event("logon")
    await peer.trade()
    for _ in range(3):
        peer.numbers_begin_anew()
        peer.send("A", [*peer.logon, (141, "Y")])
        answer = await peer.next("A")
        assert (answer.get(141), answer.get(554)) == ("Y", "")
        await peer.trade()
        assert await duel.client.numbers() == (peer.next_in, peer.next_out)
    await venue.stop()


class _Peer:
    """A venue's side of a session, played by hand."""

    def __init__(self, duel: Duel, line: Line) -> None:
        self.logon: Fields = [(98, 0), (108, 30), *_application(duel.version)]
        self.numbers_begin_anew()
        self._duel = duel
        self._line = line

    def numbers_begin_anew(self) -> None:
        self.next_in, self.next_out = 1, 1

    def send(self, msg_type: str, fields: Fields) -> None:
        header = [(34, self.next_out), (49, VENUE), (52, timestamp()), (56, self._duel.comp_id)]
        self._line.send(Message.build(self._duel.version.begin_string, msg_type, [*header, *fields]).raw)
        self.next_out += 1

    async def next(self, msg_type: str) -> Message:
        """The next message, which must be of that type and have the next number."""
        message = await self._line.message()
        assert (message.type, message.seq) == (msg_type, self.next_in), str(message)
        self.next_in += 1
        return message

    async def trade(self) -> None:
        """An order and its report, a denied order, and a report."""
        duel = self._duel
        order_id = await duel.order()
        assert (await self.next("D")).get(11) == order_id
        self.send("8", duel.version.report(order_id))
        await duel.client.message("8", _11=order_id)
        order_id = await duel.order(FORBIDDEN)
        self.send("0", [(112, (await self.next("1")).get(112))])
        assert (await duel.client.message("j", _379=order_id)).seq == self.next_out - 1
        report_id = f"v{len(duel.near.down.messages)}"
        self.send("8", duel.version.report(report_id))
        await duel.client.message("8", _11=report_id)


async def test_a_session_that_was_reset_goes_on_in_another_connection(make_duel: MakeDuel, pair: Pair) -> None:
    """What was denied before the reset is not brought back under the numbers behind it."""
    duel = await make_duel(pair)
    await duel.log_on()
    await _trade_and_be_denied(duel)
    await duel.client.ask("reset", fields=[])
    await _both_reset(duel, 1)
    order = await duel.sent(duel.near.up, "D", _11=await duel.order(FORBIDDEN))
    await duel.client.message("j", _45=order.seq, _379=order.get(11))
    await duel.cut()
    await duel.log_on()
    await _trade_and_be_denied(duel)
    await duel.assert_whole()


def _application(version: Version) -> Fields:
    """DefaultApplVerID (1137), which a Logon of FIXT has."""
    known = APPL_VER_IDS.get(version.application)
    return [(1137, known)] if known else []


async def _trade_and_be_denied(duel: Duel) -> None:
    """The rejects must be those of these denials: their numbers were used before the reset, too."""
    await duel.trade()
    order = await duel.sent(duel.near.up, "D", _11=await duel.order(FORBIDDEN))
    await duel.client.message("j", _45=order.seq, _379=order.get(11))


async def _both_reset(duel: Duel, resets: int) -> None:
    """Each side has sent its Logon with 141=Y, under number 1."""

    def there() -> bool:
        return all(len(_resets(wire)) >= resets for wire in (duel.far.up.of("A"), duel.near.down.of("A")))

    await eventually(there, f"reset {resets} on both sides", 10)
    assert [m.seq for m in _resets(duel.far.up.of("A")) + _resets(duel.near.down.of("A"))] == [1] * 2 * resets


def _resets(logons: list[Message]) -> list[Message]:
    return [logon for logon in logons if logon.get(141) == "Y"]
