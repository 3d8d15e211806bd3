"""Sequence numbers stay as if the gateway were not there, whatever is denied, across reconnects and resends.

Both sides are strict: a number out of turn without PossDupFlag, or one that comes twice with different content, is a
fault.
"""

from __future__ import annotations

from authzsvc.demo.algoprovider import SCOPES
from authzsvc.demo.peer import RESEND_REQUEST, SEQUENCE_RESET
from tests.e2e.rig import TRADER, Client, Rig


async def log_on_again(rig: Rig, client: Client, *scopes: str) -> None:
    """Reconnect, numbers as they stand."""
    seen = len(client.received)
    await client.connect("127.0.0.1", rig.stack.port)
    client.logon(((554, rig.token(client.comp_id, *scopes)),))
    await client.wait_for_type("A", after=seen)


async def hang_up(rig: Rig, client: Client) -> None:
    """Drop the connection, and wait until the venue knows."""
    await client.disconnect()
    await rig.session(client).closed()


async def test_across_denials_in_both_directions(rig: Rig) -> None:
    client = await rig.log_on(*SCOPES)  # no trade:view:own: each report becomes a gap fill
    for _ in range(5):
        spread = client.spread()
        await client.reject_of(client.stock_order())
        client.replace(spread)
    await rig.assert_whole(client)
    assert len(client.of_type("j")) == 5
    assert len(client.of_type(SEQUENCE_RESET)) == 10


