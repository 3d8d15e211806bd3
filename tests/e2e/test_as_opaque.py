"""Opaque tokens of a real authorization server: introspected, remembered, revoked; the server slow, down, or talking
rubbish."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from authzsvc.demo.peer import HEARTBEAT
from authzsvc.demo.stack import Stack
from authzsvc.demo.wire import Message
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Limits
from tests.authorization_client import Client as OAuthClient
from tests.authorization_server import OPAQUE, AuthorizationServer, ServerCertificates
from tests.e2e.certificates import Authority, Pem
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.issued import (
    EXPIRED,
    NOT_ACCEPTED,
    NOT_NOW,
    REVOKED,
    UNAVAILABLE,
    assert_refused,
    assert_trades,
    begin,
    comp_id_of,
    issuer,
    key_file,
    log_on,
    secret_file,
    trader,
)
from tests.e2e.rig import PATIENCE_S, Client, Rig, eventually

ORDERS = 50
CACHE_S = 1.5
TIMEOUT_S = 1.5
END_TIMEOUT_MS = 1_000
SLOW_MS = 1_000

GATEWAY = OAuthClient("gateway")
SIGNING = OAuthClient("gateway-key", method="private_key_jwt", introspection_algorithm="ES256")
CERTIFIED = OAuthClient("gateway-mtls", method="tls_client_auth", subject=("san_dns", "gateway.venue.example"))

Folder = pytest.TempPathFactory


@pytest.fixture(scope="module")
def own(authority: Authority) -> Pem:
    """The service's certificate."""
    return authority.issue_host("gateway.venue.example")


@pytest.fixture(scope="module")
def running(tmp_path_factory: Folder, authority: Authority) -> Iterator[AuthorizationServer]:
    """One server for all tests, over TLS."""
    clients = [
        *(trader(name, resource=OPAQUE) for name in ("algo", "quick", "patient")),
        trader("brief", resource=OPAQUE, ttl_s=2),
        *(GATEWAY, SIGNING, CERTIFIED),
    ]
    certificates = ServerCertificates(authority.issue_server(), authority.ca)
    with AuthorizationServer(tmp_path_factory.mktemp("server"), clients, tls=certificates) as server:
        yield server


def asked(
    server: AuthorizationServer, authority: Authority, client: dict[str, object], **more: object
) -> dict[str, Any]:
    """The server, asked about opaque tokens as that client."""
    introspection = {"client": client, "timeout_s": TIMEOUT_S, "negative_cache_s": 0.1, **more}
    return issuer(server, http={"ca": authority.ca}, introspection=introspection)


@pytest.fixture(scope="module")
def stack(
    start_stack: StartStack, tmp_path_factory: Folder, running: AuthorizationServer, authority: Authority
) -> Stack:
    """A gateway that asks with its secret, and often."""
    client: dict[str, object] = {"id": GATEWAY.id, "secret_file": secret_file(tmp_path_factory.mktemp("own"), GATEWAY)}
    settings = FilterSettings(check=PATIENT, limits=Limits(end_timeout_ms=END_TIMEOUT_MS))
    entry = asked(running, authority, client, cache_s=CACHE_S)
    return start_stack(settings, service_settings={"tokens": {"issuers": [entry]}})


async def test_an_opaque_token(rig: Rig, server: AuthorizationServer) -> None:
    client = await log_on(rig, comp_id_of("algo"), (554, server.client_credentials("algo")))
    await assert_trades(rig, client)


