"""What the filter did alone is reported: although its connection closes at once, and although the service is stalled,
gone, or comes back only while Envoy ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import pytest_asyncio

from authzsvc.demo.stack import Stack
from authzsvc.demo.venue import Venue
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Check, Secrets
from tests.e2e.conftest import StartStack
from tests.e2e.rig import TRADER, Client, Rig, eventually, service_restored

TIMEOUT_MS = 500
SETTINGS = FilterSettings(
    check=Check(timeout_ms=TIMEOUT_MS, logon_timeout_ms=TIMEOUT_MS), secrets=Secrets(in_logon="refuse")
)
VIOLATION = "violation: the message does not begin with a known BeginString (8)"


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Stack:
    """A stack whose service comes and goes."""
    return start_stack(SETTINGS)


@pytest_asyncio.fixture(loop_scope="session")
async def rig(stack: Stack, venue: Venue) -> AsyncIterator[Rig]:
    """The rig, its service in order before and after."""
    async with service_restored(stack, venue) as rig:
        yield rig


@contextmanager
def stalled(stack: Stack) -> Iterator[None]:
    """The service takes nothing in."""
    service = stack.service
    assert service is not None
    service.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        service.signal(signal.SIGCONT)


async def refused(rig: Rig) -> Client:
    """A client whose Logon is refused without the service, and which is gone at once."""
    client = await rig.connect()
    client.logon(((554, rig.token(client.comp_id, *TRADER)), (925, "another")), reset=True)
    assert (await client.wait_for_type("5")).get(58) == "Logon holds another credential"
    await client.disconnect()
    return client


async def violated(rig: Rig) -> str:
    """The address of a connection that is closed for its first bytes."""
    line = await rig.line()
    line.send(b"GET / HTTP/1.1\r\n\r\n")
    await line.read_to_end()
    await line.close()
    return line.address


async def denied(rig: Rig, client: Client, orders: int = 1) -> None:
    """Orders that are denied because no answer is to be had."""
    sent = [client.spread() for _ in range(orders)]
    assert {(await client.reject_of(order)).get(380) for order in sent} == {"4"}


async def report(rig: Rig, who: str, reason: str) -> dict[str, Any]:
    """The one report about a client with a reason that begins so."""

    def find() -> list[dict[str, Any]]:
        return [e for e in rig.events(who) if e["event"] == "report" and e["reason"].startswith(reason)]

    await eventually(find, f"a report `{reason}`; there are {rig.events(who)}", 20)
    await eventually(lambda: rig.stat("reports_waiting") == 0, "no report to wait")
    (one,) = find()
    return one


async def test_a_report_of_a_client_that_is_gone_while_the_service_is_stalled(rig: Rig) -> None:
    with stalled(rig.stack):
        client, address = await refused(rig), await violated(rig)
        await eventually(lambda: rig.stat("connections_active") == 0, "the connections to close")
        assert rig.stat("reports_waiting") >= 2
    event = await report(rig, client.comp_id, "secret: a Logon with a second credential was refused")
    assert event["session"]["client_id"] != ""
    await report(rig, address, VIOLATION)


async def test_a_report_of_a_client_that_is_gone_while_the_service_is_gone(rig: Rig) -> None:
    assert rig.stack.service is not None
    rig.stack.service.kill()
    client, address = await refused(rig), await violated(rig)
    await eventually(lambda: rig.stat("connections_active") == 0, "the connections to close")
    await asyncio.sleep(2)
    assert rig.stat("reports_waiting") >= 2
    failed = rig.stat("reports_failed")
    assert failed <= 12, "retries back off"
    rig.stack.start_service()
    await report(rig, client.comp_id, "secret: a Logon with a second credential was refused")
    await report(rig, address, VIOLATION)


async def test_many_reports_at_once_are_all_recorded(rig: Rig) -> None:
    addresses = await asyncio.gather(*(violated(rig) for _ in range(100)))
    await eventually(lambda: rig.stat("reports_waiting") == 0, "no report to wait")
    for address in addresses:
        await report(rig, address, VIOLATION)


async def test_denials_of_a_stall_are_reported_without_a_word_of_the_session(rig: Rig) -> None:
    silent, gone = await rig.log_on(*TRADER), await rig.log_on(*TRADER)
    with stalled(rig.stack):
        await denied(rig, silent, 3)
        await denied(rig, gone, 2)
        await gone.disconnect()
    for client, count in ((silent, 3), (gone, 2)):
        event = await report(rig, client.comp_id, f"unavailable: {count} messages denied")
        assert "unproven" not in event


async def test_denials_of_an_outage_are_reported_by_the_next_service(rig: Rig) -> None:
    silent, gone = await rig.log_on(*TRADER), await rig.log_on(*TRADER)
    assert rig.stack.service is not None
    rig.stack.service.kill()
    await denied(rig, silent, 3)
    await denied(rig, gone, 2)
    await gone.disconnect()
    rig.stack.start_service()
    for client, count in ((silent, 3), (gone, 2)):
        event = await report(rig, client.comp_id, f"unavailable: {count} messages denied")
        assert "unproven" not in event


async def test_a_logon_that_nobody_could_decide_is_reported(rig: Rig) -> None:
    with stalled(rig.stack):
        client = await rig.connect()
        client.log_on(rig.token(client.comp_id, *TRADER))
        assert (await client.wait_for_type("5")).get(58) == "Authorization service not available"
    await report(rig, client.comp_id, "unavailable: 1 messages denied")


async def test_the_token_may_have_expired_meanwhile(rig: Rig) -> None:
    client = await rig.log_on(*TRADER, ttl_s=3)
    with stalled(rig.stack):
        await denied(rig, client)
        await client.disconnect()
        await asyncio.sleep(4)
    event = await report(rig, client.comp_id, "unavailable: 1 messages denied")
    assert "unproven" not in event
    assert event["session"]["client_id"] != ""


async def test_envoy_waits_for_the_last_reports_when_it_ends(start_stack: StartStack, venue: Venue) -> None:
    stack = start_stack(SETTINGS)
    rig = Rig(stack, venue)
    envoy = stack.envoy
    assert envoy is not None
    with stalled(stack):
        client = await refused(rig)
        envoy.signal(signal.SIGTERM)
        await asyncio.sleep(3)
        assert envoy.running
    await eventually(lambda: not envoy.running, "Envoy to end")
    reason = "secret: a Logon with a second credential was refused"
    await rig.event(client.comp_id, event="report", reason=reason)
    await rig.release()
