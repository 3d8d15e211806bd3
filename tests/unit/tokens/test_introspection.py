"""Opaque tokens, asked about at a real server on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jwt
import pytest

from authzsvc.errors import TokenError
from authzsvc.tokens.claims import Identity, Reading
from authzsvc.tokens.client_auth import Basic
from authzsvc.tokens.development import ALGORITHM, DevelopmentIssuer
from authzsvc.tokens.endpoint import ServerUnavailable
from authzsvc.tokens.http import Http
from authzsvc.tokens.introspection import Asking, Caching, Introspector
from authzsvc.tokens.introspection_answer import SIGNED, TYPE, Expected, Signed
from authzsvc.tokens.keys import KeySet, Refresh, from_file

from .authorization_server import AuthorizationServer, Reply, as_json, running
from .conftest import Clock
from .leaks import holds

ISSUER = "https://as.example"
TOKEN = "0paqu3-t0ken~+/=="
NOW = 1_000_000.0
UNAVAILABLE = "authorization server not available"


def active(**members: object) -> Reply:
    found: dict[str, object] = {
        "active": True,
        "client_id": "algo",
        "scope": "order:cancel order:status",
        "exp": NOW + 600,
        "aud": "fix-gateway",
        "token_type": "Bearer",
        **members,
    }
    return as_json({name: value for name, value in found.items() if value != "absent"})


@dataclass
class Bench:
    server: AuthorizationServer
    http: Http
    clock: Clock

    def introspector(self, caching: Caching = Caching(), url: str | None = None, **expected: Any) -> Introspector:  # noqa: ANN401, B008 (fields of `Expected`; frozen)
        asking = Asking(
            self.http, lambda: self.server.url + "/introspect" if url is None else url, Basic("gw", "s3cr3t")
        )
        return Introspector(
            asking, Expected(ISSUER, ("fix-gateway",), Reading(), **expected), caching, clock=self.clock
        )


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with running() as server:
        http = Http(timeout_s=5.0)
        yield Bench(server, http, Clock(NOW))
        await http.close()


async def refusal(introspector: Introspector, token: str = TOKEN) -> TokenError:
    with pytest.raises(TokenError) as refused:
        await introspector.introspect(token)
    assert TOKEN not in str(refused.value)
    assert "s3cr3t" not in str(refused.value)
    assert "\n" not in str(refused.value)
    return refused.value


async def settled(introspector: Introspector) -> None:
    """Wait for what is under way in the background."""
    while len(introspector._flights):
        await asyncio.sleep(0.001)


async def test_a_good_token(bench: Bench) -> None:
    bench.server.reply = active(sub="svc", jti="t1", iat=NOW - 5, cnf={"x5t#S256": "A" * 43})
    found = await bench.introspector().introspect(TOKEN)
    assert (found.issuer, found.subject, found.client_id, found.token_id) == (ISSUER, "svc", "algo", "t1")
    assert found.scopes == {"order:cancel", "order:status"}
    assert (found.expires_at, found.issued_at, found.confirmation) == (NOW + 600, NOW - 5, "A" * 43)
    asked = bench.server.asked[0]
    assert asked.path == "/introspect"
    assert asked.form == {"token": TOKEN, "token_type_hint": "access_token"}
    assert asked.basic == ("gw", "s3cr3t")
    assert asked.headers["accept"] == "application/json"


async def test_an_answer_is_remembered_for_as_long_as_the_cap_says(bench: Bench) -> None:
    bench.server.reply = active()
    introspector = bench.introspector(Caching(cache_s=60.0))
    assert introspector.remembered(TOKEN) is None
    found = await introspector.introspect(TOKEN)
    assert introspector.remembered(TOKEN) == await introspector.introspect(TOKEN) == found
    assert introspector.remembered(TOKEN + "x") is None
    bench.clock.now += 60
    assert introspector.remembered(TOKEN) is None
    await introspector.introspect(TOKEN)
    assert len(bench.server.asked) == 2


async def test_no_answer_outlives_the_token(bench: Bench) -> None:
    bench.server.reply = active(exp=NOW + 10)
    introspector = bench.introspector(Caching(cache_s=60.0))
    await introspector.introspect(TOKEN)
    bench.clock.now += 10
    assert introspector.remembered(TOKEN) is None
    assert (await refusal(introspector)).text == "access token expired"


async def test_a_token_without_an_end_is_good_until_one_asks_again(bench: Bench) -> None:
    bench.server.reply = active(exp=None)
    introspector = bench.introspector(Caching(cache_s=45.0))
    assert (await introspector.introspect(TOKEN)).expires_at == NOW + 45
    bench.clock.now += 45
    assert introspector.remembered(TOKEN) is None
    assert (await introspector.introspect(TOKEN)).expires_at == NOW + 90


async def test_a_refusal_is_remembered_briefly(bench: Bench) -> None:
    introspector = bench.introspector(Caching(negative_cache_s=10.0))
    error = await refusal(introspector)
    assert (error.text, error.session_status) == ("access token not accepted", 5)
    bench.server.reply = active()
    bench.clock.now += 9.9
    known = introspector.remembered(TOKEN)
    assert isinstance(known, TokenError)
    assert known.text == "access token not accepted"
    await refusal(introspector)
    assert len(bench.server.asked) == 1
    bench.clock.now += 0.1
    assert isinstance(await introspector.introspect(TOKEN), Identity)


async def test_refusals_do_not_push_good_answers_out(bench: Bench) -> None:
    introspector = bench.introspector(Caching(size=2))
    bench.server.reply = active()
    await introspector.introspect(TOKEN)
    bench.server.reply = as_json({"active": False})
    for i in range(10):
        await refusal(introspector, f"rubbish{i}")
    assert isinstance(introspector.remembered(TOKEN), Identity)
    assert introspector.remembered("rubbish0") is None


@pytest.mark.parametrize("status", [201, 204, 301, 302, 400, 401, 403, 404, 429, 500, 503])
async def test_any_other_status_says_nothing_of_the_token(bench: Bench, status: int) -> None:
    bench.server.reply = replace(active(), status=status)
    error = await refusal(bench.introspector())
    assert isinstance(error, ServerUnavailable)
    assert (error.text, error.session_status) == (UNAVAILABLE, 7)


async def test_a_server_that_is_down(bench: Bench) -> None:
    error = await refusal(bench.introspector(url="http://127.0.0.1:1/introspect?secret=1"))
    assert (error.text, error.session_status) == (UNAVAILABLE, 7)
    assert "secret" not in error.reason


async def test_an_endpoint_that_discovery_has_not_told_yet(bench: Bench) -> None:
    assert "not known yet" in (await refusal(bench.introspector(url=""))).reason


async def test_a_server_that_is_slow(bench: Bench) -> None:
    await bench.http.close()
    bench.http = Http(timeout_s=0.05)
    bench.server.gate.clear()
    error = await refusal(bench.introspector())
    assert (error.text, error.session_status) == (UNAVAILABLE, 7)
    bench.server.gate.set()


async def test_an_outage_is_remembered_for_a_moment_only(bench: Bench) -> None:
    introspector = bench.introspector(Caching(negative_cache_s=30.0))
    bench.server.reply = Reply(b"", status=503)
    await refusal(introspector)
    await refusal(introspector)
    assert len(bench.server.asked) == 1
    assert isinstance(introspector.remembered(TOKEN), ServerUnavailable)
    bench.server.reply = active()
    bench.clock.now += 1.0
    assert isinstance(await introspector.introspect(TOKEN), Identity)


@pytest.mark.parametrize("text", ["", " ", "a b", "a\nb", "a\x00", "é", "\ud800", "\x7f", "x" * 16_385, "x" * 100_000])
async def test_what_cannot_be_a_token_is_not_asked_about(bench: Bench, text: str) -> None:
    error = await refusal(bench.introspector(), text)
    assert error.text in ("access token not accepted", "no access token")
    assert bench.server.asked == []


async def test_the_longest_token(bench: Bench) -> None:
    bench.server.reply = active()
    token = "!~'\"&%=" + "x" * (16_384 - 7)
    await bench.introspector().introspect(token)
    assert bench.server.asked[0].form["token"] == token


async def test_one_question_for_all_who_wait_and_none_waits_for_another_token(bench: Bench) -> None:
    introspector = bench.introspector()
    slow = asyncio.Event()

    async def answering(asked: Any) -> Reply:  # noqa: ANN401 (an `Asked`)
        if asked.form["token"] == TOKEN:
            await slow.wait()
        return active()

    bench.server.answering = answering
    waiting = [asyncio.create_task(introspector.introspect(TOKEN)) for _ in range(20)]
    for i in range(20):
        await introspector.introspect(f"other{i}")
    assert not any(task.done() for task in waiting)
    waiting[0].cancel()
    slow.set()
    assert len({found.client_id for found in await asyncio.gather(*waiting[1:])}) == 1
    assert [asked.form["token"] for asked in bench.server.asked].count(TOKEN) == 1


async def test_questions_under_way_are_bounded(bench: Bench) -> None:
    introspector = bench.introspector(Caching(most_flights=2))
    bench.server.reply = active()
    bench.server.gate.clear()
    waiting = [asyncio.create_task(introspector.introspect(token)) for token in ("a", "b")]
    await asyncio.sleep(0)
    assert isinstance(await refusal(introspector), ServerUnavailable)
    bench.server.gate.set()
    await asyncio.gather(*waiting)
    await introspector.introspect(TOKEN)


async def test_it_asks_again_ahead_of_the_end_and_nobody_waits(bench: Bench) -> None:
    introspector = bench.introspector(Caching(cache_s=60.0))
    bench.server.reply = active()
    await introspector.introspect(TOKEN)
    bench.clock.now += 60 * 0.69
    introspector.remembered(TOKEN)
    await settled(introspector)
    assert len(bench.server.asked) == 1
    bench.clock.now = NOW + 60 * 0.95
    bench.server.reply = active(scope="order:create:equity")
    bench.server.gate.clear()
    old = introspector.remembered(TOKEN)
    assert isinstance(old, Identity)
    assert old == introspector.remembered(TOKEN)
    bench.server.gate.set()
    await settled(introspector)
    assert len(bench.server.asked) == 2
    bench.clock.now = NOW + 100
    found = introspector.remembered(TOKEN)
    assert isinstance(found, Identity)
    assert found.scopes == {"order:create:equity"}


async def test_a_revocation_is_seen_at_the_next_question(bench: Bench) -> None:
    introspector = bench.introspector(Caching(cache_s=60.0))
    bench.server.reply = active()
    await introspector.introspect(TOKEN)
    bench.server.reply = as_json({"active": False})
    bench.clock.now += 57
    assert isinstance(introspector.remembered(TOKEN), Identity)
    await settled(introspector)
    known = introspector.remembered(TOKEN)
    assert isinstance(known, TokenError)
    assert (known.text, known.session_status) == ("access token revoked", 5)


@pytest.mark.parametrize(
    ("later_s", "text", "status"), [(61, "access token revoked", 5), (600, "access token expired", 8)]
)
async def test_a_token_that_was_good_has_been_revoked_or_has_expired(
    bench: Bench, later_s: float, text: str, status: int
) -> None:
    """Nobody asked for so long that its answer is forgotten; that it was good is not."""
    introspector = bench.introspector(Caching(cache_s=60.0))
    bench.server.reply = active()
    await introspector.introspect(TOKEN)
    bench.server.reply = as_json({"active": False})
    bench.clock.now += later_s
    assert introspector.remembered(TOKEN) is None
    error = await refusal(introspector)
    assert (error.text, error.session_status) == (text, status)
    assert (await refusal(introspector, TOKEN + "x")).text == "access token not accepted"


async def test_a_token_without_an_end_is_never_expired(bench: Bench) -> None:
    bench.server.reply = active(exp=None)
    introspector = bench.introspector(Caching(cache_s=45.0))
    await introspector.introspect(TOKEN)
    bench.server.reply = as_json({"active": False})
    bench.clock.now += 1e6
    assert (await refusal(introspector)).text == "access token revoked"


async def test_an_outage_leaves_a_good_answer_until_its_end(bench: Bench) -> None:
    introspector = bench.introspector(Caching(cache_s=60.0))
    bench.server.reply = active()
    await introspector.introspect(TOKEN)
    bench.server.reply = Reply(b"", status=500)
    bench.clock.now += 57
    for _ in range(5):
        assert isinstance(introspector.remembered(TOKEN), Identity)
        await settled(introspector)
    assert len(bench.server.asked) == 2
    bench.clock.now += 1
    introspector.remembered(TOKEN)
    await settled(introspector)
    assert len(bench.server.asked) == 3
    bench.clock.now += 2
    assert isinstance(await refusal(introspector), ServerUnavailable)


async def test_neither_token_nor_secret_is_kept(bench: Bench) -> None:
    introspector = bench.introspector()
    for reply in (active(), as_json({"active": False}), Reply(b"", 500)):
        token = f"t0ken-{reply.status}-{len(reply.body)}"
        bench.server.reply = reply
        try:
            await introspector.introspect(token)
        except TokenError:
            assert reply.status == 500 or b"false" in reply.body
        del reply
        assert not any(holds(kept, token) for kept in (introspector._good, introspector._bad, introspector._flights))


async def test_closing_ends_what_is_under_way(bench: Bench) -> None:
    introspector = bench.introspector()
    bench.server.gate.clear()
    waiting = asyncio.create_task(introspector.introspect(TOKEN))
    await asyncio.sleep(0)
    await introspector.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    bench.server.gate.set()


async def test_json_of_100_kb(bench: Bench) -> None:
    bench.server.reply = active(padding="x" * 100_000)
    assert len(json.dumps((await bench.introspector().introspect(TOKEN)).claims["padding"])) > 100_000


async def test_a_signed_answer_about_one_token_is_none_about_another(bench: Bench, tmp_path: Path) -> None:
    """Whoever sits before the server answers with what it once said of another token."""
    issuer = DevelopmentIssuer.create(tmp_path / "keys", ISSUER)
    keys = KeySet(ISSUER, from_file(issuer.jwks_path), Refresh())
    await keys.load()
    introspector = bench.introspector(signed=Signed(keys, (ALGORITHM,), "gw"))

    def say(token_id: str | None) -> None:
        members = {"active": True, "client_id": "algo", "aud": "fix-gateway", "exp": NOW + 600, "jti": token_id}
        claims = {"iss": ISSUER, "aud": "gw", "iat": NOW, "token_introspection": members}
        told = jwt.encode(claims, issuer.key, ALGORITHM, headers={"kid": issuer.key_id, "typ": TYPE})
        bench.server.reply = Reply(told.encode(), content_type=SIGNED)

    say("j-1")
    assert (await introspector.introspect("one")).token_id == "j-1"
    error = await refusal(introspector, "two")
    assert isinstance(error, ServerUnavailable)
    assert "another token" in error.reason
    say("j-2")
    bench.clock.now += 2
    assert (await introspector.introspect("two")).token_id == "j-2"
    say(None)
    for token in ("three", "four"):
        assert (await introspector.introspect(token)).token_id == ""
