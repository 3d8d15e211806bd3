"""`authzsvc.tokens` against Keycloak: metadata, keys as they come and go, tokens read by the preset `keycloak`."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from authzsvc.errors import KeysError, TokenError
from authzsvc.tokens.binding import NOT_BOUND, Binding, CertificateDemand, check
from authzsvc.tokens.certificate import NO_CERTIFICATE, Certificate
from authzsvc.tokens.claims import NOT_ACCEPTED, Identity
from authzsvc.tokens.discovery import Discovered, discover
from authzsvc.tokens.http import Http
from authzsvc.tokens.keys import KeySet, Refresh
from authzsvc.tokens.presets import PRESETS
from authzsvc.tokens.verifier import Issuer, Verifier
from tests.e2e.certificates import Pem
from tests.interop.keycloak import ANSWER_S, Keycloak
from tests.interop.realm import Realm, granted
from tests.interop.test_keycloak import ALGOPROVIDER

ALGORITHMS = ("RS256",)
AUDIENCE = ("fix-gateway",)
PATIENCE_S = 20.0


@pytest_asyncio.fixture
async def http(keycloak: Keycloak) -> AsyncIterator[Http]:
    """As the service asks Keycloak; a server that answers nothing costs it a second."""
    http = Http(timeout_s=ANSWER_S, ca=Path(keycloak.client_ca))
    yield http
    await http.close()


@pytest_asyncio.fixture
async def keys(http: Http, keycloak: Keycloak) -> AsyncIterator[KeySet]:
    """Keycloak's keys, kept fresh."""
    keys = KeySet("keycloak", Discovered(http, keycloak.issuer), Refresh(every_s=300, at_least_s=0.1))
    await keys.load()
    fresh = asyncio.create_task(keys.keep_fresh())
    yield keys
    fresh.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await fresh


@pytest.fixture
def verifier(keys: KeySet, keycloak: Keycloak) -> Verifier:
    """Verifies Keycloak's tokens, and remembers none, so that each time is the first."""
    issuer = Issuer(keycloak.issuer, AUDIENCE, ALGORITHMS, keys, PRESETS["keycloak"])
    return Verifier([issuer], cache_ttl_s=0)


async def verified(verifier: Verifier, token: str) -> Identity:
    """The token's identity, once the verifier accepts it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(TokenError):
                return verifier.verify(token)
            await asyncio.sleep(0.05)


async def refused(verifier: Verifier, token: str) -> TokenError:
    """Why the verifier refuses the token, once it does."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                verifier.verify(token)
            except TokenError as error:
                return error
            await asyncio.sleep(0.05)


def certificate(pem: Pem) -> Certificate:
    """What Envoy would say of it."""
    der = x509.load_pem_x509_certificate(Path(pem.cert).read_bytes()).public_bytes(Encoding.DER)
    return Certificate(sha256=hashlib.sha256(der).hexdigest())


async def test_the_metadata_is_that_of_the_issuer(http: Http, keycloak: Keycloak) -> None:
    metadata = await discover(http, keycloak.issuer)
    endpoints = f"{keycloak.issuer}/protocol/openid-connect"
    assert metadata.issuer == keycloak.issuer
    assert metadata.jwks_uri == f"{endpoints}/certs"
    assert metadata.token_endpoint == f"{endpoints}/token"
    assert metadata.introspection_endpoint == f"{endpoints}/token/introspect"
    assert (await discover(http, keycloak.issuer, mtls=True)).token_endpoint == f"{endpoints}/token"


async def test_another_realms_metadata_is_not_taken(http: Http, keycloak: Keycloak) -> None:
    elsewhere = f"{keycloak.url}/realms/master/.well-known/openid-configuration"
    with pytest.raises(KeysError, match="another issuer"):
        await discover(http, keycloak.issuer, elsewhere)


async def test_a_server_whose_certificate_is_not_trusted_is_not_asked(keycloak: Keycloak) -> None:
    http = Http(timeout_s=5)
    try:
        with pytest.raises(KeysError, match="certificate"):
            await discover(http, keycloak.issuer)
    finally:
        await http.close()


