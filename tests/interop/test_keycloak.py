"""Keycloak with the shipped realm, over plain HTTP: what the gateway rests on is really so."""

from __future__ import annotations

import base64
import hashlib
import time
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.e2e.certificates import Pem
from tests.e2e.secrets import USED
from tests.interop.keycloak import Keycloak
from tests.interop.realm import Realm, claims, granted, key_id

ALGOPROVIDER = {"order:create:option_multileg", "order:cancel", "order:replace", "marketdata:subscribe:option"}


def test_discovery(realm: Realm) -> None:
    issuer = realm.keycloak.issuer
    origin = realm.keycloak.url
    documents = [
        realm.get(f"{issuer}/.well-known/openid-configuration").json(),
        realm.get(f"{origin}/.well-known/oauth-authorization-server/realms/fix").json(),
    ]
    for document in documents:
        assert document["issuer"] == issuer
        assert document["jwks_uri"] == f"{realm.endpoints}/certs"
        assert document["token_endpoint"] == f"{realm.endpoints}/token"
        assert document["introspection_endpoint"] == f"{realm.endpoints}/token/introspect"


def test_algoproviders_token_has_its_four_scopes(realm: Realm) -> None:
    said = claims(realm.token("algoprovider"))
    assert set(said["scope"].split()) == ALGOPROVIDER
    assert said["aud"] == "fix-gateway"
    assert said["fix_comp_id"] == "ALGO"
    assert said["azp"] == "algoprovider"
    assert said["accounts"] == ["ALGO-1"]
    assert time.time() < said["exp"] < time.time() + 901


def test_a_client_cannot_ask_for_more_than_its_scopes(realm: Realm) -> None:
    answer = realm.ask_token("algoprovider", client_secret=realm.secret("algoprovider"), scope="order:create:equity")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("client", ["algoprovider", "algoprovider-jwt", "algoprovider-mtls", "fix-gateway", "nobody"])
def test_a_wrong_secret_gets_no_token(realm: Realm, client: str) -> None:
    answer = realm.ask_token(client, client_secret="wrong")
    assert answer.status_code in (400, 401)
    # RFC 6749, 5.2, has the first; Keycloak says the second of a wrong secret.
    assert answer.json()["error"] in ("invalid_client", "unauthorized_client")


def test_the_gateway_itself_gets_no_token(realm: Realm) -> None:
    answer = realm.ask_token("fix-gateway", client_secret=realm.secret("fix-gateway"))
    assert answer.status_code in (400, 401)


def test_roles_stand_in_nested_claims(realm: Realm) -> None:
    said = claims(realm.token("options-desk"))
    assert said["realm_access"] == {"roles": ["derivatives_trader"]}
    assert said["resource_access"] == {"fix-gateway": {"roles": ["market_data_viewer"]}}


def test_private_key_jwt(realm: Realm) -> None:
    assert set(claims(granted(realm.asserted_token()))["scope"].split()) == ALGOPROVIDER


@pytest.mark.parametrize("wrong", [{"aud": "https://elsewhere.example"}, {"exp": 1}, {"sub": "algoprovider"}])
def test_a_wrong_assertion_gets_no_token(realm: Realm, wrong: dict[str, object]) -> None:
    assert realm.asserted_token(**wrong).status_code in (400, 401)


def test_an_assertion_is_good_once(realm: Realm) -> None:
    granted(realm.asserted_token(jti="the-same"))
    assert realm.asserted_token(jti="the-same").status_code in (400, 401)


def test_a_token_bound_to_a_certificate(realm: Realm, algoprovider: Pem) -> None:
    said = claims(granted(realm.bound_token(algoprovider)))
    certificate = x509.load_pem_x509_certificate(Path(algoprovider.cert).read_bytes())
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    assert said["cnf"] == {"x5t#S256": base64.urlsafe_b64encode(digest).decode().rstrip("=")}


