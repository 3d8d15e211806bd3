"""The broker against Keycloak: a client id and secret become a verified token, and are refused when they should be."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from authzsvc.tokens.broker import Broker, Grant
from authzsvc.tokens.claims import Identity
from authzsvc.tokens.credential import Credential, Scheme
from authzsvc.tokens.discovery import Discovered
from authzsvc.tokens.endpoint import REFUSED, UNAVAILABLE, BadCredentials, ServerUnavailable
from authzsvc.tokens.http import Http
from authzsvc.tokens.keys import KeySet, Refresh
from authzsvc.tokens.presets import PRESETS
from authzsvc.tokens.verifier import Issuer, Verifier
from tests.interop.keycloak import ANSWER_S, Keycloak
from tests.interop.realm import Realm
from tests.interop.test_keycloak import ALGOPROVIDER


class Clock:
    """The time, which a test can put forward."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """It stands, until it is put forward."""
    return Clock(time.time())


@pytest_asyncio.fixture
async def broker(keycloak: Keycloak, realm: Realm, clock: Clock) -> AsyncIterator[Broker]:
    """Obtains tokens at Keycloak, and verifies them with its keys."""
    http = Http(timeout_s=ANSWER_S, ca=Path(keycloak.client_ca))
    keys = KeySet("keycloak", Discovered(http, keycloak.issuer), Refresh())
    await keys.load()
    verifier = Verifier([Issuer(keycloak.issuer, ("fix-gateway",), ("RS256",), keys, PRESETS["keycloak"])], clock=clock)

    async def verify(token: str) -> Identity:
        return verifier.verify(token)

    broker = Broker(Grant(http, lambda: f"{realm.endpoints}/token", realm.keycloak.issuer), verify, clock=clock)
    yield broker
    await broker.close()
    await http.close()


def credential(realm: Realm, client: str, secret: str | None = None) -> Credential:
    """What the client puts into 553 and 554."""
    return Credential(Scheme.BASIC, realm.secret(client) if secret is None else secret, client)


async def test_a_secret_becomes_an_identity(broker: Broker, realm: Realm) -> None:
    identity = await broker.obtain(credential(realm, "algoprovider"))
    assert identity.scopes == ALGOPROVIDER
    assert identity.client_id == "algoprovider"
    assert broker.remembered(credential(realm, "algoprovider")) == identity


async def test_it_is_renewed_before_it_expires(broker: Broker, realm: Realm, clock: Clock) -> None:
    desk = credential(realm, "algoprovider")
    first = await broker.obtain(desk)
    assert await broker.renew_if_due(desk) == first
    due_at = broker.due_at(desk)
    assert due_at is not None
    assert clock.now < due_at < first.expires_at
    clock.now = due_at + 1
    second = await broker.renew_if_due(desk)
    assert second.token_id != first.token_id
    assert second.subject == first.subject


@pytest.mark.parametrize("client", ["algoprovider", "algoprovider-jwt", "algoprovider-mtls", "fix-gateway", "nobody"])
async def test_a_wrong_secret_is_refused_as_one(broker: Broker, realm: Realm, client: str) -> None:
    with pytest.raises(BadCredentials) as refusal:
        await broker.obtain(credential(realm, client, "wrong"))
    assert refusal.value.text == REFUSED


async def test_the_gateways_own_secret_is_no_clients(broker: Broker, realm: Realm) -> None:
    with pytest.raises(BadCredentials):
        await broker.obtain(credential(realm, "fix-gateway"))


async def test_a_disabled_client_is_refused_and_keeps_what_it_has(broker: Broker, realm: Realm, clock: Clock) -> None:
    desk = credential(realm, "trader")
    held = await broker.obtain(desk)
    with realm.admin().changed("trader", enabled=False):
        due_at = broker.due_at(desk)
        assert due_at is not None
        clock.now = due_at + 1
        assert await broker.renew_if_due(desk) == held
        broker.forget(desk)
        with pytest.raises(BadCredentials):
            await broker.obtain(desk)


async def test_a_stalled_server_is_no_wrong_secret(broker: Broker, realm: Realm, keycloak: Keycloak) -> None:
    keycloak.stall()
    try:
        with pytest.raises(ServerUnavailable) as refusal:
            await broker.obtain(credential(realm, "algoprovider"))
    finally:
        keycloak.resume()
    assert refusal.value.text == UNAVAILABLE


async def test_an_outage_keeps_what_is_held(broker: Broker, realm: Realm, keycloak: Keycloak, clock: Clock) -> None:
    desk = credential(realm, "algoprovider")
    held = await broker.obtain(desk)
    keycloak.stop()
    try:
        due_at = broker.due_at(desk)
        assert due_at is not None
        clock.now = due_at + 1
        assert await broker.renew_if_due(desk) == held
        with pytest.raises(ServerUnavailable):
            await broker.obtain(credential(realm, "trader"))
    finally:
        keycloak.start()
    clock.now += 10
    assert (await broker.renew_if_due(desk)).token_id != held.token_id