async def test_algoproviders_token(verifier: Verifier, realm: Realm) -> None:
    identity = verifier.verify(realm.token("algoprovider"))
    assert identity.issuer == realm.keycloak.issuer
    assert identity.client_id == "algoprovider"
    assert identity.scopes == ALGOPROVIDER
    assert identity.claims["fix_comp_id"] == "ALGO"
    assert identity.token_id
    assert identity.issued_at is not None
    assert identity.confirmation == ""


async def test_roles_become_scopes(verifier: Verifier, realm: Realm) -> None:
    identity = verifier.verify(realm.token("options-desk"))
    assert identity.scopes == {"role:derivatives_trader", "role:market_data_viewer"}


async def test_a_token_got_by_an_assertion(verifier: Verifier, realm: Realm) -> None:
    assert verifier.verify(granted(realm.asserted_token())).scopes == ALGOPROVIDER


async def test_a_lightweight_token_does_not_say_whom_it_is_for(verifier: Verifier, realm: Realm) -> None:
    with pytest.raises(TokenError, match="no claim `aud`"):
        verifier.verify(realm.token("algoprovider-lightweight"))


async def test_tokens_of_the_realms_administrator_and_assertions_are_refused(verifier: Verifier, realm: Realm) -> None:
    for token in (realm.admin().token, realm.signed()):
        with pytest.raises(TokenError, match="issuer is not one of the configured") as refusal:
            verifier.verify(token)
        assert refusal.value.text == NOT_ACCEPTED


async def test_a_bound_token_is_good_with_its_certificate_alone(
    verifier: Verifier, realm: Realm, algoprovider: Pem, stranger: Pem
) -> None:
    identity = verifier.verify(granted(realm.bound_token(algoprovider)))
    for demand in CertificateDemand:
        check(identity, certificate(algoprovider), Binding(demand))
        for other in (certificate(stranger), NO_CERTIFICATE):
            with pytest.raises(TokenError) as refusal:
                check(identity, other, Binding(demand))
            assert refusal.value.text == NOT_BOUND


async def test_an_unbound_token_where_bound_ones_are_demanded(
    verifier: Verifier, realm: Realm, algoprovider: Pem
) -> None:
    identity = verifier.verify(realm.token("algoprovider"))
    check(identity, certificate(algoprovider), Binding())
    with pytest.raises(TokenError):
        check(identity, certificate(algoprovider), Binding(CertificateDemand.REQUIRED))


async def test_keys_come_and_go(verifier: Verifier, realm: Realm) -> None:
    old = realm.token("algoprovider")
    component = realm.admin().rotate_keys()
    try:
        new = realm.token("algoprovider")
        assert (await verified(verifier, new)).scopes == ALGOPROVIDER
        assert verifier.verify(old).scopes == ALGOPROVIDER
    finally:
        realm.admin().remove_key(component)
    assert "key id is not known" in (await refused(verifier, new)).reason
    assert verifier.verify(old).scopes == ALGOPROVIDER


async def test_keys_stay_while_the_server_stalls(
    verifier: Verifier, keys: KeySet, realm: Realm, keycloak: Keycloak
) -> None:
    token = realm.token("algoprovider")
    keycloak.stall()
    try:
        with pytest.raises(KeysError, match="did not answer within"):
            await keys.load()
        assert verifier.verify(token).scopes == ALGOPROVIDER
    finally:
        keycloak.resume()
    await keys.load()


async def test_keys_stay_through_an_outage(verifier: Verifier, keys: KeySet, realm: Realm, keycloak: Keycloak) -> None:
    token = realm.token("algoprovider")
    keycloak.stop()
    try:
        with pytest.raises(KeysError, match="cannot be reached"):
            await keys.load()
        assert verifier.verify(token).scopes == ALGOPROVIDER
    finally:
        keycloak.start()
    component = realm.admin().rotate_keys()
    try:
        assert (await verified(verifier, realm.token("algoprovider"))).scopes == ALGOPROVIDER
    finally:
        realm.admin().remove_key(component)