async def test_answers_are_remembered(rig: Rig, server: AuthorizationServer) -> None:
    before = server.requests("introspection")
    client = await log_on(rig, comp_id_of("algo"), (554, server.client_credentials("algo")))
    began = asyncio.get_running_loop().time()
    order = client.spread()
    for _ in range(ORDERS - 1):
        order = client.spread()
    await rig.at_venue(order, client)
    lasted = asyncio.get_running_loop().time() - began
    # One at the Logon; then again ahead of each end of what is remembered.
    assert 1 <= server.requests("introspection") - before <= 1 + 2 * (1 + lasted // CACHE_S) < ORDERS
    await rig.assert_whole(client)


async def test_a_session_outlives_what_is_remembered(rig: Rig, server: AuthorizationServer) -> None:
    """The watch asks again and again, and nobody notices."""
    client = await log_on(rig, comp_id_of("algo"), (554, server.client_credentials("algo")))
    before = server.requests("introspection")
    await eventually(lambda: server.requests("introspection") >= before + 2, "two more questions")
    await assert_trades(rig, client)
    assert client.of_type("5") == []


@pytest.mark.parametrize(
    "token",
    ["no-token-of-ours", "eyJhbGciOiJub25lIn0", "../../../etc/passwd", "a'; DROP TABLE tokens; --", "%00%0d%0aX: y"],
)
async def test_a_token_that_nobody_knows(rig: Rig, token: str) -> None:
    reason = "space" if " " in token else "not active"
    await assert_refused(rig, comp_id_of("algo"), (554, token), text=NOT_ACCEPTED, reason=reason)


async def test_revocation_ends_an_idle_session(rig: Rig, server: AuthorizationServer) -> None:
    token = server.client_credentials("algo")
    client = await log_on(rig, comp_id_of("algo"), (554, token))
    server.revoke("algo", token)
    event = await rig.event(client.comp_id, event="watch", verdict="deny")
    assert (event["severity"], "not active" in event["reason"]) == ("high", True)
    client.send(HEARTBEAT)
    assert (await client.wait_for_type("5", PATIENCE_S)).get(58) == REVOKED
    await client.closed(PATIENCE_S)
    await rig.session(client).closed(PATIENCE_S)
    assert (client.faults, rig.session(client).faults) == ([], [])
    await assert_refused(rig, comp_id_of("algo"), (554, token), text=REVOKED, reason="not active")


async def test_revocation_ends_a_session_whose_client_says_nothing(rig: Rig, server: AuthorizationServer) -> None:
    token = server.client_credentials("algo")
    client = await log_on(rig, comp_id_of("algo"), (554, token))
    server.revoke("algo", token)
    await client.closed(PATIENCE_S)
    await rig.session(client).closed(PATIENCE_S)
    assert [message.type for message in client.received] == ["A"]


async def test_revocation_ends_a_busy_session(rig: Rig, server: AuthorizationServer) -> None:
    token = server.client_credentials("algo")
    client = await log_on(rig, comp_id_of("algo"), (554, token))
    server.revoke("algo", token)
    for _ in range(200):
        client.spread()
        await asyncio.sleep(0.05)
        if client.of_type("5"):
            break
    assert client.of_type("5")[0].get(58) == REVOKED
    await client.closed(PATIENCE_S)
    assert (client.faults, rig.session(client).faults) == ([], [])


async def test_a_slow_answer_holds_up_nobody_else(rig: Rig, server: AuthorizationServer) -> None:
    tokens = {name: server.client_credentials(name) for name in ("patient", "quick")}
    server.slow("introspection", SLOW_MS, times=1)
    before = server.requests("introspection")
    waiting = await begin(rig, comp_id_of("patient"), (554, tokens["patient"]))
    await eventually(lambda: server.requests("introspection") > before, "the slow question")
    client = await log_on(rig, comp_id_of("quick"), (554, tokens["quick"]))
    await assert_trades(rig, client)
    assert waiting.received == []
    await waiting.wait_for_type("A", PATIENCE_S)
    await assert_trades(rig, waiting)


async def test_a_token_that_expires(rig: Rig, server: AuthorizationServer) -> None:
    client = await log_on(rig, comp_id_of("brief"), (554, server.client_credentials("brief")))
    await rig.event(client.comp_id, event="watch", verdict="deny")
    client.send(HEARTBEAT)
    assert (await client.wait_for_type("5", PATIENCE_S)).get(58) == EXPIRED


# --- answers that say nothing about the token ---

FAULTS: dict[str, tuple[Callable[[AuthorizationServer], None], str]] = {
    "500": (lambda server: server.fail("introspection", 500), "answered 500"),
    "401": (lambda server: server.fail("introspection", 401), "answered 401"),
    "garbage": (lambda server: server.answer("introspection", "{garbage"), "not one JSON object"),
    "a list": (lambda server: server.answer("introspection", "[true]"), "not one JSON object"),
    "said twice": (
        lambda server: server.answer("introspection", '{"active":false,"active":true}'),
        "not one JSON object",
    ),
    "a web page": (
        lambda server: server.answer("introspection", "<html>", headers={"content-type": "text/html"}),
        "not one JSON object",
    ),
    "endless": (lambda server: server.answer("introspection", " " * 1_100_000), "more than"),
    "redirect": (lambda server: server.redirect("introspection", f"{server.issuer}/token/introspection"), "302"),
    "no active": (lambda server: server.patch("introspection", {"active": None}), "no `active`"),
    "active: 1": (lambda server: server.patch("introspection", {"active": 1}), "no `active`"),
    "active: yes": (lambda server: server.patch("introspection", {"active": "true"}), "no `active`"),
    "reset": (lambda server: server.reset("introspection"), "without an answer"),
    "too slow": (lambda server: server.slow("introspection", 60_000), "did not answer within"),
}


@pytest.mark.parametrize(("spoil", "reason"), FAULTS.values(), ids=FAULTS.keys())
async def test_a_logon_without_an_answer(
    rig: Rig, server: AuthorizationServer, spoil: Callable[[AuthorizationServer], None], reason: str
) -> None:
    token = server.client_credentials("algo")
    spoil(server)
    await assert_refused(rig, comp_id_of("algo"), (554, token), text=UNAVAILABLE, reason=reason, status=NOT_NOW)


FIRST = {
    "inactive": 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{"active":false}',
    "204": "HTTP/1.1 204 No Content\r\n\r\n",
    "304": "HTTP/1.1 304 Not Modified\r\n\r\n",
}


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST.keys())
async def test_bytes_behind_an_answer_are_no_answer_about_the_next_token(
    rig: Rig, server: AuthorizationServer, first: str
) -> None:
    """The answer about a good token comes after the answer to another question, in the same segment."""
    active = server.introspect(GATEWAY.id, server.client_credentials("algo"))
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(active)}\r\n\r\n"
    asked_first, revoked = (server.client_credentials("algo") for _ in range(2))
    server.revoke("algo", revoked)
    server.send("introspection", first + head + active, times=1)
    told = {"text": UNAVAILABLE, "reason": "sent more than its answer", "status": NOT_NOW}
    await assert_refused(rig, comp_id_of("algo"), (554, asked_first), **told)
    await assert_refused(rig, comp_id_of("algo"), (554, revoked), text=NOT_ACCEPTED, reason="not active")


