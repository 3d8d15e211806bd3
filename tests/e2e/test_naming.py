"""The service is asked about each message with another id than the Logon, whatever the message's type."""

from __future__ import annotations

from pathlib import Path

import pytest

from authzsvc.demo.stack import Stack
from tests.e2e.conftest import StartStack
from tests.e2e.rig import Client, Rig

MAPPING = """\
version: 1
name: naming
fix: FIX.4.4
session:
  identity: {SenderCompID: fix_comp_id, SenderSubID: desks, OnBehalfOfCompID: firms}
  exempt: [News]
scopes:
  order:create:equity:
    grants: [{message: NewOrderSingle}]
"""
CLAIMS = {"desks": ["desk-1"], "firms": ["FUND"]}
NEWS = [(148, "hello"), (33, 1), (58, "x")]


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A gateway whose mapping binds more than the CompID."""
    mapping: Path = tmp_path_factory.mktemp("naming") / "mapping.yaml"
    mapping.write_text(MAPPING)
    return start_stack(mapping=mapping)


async def log_on(rig: Rig) -> Client:
    return await rig.log_on("order:create:equity", claims=CLAIMS)


async def test_an_exempt_message_on_behalf_of_another_firm(rig: Rig) -> None:
    client = await log_on(rig)
    plain = client.send("B", NEWS)
    assert (await rig.at_venue(plain, client)).raw == plain.raw
    ours = client.send("B", [(115, "FUND"), *NEWS])
    assert (await rig.at_venue(ours, client)).raw == ours.raw
    assert (await rig.event(client.comp_id, msg_type="B", msg_seq_num=ours.seq))["verdict"] == "allow"

    others = client.send("B", [(115, "OTHERFIRM"), *NEWS])
    assert (await client.wait_for_type("5")).get(58) == "OnBehalfOfCompID is not the token's"
    logout = await rig.at_venue(others, client)
    assert (logout.type, logout.get(115)) == ("5", "")
    event = await rig.event(client.comp_id, msg_type="B", msg_seq_num=others.seq)
    assert (event["verdict"], event["reason"]) == (
        "deny",
        "the client's OnBehalfOfCompID `OTHERFIRM` is not in claim `firms`",
    )


async def test_an_engine_keeps_its_session_whose_heartbeats_have_a_sub_id(rig: Rig) -> None:
    client = await log_on(rig)
    for _ in range(3):
        heartbeat = client.send("0", [(50, "desk-1"), (57, "matching")])
        assert (await rig.at_venue(heartbeat, client)).raw == heartbeat.raw
    order = client.send("D", [(11, "x"), (55, "ACME")])
    assert (await rig.at_venue(order, client)).raw == order.raw
    await rig.assert_whole(client)


async def test_a_heartbeat_of_another_desk_ends_the_session_in_sequence(rig: Rig) -> None:
    client = await log_on(rig)
    heartbeat = client.send("0", [(50, "desk-2")])
    assert (await client.wait_for_type("5")).get(58) == "SenderSubID is not the token's"
    logout = await rig.at_venue(heartbeat, client)
    assert (logout.type, logout.get(50)) == ("5", "")
    assert rig.session(client).faults == []


async def test_a_message_of_the_venues_to_another_desk_is_withheld(rig: Rig) -> None:
    client = await log_on(rig)
    ours = rig.session(client).send("B", [(57, "desk-1"), *NEWS])
    await client.wait_for(lambda message: message.seq == ours.seq and message.raw == ours.raw)
    others = rig.session(client).send("B", [(57, "desk-2"), *NEWS])
    filled = await client.wait_for(lambda message: message.seq == others.seq)
    assert (filled.type, filled.get(123), filled.get(57)) == ("4", "Y", "")
    await rig.assert_whole(client)
