"""The desk says stop: whom it hits, what they are told, what else goes on, and that nothing undoes it but `restore`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from authzsvc.demo.peer import HEARTBEAT
from authzsvc.demo.stack import Stack
from tests.e2e.conftest import StartStack
from tests.e2e.operators import Desk, command
from tests.e2e.rig import TRADER, Client, Rig, eventually

REASON = "runaway orders"
SUSPENDED = "logons are suspended"
FIXT = "FIXT.1.1"


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack that remembers what operators did."""
    store = tmp_path_factory.mktemp("store") / "sessions.db"
    return start_stack(service_settings={"sessions": {"store": str(store)}})


@pytest_asyncio.fixture(loop_scope="session")
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """An operator; what a test has put in force is lifted behind it."""
    desk = Desk(stack)
    yield desk
    await command("session", "restore", "--everything", "--yes", "--admin", f"unix:{stack.admin_socket}")


async def watched(rig: Rig, *clients: Client) -> None:
    """Wait until the filter watches: what comes now reaches these sessions in one hop."""
    for client in clients:
        message = client.spread()
        assert (await rig.at_venue(message, client)).type == "AB"


async def assert_logged_out(rig: Rig, client: Client, text: str) -> None:
    """The client's next message is the Logout, and both sides know how they stand."""
    last = client.send(HEARTBEAT)
    logout = await client.wait_for_type("5")
    await client.closed()
    assert logout.get(58) == text
    session = rig.session(client)
    await session.closed()
    assert [(message.type, message.seq) for message in session.received[-1:]] == [("5", last.seq)]
    assert (client.faults, session.faults) == ([], [])


async def assert_trades(rig: Rig, client: Client) -> None:
    order = client.spread()
    assert (await rig.at_venue(order, client)).raw == order.raw
    await rig.assert_whole(client)


async def assert_refused(rig: Rig, client: Client, text: str, **options: Any) -> None:  # noqa: ANN401 (those of `mint`)
    """A Logon of that client's is refused; by another engine, as this one's numbers are those of a session."""
    logon = await rig.connect(client.comp_id)
    logon.log_on(rig.token(client.comp_id, *TRADER, **options))
    assert (await logon.wait_for(lambda message: message.type in {"A", "5"})).get(58) == text
    await logon.closed()


async def assert_comes_back(rig: Rig, client: Client, **options: Any) -> None:  # noqa: ANN401
    """Its next Logon goes on with the numbers of before."""
    assert (await rig.log_on_again(client, *TRADER, **options)).type == "A"
    await assert_trades(rig, client)


@pytest.mark.parametrize("by", ["comp-id", "client", "subject", "role", "all"])
async def test_a_kill_hits_whom_it_means(rig: Rig, desk: Desk, by: str) -> None:
    hit = await rig.log_on(*TRADER, "role:desk-7", client_id="algo-x")
    other = await rig.log_on(*TRADER, "role:desk-8", client_id="algo-y")
    await watched(rig, hit, other)
    value = {"comp-id": hit.comp_id, "client": "algo-x", "subject": hit.comp_id.lower(), "role": "desk-7"}
    options = ["--all", "--yes"] if by == "all" else [f"--{by}", value[by]]

    done = await desk.kill(*options)
    await assert_logged_out(rig, hit, REASON)
    if by == "all":
        await assert_logged_out(rig, other, REASON)
        await assert_refused(rig, other, SUSPENDED)
    else:
        await assert_trades(rig, other)
    same = {"client_id": "algo-x", "claims": {"scope": " ".join((*TRADER, "role:desk-7"))}}
    await assert_refused(rig, hit, SUSPENDED, **same)

    await desk.restore(*done["ids"])
    await assert_comes_back(rig, hit, **same)


async def test_cancel_only(rig: Rig, desk: Desk) -> None:
    client = await rig.log_on(*TRADER)
    poor = await rig.log_on("order:create:option_multileg")
    await watched(rig, client, poor)
    done = await desk.kill("--all", "--yes", "--mode", "cancel-only", reason="get flat")
    order = client.spread()
    assert (await client.reject_of(order)).get(58) == "only risk-reducing messages are allowed: get flat"
    assert (await client.reject_of(client.replace(order))).get(58).startswith("only risk-reducing")
    cancel = client.cancel(order)
    assert (await rig.at_venue(cancel, client)).raw == cancel.raw
    assert (await poor.reject_of(poor.cancel(order))).get(58) == "Insufficient permissions"
    await client.wait_until(lambda: [report.get(150) for report in client.of_type("8")] == ["0", "4"])

    newcomer = await rig.log_on(*TRADER)
    await newcomer.reject_of(newcomer.spread())
    await desk.restore(*done["ids"])
    for each in (client, newcomer):
        await assert_trades(rig, each)
    await rig.assert_whole(poor)


