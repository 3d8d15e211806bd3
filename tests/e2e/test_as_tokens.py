"""Access tokens of real authorization servers: keys by discovery, turned and withdrawn; several issuers at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import jwt
import pytest

from authzsvc.demo.stack import Stack
from authzsvc.gateway import FilterSettings
from tests.authorization_client import Client as OAuthClient
from tests.authorization_server import AuthorizationServer
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.issued import (
    NOT_ACCEPTED,
    NOT_FOR_US,
    assert_refused,
    assert_trades,
    begin,
    comp_id_of,
    issuer,
    log_on,
    refusal,
    trader,
)
from tests.e2e.rig import PATIENCE_S, Rig, eventually

DESK = {"realm_access": {"roles": ["derivatives_trader"]}, "resource_access": {"another": {"roles": ["admin"]}}}
UNKNOWN_KEYS = 20
MIN_REFRESH_S = 1.0

Folder = pytest.TempPathFactory


@pytest.fixture(scope="module")
def nested(tmp_path_factory: Folder) -> Iterator[AuthorizationServer]:
    """A server that signs with RSA, and whose tokens have roles in the way of Keycloak's."""
    clients = [trader("desk", "profile", claims=DESK), trader("intern", "profile", claims={"realm_access": {}})]
    with AuthorizationServer(tmp_path_factory.mktemp("nested"), clients, algorithm="RS256") as server:
        yield server


@pytest.fixture(scope="module")
def other(tmp_path_factory: Folder) -> Iterator[AuthorizationServer]:
    """A server whose keys are read no more often than a refresh of a second allows."""
    folder = tmp_path_factory.mktemp("other")
    with AuthorizationServer(folder, [trader("slow"), *(_stranger(n) for n in range(UNKNOWN_KEYS))]) as server:
        yield server


def _stranger(number: int) -> OAuthClient:
    return trader(f"stranger{number}", header={"kid": f"unknown-{number}"})


@pytest.fixture(scope="module")
def running(tmp_path_factory: Folder, other: AuthorizationServer) -> Iterator[AuthorizationServer]:
    """A server of everyday, with clients whose tokens claim to be the other server's."""
    its_key = jwt.get_unverified_header(other.client_credentials("slow"))["kid"]
    clients = [
        trader("algo"),
        trader("impostor", payload={"iss": other.issuer}),
        trader("forger", payload={"iss": other.issuer}, header={"kid": its_key}),
        trader("elsewhere", payload={"aud": "another-gateway"}),
    ]
    with AuthorizationServer(tmp_path_factory.mktemp("plain"), clients) as server:
        yield server


@pytest.fixture(scope="module")
def stack(
    start_stack: StartStack, running: AuthorizationServer, nested: AuthorizationServer, other: AuthorizationServer
) -> Stack:
    """A gateway on which all three are accepted."""
    keycloak = issuer(nested, preset="keycloak", algorithms=["RS256"], context={"desk": "options"})
    slow = issuer(other, jwks={"min_refresh_s": MIN_REFRESH_S, "refresh_s": 300})
    settings = {"tokens": {"issuers": [issuer(running), keycloak, slow]}}
    return start_stack(FilterSettings(check=PATIENT, context={"desk": "options"}), service_settings=settings)


class Beside(Stack):
    """Another gateway that asks the service of the first."""

    def start_service(self) -> None:
        """It has none of its own."""


@pytest.fixture(scope="module")
def beside(start_stack: StartStack, stack: Stack) -> Stack:
    """A gateway that is not the options desk's."""
    return start_stack(FilterSettings(check=PATIENT, context={"desk": "equities"}), kind=Beside, checks_to=stack.socket)


async def test_keys_by_discovery(rig: Rig, server: AuthorizationServer) -> None:
    client = await log_on(rig, comp_id_of("algo"), (554, server.client_credentials("algo")))
    await assert_trades(rig, client)
    event = await rig.event(client.comp_id, event="logon")
    assert event["session"]["client_id"] == "algo"


async def test_anothers_comp_id(rig: Rig, server: AuthorizationServer) -> None:
    token = server.client_credentials("algo")
    text = "SenderCompID is not the token's"
    await assert_refused(rig, comp_id_of("desk"), (554, token), text=text, reason="fix_comp_id")


async def test_another_audience(rig: Rig, server: AuthorizationServer) -> None:
    token = server.client_credentials("elsewhere")
    await assert_refused(rig, comp_id_of("elsewhere"), (554, token), text=NOT_FOR_US, reason="audience")


async def test_nested_roles_grant_what_the_mappings_role_says(rig: Rig, nested: AuthorizationServer) -> None:
    client = await log_on(rig, comp_id_of("desk"), (554, nested.client_credentials("desk")))
    await assert_trades(rig, client)


async def test_no_roles_grant_nothing(rig: Rig, nested: AuthorizationServer) -> None:
    client = await log_on(rig, comp_id_of("intern"), (554, nested.client_credentials("intern")))
    assert (await client.reject_of(client.spread())).get(380) == "6"
    await rig.assert_whole(client)


@pytest.mark.parametrize(("client", "reason"), [("impostor", "key id"), ("forger", "signature")])
async def test_a_token_is_held_against_its_own_issuers_keys_alone(
    rig: Rig, server: AuthorizationServer, client: str, reason: str
) -> None:
    token = server.client_credentials(client)
    await assert_refused(rig, comp_id_of(client), (554, token), text=NOT_ACCEPTED, reason=reason)


