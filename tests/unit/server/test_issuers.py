"""Settings → issuers: what is asked where, what has to be loaded, and what cannot be."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from authzsvc.errors import SettingsFaults, TokenError
from authzsvc.server.issuers import Issuers, build
from authzsvc.settings.tokens import Tokens
from authzsvc.tokens.certificate import Certificate
from authzsvc.tokens.claims import Identity
from authzsvc.tokens.credential import Credential, Scheme
from authzsvc.tokens.development import ALGORITHM, AUDIENCE, DevelopmentIssuer
from tests.unit.tokens.web import Reply, Web, serving

NOBODY = Certificate()


@pytest.fixture
def client(tmp_path: Path) -> dict[str, Any]:
    """Who the service is to the server."""
    secret = tmp_path / "secret"
    secret.write_text("the service's own")
    return {"id": "gateway", "secret_file": str(secret)}


def entry(name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (settings of any shape)
    return {"issuer": name, "audience": [AUDIENCE], "algorithms": [ALGORITHM], **more}


def made(*entries: dict[str, Any]) -> Issuers:
    return build(Tokens.model_validate({"issuers": entries}))


async def load(issuers: Issuers) -> None:
    for key_set in issuers.key_sets:
        await key_set.load()


def answer_metadata(web: Web, issuer: DevelopmentIssuer) -> None:
    """The server tells of itself, and of the development issuer's keys."""
    metadata = {
        "issuer": web.url,
        "jwks_uri": f"{web.url}/jwks",
        "token_endpoint": f"{web.url}/token",
        "introspection_endpoint": f"{web.url}/introspect",
    }
    found = Reply(json.dumps(metadata).encode(), headers={"content-type": "application/json"})
    web.replies["/.well-known/oauth-authorization-server"] = web.replies["/.well-known/openid-configuration"] = found
    web.replies["/jwks"] = Reply(issuer.jwks_path.read_bytes(), headers={"content-type": "application/json"})


@pytest.mark.parametrize("how", ["file", "url", "discovery"])
async def test_wherever_the_keys_are(tmp_path: Path, how: str) -> None:
    async with serving() as web:
        issuer = DevelopmentIssuer.create(tmp_path / "keys", web.url)
        answer_metadata(web, issuer)
        places = {"file": {"file": str(issuer.jwks_path)}, "url": {"url": f"{web.url}/jwks"}, "discovery": {}}
        issuers = made(entry(web.url, jwks=places[how]))
        assert [len(issuers.key_sets), len(issuers.from_files)] == [1, 1 if how == "file" else 0]
        await load(issuers)
        await asyncio.wait_for(issuers.wait_until_loaded(), 5)
        token = Credential(Scheme.BEARER, issuer.mint(subject="algo"))
        found = issuers.authenticator.known(token, NOBODY, {})
        assert found is not None
        assert found.subject == "algo"
        await issuers.close()


async def test_a_token_is_held_against_its_own_issuers_keys(tmp_path: Path) -> None:
    one, other = (DevelopmentIssuer.create(tmp_path / name, f"https://{name}") for name in ("one", "other"))
    issuers = made(
        entry(one.name, jwks={"file": str(one.jwks_path)}), entry(other.name, jwks={"file": str(other.jwks_path)})
    )
    await load(issuers)
    forged = DevelopmentIssuer(other.key, other.key_id, other.jwks_path, one.name).mint()
    with pytest.raises(TokenError):
        issuers.authenticator.known(Credential(Scheme.BEARER, forged), NOBODY, {})
    await issuers.close()


async def test_an_issuer_of_opaque_tokens_needs_no_keys(client: dict[str, Any]) -> None:
    async with serving() as web:
        answer = {"active": True, "sub": "algo", "aud": AUDIENCE, "iss": web.url, "exp": 4_000_000_000}
        web.replies["/introspect"] = Reply(json.dumps(answer).encode(), headers={"content-type": "application/json"})
        issuers = made(entry(web.url, introspection={"client": client, "url": f"{web.url}/introspect"}))
        assert (issuers.key_sets, issuers.tasks()) == ([], [])
        found = await issuers.authenticator.look_up(Credential(Scheme.BEARER, "opaque"), NOBODY, {})
        assert found.subject == "algo"
        assert web.paths() == ["/introspect"]
        await issuers.close()