async def test_a_kill_comes_before_a_cancel_only(rig: Rig, desk: Desk) -> None:
    client = await rig.log_on(*TRADER)
    await watched(rig, client)
    await desk.kill("--comp-id", client.comp_id, "--mode", "cancel-only", reason="get flat")
    await client.reject_of(client.spread())
    await desk.kill("--all", "--yes")
    await assert_logged_out(rig, client, REASON)


async def test_the_words_on_fixt(rig: Rig, desk: Desk) -> None:
    client = await rig.log_on(*TRADER, version=FIXT, more=[(1137, 9)])
    await watched(rig, client)
    await desk.kill("--comp-id", client.comp_id)
    await assert_logged_out(rig, client, REASON)
    assert client.of_type("5")[0].get(1409) == "7"
    logon = await rig.connect(client.comp_id, FIXT)
    logon.logon(((1137, 9), (554, rig.token(client.comp_id, *TRADER))), reset=True)
    await logon.closed()
    assert [(message.get(58), message.get(1409)) for message in logon.received] == [(SUSPENDED, "7")]


async def test_it_survives_everything(rig: Rig, desk: Desk) -> None:
    """The service stopped, killed; Envoy killed: only `restore` ends it."""
    client = await rig.log_on(*TRADER)
    await watched(rig, client)
    done = await desk.kill("--comp-id", client.comp_id)
    await assert_logged_out(rig, client, REASON)
    stack = rig.stack
    assert stack.service is not None
    stack.service.kill()
    stack.start_service()
    await assert_refused(rig, client, SUSPENDED)
    stack.service.stop()
    stack.start_service()
    await assert_refused(rig, client, SUSPENDED)
    assert stack.envoy is not None
    stack.envoy.kill()
    stack.start_envoy()
    await assert_refused(rig, client, SUSPENDED)
    await desk.restore(*done["ids"])
    await assert_comes_back(rig, client)


async def test_a_kill_while_the_service_comes_back(rig: Rig, desk: Desk) -> None:
    """Sessions that it has only read about are hit, too, once they watch or send."""
    client = await rig.log_on(*TRADER)
    await watched(rig, client)
    assert rig.stack.service is not None
    rig.stack.service.kill()
    rig.stack.start_service()
    await desk.kill("--subject", client.comp_id.lower())
    client.beat(0.2)
    assert (await client.wait_for_type("5", 10)).get(58) == REASON
    await client.closed()
    assert rig.session(client).received[-1].type == "5"


@pytest.mark.parametrize("by", ["jti", "subject"])
async def test_a_token_that_is_revoked(rig: Rig, desk: Desk, by: str) -> None:
    client = await rig.log_on(*TRADER, claims={"jti": f"stolen-{by}"})
    other = await rig.log_on(*TRADER)
    await watched(rig, client, other)
    await desk.revoke(*(["--jti", "stolen-jti"] if by == "jti" else ["--subject", client.comp_id.lower()]))
    await assert_logged_out(rig, client, "access token revoked")
    await assert_trades(rig, other)
    stolen = {"claims": {"jti": f"stolen-{by}", "iat": 1_000_000_000}}
    await assert_refused(rig, client, "access token revoked", **stolen)
    await asyncio.sleep(1.1)  # `iat` has whole seconds, and what was issued in the second of the revocation is refused
    await assert_comes_back(rig, client)


async def test_who_is_logged_on(rig: Rig, desk: Desk) -> None:
    client = await rig.log_on(*TRADER, client_id="algo-x")
    await watched(rig, client)
    found = (await desk.sessions())[client.comp_id]
    assert (found["client_id"], found["subject"]) == ("algo-x", client.comp_id.lower())
    assert found["target_comp_id"] == "VENUE"
    await client.disconnect()
    for _ in range(50):
        if client.comp_id not in await desk.sessions():
            return
    raise AssertionError("a session that has ended is still listed")


async def test_the_audit_names_the_operator(rig: Rig, desk: Desk) -> None:
    client = await rig.log_on(*TRADER)
    await watched(rig, client)
    done = await desk.kill("--comp-id", client.comp_id)
    await assert_logged_out(rig, client, REASON)
    event = await eventually(
        lambda: next((e for e in rig.stack.events() if e.get("admin", {}).get("targets") == done["ids"]), None),
        "the kill in the audit",
    )
    act = event["admin"]
    assert (event["event"], event["verdict"], event["reason"]) == ("admin", "allow", REASON)
    assert (act["action"], act["by"], act["value"], act["hit"]) == ("kill", "comp-id", client.comp_id, 1)
    assert act["operator"]
    ended = await rig.event(client.comp_id, event="watch", verdict="deny")
    assert done["ids"][0] in ended["reason"]
    assert act["operator"] in ended["reason"]


async def test_a_restoration_of_nothing_is_refused(stack: Stack) -> None:
    outcome = await command("session", "restore", "r-none", "--admin", f"unix:{stack.admin_socket}")
    assert outcome.code == 1
    assert outcome.errors.startswith("refused: no restriction or revocation `r-none` is in force")
    event = stack.wait_for_event(event="admin", verdict="deny")
    assert (event["severity"], event["admin"]["action"]) == ("high", "restore")
