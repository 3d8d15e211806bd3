"""Whoever can reach the decision socket and has read the logs cannot change a live session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from envoy.service.accesslog.v3 import als_pb2
from envoy.service.auth.v3.external_auth_pb2 import CheckResponse

from authzsvc.demo.stack import Stack
from tests.e2e.conftest import StartStack
from tests.e2e.operators import Desk
from tests.e2e.recorder import ACCESS_LOG, SERVICE, Recorder, recording
from tests.e2e.rig import TRADER, Client, Rig, eventually
from tests.unit.checks import Answer, check
from tests.unit.contract.test_traffic import entry


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack whose Checks the test can read, so that it knows the secret names of its sessions."""
    return start_stack(checks_to=tmp_path_factory.mktemp("r") / "recorder.sock")


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def recorder(stack: Stack) -> AsyncIterator[Recorder]:
    async with recording(stack) as recorder:
        yield recorder


@pytest_asyncio.fixture(loop_scope="session")
async def channel(stack: Stack) -> AsyncIterator[grpc.aio.Channel]:
    """A stranger's way to the service."""
    async with grpc.aio.insecure_channel(f"unix:{stack.socket}") as channel:
        yield channel


async def ask(channel: grpc.aio.Channel, request: Any) -> Answer:  # noqa: ANN401
    method: Any = channel.unary_unary(f"/{SERVICE}/Check")
    return Answer(CheckResponse.FromString(await method(request.SerializeToString())))


async def public_name(rig: Rig, client: Client) -> str:
    """The name of a client's session, as anybody reads it in the audit."""
    event = await rig.event(client.comp_id, event="logon")
    return str(event["request_id"]).rpartition("-")[0]


async def listed(stack: Stack) -> list[str]:
    return [session["sender_comp_id"] for session in await Desk(stack).ask("session", "list")]


def about(client: Client, name: str, event: str = "message", **headers: str) -> Any:  # noqa: ANN401
    """A Check without a credential that names a session."""
    return check(None, event=event, sender=client.comp_id, headers={"x-fix-session": name, **headers})


async def test_a_check_without_a_credential_takes_no_session_off_the_list(
    rig: Rig, stack: Stack, recorder: Recorder, channel: grpc.aio.Channel
) -> None:
    client = await rig.log_on(*TRADER)
    spread = client.spread()
    await rig.at_venue(spread, client)
    logon = recorder.of("logon", "A")
    assert logon is not None
    secret = logon[0].attributes.request.http.headers["x-fix-session"]
    for name in (await public_name(rig, client), secret):
        for event in ("message", "watch"):
            answer = await ask(channel, about(client, name, event))
            assert not answer.allowed
        assert client.comp_id in await listed(stack)
    spread = client.spread()
    assert (await rig.at_venue(spread, client)).raw == spread.raw
    await rig.assert_whole(client)


async def test_no_log_has_a_sessions_secret_name(rig: Rig, stack: Stack, recorder: Recorder) -> None:
    client = await rig.log_on(*TRADER)
    client.send("D", [(11, "S-1"), (55, "X"), (167, "CS")])
    await client.wait_for(lambda message: message.type in ("j", "3"))
    client.write(client.draft().with_header(34, "0"))
    await client.closed()
    name = await public_name(rig, client)
    secrets = {request.attributes.request.http.headers.get("x-fix-session", "") for request, _ in recorder.exchanges}
    written = "".join(file.read_text() for file in (stack.audit, stack.envoy_log, stack.service_log))
    assert f"session {name}: inbound violation" in await eventually(
        lambda: text if (text := stack.envoy_log.read_text()).count(name) else None, "the violation in Envoy's log"
    )
    assert [secret for secret in secrets if secret and secret in written] == []


async def test_forged_reports_are_nobodys(rig: Rig, stack: Stack, channel: grpc.aio.Channel) -> None:
    client = await rig.log_on(*TRADER)
    name = await public_name(rig, client)
    reason = {"x-fix-report": "violation", "x-fix-reason": "forged"}
    for _ in range(600):
        assert (await ask(channel, about(client, name, "report", **reason))).allowed
    await rig.event(client.comp_id, reason="violation: forged")
    forged = [event for event in rig.events(client.comp_id) if event["event"] == "report"]
    assert all(event["unproven"] and not event["session"]["client_id"] for event in forged)
    assert 0 < len(forged) < 600


async def test_forged_accounts_are_nobodys(rig: Rig, stack: Stack, channel: grpc.aio.Channel) -> None:
    client = await rig.log_on(*TRADER)
    name = await public_name(rig, client)
    message = als_pb2.StreamAccessLogsMessage()
    totals = {"inbound:AB:order:create:option_multileg": 1_000_000}
    message.tcp_logs.log_entry.append(entry(name, sender=client.comp_id, began=4_000_000_000, **totals))
    method: Any = channel.stream_unary(f"/{ACCESS_LOG}/StreamAccessLogs")
    await method(iter([message.SerializeToString()]))
    event = await rig.event(client.comp_id, event="traffic")
    assert (event["unproven"], event["session"]["client_id"]) == (True, "")
    assert event["traffic"]["connection"] != name