async def test_an_endpoint_that_is_not_told_is_asked_for(tmp_path: Path, client: dict[str, Any]) -> None:
    """Though the keys are in a file, so that nothing else reads the metadata."""
    async with serving() as web:
        issuer = DevelopmentIssuer.create(tmp_path / "keys", web.url)
        answer_metadata(web, issuer)
        jwks = {"file": str(issuer.jwks_path)}
        issuers = made(entry(web.url, jwks=jwks, introspection={"client": client}))
        tasks = [asyncio.create_task(coroutine) for coroutine in issuers.tasks()]
        (metadata, _), *_ = issuers.discovered
        for _ in range(500):
            if metadata.metadata is not None:
                break
            await asyncio.sleep(0.01)
        assert metadata.metadata is not None
        assert metadata.metadata.introspection_endpoint == f"{web.url}/introspect"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await issuers.close()


async def test_without_a_broker_a_secret_is_shown_to_nobody(tmp_path: Path) -> None:
    issuer = DevelopmentIssuer.create(tmp_path / "keys")
    issuers = made(entry(issuer.name, jwks={"file": str(issuer.jwks_path)}))
    with pytest.raises(TokenError):
        await issuers.authenticator.look_up(Credential(Scheme.BASIC, "hunter2", "algo"), NOBODY, {})
    await issuers.close()


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"http": {"ca": "/nowhere.pem"}}, "tokens.issuers[0].http"),
        (
            {"introspection": {"client": {"id": "g", "secret_file": "/nowhere"}}},
            "tokens.issuers[0].introspection.client",
        ),
        (
            {"introspection": {"client": {"id": "g", "method": "private_key_jwt", "key_file": "/nowhere"}}},
            "tokens.issuers[0].introspection.client",
        ),
    ],
    ids=["ca", "secret", "key"],
)
async def test_what_cannot_be_used_is_said_by_its_place(settings: dict[str, Any], place: str) -> None:
    with pytest.raises(SettingsFaults) as raised:
        made(entry("https://as", **settings))
    assert [fault.key for fault in raised.value.faults] == [place]


COGNITO = {"aud": None, "sub": "abc", "client_id": "abc", "token_use": "access", "scope": "fix/order.create"}
KEYCLOAK = {"sub": None, "client_id": None, "azp": "algo", "scope": "order:create:equity", "typ": "Bearer"}
OKTA = {"sub": "0oa", "client_id": None, "cid": "0oa", "scope": None, "scp": ["fix"], "groups": ["Equity Traders"]}


@pytest.mark.parametrize(
    ("claims", "settings", "subject", "scopes"),
    [
        (COGNITO, {"demand_audience": False}, "abc", {"fix/order.create"}),
        (KEYCLOAK, {"demand_subject": False, "preset": "keycloak"}, "algo", {"order:create:equity"}),
        (KEYCLOAK, {"demand_subject": False}, "algo", {"order:create:equity"}),
        (OKTA, {"preset": "okta"}, "0oa", {"fix", "role:Equity Traders"}),
    ],
)
async def test_tokens_as_servers_issue_them(
    tmp_path: Path, claims: dict[str, Any], settings: dict[str, Any], subject: str, scopes: set[str]
) -> None:
    """Each is accepted with its setting, and without the setting refused for what it lacks."""
    issuer = DevelopmentIssuer.create(tmp_path / "keys", "https://idp.example")
    credential = Credential(Scheme.BEARER, issuer.mint(claims=claims))
    keys = {"jwks": {"file": str(issuer.jwks_path)}}
    strict = {key: value for key, value in settings.items() if not key.startswith("demand_")}
    issuers = [made(entry("https://idp.example", **keys, **said)) for said in (settings, strict)]
    for one in issuers:
        await load(one)
    found = issuers[0].authenticator.known(credential, NOBODY, {})
    assert isinstance(found, Identity)
    assert (found.subject, found.scopes) == (subject, frozenset(scopes))
    if strict != settings:
        with pytest.raises(TokenError) as refused:
            issuers[1].authenticator.known(credential, NOBODY, {})
        assert "no claim `" in refused.value.reason