async def test_a_session_outlives_a_fault(rig: Rig, server: AuthorizationServer) -> None:
    client = await log_on(rig, comp_id_of("algo"), (554, server.client_credentials("algo")))
    FAULTS["no active"][0](server)
    await assert_denied_and_back(rig, client, server.well)


async def test_a_session_outlives_an_outage(rig: Rig, server: AuthorizationServer) -> None:
    client = await log_on(rig, comp_id_of("algo"), (554, server.client_credentials("algo")))
    token = server.client_credentials("algo")
    server.stop()
    try:
        reason = "cannot be reached"
        await assert_refused(rig, comp_id_of("algo"), (554, token), text=UNAVAILABLE, reason=reason, status=NOT_NOW)
    except BaseException:
        server.start()
        raise
    await assert_denied_and_back(rig, client, server.start)


async def assert_denied_and_back(rig: Rig, client: Client, mend: Callable[[], None]) -> None:
    """Once what is remembered has run out, messages are rejected one by one; then the session goes on as it was."""
    try:
        reject = await first_reject(client)
        assert (reject.get(380), reject.get(58)) == ("4", UNAVAILABLE)
        event = await rig.event(client.comp_id, event="message", verdict="deny")
        assert event["severity"] == "high"
    finally:
        mend()
    for _ in range(200):
        spread = client.spread()
        received = await rig.at_venue(spread, client)
        if received.raw == spread.raw:
            break
        await asyncio.sleep(0.05)
    await assert_trades(rig, client)
    assert client.of_type("5") == []


async def first_reject(client: Client) -> Message:
    """Orders until one is rejected."""
    for _ in range(200):
        client.spread()
        await asyncio.sleep(0.05)
        if rejects := client.of_type("j"):
            return rejects[0]
    raise AssertionError("no order was rejected")


# --- other ways in which the service proves itself ---


@pytest.fixture(scope="module", params=["private_key_jwt, signed answers", "tls_client_auth"])
def certified(
    request: pytest.FixtureRequest,
    start_stack: StartStack,
    tmp_path_factory: Folder,
    running: AuthorizationServer,
    authority: Authority,
    own: Pem,
) -> Stack:
    """A gateway that shows another proof than a secret."""
    if request.param == "tls_client_auth":
        client: dict[str, object] = {"id": CERTIFIED.id, "method": "tls_client_auth"}
        entry = asked(running, authority, client)
        entry["http"] |= {"cert": own.cert, "key": own.key}
    else:
        key = key_file(tmp_path_factory.mktemp("own"), SIGNING)
        client = {"id": SIGNING.id, "method": "private_key_jwt", "key_file": key, "key_id": SIGNING.key_id}
        entry = asked(running, authority, client, signed=True)
    return start_stack(service_settings={"tokens": {"issuers": [entry]}})


async def test_another_proof(rig: Rig, certified: Stack, server: AuthorizationServer) -> None:
    there = Rig(certified, rig.venue)
    try:
        client = await log_on(there, comp_id_of("algo"), (554, server.client_credentials("algo")))
        await assert_trades(there, client)
        await assert_refused(there, comp_id_of("algo"), (554, "no-token-of-ours"), text=NOT_ACCEPTED, reason="active")
    finally:
        await there.release()


@pytest.mark.parametrize("certified", ["private_key_jwt, signed answers"], indirect=True)
async def test_an_answer_under_a_new_key(rig: Rig, certified: Stack, server: AuthorizationServer) -> None:
    there = Rig(certified, rig.venue)
    server.rotate(keep=False)
    try:
        client = await log_on(there, comp_id_of("algo"), (554, server.client_credentials("algo")))
        await assert_trades(there, client)
    finally:
        await there.release()


@pytest.mark.parametrize("certified", ["private_key_jwt, signed answers"], indirect=True)
async def test_an_answer_that_is_not_signed(rig: Rig, certified: Stack, server: AuthorizationServer) -> None:
    there = Rig(certified, rig.venue)
    token = server.client_credentials("algo")
    server.answer("introspection", '{"active":true}')
    try:
        reason = "is not signed"
        await assert_refused(there, comp_id_of("algo"), (554, token), text=UNAVAILABLE, reason=reason, status=NOT_NOW)
    finally:
        await there.release()
