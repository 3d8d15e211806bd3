"""Client ids and secrets in the Logon, brought to a real authorization server: traded with, renewed, guessed at."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from authzsvc.demo.peer import HEARTBEAT
from authzsvc.demo.stack import Stack
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Token
from tests.authorization_client import Client as OAuthClient
from tests.authorization_server import OPAQUE, AuthorizationServer
from tests.e2e.conftest import LENIENT, PATIENT, StartStack
from tests.e2e.issued import (
    LOCKED,
    NOT_NOW,
    REFUSED,
    TOO_MANY,
    UNAVAILABLE,
    assert_refused,
    assert_trades,
    begin,
    comp_id_of,
    issuer,
    log_on,
    secret_file,
    trader,
)
from tests.e2e.rig import PATIENCE_S, Client, Rig, eventually
from tests.e2e.secrets import USED

BASIC = FilterSettings(check=PATIENT, token=Token(scheme="basic"))
TTL_S = 3
RENEWALS = 3
SLOW_MS = 1_000
ATTEMPTS = 3
LOCK_S = 2.0
ODD_SECRETS = {
    "percent": "100%25-of-%-secrets",
    "plus": "a+b c+d  +e-f+",
    "colon": "a:b:c:secret:=&x=1&y",
    "quotes": "\"quoted\" 'secret' \\ <x>",
}
UNHEARD_OF = ("first", "second", "third")
"""Clients whose secrets nobody has brought yet."""
WRONG = "a-guess-that-is-wrong"
LETTERS = "une-cl\u00e9-f\u00fcr-alle"
"""The server's own clients can have none but ASCII (RFC 6749, appendix A)."""

Folder = pytest.TempPathFactory


@pytest.fixture(scope="module")
def running(tmp_path_factory: Folder) -> Iterator[AuthorizationServer]:
    """One server for all tests; `brief` gets tokens of seconds."""
    for guess in (WRONG, LETTERS):
        USED.add(guess)
    clients = [
        *(trader(name) for name in ("algo", "victim", "patient", "quick", "stranger")),
        trader("opaque", resource=OPAQUE),
        *(trader(name) for name in UNHEARD_OF),
        *(trader(name, ttl_s=TTL_S) for name in ("brief", "orphan")),
        *(trader(f"odd-{name}", secret=secret) for name, secret in ODD_SECRETS.items()),
        trader("misnamed", claims={"fix_comp_id": "ANOTHER"}),
        OAuthClient("gateway"),
    ]
    with AuthorizationServer(tmp_path_factory.mktemp("server"), clients) as server:
        yield server


@pytest.fixture(scope="module")
def other(tmp_path_factory: Folder) -> Iterator[AuthorizationServer]:
    """A second issuer, which nobody's secret is brought to."""
    with AuthorizationServer(tmp_path_factory.mktemp("other"), [trader("third")]) as server:
        yield server


@pytest.fixture(scope="module")
def store(tmp_path_factory: Folder) -> Path:
    """Where the service keeps its sessions."""
    return tmp_path_factory.mktemp("store") / "sessions.db"


@pytest.fixture(scope="module")
def stack(
    start_stack: StartStack,
    tmp_path_factory: Folder,
    running: AuthorizationServer,
    other: AuthorizationServer,
    store: Path,
) -> Stack:
    """A gateway that brings clients' secrets to the server."""
    secret = secret_file(tmp_path_factory.mktemp("own"), running.clients["gateway"])
    introspection = {"client": {"id": "gateway", "secret_file": secret}}
    entry = issuer(running, broker={"timeout_s": 2}, introspection=introspection)
    settings = {"tokens": {"issuers": [entry, issuer(other)]}, "sessions": {"store": str(store)}}
    return start_stack(BASIC, service_settings=settings)


@pytest.fixture(scope="module")
def guarded(start_stack: StartStack, running: AuthorizationServer) -> Stack:
    """A gateway that does not let anybody guess for long."""
    guessing = {**LENIENT, "attempts": ATTEMPTS, "lock_s": LOCK_S}
    settings = {"tokens": {"issuers": [issuer(running, broker={"timeout_s": 2})]}, "guessing": guessing}
    return start_stack(BASIC, service_settings=settings)


