"""Clients of Keycloak through the whole stack: Envoy with the filter, the decision service, and a venue."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from authzsvc.demo.peer import Pairs
from authzsvc.demo.stack import Stack, find_mapping
from authzsvc.demo.venue import Venue
from authzsvc.gateway import Endpoint, FilterSettings, GatewayOptions, ServerTls
from authzsvc.gateway.filter_settings import Check, Token
from authzsvc.tokens.binding import NOT_BOUND
from authzsvc.tokens.endpoint import REFUSED, UNAVAILABLE
from tests.e2e.certificates import Authority, Pem
from tests.e2e.rig import PATIENCE_S, Client, Rig
from tests.e2e.secrets import USED
from tests.interop.keycloak import Keycloak
from tests.interop.realm import GATEWAY, Realm, claims, granted

PATIENT = Check(timeout_ms=30_000)
BASIC = FilterSettings(check=PATIENT, token=Token(scheme="basic"))
"""Clients log on with 553 and 554."""
SLOW_S = 1.0
"""How long the service waits for Keycloak."""

MakeRig = Callable[..., Rig]


@pytest_asyncio.fixture
async def venue() -> AsyncIterator[Venue]:
    """Where the stacks lead to."""
    venue = Venue()
    await venue.start()
    yield venue
    await venue.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """All that a stack writes; no secret may be in it."""
    yield tmp_path
    findings = [str(finding) for finding in USED.search([tmp_path])]
    assert findings == []


@pytest_asyncio.fixture
async def make_rig(venue: Venue, realm: Realm, folder: Path) -> AsyncIterator[MakeRig]:
    """Stacks whose issuer is Keycloak; they end with the test."""
    rigs: list[Rig] = []
    with ExitStack() as ending:

        def make(
            settings: FilterSettings | None = None,
            *,
            tls: ServerTls | None = None,
            mapping: Path | None = None,
            **more: Any,  # noqa: ANN401 (the service's settings)
        ) -> Rig:
            nowhere = Endpoint("127.0.0.1", 0)
            filter_settings = settings or FilterSettings(check=PATIENT)
            gateway = GatewayOptions(nowhere, nowhere, nowhere, listen_tls=tls, filter=filter_settings)
            service = {"tokens": {"issuers": [issuer(realm, folder)]}, **more}
            rules = mapping or find_mapping("institutional.yaml")
            stack = Stack(folder / "stack", venue.port, rules, gateway, service_settings=service)
            USED.key_file(stack.directory / "development-keys" / "development-key.pem")
            rigs.append(Rig(ending.enter_context(stack), venue))
            return rigs[-1]

        yield make
        for rig in rigs:
            await rig.release()


def issuer(realm: Realm, folder: Path) -> dict[str, Any]:
    """Keycloak, as an operator would tell the service of it."""
    secret = folder / "gateway-secret"
    secret.write_text(realm.secret(GATEWAY))
    USED.exempt(secret)
    return {
        "issuer": realm.keycloak.issuer,
        "preset": "keycloak",
        "audience": GATEWAY,
        "algorithms": ["RS256"],
        "jwks": {"min_refresh_s": 0.2, "timeout_s": SLOW_S},
        "http": {"ca": realm.keycloak.client_ca},
        "introspection": {"client": {"id": GATEWAY, "secret_file": str(secret)}, "timeout_s": SLOW_S},
        "broker": {"timeout_s": SLOW_S},
    }


async def log_on(rig: Rig, comp_id: str, *credential: tuple[int, object], tls: ssl.SSLContext | None = None) -> Client:
    """Send a Logon with that credential; the client, once it was answered."""
    client = Client(comp_id, rig.venue.comp_id)
    rig.clients.append(client)
    host = None if tls is None else "localhost"
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.stack.port, ssl=tls, server_hostname=host)
    client.attach(reader, writer)
    client.logon(credential, reset=True)
    await client.wait_for(lambda message: message.type in {"A", "5"}, PATIENCE_S)
    return client


async def assert_trades(rig: Rig, client: Client) -> None:
    """A spread comes to the venue as it was sent."""
    spread = client.spread()
    await rig.session(client).wait_for(lambda message: message.raw == spread.raw, PATIENCE_S)


def text_of(client: Client) -> str:
    """Why the Logon was refused."""
    (goodbye,) = client.of_type("5")
    return str(goodbye.get(58))


async def test_algo_provider(make_rig: MakeRig, realm: Realm) -> None:
    rig = make_rig()
    algo = await log_on(rig, "ALGO", (554, realm.token("algoprovider")))
    await assert_trades(rig, algo)
    order = algo.stock_order()
    reject = await algo.reject_of(order)
    assert (reject.type, reject.get(58)) == ("j", "Insufficient permissions")
    subscription = algo.subscribe()
    assert (await rig.at_venue(subscription, algo)).raw == subscription.raw
    await rig.assert_whole(algo)


async def test_a_token_of_another_comp_id(make_rig: MakeRig, realm: Realm) -> None:
    rig = make_rig()
    client = await log_on(rig, "TRADER", (554, realm.token("algoprovider")))
    assert text_of(client) == "SenderCompID is not the token's"
    assert rig.venue.connections == 0


async def test_a_desk_trades_by_its_roles(make_rig: MakeRig, realm: Realm) -> None:
    rig = make_rig()
    desk = await log_on(rig, "DESK", (554, realm.token("options-desk")))
    await assert_trades(rig, desk)
    assert (await desk.reject_of(desk.stock_order())).get(58) == "Insufficient permissions"


async def test_a_client_id_and_secret(make_rig: MakeRig, realm: Realm) -> None:
    rig = make_rig(BASIC)
    algo = await log_on(rig, "ALGO", (553, "algoprovider"), (554, realm.secret("algoprovider")))
    await assert_trades(rig, algo)
    assert (await algo.reject_of(algo.stock_order())).get(58) == "Insufficient permissions"


async def test_a_wrong_secret(make_rig: MakeRig) -> None:
    rig = make_rig(BASIC)
    client = await log_on(rig, "ALGO", (553, "algoprovider"), (554, "wrong-secret"))
    assert text_of(client) == REFUSED
    assert rig.venue.connections == 0


def user_request(token: str) -> Pairs:
    """UserRequest (35=BE) with a fresh token: 923, 924=1 (log on), 553, 554."""
    return ((923, "renewal-1"), (924, 1), (553, "algoprovider"), (554, token))


async def test_renewal(make_rig: MakeRig, realm: Realm) -> None:
    rig = make_rig()
    algo = await log_on(rig, "ALGO", (554, realm.token("algoprovider")))
    algo.send("BE", user_request(realm.token("algoprovider")))
    answer = await algo.wait_for_type("BF", PATIENCE_S)
    assert (answer.get(923), answer.get(926)) == ("renewal-1", "1")
    await assert_trades(rig, algo)
    assert [message for message in rig.session(algo).received if message.type == "BE"] == []
    await rig.assert_whole(algo)


async def test_renewal_with_anothers_token(make_rig: MakeRig, realm: Realm) -> None:
    rig = make_rig()
    algo = await log_on(rig, "ALGO", (554, realm.token("algoprovider")))
    algo.send("BE", user_request(realm.token("options-desk")))
    answer = await algo.wait_for_type("BF", PATIENCE_S)
    assert answer.get(926) != "1"
    await assert_trades(rig, algo)


async def test_a_bound_token(
    make_rig: MakeRig, realm: Realm, authority: Authority, algoprovider: Pem, stranger: Pem
) -> None:
    server = authority.issue_server()
    rig = make_rig(tls=ServerTls(server.cert, server.key, client_ca=authority.ca))
    token = granted(realm.bound_token(algoprovider))
    thief = await log_on(rig, "ALGO", (554, token), tls=realm.keycloak.trust(stranger))
    assert text_of(thief) == NOT_BOUND
    assert rig.venue.connections == 0
    algo = await log_on(rig, "ALGO", (554, token), tls=realm.keycloak.trust(algoprovider))
    await assert_trades(rig, algo)


async def test_a_stalled_keycloak_holds_up_nobody_else(make_rig: MakeRig, realm: Realm, keycloak: Keycloak) -> None:
    rig = make_rig()
    token = realm.token("algoprovider")
    keycloak.stall()
    try:
        waiting = asyncio.create_task(log_on(rig, "TRADER", (554, "an-opaque-token-that-nobody-knows")))
        algo = await log_on(rig, "ALGO", (554, token))
        assert algo.of_type("A")
        await assert_trades(rig, algo)
        assert text_of(await waiting) == UNAVAILABLE
    finally:
        keycloak.resume()


async def test_an_outage(make_rig: MakeRig, realm: Realm, keycloak: Keycloak) -> None:
    rig = make_rig()
    token = realm.token("algoprovider")
    algo = await log_on(rig, "ALGO", (554, token))
    keycloak.stop()
    try:
        await assert_trades(rig, algo)
        await algo.disconnect()
        await rig.session(algo).closed(PATIENCE_S)
        again = await log_on(rig, "ALGO", (554, token))
        await assert_trades(rig, again)
        other = await log_on(rig, "TRADER", (554, "an-opaque-token-that-nobody-knows"))
        assert text_of(other) == UNAVAILABLE
    finally:
        keycloak.start()


async def operate(rig: Rig, *words: str) -> str:
    """What the operator's command says."""
    admin = f"unix:{rig.stack.directory / 'admin.sock'}"
    command = [sys.executable, "-m", "authzsvc", *words, "--admin", admin]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def with_operators(folder: Path) -> dict[str, Any]:
    """Settings of a service that operators can reach."""
    return {"admin": {"unix": str(folder / "stack" / "admin.sock")}}


