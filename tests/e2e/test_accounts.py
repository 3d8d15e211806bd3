"""What went on without a Check is told by Envoy's access log: at intervals, and to the last message at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from authzsvc.contract.session_name import public_name
from authzsvc.demo.stack import Stack
from authzsvc.demo.venue import Venue
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Accounting, Cache
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.operators import Desk
from tests.e2e.recorder import Recorder, recording
from tests.e2e.rig import TRADER, Client, Rig, eventually

INTERVAL_MS = 300
LONG_MS = 600_000
SPREADS = "inbound:AB:order:create:option_multileg"
REPORTS = "outbound:8:trade:view:own"


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """Accounts at short intervals, to a recorder."""
    settings = FilterSettings(check=PATIENT, cache=Cache(), accounting=Accounting(interval_ms=INTERVAL_MS))
    return start_stack(settings, checks_to=tmp_path_factory.mktemp("r") / "recorder.sock")


@pytest.fixture(scope="module")
def slow_stack(start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """Accounts at the end alone."""
    settings = FilterSettings(check=PATIENT, cache=Cache(), accounting=Accounting(interval_ms=LONG_MS))
    return start_stack(settings, checks_to=tmp_path_factory.mktemp("r") / "recorder.sock")


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def recorder(stack: Stack) -> AsyncIterator[Recorder]:
    """Between Envoy and the service."""
    async with recording(stack) as each:
        yield each


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def slow_recorder(slow_stack: Stack) -> AsyncIterator[Recorder]:
    """The same for the other stack."""
    async with recording(slow_stack) as each:
        yield each


async def trade(rig: Rig, number: int) -> Client:
    """A client, and so many spreads that went on, their reports too; one of each was asked about."""
    client = await rig.log_on(*TRADER)
    for nth in range(number):
        order = client.spread()
        assert (await rig.at_venue(order, client)).raw == order.raw
        await client.wait_until(lambda nth=nth: len(client.of_type("8")) == nth + 1)  # type: ignore[misc]
    return client


async def last_word(recorder: Recorder, client: Client) -> dict[str, Any]:
    """What was told when the connection had ended."""

    def ended() -> list[dict[str, Any]]:
        return [facts for last, facts in recorder.accounts(client.comp_id) if last]

    (facts,) = await eventually(ended, "the end of the accounts")
    return facts


async def test_at_intervals_and_at_the_end(rig: Rig, recorder: Recorder) -> None:
    client = await trade(rig, 4)

    def told() -> dict[str, Any] | None:
        accounts = [facts for last, facts in recorder.accounts(client.comp_id) if not last]
        return accounts[-1] if accounts and accounts[-1].get(REPORTS) == 3 else None

    facts = await eventually(told, "accounts while the session lives")
    logon = recorder.of("logon", "A")
    assert logon is not None
    names = {"begin_string": "FIX.4.4", "sender": client.comp_id, "target": "VENUE"}
    secret = logon[0].attributes.request.http.headers["x-fix-session"]
    session = public_name(secret)
    proofs = [entry.common_properties.metadata.filter_metadata["fix_authz.proof"] for entry in recorder.entries]
    assert {"session": secret} in [dict(proof.items()) for proof in proofs]
    assert facts == {"session": session, **names, SPREADS: 3, REPORTS: 3}
    client.spread()
    await client.wait_until(lambda: len(client.of_type("8")) == 5)
    await client.disconnect()
    assert await last_word(recorder, client) == {**facts, SPREADS: 4, REPORTS: 4}


@pytest.mark.parametrize("how", ["disconnect", "logout", "killed", "violation"])
async def test_the_last_message_is_accounted_for_however_it_ends(
    slow_stack: Stack,
    slow_recorder: Recorder,
    venue: Venue,
    how: str,
) -> None:
    rig = Rig(slow_stack, venue)
    client = await trade(rig, 3)
    if how == "disconnect":
        await client.disconnect()
    elif how == "logout":
        client.logout()
        await client.closed()
    elif how == "killed":
        desk = Desk(slow_stack)
        await desk.kill("--comp-id", client.comp_id)
        client.send("0")
        await client.closed()
        await desk.restore("--comp-id", client.comp_id)
    else:
        client.write(client.draft().with_header(34, "0"))
        await client.closed()
    facts = await last_word(slow_recorder, client)
    assert (facts[SPREADS], facts[REPORTS]) == (2, 2)
    await rig.release()
