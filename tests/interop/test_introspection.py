"""The introspector against Keycloak: three ways to prove who asks, revocation, a server that stalls or is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from authzsvc.errors import TokenError
from authzsvc.tokens.binding import NOT_BOUND, Binding, check
from authzsvc.tokens.certificate import NO_CERTIFICATE
from authzsvc.tokens.claims import NOT_ACCEPTED, NOT_FOR_US
from authzsvc.tokens.client_auth import Basic, ClientAuth, PrivateKeyJwt, TlsClient, read_key
from authzsvc.tokens.endpoint import UNAVAILABLE, ServerUnavailable
from authzsvc.tokens.http import Http
from authzsvc.tokens.introspection import REVOKED, Asking, Caching, Introspector
from authzsvc.tokens.introspection_answer import Expected
from authzsvc.tokens.presets import PRESETS
from tests.e2e.certificates import Pem
from tests.interop.keycloak import ANSWER_S, Keycloak
from tests.interop.realm import GATEWAY, Realm, granted
from tests.interop.test_keycloak import ALGOPROVIDER

AUDIENCE = ("fix-gateway",)
PATIENCE_S = 20.0

MakeIntrospector = Callable[..., Introspector]


@pytest_asyncio.fixture
async def http(keycloak: Keycloak, algoprovider: Pem) -> AsyncIterator[Http]:
    """With a certificate to show, as the service may have one; a server that answers nothing costs it `ANSWER_S`."""
    ca, cert, key = Path(keycloak.client_ca), Path(algoprovider.cert), Path(algoprovider.key)
    http = Http(timeout_s=ANSWER_S, ca=ca, cert=cert, key=key)
    yield http
    await http.close()


@pytest_asyncio.fixture
async def make_introspector(http: Http, realm: Realm) -> AsyncIterator[MakeIntrospector]:
    """Introspectors that end with the test."""
    made: list[Introspector] = []

    def make(
        client: ClientAuth | None = None, caching: Caching | None = None, audience: tuple[str, ...] = AUDIENCE
    ) -> Introspector:
        asking = Asking(http, lambda: f"{realm.endpoints}/token/introspect", client or gateway(realm))
        expected = Expected(realm.keycloak.issuer, audience, PRESETS["keycloak"], audience_demanded=True)
        introspector = Introspector(asking, expected, caching or Caching())
        made.append(introspector)
        return introspector

    yield make
    for introspector in made:
        await introspector.close()


def gateway(realm: Realm) -> Basic:
    """The gateway as the realm has it."""
    return Basic(GATEWAY, realm.secret(GATEWAY))


@pytest.mark.parametrize("holder", ["algoprovider", "algoprovider-lightweight"])
async def test_a_token_is_what_keycloak_says(make_introspector: MakeIntrospector, realm: Realm, holder: str) -> None:
    identity = await make_introspector().introspect(realm.token(holder))
    assert identity.scopes == ALGOPROVIDER
    assert (identity.client_id, identity.claims["fix_comp_id"]) == (holder, "ALGO")
    assert identity.issuer == realm.keycloak.issuer


async def test_a_gateway_that_signs_assertions(make_introspector: MakeIntrospector, realm: Realm) -> None:
    signer = PrivateKeyJwt(GATEWAY, read_key(Path(realm.assertion.key), "ES256"), "ES256")
    attributes = {"jwt.credential.certificate": realm.keycloak.assertion_certificate}
    token = realm.token("algoprovider")
    with realm.admin().changed(GATEWAY, clientAuthenticatorType="client-jwt", attributes=attributes):
        introspector = make_introspector(signer)
        assert (await introspector.introspect(token)).scopes == ALGOPROVIDER
        again = await introspector.introspect(realm.token("algoprovider"))
        assert again.scopes == ALGOPROVIDER, "an assertion is good once: each question needs one of its own"


async def test_a_gateway_that_shows_a_certificate(make_introspector: MakeIntrospector, realm: Realm) -> None:
    token = realm.token("algoprovider")
    attributes = {"x509.subjectdn": "CN=algoprovider", "x509.allow.regex.pattern.comparison": "false"}
    with realm.admin().changed(GATEWAY, clientAuthenticatorType="client-x509", attributes=attributes):
        assert (await make_introspector(TlsClient(GATEWAY)).introspect(token)).scopes == ALGOPROVIDER
        attributes["x509.subjectdn"] = "CN=another"
        with (
            realm.admin().changed(GATEWAY, clientAuthenticatorType="client-x509", attributes=attributes),
            pytest.raises(ServerUnavailable, match="answered 401"),
        ):
            await make_introspector(TlsClient(GATEWAY)).introspect(token)


async def test_roles_become_scopes(make_introspector: MakeIntrospector, realm: Realm) -> None:
    identity = await make_introspector().introspect(realm.token("options-desk"))
    assert identity.scopes == {"role:derivatives_trader", "role:market_data_viewer"}


async def test_a_bound_token(make_introspector: MakeIntrospector, realm: Realm, algoprovider: Pem) -> None:
    identity = await make_introspector().introspect(granted(realm.bound_token(algoprovider)))
    assert identity.confirmation
    with pytest.raises(TokenError) as refusal:
        check(identity, NO_CERTIFICATE, Binding())
    assert refusal.value.text == NOT_BOUND


async def test_a_token_that_keycloak_does_not_know(make_introspector: MakeIntrospector) -> None:
    with pytest.raises(TokenError) as refusal:
        await make_introspector().introspect("no-token-of-its")
    assert refusal.value.text == NOT_ACCEPTED


async def test_a_token_for_another_gateway(make_introspector: MakeIntrospector, realm: Realm) -> None:
    with pytest.raises(TokenError) as refusal:
        await make_introspector(audience=("another-gateway",)).introspect(realm.token("algoprovider"))
    assert refusal.value.text == NOT_FOR_US


async def test_a_gateway_that_keycloak_does_not_know_cannot_tell(
    make_introspector: MakeIntrospector, realm: Realm
) -> None:
    with pytest.raises(ServerUnavailable, match="answered 401"):
        await make_introspector(Basic(GATEWAY, "wrong")).introspect(realm.token("algoprovider"))


async def test_a_revoked_token_before_it_was_ever_asked_about(
    make_introspector: MakeIntrospector, realm: Realm
) -> None:
    token = realm.token("algoprovider")
    realm.revoke("algoprovider", token)
    with pytest.raises(TokenError) as refusal:
        await make_introspector().introspect(token)
    assert refusal.value.text == NOT_ACCEPTED


async def test_a_revocation_is_seen_within_the_caches_age(make_introspector: MakeIntrospector, realm: Realm) -> None:
    introspector = make_introspector(caching=Caching(cache_s=5.0))
    token = realm.token("algoprovider")
    await introspector.introspect(token)
    realm.revoke("algoprovider", token)
    async with asyncio.timeout(PATIENCE_S):
        while not isinstance(found := introspector.remembered(token), TokenError):
            await asyncio.sleep(0.05)
    assert found.text == REVOKED


async def test_a_stalled_server_denies_what_is_not_known(
    make_introspector: MakeIntrospector, realm: Realm, keycloak: Keycloak
) -> None:
    introspector = make_introspector()
    known, unknown = realm.token("algoprovider"), realm.token("algoprovider")
    await introspector.introspect(known)
    keycloak.stall()
    try:
        asked = [introspector.introspect(unknown) for _ in range(20)]
        answers = await asyncio.gather(*asked, introspector.introspect(known), return_exceptions=True)
    finally:
        keycloak.resume()
    *denied, identity = answers
    assert all(isinstance(error, ServerUnavailable) and error.text == UNAVAILABLE for error in denied)
    assert not isinstance(identity, BaseException)


async def test_an_outage_denies_what_is_not_known_until_it_is_over(
    make_introspector: MakeIntrospector, realm: Realm, keycloak: Keycloak
) -> None:
    introspector = make_introspector(caching=Caching(cache_s=300.0))
    known, unknown = realm.token("algoprovider"), realm.token("algoprovider")
    await introspector.introspect(known)
    keycloak.stop()
    try:
        with pytest.raises(ServerUnavailable):
            await introspector.introspect(unknown)
        assert (await introspector.introspect(known)).scopes == ALGOPROVIDER
    finally:
        keycloak.start()
    assert (await introspector.introspect(unknown)).scopes == ALGOPROVIDER