def test_another_certificate_or_none_gets_no_bound_token(realm: Realm, stranger: Pem) -> None:
    for own in (stranger, None):
        answer = realm.bound_token(own)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_introspection(realm: Realm) -> None:
    said = realm.introspect(realm.token("algoprovider")).json()
    assert said["active"] is True
    assert set(said["scope"].split()) == ALGOPROVIDER
    assert said["client_id"] == "algoprovider"
    assert realm.introspect("no-token-of-ours").json() == {"active": False}


def test_introspection_is_for_the_gateway(realm: Realm) -> None:
    answer = realm.introspect(realm.token("algoprovider"), secret="wrong")
    assert answer.status_code == 401
    assert "active" not in answer.json()


def test_introspection_is_for_those_whom_the_token_is_for(realm: Realm) -> None:
    token = realm.token("algoprovider")
    assert realm.introspect(token, client_id="trader").json() == {"active": False}


def test_introspection_says_what_a_lightweight_token_does_not(realm: Realm) -> None:
    token = realm.token("algoprovider-lightweight")
    assert {"aud", "fix_comp_id", "accounts"}.isdisjoint(claims(token))
    said = realm.introspect(token).json()
    assert said["active"] is True
    assert (said["aud"], said["fix_comp_id"]) == ("fix-gateway", "ALGO")


def test_a_bound_token_is_bound_in_introspection_too(realm: Realm, algoprovider: Pem) -> None:
    token = granted(realm.bound_token(algoprovider))
    assert realm.introspect(token).json()["cnf"] == claims(token)["cnf"]


def test_revocation(realm: Realm) -> None:
    kept, given_up = realm.token("algoprovider"), realm.token("algoprovider")
    realm.revoke("algoprovider", given_up)
    assert realm.introspect(given_up).json() == {"active": False}
    assert realm.introspect(kept).json()["active"] is True


def test_a_disabled_client_gets_no_token_and_its_tokens_are_dead(realm: Realm) -> None:
    token = realm.token("trader")
    with realm.admin().changed("trader", enabled=False):
        assert realm.ask_token("trader", client_secret=realm.secret("trader")).status_code in (400, 401)
        assert realm.introspect(token).json() == {"active": False}


def test_keys_are_rotated_and_withdrawn(realm: Realm) -> None:
    before = key_id(realm.token("algoprovider"))
    component = realm.admin().rotate_keys()
    try:
        after = key_id(realm.token("algoprovider"))
        assert before != after
        assert {before, after} <= realm.signing_keys()
    finally:
        realm.admin().remove_key(component)
    assert after not in realm.signing_keys()
    assert key_id(realm.token("algoprovider")) == before


def test_a_stalled_server_takes_connections_and_answers_nothing(realm: Realm, keycloak: Keycloak) -> None:
    keycloak.stall()
    try:
        with (
            httpx.Client(verify=keycloak.trust(), timeout=1, trust_env=False) as client,
            pytest.raises(httpx.TimeoutException),
        ):
            client.get(f"{realm.endpoints}/certs")
    finally:
        keycloak.resume()
    assert realm.token("algoprovider")


def test_an_outage_changes_neither_keys_nor_tokens(realm: Realm, keycloak: Keycloak) -> None:
    token, keys = realm.token("algoprovider"), realm.signing_keys()
    keycloak.stop()
    try:
        with (
            httpx.Client(verify=keycloak.trust(), timeout=5, trust_env=False) as client,
            pytest.raises(httpx.ConnectError),
        ):
            client.get(f"{realm.endpoints}/certs")
    finally:
        keycloak.start()
    assert realm.signing_keys() == keys
    assert realm.introspect(token).json()["active"] is True


def test_no_secret_in_keycloaks_log(realm: Realm, keycloak: Keycloak) -> None:
    assert realm.token("algoprovider")
    assert realm.ask_token("algoprovider", client_secret="wrong").status_code == 401
    said = keycloak.log.read_bytes()
    assert b"CLIENT_LOGIN_ERROR" in said
    assert USED.find_in(said) is None