async def test_across_a_reconnect(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    client.spread()
    await client.reject_of(client.stock_order())
    await rig.assert_whole(client)
    await hang_up(rig, client)

    await log_on_again(rig, client, *TRADER)
    await client.reject_of(client.stock_order())
    spread = client.spread()
    assert (await rig.at_venue(spread, client)).raw == spread.raw
    await rig.assert_whole(client)
    assert client.of_type(RESEND_REQUEST) == []


async def test_across_a_logout_and_a_new_logon(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    await client.reject_of(client.stock_order())
    client.logout()
    await client.wait_for_type("5")
    await client.closed()

    await log_on_again(rig, client, *TRADER)
    await client.reject_of(client.stock_order())
    await rig.assert_whole(client)


async def test_the_client_asks_for_a_resend(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    client.spread()
    reject = await client.reject_of(client.stock_order())
    client.spread()
    await client.wait_until(lambda: len(client.of_type("8")) == 2)
    seen = len(client.received)

    client.send(RESEND_REQUEST, [(7, 1), (16, 0)])
    # 2 and 4 are reports; 1 the Logon and 3 a Heartbeat, which are never resent. But 3 carried a reject to the client.
    await client.wait_until(lambda: len(client.received) == seen + 4)
    assert [(m.type, m.seq, m.poss_dup) for m in client.received[seen:]] == [
        (SEQUENCE_RESET, 1, True),
        ("8", 2, True),
        ("j", 3, True),
        ("8", 4, True),
    ]
    again = client.received[seen + 2]
    assert [again.get(tag) for tag in (45, 58, 379)] == [reject.get(tag) for tag in (45, 58, 379)]
    assert again.get(122) == reject.get(52)
    replay = await rig.event(client.comp_id, direction="outbound", poss_dup=True)
    assert (replay["verdict"], replay["msg_seq_num"]) == ("allow", 2)
    await rig.assert_whole(client)


async def test_a_reject_that_was_lost_with_its_connection(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    reject = await client.reject_of(client.stock_order())
    await rig.assert_whole(client)
    await hang_up(rig, client)

    await log_on_again(rig, client, *TRADER)
    seen = len(client.received)
    client.send(RESEND_REQUEST, [(7, reject.seq), (16, reject.seq)])
    again = await client.wait_for_type("j", after=seen)
    assert (again.seq, again.poss_dup, again.get(122)) == (reject.seq, True, reject.get(52))
    assert [again.get(tag) for tag in (45, 58, 379)] == [reject.get(tag) for tag in (45, 58, 379)]
    await rig.assert_whole(client)


async def test_a_resend_that_the_client_may_not_see(rig: Rig) -> None:
    client = await rig.log_on(*SCOPES)
    client.spread()
    await client.wait_for_type(SEQUENCE_RESET)
    seen = len(client.received)

    client.send(RESEND_REQUEST, [(7, 2), (16, 2)])
    replay = await client.wait_for_type(SEQUENCE_RESET, after=seen)
    assert (replay.seq, replay.get(36), replay.get(43), replay.get(123)) == (2, "3", "Y", "Y")
    assert replay.get(122) != ""
    await rig.assert_whole(client)


async def test_the_venue_asks_for_a_resend(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    spread = client.spread()
    order = client.stock_order()
    await client.reject_of(order)
    session = rig.session(client)
    seen = len(session.received)

    session.send(RESEND_REQUEST, [(7, 1), (16, 0)])
    await session.wait_until(lambda: len(session.received) == seen + 3)
    gap, replayed, denied = session.received[seen:]
    assert (gap.type, gap.seq, gap.get(36)) == (SEQUENCE_RESET, 1, "2")
    assert (replayed.type, replayed.seq, replayed.get(43), replayed.get(11)) == ("AB", 2, "Y", spread.get(11))
    # The denied order was answered when it was new; its replay is judged again, and becomes a gap fill.
    assert (denied.type, denied.seq, denied.get(43), denied.get(36)) == (SEQUENCE_RESET, 3, "Y", "4")
    replay = await rig.event(client.comp_id, msg_type="D", poss_dup=True)
    assert (replay["verdict"], replay["msg_seq_num"]) == ("deny", order.seq)
    assert len(client.of_type("j")) == 1
    await rig.assert_whole(client)


async def test_a_reject_that_is_lost_with_the_connection(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    session = rig.session(client)
    client.pause()
    order = client.stock_order()
    await session.wait_for(lambda message: message.seq == order.seq and message.type == "1")
    await hang_up(rig, client)
    assert client.of_type("j") == []

    # The client asks for what it missed; the venue fills the gap over its Heartbeat.
    await log_on_again(rig, client, *TRADER)
    await rig.assert_whole(client)
    await client.reject_of(client.stock_order())
    spread = client.spread()
    assert (await rig.at_venue(spread, client)).raw == spread.raw
    await rig.assert_whole(client)
    assert "D" not in [message.type for message in session.received]


async def test_messages_that_are_lost_with_the_connection(rig: Rig) -> None:
    """The client wrote them into the void: the venue asks for them after the reconnect, and they are judged then."""
    client = await rig.log_on(*TRADER)
    await hang_up(rig, client)
    spread, order = client.spread(), client.stock_order()

    await log_on_again(rig, client, *TRADER)
    session = rig.session(client)
    replayed = await session.wait_for(lambda message: message.seq == spread.seq)
    assert (replayed.type, replayed.get(43), replayed.get(11)) == ("AB", "Y", spread.get(11))
    denied = await session.wait_for(lambda message: message.seq == order.seq)
    assert (denied.type, denied.get(43)) == ("1", "Y")
    # Nobody had told the client of this denial.
    assert (await client.reject_of(order)).get(379) == order.get(11)
    await rig.assert_whole(client)
    assert "D" not in [message.type for message in session.received]


async def test_a_logon_that_resets(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    await client.reject_of(client.stock_order())
    await hang_up(rig, client)
    seen = len(client.received)

    await client.connect("127.0.0.1", rig.stack.port)
    client.log_on(rig.token(client.comp_id, *TRADER))
    answer = await client.wait_for_type("A", after=seen)
    assert answer.seq == 1
    await client.wait_until(lambda: client.next_in == 2)
    reject = client.stock_order()
    await client.wait_for(lambda m: m.type == "j" and m.get(45) == str(reject.seq), after=seen)
    await rig.assert_whole(client)