async def test_an_issuer_counts_on_its_own_listeners_alone(
    rig: Rig, beside: Stack, server: AuthorizationServer, nested: AuthorizationServer
) -> None:
    """The same service, asked by two gateways that say of themselves which desk's they are."""
    elsewhere = Rig(beside, rig.venue)
    try:
        plain = await log_on(elsewhere, comp_id_of("algo"), (554, server.client_credentials("algo")))
        await assert_trades(elsewhere, plain)
        client = await begin(elsewhere, comp_id_of("desk"), (554, nested.client_credentials("desk")))
        assert (await refusal(client)).get(58) == NOT_ACCEPTED
        assert "issuer" in (await rig.event(client.comp_id, event="logon"))["reason"]
    finally:
        await elsewhere.release()


async def test_a_token_is_longer_than_any_message(rig: Rig) -> None:
    """The message size is bounded before anybody looks at the token."""
    connections = rig.venue.connections
    client = await begin(rig, comp_id_of("algo"), (554, "x" * 100_000))
    await client.closed(PATIENCE_S)
    assert client.received == []
    assert rig.venue.connections == connections


# --- keys turned, withdrawn, and out of reach ---


async def test_a_token_under_a_new_key_is_good_at_its_first_logon(rig: Rig, server: AuthorizationServer) -> None:
    before = server.client_credentials("algo")
    client = await log_on(rig, comp_id_of("algo"), (554, before))
    server.rotate()
    after = server.client_credentials("algo")
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
    await assert_trades(rig, await log_on(rig, comp_id_of("algo"), (554, after)))
    await assert_trades(rig, await log_on(rig, comp_id_of("algo"), (554, before)))
    await assert_trades(rig, client)


async def test_a_token_under_a_dropped_key_is_refused(rig: Rig, server: AuthorizationServer) -> None:
    before = server.client_credentials("algo")
    client = await log_on(rig, comp_id_of("algo"), (554, before))
    server.rotate(keep=False)
    await log_on(rig, comp_id_of("algo"), (554, server.client_credentials("algo")))
    await assert_refused(rig, comp_id_of("algo"), (554, before), text=NOT_ACCEPTED, reason="key id")
    client.spread()
    assert (await client.wait_for_type("5", PATIENCE_S)).get(58) == NOT_ACCEPTED
    await client.closed(PATIENCE_S)
    assert client.faults == []


async def test_old_keys_are_kept_while_the_server_is_down(rig: Rig, server: AuthorizationServer) -> None:
    token = server.client_credentials("algo")
    client = await log_on(rig, comp_id_of("algo"), (554, token))
    server.stop()
    try:
        await assert_trades(rig, await log_on(rig, comp_id_of("algo"), (554, token)))
        await assert_trades(rig, client)
    finally:
        server.start()
    server.rotate()
    await assert_trades(rig, await log_on(rig, comp_id_of("algo"), (554, server.client_credentials("algo"))))
    await assert_trades(rig, client)


async def test_unknown_keys_in_a_burst_are_one_refresh(rig: Rig, other: AuthorizationServer) -> None:
    """Each Logon waits for the keys to be read again, and all of them for the same reading."""
    tokens = [other.client_credentials(f"stranger{number}") for number in range(UNKNOWN_KEYS)]
    before, began = other.requests("jwks"), asyncio.get_running_loop().time()
    clients = [await begin(rig, comp_id_of(f"stranger{n}"), (554, token)) for n, token in enumerate(tokens)]
    logouts = await asyncio.gather(*(refusal(client) for client in clients))
    assert {logout.get(58) for logout in logouts} == {NOT_ACCEPTED}
    lasted = asyncio.get_running_loop().time() - began
    assert 1 <= other.requests("jwks") - before <= 1 + lasted // MIN_REFRESH_S < UNKNOWN_KEYS
    assert await log_on(rig, comp_id_of("slow"), (554, other.client_credentials("slow")))


async def test_keys_are_read_again_ahead_of_their_age(rig: Rig, server: AuthorizationServer) -> None:
    """`refresh_s` is 300, so only what the server says of its answer can be the reason."""
    server.headers("jwks", {"cache-control": "max-age=1"})
    server.rotate()
    await log_on(rig, comp_id_of("algo"), (554, server.client_credentials("algo")))
    before = server.requests("jwks")
    await eventually(lambda: server.requests("jwks") >= before + 2, "two more readings")
    server.well()
    after = server.client_credentials("algo")
    await assert_trades(rig, await log_on(rig, comp_id_of("algo"), (554, after)))


async def test_a_dropped_key_is_noticed_when_its_age_ends(rig: Rig, server: AuthorizationServer) -> None:
    """Nobody asks with an unknown key: the set is read anew because it is old."""
    server.headers("jwks", {"cache-control": "max-age=1"})
    server.rotate()
    token = server.client_credentials("algo")
    client = await log_on(rig, comp_id_of("algo"), (554, token))
    before = server.requests("jwks")
    server.rotate(keep=False)
    await eventually(lambda: server.requests("jwks") >= before + 2, "two more readings")
    client.spread()
    assert (await client.wait_for_type("5", PATIENCE_S)).get(58) == NOT_ACCEPTED