def credential(server: AuthorizationServer, client: str) -> tuple[tuple[int, object], tuple[int, object]]:
    """Its id and its secret, where FIX has user names and passwords."""
    return (553, client), (554, server.clients[client].secret)


@pytest.mark.parametrize("name", ["algo", "opaque", *(f"odd-{name}" for name in ODD_SECRETS)])
async def test_a_client_id_and_its_secret(rig: Rig, server: AuthorizationServer, name: str) -> None:
    client = await log_on(rig, comp_id_of(name), *credential(server, name))
    await assert_trades(rig, client)
    event = await rig.event(client.comp_id, event="logon")
    assert event["session"]["client_id"] == name


async def test_the_venue_never_sees_the_secret(rig: Rig, server: AuthorizationServer) -> None:
    client = await log_on(rig, comp_id_of("algo"), *credential(server, "algo"))
    logon = rig.session(client).received[-1]
    assert (logon.type, logon.get(553), logon.get(554)) == ("A", "algo", "")
    assert USED.find_in(logon.raw) is None


async def test_the_token_is_not_for_that_comp_id(rig: Rig, server: AuthorizationServer) -> None:
    given = credential(server, "misnamed")
    text = "SenderCompID is not the token's"
    await assert_refused(rig, comp_id_of("misnamed"), *given, text=text, reason="fix_comp_id")


@pytest.mark.parametrize(("own", "given"), [("first", "stranger"), ("second", "opaque")])
async def test_a_token_of_another_client(rig: Rig, server: AuthorizationServer, own: str, given: str) -> None:
    """The server answers one client's secret with another's token."""
    token = server.client_credentials(given)
    server.answer("token", json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 300}))
    reason = "another client's"
    logon = credential(server, own)
    await assert_refused(rig, comp_id_of(given), *logon, text=UNAVAILABLE, reason=reason, status=NOT_NOW)


async def test_a_token_of_another_issuer(rig: Rig, server: AuthorizationServer, other: AuthorizationServer) -> None:
    """Both issuers' tokens are good here, each from its own server."""
    token = other.client_credentials("third")
    server.answer("token", json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 300}))
    reason = "another issuer's"
    logon = credential(server, "third")
    await assert_refused(rig, comp_id_of("third"), *logon, text=UNAVAILABLE, reason=reason, status=NOT_NOW)


async def test_scopes_that_were_not_asked_for(
    rig: Rig, server: AuthorizationServer, start_stack: StartStack, running: AuthorizationServer
) -> None:
    """The server grants more than `broker.scope`."""
    entry = issuer(running, broker={"scope": "order:cancel"})
    there = Rig(start_stack(BASIC, service_settings={"tokens": {"issuers": [entry]}}), rig.venue)
    try:
        token = server.client_credentials("algo")
        server.answer("token", json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 300}))
        client = await log_on(there, comp_id_of("algo"), *credential(server, "algo"))
        reject = await client.reject_of(client.spread(), PATIENCE_S)
        assert (reject.get(380), reject.get(58)) == ("6", "Insufficient permissions")
    finally:
        await there.release()


@pytest.mark.parametrize("user", ["algo", "nobody", "../algo", "algo'; --"])
async def test_a_wrong_secret(rig: Rig, user: str) -> None:
    await assert_refused(rig, comp_id_of("algo"), (553, user), (554, WRONG), text=REFUSED, reason="answered 401")


async def test_a_secret_that_the_server_takes_for_a_bad_request(rig: Rig) -> None:
    await assert_refused(rig, comp_id_of("algo"), (553, "algo"), (554, LETTERS), text=REFUSED, reason="answered 400")


async def test_no_client_id(rig: Rig, server: AuthorizationServer) -> None:
    secret = credential(server, "algo")[1]
    await assert_refused(rig, comp_id_of("algo"), secret, text="no access token", reason="no access token")


async def test_renewed_all_day_long(rig: Rig, server: AuthorizationServer, stack: Stack, store: Path) -> None:
    """The session outlives several of its tokens, without a message that tells of it."""
    client = await log_on(rig, comp_id_of("brief"), *credential(server, "brief"))
    before = server.requests("token")
    while server.requests("token") < before + RENEWALS:
        await assert_trades(rig, client)
        await asyncio.sleep(0.2)
    await assert_trades(rig, client)
    assert {message.type for message in client.received} == {"A", "8", "j"}
    assert "expires soon" not in rig.stack.service_log.read_text()
    denied = [event for event in rig.events(client.comp_id) if event["verdict"] != "allow"]
    assert {event["msg_type"] for event in denied} == {"D"}
    assert store.stat().st_size > 0
    assert [str(finding) for finding in USED.search([store.parent, stack.directory])] == []