async def ended(client: Client) -> str:
    """Why the session was ended, once it was, in sequence: in the place of a Heartbeat, for nothing else is sent."""
    client.beat(0.2)
    goodbye = await client.wait_for_type("5", PATIENCE_S)
    await client.closed(PATIENCE_S)
    assert client.faults == []
    return str(goodbye.get(58))


async def test_the_desks_of_a_role_are_stopped_and_restored(make_rig: MakeRig, realm: Realm, folder: Path) -> None:
    rig = make_rig(**with_operators(folder))
    desk = await log_on(rig, "DESK", (554, realm.token("options-desk")))
    algo = await log_on(rig, "ALGO", (554, realm.token("algoprovider")))
    role = ("--role", "derivatives_trader")
    assert "1 live session hit" in await operate(rig, "session", "kill", *role, "--reason", "limit exceeded")
    assert await ended(desk) == "limit exceeded"
    await assert_trades(rig, algo)
    refused = await log_on(rig, "DESK", (554, realm.token("options-desk")))
    assert text_of(refused) == "logons are suspended"
    await operate(rig, "session", "restore", *role)
    again = await log_on(rig, "DESK", (554, realm.token("options-desk")))
    await assert_trades(rig, again)


async def test_a_brokered_client_is_stopped(make_rig: MakeRig, realm: Realm, folder: Path) -> None:
    rig = make_rig(BASIC, **with_operators(folder))
    algo = await log_on(rig, "ALGO", (553, "algoprovider"), (554, realm.secret("algoprovider")))
    await operate(rig, "session", "kill", "--client", "algoprovider", "--reason", "limit exceeded")
    assert await ended(algo) == "limit exceeded"


