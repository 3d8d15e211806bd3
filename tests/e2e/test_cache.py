"""Decisions that the filter keeps: warm sessions ask nothing, and what changes reaches them all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from authzsvc.demo.peer import Pairs
from authzsvc.demo.stack import Stack
from authzsvc.demo.venue import Venue
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Accounting, Cache, Check
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.operators import Desk
from tests.e2e.rig import Client, Rig, eventually, service_restored

MAPPING = """\
version: 1
name: changing
fix: FIX.5.0SP2
session:
  identity: {SenderCompID: fix_comp_id}
scopes:
  order:create:option_multileg:
    grants:
      - message: NewOrderMultileg
  order:create:equity:
    grants:
      - message: NewOrderSingle
        when: {SecurityType: %s}
"""
WIDE, NARROW = MAPPING % "CommonStock", MAPPING % "Future"
SCOPES = ("order:create:option_multileg", "order:create:equity")
MAX_AGE_S = 3
BURST = 2_000


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mapping of the module's own."""
    path = tmp_path_factory.mktemp("mapping") / "mapping.yaml"
    path.write_text(WIDE)
    return path


def settings(check: Check = PATIENT) -> FilterSettings:
    return FilterSettings(check=check, cache=Cache(), accounting=Accounting(interval_ms=200))


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, mapping: Path) -> Stack:
    """A stack whose filter keeps decisions for long."""
    return start_stack(settings(), mapping=mapping, service_settings={"decisions": {"max_age_s": 600}})


@pytest.fixture(scope="module")
def brief_stack(start_stack: StartStack, mapping: Path) -> Stack:
    """One whose decisions are soon old, and whose service may go."""
    check = Check(timeout_ms=400, logon_timeout_ms=5_000)
    decisions = {"max_age_s": MAX_AGE_S}
    return start_stack(settings(check), mapping=mapping, service_settings={"decisions": decisions})


@pytest.fixture(scope="module")
def lenient_stack(start_stack: StartStack, mapping: Path) -> Stack:
    """As that one, but old decisions may stand in."""
    check = Check(timeout_ms=400, logon_timeout_ms=5_000)
    decisions = {"max_age_s": 1, "stale_if_error_s": MAX_AGE_S}
    return start_stack(settings(check), mapping=mapping, service_settings={"decisions": decisions})


@pytest_asyncio.fixture(loop_scope="session")
async def brief(brief_stack: Stack, venue: Venue) -> AsyncIterator[Rig]:
    """The rig of that one."""
    async with service_restored(brief_stack, venue) as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="session")
async def lenient(lenient_stack: Stack, venue: Venue) -> AsyncIterator[Rig]:
    """The rig of that one."""
    rig = Rig(lenient_stack, venue)
    yield rig
    await rig.release()


async def assert_passes(rig: Rig, client: Client) -> None:
    sent = client.stock_order()
    assert (await rig.at_venue(sent, client)).raw == sent.raw


def order(number: int, security_type: str) -> Pairs:
    """The body of a NewOrderSingle."""
    return ((11, f"o{number}"), (55, "ACME"), (167, security_type), (54, 1), (38, number + 1), (40, 1))


async def warm(rig: Rig, *scopes: str) -> Client:
    """A client with a kept decision about its orders."""
    client = await rig.log_on(*(scopes or SCOPES))
    await assert_passes(rig, client)
    return client


async def test_a_warm_session_asks_nothing_and_every_byte_arrives(rig: Rig) -> None:
    client = await warm(rig)
    checks, hits = rig.stat("checks"), rig.stat("cache_hits")
    orders = client.burst([("D", order(n, "CS")) for n in range(BURST)])
    await rig.at_venue(orders[-1], client)
    received = {message.seq: message.raw for message in rig.session(client).received}
    assert [received[order.seq] for order in orders] == [order.raw for order in orders]
    assert (rig.stat("checks"), rig.stat("cache_hits")) == (checks, hits + BURST)
    await rig.assert_whole(client)
    await rig.event(client.comp_id, event="message")
    assert len([event for event in rig.events(client.comp_id) if event["event"] == "message"]) == 1


async def test_what_is_denied_is_asked_about_each_time(rig: Rig) -> None:
    client = await warm(rig)
    for _ in range(3):
        denied = client.send("D", order(0, "FUT"))
        assert (await client.reject_of(denied)).get(58) == "Insufficient permissions"
        await assert_passes(rig, client)
    await eventually(
        lambda: len([event for event in rig.events(client.comp_id) if event["verdict"] == "deny"]) == 3,
        "three denials in the audit",
    )
    await rig.assert_whole(client)


async def test_a_kill_reaches_a_warm_session(rig: Rig) -> None:
    client, other = await warm(rig), await warm(rig)
    desk = Desk(rig.stack)
    await desk.kill("--comp-id", client.comp_id)
    last = client.stock_order()
    assert (await client.wait_for_type("5")).get(58) == "runaway orders"
    await client.closed()
    assert [(message.type, message.seq) for message in rig.session(client).received[-1:]] == [("5", last.seq)]
    await assert_passes(rig, other)
    await desk.restore("--comp-id", client.comp_id)


