"""Guesses at clients' secrets, through every event and from a shared address, are bounded, visible and harm no
others."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from envoy.service.auth.v3.external_auth_pb2 import CheckResponse

from authzsvc.demo.stack import Stack
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Token
from tests.authorization_server import AuthorizationServer
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.issued import (
    LOCKED,
    REFUSED,
    TOO_MANY,
    assert_refused,
    assert_trades,
    comp_id_of,
    issuer,
    log_on,
    trader,
)
from tests.e2e.operators import Desk, command
from tests.e2e.recorder import SERVICE
from tests.e2e.rig import Rig, eventually
from tests.e2e.secrets import USED
from tests.unit.checks import Answer, check

ATTEMPTS, ADDRESS_ATTEMPTS, GUESSES = 5, 12, 355
WRONG = "a-guess-that-is-wrong"
LONG = 600


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorizationServer]:
    """A server with clients of which each plays one part."""
    USED.add(WRONG)
    clients = [trader(name) for name in ("victim", "live", "neighbour", "listed", "other")]
    with AuthorizationServer(tmp_path_factory.mktemp("server"), clients) as server:
        yield server


@pytest.fixture
def stack(start_stack: StartStack, running: AuthorizationServer) -> Stack:
    """A gateway that brings secrets to the server; a lock outlasts the test."""
    guessing = {"attempts": ATTEMPTS, "address_attempts": ADDRESS_ATTEMPTS, "window_s": LONG, "lock_s": LONG}
    settings = {"tokens": {"issuers": [issuer(running, broker={"timeout_s": 2})]}, "guessing": guessing}
    return start_stack(FilterSettings(check=PATIENT, token=Token(scheme="basic")), service_settings=settings)


@pytest_asyncio.fixture(loop_scope="session")
async def channel(stack: Stack) -> AsyncIterator[grpc.aio.Channel]:
    """A stranger's way to the service."""
    async with grpc.aio.insecure_channel(f"unix:{stack.socket}") as channel:
        yield channel


def credential(server: AuthorizationServer, client: str) -> tuple[tuple[int, object], tuple[int, object]]:
    return (553, client), (554, server.clients[client].secret)


async def guess(channel: grpc.aio.Channel, client: str, secret: str, event: str = "message", **more: Any) -> Answer:  # noqa: ANN401
    """A stranger's Check with a secret."""
    encoded = base64.b64encode(f"{client}:{secret}".encode()).decode()
    USED.add(encoded)
    headers = {"authorization": f"Basic {encoded}", **more.pop("headers", {})}
    method: Any = channel.unary_unary(f"/{SERVICE}/Check")
    raw = await method(check(None, event=event, headers=headers, **more).SerializeToString())
    return Answer(CheckResponse.FromString(raw))


@pytest.mark.parametrize("at_once", [True, False])
async def test_messages_are_no_way_to_guess_a_secret(
    stack: Stack, server: AuthorizationServer, channel: grpc.aio.Channel, at_once: bool
) -> None:
    """The right secret is among the guesses, and nobody may learn that it is right."""
    before = server.requests("token")
    secrets = [f"{WRONG}-{number}" for number in range(GUESSES - 1)] + [server.clients["victim"].secret]
    asked = [guess(channel, "victim", secret, sender="VICTIM-1") for secret in secrets]
    answers = await asyncio.gather(*asked) if at_once else [await one for one in asked]
    assert [answer.allowed for answer in answers] == [False] * GUESSES
    assert server.requests("token") - before <= ATTEMPTS
    actions = [answer.headers["x-fix-action"] for answer in answers]
    assert actions.count("reject") >= GUESSES - ATTEMPTS, "one that is locked ends no session"


async def test_every_event_counts(stack: Stack, server: AuthorizationServer, channel: grpc.aio.Channel) -> None:
    before = server.requests("token")
    for number in range(20):
        event = ("logon", "message", "watch", "renewal", "report")[number % 5]
        headers = {"x-fix-session": f"made-up-{number}", "x-fix-fresh-authorization": "Bearer x"}
        msg_type = {"logon": "A", "renewal": "BE"}.get(event, "AB")
        asked = guess(channel, "victim", f"{WRONG}-{number}", event, headers=headers, msg_type=msg_type)
        with contextlib.suppress(TimeoutError):  # a watch about which nothing can be learnt waits
            await asyncio.wait_for(asked, 1)
    assert server.requests("token") - before == ATTEMPTS