async def test_a_token_is_revoked_at_the_gateway_and_a_fresh_one_is_good(
    make_rig: MakeRig, realm: Realm, folder: Path
) -> None:
    rig = make_rig(**with_operators(folder))
    token = realm.token("algoprovider")
    algo = await log_on(rig, "ALGO", (554, token))
    await operate(rig, "token", "revoke", "--jti", claims(token)["jti"], "--reason", "it was lost")
    assert await ended(algo) == "access token revoked"
    assert text_of(await log_on(rig, "ALGO", (554, token))) == "access token revoked"
    again = await log_on(rig, "ALGO", (554, realm.token("algoprovider")))
    await assert_trades(rig, again)


async def test_an_idle_session_ends_with_its_token(make_rig: MakeRig, realm: Realm) -> None:
    rig = make_rig()
    with realm.admin().changed("algoprovider", attributes={"access.token.lifespan": "8"}):
        token = realm.token("algoprovider")
    algo = await log_on(rig, "ALGO", (554, token))
    assert algo.of_type("A")
    assert await ended(algo) == "access token expired"


async def test_a_brokered_session_outlives_its_tokens(make_rig: MakeRig, realm: Realm) -> None:
    rig = make_rig(BASIC)
    with realm.admin().changed("algoprovider", attributes={"access.token.lifespan": "6"}):
        algo = await log_on(rig, "ALGO", (553, "algoprovider"), (554, realm.secret("algoprovider")))
        await asyncio.sleep(14)  # the life of two tokens, on Keycloak's clock
        assert algo.connected
        await assert_trades(rig, algo)


