"""Allowed messages pass byte for byte, except the Logon, whose secrets are cut; the token appears nowhere else."""

from __future__ import annotations

import pytest

from authzsvc.demo.wire import Message
from tests.e2e.forge import without_field
from tests.e2e.rig import TRADER, Client, Rig

ODD_BODIES: dict[str, list[tuple[int, object]]] = {
    "bytes that are no UTF-8": [(11, "odd"), (58, b"caf\xe9 \xff\xfe")],
    "tags that nobody knows": [(11, "odd"), (99_999, "x"), (999_999, "y")],
    "a repeated body tag": [(11, "odd"), (555, 2), (600, "A"), (600, "B")],
    "values with an equals sign": [(11, "odd"), (58, "8=FIX.4.4 9=5 10=000 a=b==c")],
    "a data field": [(11, "odd"), (354, 8), (355, b"a\x02=b \xe9==")],
    "spaces around values": [(11, " odd "), (58, "  ")],
    "numbers not as we would write them": [(11, "odd"), (44, "0010.00"), (99, "-0")],
}


@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES.keys())
async def test_an_allowed_message_is_not_altered(rig: Rig, body: list[tuple[int, object]]) -> None:
    client = await rig.log_on(*TRADER)
    order = client.send("AB", body)
    assert (await rig.at_venue(order, client)).raw == order.raw


async def test_an_answer_of_the_venue_is_not_altered(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    client.spread()
    client.subscribe()
    await client.wait_for_type("W")
    sent = rig.session(client).sent
    assert [message.raw for message in client.received] == [sent[message.seq].raw for message in client.received]


async def test_the_logon_differs_by_the_token_alone(rig: Rig) -> None:
    client = await rig.connect()
    token = rig.token(client.comp_id, *TRADER)
    client.logon(((554, token), (553, client.comp_id), (58, "hello"), (9_001, "x")), reset=True)
    await client.wait_for_type("A")
    received = rig.session(client).received[0]
    assert received.raw == without_field(client.sent[1].raw, 554)
    assert (received.get(553), received.get(58), received.get(9_001)) == (client.comp_id, "hello", "x")


async def test_the_token_is_nowhere(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    token = client.sent[1].get(554)
    spread = client.spread()
    await client.reject_of(client.stock_order())
    client.cancel(spread)
    await rig.event(client.comp_id, msg_type="F")

    written = (rig.stack.audit, rig.stack.service_log, rig.stack.envoy_log)
    texts = {file.name: file.read_bytes() for file in written} | {"the venue": _all_bytes(rig.session(client).received)}
    for part in (token, *token.split(".")):
        assert [name for name, text in texts.items() if part.encode() in text] == []


async def test_the_token_of_a_refused_logon_is_nowhere(rig: Rig) -> None:
    client: Client = await rig.connect()
    token = rig.token(client.comp_id, ttl_s=-5)
    client.logon(((554, token),), reset=True)
    logout = await client.wait_for_type("5")
    await rig.event(client.comp_id, verdict="deny")

    assert token not in str(logout)
    for file in (rig.stack.audit, rig.stack.service_log, rig.stack.envoy_log):
        assert token.rsplit(".", 1)[-1] not in file.read_text()


def _all_bytes(messages: list[Message]) -> bytes:
    return b"".join(message.raw for message in messages)