async def test_cancel_only_reaches_a_warm_session(rig: Rig) -> None:
    client = await warm(rig)
    desk, changes = Desk(rig.stack), rig.stat("watch_changes")
    await desk.kill("--comp-id", client.comp_id, "--mode", "cancel-only")
    await eventually(lambda: rig.stat("watch_changes") > changes, "the change at the filter")
    await client.reject_of(client.stock_order())
    changes = rig.stat("watch_changes")
    await desk.restore("--comp-id", client.comp_id)
    await eventually(lambda: rig.stat("watch_changes") > changes, "the change at the filter")
    await assert_passes(rig, client)
    await rig.assert_whole(client)


async def test_a_new_mapping_reaches_a_warm_session(rig: Rig, mapping: Path) -> None:
    client = await warm(rig)
    drops = rig.stat("cache_drops")
    mapping.write_text(NARROW)
    await eventually(lambda: rig.stat("cache_drops") > drops, "the change at the filter", 30)
    await client.reject_of(client.stock_order())
    changes = rig.stat("watch_changes")
    mapping.write_text(WIDE)
    await eventually(lambda: rig.stat("watch_changes") > changes, "the change at the filter", 30)
    await assert_passes(rig, client)
    await rig.assert_whole(client)


async def test_a_decision_in_use_is_asked_about_ahead_of_its_end(brief: Rig) -> None:
    client = await warm(brief)
    misses, refreshes = brief.stat("cache_misses"), brief.stat("cache_refreshes")

    async def refreshed() -> bool:
        await assert_passes(brief, client)
        await asyncio.sleep(0.05)
        return brief.stat("cache_refreshes") >= refreshes + 2

    for _ in range(400):
        if await refreshed():
            break
    else:
        raise AssertionError("two lives have passed without a refresh")
    assert brief.stat("cache_misses") == misses
    await brief.assert_whole(client)


async def test_without_the_service_warm_messages_go_on_until_they_are_too_old(brief: Rig) -> None:
    client = await warm(brief)
    assert brief.stack.service is not None
    brief.stack.service.kill()
    failed = brief.stat("checks_failed")
    await assert_passes(brief, client)
    assert brief.stat("checks_failed") == failed
    await asyncio.sleep(MAX_AGE_S)
    reject = await client.reject_of(client.stock_order())
    assert reject.get(380) == "4"
    brief.stack.start_service()

    async def passes() -> bool:
        sent = client.stock_order()
        return (await brief.at_venue(sent, client)).raw == sent.raw

    for _ in range(50):
        if await passes():
            break
    else:
        raise AssertionError("orders are still denied")
    await brief.assert_whole(client)


async def test_an_old_decision_stands_in_where_that_is_granted(lenient: Rig) -> None:
    client = await warm(lenient)
    assert lenient.stack.service is not None
    lenient.stack.service.kill()
    await asyncio.sleep(1.1)
    stale = lenient.stat("cache_stale")
    await assert_passes(lenient, client)
    assert lenient.stat("cache_stale") == stale + 1
    # What nobody has allowed before is denied.
    unknown = client.send("D", order(0, "OPT"))
    assert (await client.reject_of(unknown)).get(380) == "4"
    await asyncio.sleep(MAX_AGE_S)
    assert (await client.reject_of(client.stock_order())).get(380) == "4"
    await lenient.assert_whole(client)


async def test_every_message_is_in_a_check_or_in_an_account(rig: Rig) -> None:
    """What the service has counted, and what it has denied, is what was sent: exactly."""
    client = await rig.log_on(*SCOPES)
    kinds = ["CS", "CS", "CS", "FUT", "CS"]
    sent = client.burst([("D", order(n, kinds[n % len(kinds)])) for n in range(BURST)])
    await rig.at_venue(sent[-1], client)
    await rig.assert_whole(client)
    passed = len([message for message in rig.session(client).received if message.type == "D"])
    denied = BURST // len(kinds)
    assert passed == BURST - denied
    await client.disconnect()

    def counted() -> tuple[int, int, int]:
        mine = rig.events(client.comp_id)
        messages = [event["verdict"] for event in mine if event["event"] == "message"]
        totals: dict[str, int] = {}
        for event in mine:
            for count in event.get("traffic", {}).get("counts", []):
                assert (count["direction"], count["msg_type"]) == ("inbound", "D")
                assert count["scope"] == "order:create:equity"
                totals["D"] = max(totals.get("D", 0), int(count["total"]))
        return messages.count("allow"), totals.get("D", 0), messages.count("deny")

    def settled() -> bool:
        asked, kept, refused = counted()
        return asked + kept == passed and refused == denied

    await eventually(settled, "accounts that add up")
    asked, kept, _ = counted()
    assert asked < passed
    assert kept > 0