async def test_a_session_goes_on_while_its_name_is_locked(
    rig: Rig, stack: Stack, server: AuthorizationServer, channel: grpc.aio.Channel
) -> None:
    client = await log_on(rig, comp_id_of("live"), *credential(server, "live"))
    await assert_trades(rig, client)
    for number in range(60):
        await guess(channel, "live", f"{WRONG}-{number}", sender=client.comp_id)
    right = server.clients["live"].secret
    answers = [await guess(channel, "live", right, sender=client.comp_id) for _ in range(3)]
    assert not any(answer.allowed for answer in answers), "what the service remembers tells a guesser nothing"
    await assert_trades(rig, client)
    assert client.of_type("5") == []


async def test_a_shared_address_locks_out_nobody_who_logs_on_properly(
    rig: Rig, stack: Stack, server: AuthorizationServer
) -> None:
    """All come from 127.0.0.1, as behind a NAT; the neighbour has never logged on from there."""
    before = server.requests("token")
    for number in range(4 * ADDRESS_ATTEMPTS):
        user = ("victim", "other", f"made-up-{number % 9}")[number % 3]
        client = await rig.connect(comp_id_of("victim"))
        client.logon(((553, user), (554, f"{WRONG}-{number}")), reset=True)
        await client.closed()
    guessed = server.requests("token") - before
    assert guessed <= ADDRESS_ATTEMPTS + ATTEMPTS
    told = {"text": TOO_MANY, "reason": "locked out", "status": LOCKED}
    await assert_refused(rig, comp_id_of("victim"), (553, "victim"), (554, WRONG), **told)
    await assert_trades(rig, await log_on(rig, comp_id_of("neighbour"), *credential(server, "neighbour")))


async def test_operators_see_a_lockout_and_lift_it(rig: Rig, stack: Stack, server: AuthorizationServer) -> None:
    desk, comp_id = Desk(stack), comp_id_of("listed")
    assert await desk.ask("lockout", "list") == []
    for number in range(ATTEMPTS):
        wrong = (554, f"{WRONG}-{number}")
        await assert_refused(rig, comp_id, (553, "listed"), wrong, text=REFUSED, reason="answered 401")
    right = credential(server, "listed")
    await assert_refused(rig, comp_id, *right, text=TOO_MANY, reason="locked out", status=LOCKED)
    found = await desk.ask("lockout", "list")
    assert {(one["kind"], one["name"], one["address"]) for one in found} == {
        ("name at address", f"CompID {comp_id}", "127.0.0.1"),
        ("name at address", "client listed", "127.0.0.1"),
    }
    plain = await command("lockout", "list", "--admin", f"unix:{stack.admin_socket}")
    assert "client listed" in plain.output
    assert (await desk.ask("lockout", "clear", "listed")) == {"lifted": 1}
    assert (await desk.ask("lockout", "clear", comp_id)) == {"lifted": 1}
    await assert_trades(rig, await log_on(rig, comp_id, *right))
    missing = await command("lockout", "clear", "listed", "--admin", f"unix:{stack.admin_socket}")
    assert (missing.code, "no lock-out is about that name" in missing.errors) == (1, True)
    wrong_usage = await command("lockout", "clear", "--admin", f"unix:{stack.admin_socket}")
    assert wrong_usage.code == 2
    acts = [event["admin"] for event in stack.events() if event["event"] == "admin"]
    assert [(act["action"], act["by"], act["value"], act["hit"]) for act in acts if act["action"] == "unlock"] == [
        ("unlock", "name", "listed", 1),
        ("unlock", "name", comp_id, 1),
        ("unlock", "name", "listed", 0),
    ]
    said = [json.loads(line) for line in stack.service_log.read_text().splitlines() if line.startswith("{")]
    locks = [line for line in said if line["message"] == "locked out after too many failed logons"]
    assert {line["who"] for line in locks} == {f"CompID {comp_id}", "client listed"}
    await eventually(
        lambda: sum('"a lock-out was lifted by an operator"' in line for line in [stack.service_log.read_text()]),
        "the lift in the service's log",
    )
