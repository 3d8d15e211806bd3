"""A hub's rules through the gateway: by the firm that it sends for, and a closed way back; by cached decisions too."""

from __future__ import annotations

from pathlib import Path

import pytest

from authzsvc.demo.stack import Stack
from authzsvc.demo.wire import Message
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Cache
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.operators import Desk
from tests.e2e.rig import Client, Rig

MAPPING = """\
version: 2
name: hub
fix: FIX.4.4
session:
  identity: {SenderCompID: fix_comp_id}
  outbound: closed
  passes: [OrderCancelReject, BusinessMessageReject]
  risk_reducing: [OrderCancelRequest]
scopes:
  order:create:
    grants: [{message: NewOrderSingle}, {message: OrderCancelRequest}]
  trade:view:
    grants: [{message: ExecutionReport, direction: outbound, when: {Account: {claim: accounts}}}]
forbid:
  - {name: suspended, message: NewOrderSingle, when: {OnBehalfOfCompID: {equals: EVIL, default: none}}}
  - {name: resent, message: NewOrderSingle, when: {PossResend: {equals: Y, default: N}}}
"""


@pytest.fixture(scope="module", params=[False, True], ids=["asked", "cached"])
def stack(start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Stack:
    mapping: Path = tmp_path_factory.mktemp("hub") / "mapping.yaml"
    mapping.write_text(MAPPING)
    settings = FilterSettings(check=PATIENT, cache=Cache(enabled=request.param))
    store = mapping.with_name("sessions.db")
    service_settings = {"decisions": {"max_age_s": 600}, "sessions": {"store": str(store)}}
    return start_stack(settings, mapping=mapping, service_settings=service_settings)


async def log_on(rig: Rig) -> Client:
    return await rig.log_on("order:create", "trade:view", claims={"accounts": ["A1"]})


async def denied(rig: Rig, client: Client, rule: str, seq: int) -> None:
    assert (await client.wait_for(lambda message: message.get(45) == str(seq))).get(380) == "6"
    event = await rig.event(client.comp_id, msg_type="D", msg_seq_num=seq)
    assert (event["verdict"], event["rule"]) == ("deny", rule)


async def test_orders_by_the_firm_that_they_are_for(rig: Rig) -> None:
    client = await log_on(rig)
    for number in range(3):  # the second and the third by a cached decision, where there are any
        for firm in ("ONE", "TWO"):
            order = client.send("D", [(115, firm), (11, f"{firm}-{number}"), (55, "ACME")])
            assert (await rig.at_venue(order, client)).raw == order.raw
        refused = client.send("D", [(115, "EVIL"), (11, f"E-{number}"), (55, "ACME")])
        await denied(rig, client, "suspended", refused.seq)
    await rig.assert_whole(client)


@pytest.mark.parametrize("mode", ["kill", "cancel-only"])
async def test_a_firm_is_stopped_and_the_hub_trades_on(rig: Rig, mode: str) -> None:
    client, desk = await log_on(rig), Desk(rig.stack)

    async def assert_passes(msg_type: str, firm: str, name: str) -> None:
        message = client.send(msg_type, [(115, firm), (11, name), (41, "o"), (55, "ACME")])
        assert (await rig.at_venue(message, client)).raw == message.raw

    for number in range(2):  # the second by a cached decision, where there are any
        for firm in ("ONE", "TWO"):
            await assert_passes("D", firm, f"{firm}-{number}")
    done = await desk.kill("--on-behalf-of", "ONE", "--mode", mode, reason="margin call")
    stopped = client.send("D", [(115, "ONE"), (11, "stopped"), (55, "ACME")])
    assert (await client.reject_of(stopped)).get(58).endswith(": margin call")
    cancel = client.send("F", [(115, "ONE"), (11, "cancel"), (41, "o"), (55, "ACME")])
    if mode == "kill":
        assert (await client.reject_of(cancel)).get(58) == "nothing is allowed on behalf of this firm: margin call"
    else:
        assert (await rig.at_venue(cancel, client)).raw == cancel.raw
    await assert_passes("D", "TWO", "TWO-after")
    await desk.restore(*done["ids"])
    await assert_passes("D", "ONE", "ONE-after")
    await rig.assert_whole(client)


async def test_an_order_that_may_be_a_second_one(rig: Rig) -> None:
    client = await log_on(rig)
    for number in range(2):
        order = client.send("D", [(97, "N"), (11, f"a-{number}"), (55, "ACME")])
        assert (await rig.at_venue(order, client)).raw == order.raw
        resent = client.send("D", [(97, "Y"), (11, f"b-{number}"), (55, "ACME")])
        await denied(rig, client, "resent", resent.seq)
    await rig.assert_whole(client)


async def received(client: Client, seq: int) -> Message:
    return await client.wait_for(lambda message: message.seq == seq)


async def test_what_no_scope_grants_is_withheld_whatever_its_type(rig: Rig) -> None:
    client = await log_on(rig)
    venue = rig.session(client)
    for _ in range(2):
        for msg_type, body in (("9", [(37, "x"), (11, "a")]), ("8", [(37, "x"), (1, "A1")])):
            sent = venue.send(msg_type, body)
            assert (await received(client, sent.seq)).raw == sent.raw
        for msg_type, body in (("XVEN", [(58, "x")]), ("8", [(37, "x"), (1, "B1")]), ("W", [(55, "ACME"), (268, "0")])):
            sent = venue.send(msg_type, body)
            filled = await received(client, sent.seq)
            assert (filled.type, filled.get(123)) == ("4", "Y")
    await rig.assert_whole(client)