async def test_an_idle_session_is_renewed_too(rig: Rig, server: AuthorizationServer) -> None:
    client = await log_on(rig, comp_id_of("brief"), *credential(server, "brief"))
    before = server.requests("token")
    await eventually(lambda: server.requests("token") >= before + 2, "two renewals")
    await assert_trades(rig, client)
    assert client.of_type("5") == []


async def test_a_renewal_is_tried_again(rig: Rig, server: AuthorizationServer) -> None:
    client = await log_on(rig, comp_id_of("brief"), *credential(server, "brief"))
    before = server.requests("token")
    server.fail("token", 503, times=1)
    await eventually(lambda: server.requests("token") >= before + 3, "two good renewals")
    await assert_trades(rig, client)
    assert client.of_type("5") == []


async def test_a_slow_answer_holds_up_nobody_else(rig: Rig, server: AuthorizationServer) -> None:
    server.slow("token", SLOW_MS, times=1)
    before = server.requests("token")
    waiting = await begin(rig, comp_id_of("patient"), *credential(server, "patient"))
    await eventually(lambda: server.requests("token") > before, "the slow question")
    await assert_trades(rig, await log_on(rig, comp_id_of("quick"), *credential(server, "quick")))
    assert waiting.received == []
    await waiting.wait_for_type("A", PATIENCE_S)
    await assert_trades(rig, waiting)


async def test_an_outage_ends_the_session_with_its_token(rig: Rig, server: AuthorizationServer) -> None:
    client = await log_on(rig, comp_id_of("orphan"), *credential(server, "orphan"))
    server.stop()
    try:
        await assert_trades(rig, client)
        event = await rig.event(client.comp_id, event="watch", verdict="deny")
        assert "expired" in event["reason"]
        last = client.send(HEARTBEAT)
        assert (await client.wait_for_type("5", PATIENCE_S)).get(58) == UNAVAILABLE
        await client.closed(PATIENCE_S)
        assert (await rig.at_venue(last, client)).type == "5"
        assert (client.faults, rig.session(client).faults) == ([], [])
        given = credential(server, "stranger")
        reason = "cannot be reached"
        await assert_refused(rig, comp_id_of("stranger"), *given, text=UNAVAILABLE, reason=reason, status=NOT_NOW)
    finally:
        server.start()
    back = await logged_on_in_the_end(rig, comp_id_of("orphan"), credential(server, "orphan"), UNAVAILABLE)
    await assert_trades(rig, back)
    assert "access token not renewed" in rig.stack.service_log.read_text()


async def test_who_guesses_is_locked_out_for_a_while(rig: Rig, guarded: Stack, server: AuthorizationServer) -> None:
    there, victim = Rig(guarded, rig.venue), comp_id_of("victim")
    right = credential(server, "victim")
    before = server.requests("token")
    try:
        for number in range(ATTEMPTS):
            guess = (554, f"{WRONG}-{number}")
            await assert_refused(there, victim, right[0], guess, text=REFUSED, reason="answered 401")
        for given in ((554, WRONG), right[1]):
            told = {"text": TOO_MANY, "reason": "locked out", "status": LOCKED}
            await assert_refused(there, victim, right[0], given, **told)
        assert server.requests("token") == before + ATTEMPTS
        await assert_trades(there, await log_on(there, comp_id_of("algo"), *credential(server, "algo")))
        await assert_trades(there, await logged_on_in_the_end(there, victim, right, TOO_MANY))
    finally:
        await there.release()


async def logged_on_in_the_end(rig: Rig, comp_id: str, given: tuple[tuple[int, object], ...], meanwhile: str) -> Client:
    """The session, once Logons are accepted again."""
    for _ in range(100):
        client = await begin(rig, comp_id, *given)
        answer = await client.wait_for(lambda message: message.type in {"A", "5"}, PATIENCE_S)
        if answer.type == "A":
            return client
        assert answer.get(58) == meanwhile
        await asyncio.sleep(0.1)
    raise AssertionError(f"{meanwhile}, for ever")
