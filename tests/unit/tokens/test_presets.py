"""Tokens of the shape that each server issues, signed with real keys and verified whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from authzsvc.errors import TokenError
from authzsvc.tokens.claims import Identity
from authzsvc.tokens.keys import KeySet, Refresh, from_file
from authzsvc.tokens.presets import PRESETS, reading
from authzsvc.tokens.verifier import Issuer, Verifier

NOW = 1_760_000_000
TIMES = {"iat": NOW - 10, "exp": NOW + 3590}
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
PUBLIC = [
    {**jwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True), "kid": "rsa", "use": "sig"},
    {**jwt.algorithms.ECAlgorithm.to_jwk(EC.public_key(), as_dict=True), "kid": "ec", "use": "sig"},
]

KEYCLOAK = {
    **TIMES,
    "jti": "trrtcc:0b7b7a0c-4d8e-4b6d-9f8e-3a1f0c2d4e5f",
    "iss": "https://sso.example/realms/fix",
    "aud": ["fix-gateway", "account"],
    "sub": "9d1f3b0e-2c41-4f5e-8a57-6f0e2b3c4d5e",
    "typ": "Bearer",
    "azp": "algo-provider",
    "acr": "1",
    "allowed-origins": ["/*"],
    "realm_access": {"roles": ["default-roles-fix", "offline_access", "trader"]},
    "resource_access": {
        "fix-gateway": {"roles": ["market_maker"]},
        "account": {"roles": ["manage-account", "risk_manager"]},
    },
    "scope": "order:cancel email profile",
    "clientHost": "192.0.2.7",
    "email_verified": False,
    "preferred_username": "service-account-algo-provider",
    "clientAddress": "192.0.2.7",
    "client_id": "algo-provider",
}
OKTA = {
    **TIMES,
    "ver": 1,
    "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
    "iss": "https://fix.okta.example/oauth2/default",
    "aud": "api://fix-gateway",
    "cid": "0oabskvc6442nkvQO0h7",
    "scp": ["order:cancel", "marketdata:subscribe:option"],
    "sub": "0oabskvc6442nkvQO0h7",
}
FUSIONAUTH_USER = {
    **TIMES,
    "aud": "85a03867-dccf-4882-adde-1a79aeec50df",
    "iss": "acme.example",
    "sub": "00000000-0000-0001-0000-000000000000",
    "jti": "3dd6434d-79a9-4d15-98b5-7b51dbb2cd31",
    "authenticationType": "PASSWORD",
    "email_verified": True,
    "applicationId": "85a03867-dccf-4882-adde-1a79aeec50df",
    "auth_time": NOW - 12,
    "roles": ["trader"],
    "scope": "order:cancel offline_access",
    "sid": "6d8a2b6d-9e0a-4bb4-9f41-0b1a7f4a6a0d",
    "tid": "30663132-6464-6665-3032-326466613934",
}
FUSIONAUTH_ENTITY = {
    **TIMES,
    "aud": "092dbedc-30af-4149-9c61-b578f2c72f59",
    "iss": "acme.example",
    "sub": "e9fdb985-9173-4e01-9d73-ac2d60d1dc8e",
    "jti": "8a9d0c2e-1c41-4ecb-9c3f-ff2f3f9f2a11",
    "permissions": ["order:cancel"],
    "scope": "target-entity:092dbedc-30af-4149-9c61-b578f2c72f59:order:cancel",
    "tid": "30663132-6464-6665-3032-326466613934",
    "use": "access_token",
}
AUTH0 = {
    **TIMES,
    "iss": "https://fix.auth0.example/",
    "sub": "auth0|123456",
    "aud": ["https://fix-gateway", "https://fix.auth0.example/userinfo"],
    "azp": "my_client_id",
    "scope": "openid profile order:cancel",
    "permissions": ["order:cancel", "order:replace"],
}
AUTH0_MACHINE = {
    **TIMES,
    "iss": "https://fix.auth0.example/",
    "sub": "my_client_id@clients",
    "aud": "https://fix-gateway",
    "azp": "my_client_id",
    "scope": "order:cancel",
    "gty": "client-credentials",
    "permissions": ["order:cancel"],
}
TENANT = "8d7c6b5a-0000-4000-8000-000000000001"
ENTRA_V2 = {
    **TIMES,
    "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3",
    "iss": f"https://login.microsoftonline.example/{TENANT}/v2.0",
    "nbf": NOW - 10,
    "aio": "AXQAi/8IAAAA",
    "azp": "1a2b3c4d-0000-4000-8000-000000000002",
    "azpacr": "0",
    "name": "Ada Trader",
    "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
    "preferred_username": "ada@example.com",
    "rh": "0.AAAA",
    "roles": ["trader", "order:replace"],
    "scp": "order:cancel order:status",
    "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
    "tid": TENANT,
    "uti": "fqiBqXLPj0eQa82S-IYFAA",
    "ver": "2.0",
}
ENTRA_V1_APP = {
    **TIMES,
    "aud": "api://fix-gateway",
    "iss": f"https://sts.windows.example/{TENANT}/",
    "nbf": NOW - 10,
    "appid": "1a2b3c4d-0000-4000-8000-000000000003",
    "appidacr": "2",
    "idp": f"https://sts.windows.example/{TENANT}/",
    "oid": "0a1b2c3d-0000-4000-8000-000000000004",
    "rh": "0.AAAA",
    "roles": ["order:cancel"],
    "tid": TENANT,
    "ver": "1.0",
}
PROFILE = {
    **TIMES,
    "iss": "https://as.example",
    "aud": "https://fix.example",
    "sub": "5ba552d67",
    "client_id": "s6BhdRkqt3",
    "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
    "auth_time": NOW - 20,
    "scope": "order:cancel order:status",
    "roles": [{"value": "trader"}],
    "groups": ["desk-7"],
}


@dataclass(frozen=True)
class Sample:
    preset: str
    claims: dict[str, Any]
    audience: str
    subject: str
    client: str
    scopes: set[str]
    kind: str | None = "JWT"
    algorithm: str = "RS256"


SAMPLES = {
    "keycloak": Sample(
        "keycloak",
        KEYCLOAK,
        "fix-gateway",
        "9d1f3b0e-2c41-4f5e-8a57-6f0e2b3c4d5e",
        "algo-provider",
        {
            *("order:cancel", "email", "profile"),
            *("role:default-roles-fix", "role:offline_access", "role:trader", "role:market_maker"),
        },
    ),
    "okta": Sample(
        "okta",
        OKTA,
        "api://fix-gateway",
        "0oabskvc6442nkvQO0h7",
        "0oabskvc6442nkvQO0h7",
        {"order:cancel", "marketdata:subscribe:option"},
        kind=None,
    ),
    "okta with groups": Sample(
        "okta",
        {**OKTA, "sub": "ada@example.com", "uid": "00uixa271s6x7qt8I0h7", "groups": ["Everyone", "trader"]},
        "api://fix-gateway",
        "ada@example.com",
        "0oabskvc6442nkvQO0h7",
        {"order:cancel", "marketdata:subscribe:option", "role:Everyone", "role:trader"},
        kind="application/okta-internal-at+jwt",
    ),
    "fusionauth, a user": Sample(
        "fusionauth",
        FUSIONAUTH_USER,
        "85a03867-dccf-4882-adde-1a79aeec50df",
        "00000000-0000-0001-0000-000000000000",
        "85a03867-dccf-4882-adde-1a79aeec50df",
        {"order:cancel", "offline_access", "role:trader"},
    ),
    "fusionauth, an entity": Sample(
        "fusionauth",
        FUSIONAUTH_ENTITY,
        "092dbedc-30af-4149-9c61-b578f2c72f59",
        "e9fdb985-9173-4e01-9d73-ac2d60d1dc8e",
        "e9fdb985-9173-4e01-9d73-ac2d60d1dc8e",
        {"order:cancel", "target-entity:092dbedc-30af-4149-9c61-b578f2c72f59:order:cancel"},
    ),
    "auth0": Sample(
        "auth0",
        AUTH0,
        "https://fix-gateway",
        "auth0|123456",
        "my_client_id",
        {"openid", "profile", "order:cancel", "order:replace"},
    ),
    "auth0, a machine": Sample(
        "auth0", AUTH0_MACHINE, "https://fix-gateway", "my_client_id@clients", "my_client_id", {"order:cancel"}
    ),
    "entra v2, a user": Sample(
        "entra",
        ENTRA_V2,
        "6e74172b-be56-4843-9ff4-e66a39bb12e3",
        "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
        "1a2b3c4d-0000-4000-8000-000000000002",
        {"order:cancel", "order:status", "role:trader", "role:order:replace"},
    ),
    "entra v1, an application": Sample(
        "entra",
        ENTRA_V1_APP,
        "api://fix-gateway",
        "0a1b2c3d-0000-4000-8000-000000000004",
        "1a2b3c4d-0000-4000-8000-000000000003",
        {"order:cancel", "role:order:cancel"},
    ),
    "rfc9068": Sample(
        "rfc9068",
        PROFILE,
        "https://fix.example",
        "5ba552d67",
        "s6BhdRkqt3",
        {"order:cancel", "order:status", "role:trader"},
        kind="at+jwt",
        algorithm="ES256",
    ),
}


async def verified(sample: Sample, directory: Path, **changes: object) -> Identity:
    path = directory / "jwks.json"
    path.write_text(json.dumps({"keys": PUBLIC}))
    keys = KeySet(sample.claims["iss"], from_file(path), Refresh())
    await keys.load()
    algorithms = ("RS256", "ES256")
    issuer = Issuer(sample.claims["iss"], (sample.audience,), algorithms, keys, PRESETS[sample.preset])
    verifier = Verifier([issuer], clock=lambda: float(NOW))
    key, key_id = (RSA, "rsa") if sample.algorithm == "RS256" else (EC, "ec")
    headers = {"kid": key_id, "typ": sample.kind}
    claims = {name: value for name, value in {**sample.claims, **changes}.items() if value is not None}
    return verifier.verify(jwt.encode(claims, key, sample.algorithm, headers=headers))


@pytest.mark.parametrize("name", SAMPLES)
async def test_a_token_of_each_server(name: str, tmp_path: Path) -> None:
    sample = SAMPLES[name]
    found = await verified(sample, tmp_path)
    assert (found.subject, found.client_id) == (sample.subject, sample.client)
    assert found.scopes == sample.scopes
    assert found.claims == sample.claims
    assert found.issued_at == NOW - 10


def test_every_preset_has_a_token() -> None:
    assert {sample.preset for sample in SAMPLES.values()} == set(PRESETS)


WRONG: list[object] = [7, True, {"roles": 1, "fix-gateway": 1}, [1], [["a"]], 1.5]


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("name", SAMPLES)
async def test_claims_of_the_wrong_kind_are_refused(name: str, value: object, tmp_path: Path) -> None:
    sample = SAMPLES[name]
    found = PRESETS[sample.preset]
    paths = (
        found.scope_claims if found.union else found.scope_claims[:1],
        found.role_claims,
        found.client_id_claims[:1],
    )
    for path in {path.partition(".")[0] for path in sum(paths, ()) if path.partition(".")[0] in sample.claims}:
        with pytest.raises(TokenError, match=path):
            await verified(sample, tmp_path, **{path: value})


@pytest.mark.parametrize("kind", ["ID", "Refresh", "Offline", "Logout"])
async def test_other_tokens_of_keycloak_are_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="another kind"):
        await verified(SAMPLES["keycloak"], tmp_path, typ=kind)


async def test_an_id_token_of_any_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="another kind"):
        await verified(SAMPLES["auth0"], tmp_path, at_hash="77QmUPtjPfzWtF2AnpK9RQ")


async def test_the_strict_profile_wants_its_type(tmp_path: Path) -> None:
    sample = SAMPLES["rfc9068"]
    for kind in ("JWT", None):
        with pytest.raises(TokenError, match="typ"):
            await verified(Sample(**{**_fields(sample), "kind": kind}), tmp_path)
    found = await verified(Sample(**{**_fields(sample), "kind": "application/AT+JWT"}), tmp_path)
    assert found.subject == sample.subject


def _fields(sample: Sample) -> dict[str, Any]:
    return {name: getattr(sample, name) for name in sample.__dataclass_fields__}


def test_a_preset_is_a_start() -> None:
    found = reading("keycloak", role_claims=["groups"], types=["at+jwt"])
    assert (found.role_claims, found.types) == (("groups",), ("at+jwt",))
    assert found.client_id_claims == PRESETS["keycloak"].client_id_claims
    assert reading(None).scope_claims == ("scope", "scp")
    assert reading("auth0") == PRESETS["auth0"]