EXPORTED = """\
version: 1
name: exported
fix: FIX.4.4
session: {identity: {SenderCompID: fix_comp_id}}
role_claim: realm_access.roles
roles:
  spread_canceller: {description: Cancels spreads, scopes: ["spread:cancel"]}
  spread_trader: {description: Trades spreads, scopes: ["spread:create"], roles: [spread_canceller]}
scopes:
  spread:create: {description: Send spreads, grants: [{message: NewOrderMultileg}]}
  spread:cancel: {description: Cancel spreads, grants: [{message: OrderCancelRequest}]}
"""


@pytest.fixture
def mapping(folder: Path) -> Path:
    """A mapping whose scopes and roles the realm does not have."""
    path = folder / "exported.yaml"
    path.write_text(EXPORTED)
    return path


def export(mapping: Path) -> dict[str, Any]:
    """What `mapping export --to keycloak` says of a mapping."""
    command = [sys.executable, "-m", "authzsvc", "mapping", "export", str(mapping), "--to", "keycloak"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return dict(json.loads(done.stdout))


async def test_an_exported_scope_trades(make_rig: MakeRig, realm: Realm, mapping: Path) -> None:
    rig = make_rig(mapping=mapping)
    with realm.admin().imported(export(mapping)) as answer:
        before = await log_on(rig, "ALGO", (554, realm.token("algoprovider")))
        assert (await before.reject_of(before.spread())).get(58) == "Insufficient permissions"
        await before.disconnect()
        realm.admin().give_scope("algoprovider", "spread:create")
        token = realm.token("algoprovider")
    assert (answer["added"], answer["skipped"]) == (2, 0)
    assert "spread:create" in claims(token)["scope"].split()
    await rig.session(before).closed(PATIENCE_S)
    algo = await log_on(rig, "ALGO", (554, token))
    await assert_trades(rig, algo)


async def test_an_exported_role_trades(make_rig: MakeRig, realm: Realm, mapping: Path) -> None:
    rig = make_rig(mapping=mapping)
    admin = realm.admin()
    with admin.imported(export(mapping)):
        assert admin.composites("spread_trader") == {"spread_canceller"}
        assert admin.role("spread_canceller")["description"] == "Cancels spreads"
        admin.give_role("options-desk", "spread_trader")
        token = realm.token("options-desk")
    assert {"spread_trader", "spread_canceller"} <= set(claims(token)["realm_access"]["roles"])
    desk = await log_on(rig, "DESK", (554, token))
    await assert_trades(rig, desk)


def test_a_partial_import_leaves_the_client_scopes_out(realm: Realm, mapping: Path) -> None:
    """So they are created one by one, as `Admin.imported` does."""
    admin, document = realm.admin(), export(mapping)
    before = admin.scopes()
    with admin.imported(document, scopes=False):
        assert admin.scopes() == before
    with admin.imported(document):
        assert admin.scopes() - before == {"spread:create", "spread:cancel"}


def test_a_realm_that_is_created_has_scopes_and_roles(realm: Realm, mapping: Path) -> None:
    document = export(mapping)
    del document["ifResourceExists"]  # of the partial import alone
    realm.admin().create_realm("another", document)
    another = realm.admin("another")
    try:
        assert {"spread:create", "spread:cancel"} <= another.scopes()
        assert another.composites("spread_trader") == {"spread_canceller"}
    finally:
        another.delete_realm()
