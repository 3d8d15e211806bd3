"""Credentials of every kind at one door, put together from settings as the service does."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from authzsvc.errors import TokenError
from authzsvc.server.issuers import Issuers, build
from authzsvc.settings.tokens import Tokens
from authzsvc.tokens import authenticator
from authzsvc.tokens.certificate import NO_CERTIFICATE, Certificate
from authzsvc.tokens.claims import Identity
from authzsvc.tokens.credential import Credential, Scheme
from authzsvc.tokens.development import ALGORITHM, AUDIENCE, DevelopmentIssuer

from .authorization_server import Asked, AuthorizationServer, Reply, as_json, running

SECRET = "s3cr3t-of-algo"
HERE = {"gateway": "gw-1"}
OTHER = {"gateway": "gw-2"}


@dataclass
class Door:
    """An authenticator, and the server that it asks."""

    issuer: DevelopmentIssuer
    server: AuthorizationServer
    directory: Path
    issuers: Issuers

    async def enter(
        self, credential: Credential | None, context: dict[str, str] = HERE, certificate: Certificate = NO_CERTIFICATE
    ) -> Identity:
        return await self.issuers.authenticator.look_up(credential, certificate, context)

    async def refused(self, credential: Credential | None, context: dict[str, str] = HERE) -> TokenError:
        with pytest.raises(TokenError) as refusal:
            await self.enter(credential, context)
        assert SECRET not in str(refusal.value)
        return refusal.value


def bearer(token: str) -> Credential:
    return Credential(Scheme.BEARER, token)


@contextlib.asynccontextmanager
async def door(directory: Path, **settings: Any) -> AsyncIterator[Door]:  # noqa: ANN401 (of an issuer)
    issuer = DevelopmentIssuer.create(directory / "keys")
    secret = directory / "secret"
    secret.write_text("gateway-secret\n")
    async with running() as server:
        entry = {
            "issuer": issuer.name,
            "audience": AUDIENCE,
            "algorithms": [ALGORITHM],
            "context": HERE,
            "jwks": {"file": str(issuer.jwks_path)},
            "introspection": {
                "url": f"{server.url}/introspect",
                "client": {"id": "gateway", "secret_file": str(secret)},
                **settings.pop("introspection", {}),
            },
            "broker": {"url": f"{server.url}/token"},
            **settings,
        }
        issuers = build(Tokens.model_validate({"issuers": [entry]}))
        for key_set in issuers.key_sets:
            await key_set.load()
        try:
            yield Door(issuer, server, directory, issuers)
        finally:
            await issuers.close()


def active(**more: object) -> Reply:
    members = {"active": True, "sub": "svc", "client_id": "algo", "aud": AUDIENCE, "scope": "order:cancel"}
    return as_json({**members, "exp": int(time.time()) + 300, **more})


async def test_a_jwt_is_verified_and_nobody_is_asked(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        found = await at.enter(bearer(at.issuer.mint(scopes=("order:cancel",), client_id="algo")))
        assert (found.client_id, found.scopes) == ("algo", frozenset({"order:cancel"}))
        assert at.server.asked == []


async def test_what_is_no_jwt_is_asked_about_once(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        at.server.reply = active()
        credential = bearer("an-opaque-token")
        assert at.issuers.authenticator.known(credential, NO_CERTIFICATE, HERE) is None
        found = await at.enter(credential)
        assert found.client_id == "algo"
        assert at.issuers.authenticator.known(credential, NO_CERTIFICATE, HERE) == found
        ends = at.issuers.authenticator.due_at(credential, HERE)
        assert ends is not None
        assert ends <= time.time() + 60
        assert [asked.path for asked in at.server.asked] == ["/introspect"]


async def test_jwts_are_asked_about_where_the_settings_say_so(tmp_path: Path) -> None:
    async with door(tmp_path, introspection={"jwt": True}) as at:
        at.server.reply = as_json({"active": False})
        refusal = await at.refused(bearer(at.issuer.mint()))
        assert refusal.text == "access token not accepted"
        assert len(at.server.asked) == 1


async def test_a_client_id_and_secret_become_a_token_that_is_verified(tmp_path: Path) -> None:
    async with door(tmp_path) as at:

        async def answer(_asked: Asked) -> Reply:
            token = at.issuer.mint(client_id="algo", scopes=("order:cancel",))
            return as_json({"access_token": token, "token_type": "Bearer", "expires_in": 300})

        at.server.answering = answer
        credential = Credential(Scheme.BASIC, SECRET, "algo")
        assert (await at.enter(credential)).client_id == "algo"
        assert at.server.asked[0].basic == ("algo", SECRET)
        assert at.issuers.authenticator.due_at(credential, HERE) is not None
        await at.issuers.authenticator.renew_if_due(credential, HERE)
        assert len(at.server.asked) == 1


async def test_nothing_is_shown_to_an_issuer_of_another_listener(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        for credential in (
            bearer("an-opaque-token"),
            bearer(at.issuer.mint()),
            Credential(Scheme.BASIC, SECRET, "algo"),
        ):
            assert (await at.refused(credential, OTHER)).session_status == 5
        assert at.server.asked == []


async def test_no_credential_at_all(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        assert (await at.refused(None)).text == "no access token"
        assert at.issuers.authenticator.due_at(None, HERE) is None


async def test_a_bound_token_comes_with_its_certificate(tmp_path: Path) -> None:
    async with door(tmp_path, binding={"name_claim": "sub"}) as at:
        token = bearer(at.issuer.mint(subject="fix.algo.example"))
        mine = Certificate(sha256="0" * 64, dns=("fix.algo.example",))
        assert (await at.enter(token, certificate=mine)).subject == "fix.algo.example"
        assert (await at.refused(token)).text == "client certificate is not the token's"
        with pytest.raises(TokenError):
            at.issuers.authenticator.known(token, Certificate(sha256="0" * 64, dns=("other",)), HERE)


async def test_a_token_under_a_new_key_waits_for_the_key(tmp_path: Path) -> None:
    first = DevelopmentIssuer.create(tmp_path / "keys")
    (tmp_path / "jwks.json").write_bytes(first.jwks_path.read_bytes())
    async with door(tmp_path, jwks={"file": str(tmp_path / "jwks.json"), "min_refresh_s": 0.01}) as at:
        successor = DevelopmentIssuer.create(tmp_path / "next")
        fresh = asyncio.gather(*at.issuers.tasks())
        (tmp_path / "jwks.json").write_bytes(successor.jwks_path.read_bytes())
        try:
            assert (await at.enter(bearer(successor.mint(client_id="algo")))).client_id == "algo"
        finally:
            fresh.cancel()
            await asyncio.gather(fresh, return_exceptions=True)


async def test_a_token_under_a_key_that_never_comes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authenticator, "KEYS_PATIENCE_S", 0.01)
    async with door(tmp_path) as at:
        stranger = DevelopmentIssuer.create(tmp_path / "stranger")
        assert (await at.refused(bearer(stranger.mint()))).text == "access token not accepted"
