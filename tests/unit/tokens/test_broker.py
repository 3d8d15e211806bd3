"""Client credentials brought to a real server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest

from authzsvc.errors import TokenError
from authzsvc.tokens import claims as claim
from authzsvc.tokens.broker import BadCredentials, Broker, Grant
from authzsvc.tokens.claims import Identity
from authzsvc.tokens.credential import Credential, Scheme
from authzsvc.tokens.endpoint import ServerUnavailable
from authzsvc.tokens.http import Http
from authzsvc.tokens.presets import PRESETS

from .authorization_server import Asked, AuthorizationServer, Reply, as_json, running
from .conftest import Clock
from .leaks import holds

ISSUER = "https://as.example"
READING = replace(PRESETS["keycloak"], scope_claims=("scope", "permissions"), union=True)
NOW = 1_000_000.0
SECRET = "s3cr3t-of-algo"
ALGO = Credential(Scheme.BASIC, SECRET, "algo")
REFUSED = as_json({"error": "invalid_client"}, 401)


def granted(token: str = "t0ken", expires_in: float | None = 300) -> Reply:
    return as_json({"access_token": token, "token_type": "Bearer", "expires_in": expires_in})


async def granted_to_each(asked: Asked) -> Reply:
    """A token that says whose it is."""
    return granted(f"t0ken-{asked.basic[0]}")


@dataclass
class Bench:
    server: AuthorizationServer
    http: Http
    clock: Clock
    subject: str = "svc"
    life_s: float = 300.0
    claims: dict[str, object] = field(default_factory=dict)
    """Of the tokens obtained, beside what is usual."""
    clients: dict[str, str] = field(default_factory=dict)
    """Whose a token is; else what stands behind its hyphen, else `algo`."""
    verified: list[str] = field(default_factory=list)

    async def verify(self, token: str) -> Identity:
        """Stands where the verifier of JWTs or the introspector will."""
        self.verified.append(token)
        if token == "not-for-us":
            raise TokenError("token is not for this gateway", "the token's audience is not this gateway")
        usual = {
            "iss": ISSUER,
            "sub": self.subject,
            "client_id": self.clients.get(token, token.partition("-")[2] or "algo"),
            "scope": "order:cancel",
            "exp": self.clock.now + self.life_s,
        }
        claims = {name: value for name, value in {**usual, **self.claims}.items() if value is not None}
        return claim.identity(claims, READING)

    def broker(self, url: str | None = None, **grant: Any) -> Broker:  # noqa: ANN401 (fields of `Grant`)
        place = self.server.url + "/token" if url is None else url
        found = Grant(self.http, lambda: place, ISSUER, READING, **grant)
        return Broker(found, self.verify, clock=self.clock)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with running() as server:
        server.reply = granted()
        http = Http(timeout_s=5.0)
        yield Bench(server, http, Clock(NOW))
        await http.close()


async def refusal(broker: Broker, credential: Credential = ALGO) -> TokenError:
    with pytest.raises(TokenError) as refused:
        await broker.obtain(credential)
    assert SECRET not in str(refused.value)
    assert "t0ken" not in str(refused.value)
    return refused.value


async def test_a_token_is_obtained_as_the_client_and_verified(bench: Bench) -> None:
    broker = bench.broker(scope="order:cancel order:status", audience="fix", resource="https://fix.example")
    found = await broker.obtain(ALGO)
    assert (found.subject, found.expires_at) == ("svc", NOW + 300)
    asked = bench.server.asked[0]
    assert asked.basic == ("algo", SECRET)
    assert asked.form == {
        "grant_type": "client_credentials",
        "scope": "order:cancel order:status",
        "audience": "fix",
        "resource": "https://fix.example",
    }
    assert bench.verified == ["t0ken"]
    assert broker.remembered(ALGO) == await broker.obtain(ALGO) == found
    assert len(bench.server.asked) == 1


async def test_only_what_is_set_is_asked_for(bench: Bench) -> None:
    await bench.broker().obtain(ALGO)
    assert bench.server.asked[0].form == {"grant_type": "client_credentials"}


@pytest.mark.parametrize("secret", ["a:b", "a b+c%d&e=f", "é ü € 漢", "'\"\\\t\x01", "%41%", "x" * 1_024])
@pytest.mark.parametrize("in_form", [False, True])
async def test_secrets_with_odd_characters(bench: Bench, secret: str, in_form: bool) -> None:
    bench.clients["t0ken"] = "id: é"
    await bench.broker(secret_in_form=in_form).obtain(Credential(Scheme.BASIC, secret, "id: é"))
    asked = bench.server.asked[0]
    if in_form:
        assert (asked.form["client_id"], asked.form["client_secret"]) == ("id: é", secret)
        assert "authorization" not in asked.headers
    else:
        assert asked.basic == ("id: é", secret)


@pytest.mark.parametrize(
    "credential",
    [
        Credential(Scheme.BASIC, "", "algo"),
        Credential(Scheme.BASIC, SECRET, ""),
        Credential(Scheme.BASIC, "x" * 1_025, "algo"),
        Credential(Scheme.BASIC, SECRET, "x" * 100_000),
        Credential(Scheme.BASIC, "\ud800", "algo"),
        Credential(Scheme.BEARER, SECRET),
    ],
)
async def test_what_cannot_be_good_is_not_asked_about(bench: Bench, credential: Credential) -> None:
    assert isinstance(await refusal(bench.broker(), credential), BadCredentials)
    assert bench.server.asked == []


@pytest.mark.parametrize(("secret", "kind"), [("cl\u00e9-s3cr3t-of-algo", BadCredentials), (SECRET, ServerUnavailable)])
async def test_a_bad_request_is_the_clients_fault_where_its_secret_is_no_ascii(
    bench: Bench, secret: str, kind: type[TokenError]
) -> None:
    bench.server.reply = as_json({"error": "invalid_request"}, 400)
    assert isinstance(await refusal(bench.broker(), replace(ALGO, secret=secret)), kind)


async def test_a_renewal_that_fails_is_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    broker = bench.broker()
    await broker.obtain(ALGO)
    bench.server.reply = Reply(b"", status=503)
    bench.clock.now += 270
    await broker.renew_if_due(ALGO)
    (record,) = (record for record in caplog.records if record.message == "access token not renewed")
    assert (record.__dict__["client"], record.__dict__["left_s"]) == ("algo", 30)
    assert SECRET not in str(record.__dict__)


async def test_a_wrong_secret_is_told_from_an_outage(bench: Bench) -> None:
    broker = bench.broker(negative_cache_s=5.0)
    bench.server.reply = REFUSED
    error = await refusal(broker)
    assert isinstance(error, BadCredentials)
    assert (error.text, error.session_status) == ("client credentials not accepted", 5)
    assert isinstance(await refusal(broker), BadCredentials)
    assert isinstance(broker.remembered(ALGO), BadCredentials)
    assert len(bench.server.asked) == 1
    bench.server.reply = granted()
    await broker.obtain(replace(ALGO, secret="another"))
    bench.clock.now += 5
    await broker.obtain(ALGO)


async def test_an_outage(bench: Bench) -> None:
    broker = bench.broker()
    bench.server.reply = Reply(b"", 503)
    error = await refusal(broker)
    assert isinstance(error, ServerUnavailable)
    assert (error.text, error.session_status) == ("authorization server not available", 7)
    await refusal(broker)
    assert len(bench.server.asked) == 1
    bench.clock.now += 1
    bench.server.reply = granted()
    await broker.obtain(ALGO)


async def test_servers_that_cannot_be_asked(bench: Bench) -> None:
    assert isinstance(await refusal(bench.broker(url="")), ServerUnavailable)
    assert isinstance(await refusal(bench.broker(url="http://127.0.0.1:1/token")), ServerUnavailable)
    await bench.http.close()
    bench.http = Http(timeout_s=0.05)
    bench.server.gate.clear()
    assert isinstance(await refusal(bench.broker()), ServerUnavailable)


async def test_a_token_that_is_not_good_here(bench: Bench) -> None:
    bench.server.reply = granted("not-for-us")
    error = await refusal(bench.broker())
    assert error.text == "token is not for this gateway"
    assert not isinstance(error, BadCredentials)


async def test_no_identity_outlives_expires_in_or_exp(bench: Bench) -> None:
    broker = bench.broker()
    bench.server.reply = granted(expires_in=100)
    assert (await broker.obtain(ALGO)).expires_at == NOW + 100
    bench.clock.now += 100
    assert broker.remembered(ALGO) is None
    bench.server.reply = granted(expires_in=None)
    assert (await broker.obtain(ALGO)).expires_at == NOW + 400
    bench.life_s = 0.0
    bench.clock.now += 300
    assert (await refusal(broker)).text == "access token expired"


@pytest.mark.parametrize(
    ("life_s", "earliest", "latest"),
    [(3_600.0, 2_592.0, 2_880.0), (300.0, 216.0, 240.0), (150.0, 81.0, 90.0), (60.0, 30.0, 30.0), (2.0, 1.0, 1.0)],
)
async def test_when_a_renewal_is_due(bench: Bench, life_s: float, earliest: float, latest: float) -> None:
    broker = bench.broker(renew_before_s=60.0)
    bench.server.reply = granted(expires_in=None)
    bench.life_s = life_s
    assert broker.due_at(ALGO) is None
    await broker.obtain(ALGO)
    due = broker.due_at(ALGO)
    assert due is not None
    assert NOW + earliest <= due <= NOW + latest


async def test_all_day_long(bench: Bench) -> None:
    broker = bench.broker()
    await broker.obtain(ALGO)
    for _ in range(200):
        bench.clock.now += 20
        found = await broker.renew_if_due(ALGO)
        assert found.expires_at > bench.clock.now + 20
    assert 200 * 20 / 300 < len(bench.server.asked) < 200 * 20 / 150


async def test_a_renewal_is_one_question_for_all_who_ask(bench: Bench) -> None:
    broker = bench.broker()
    await broker.obtain(ALGO)
    assert await broker.renew_if_due(ALGO) == broker.remembered(ALGO)
    assert len(bench.server.asked) == 1
    bench.clock.now += 240
    bench.server.gate.clear()
    waiting = [asyncio.create_task(broker.renew_if_due(ALGO)) for _ in range(10)]
    await asyncio.sleep(0)
    old = broker.remembered(ALGO)
    assert isinstance(old, Identity)
    assert old.expires_at == NOW + 300
    bench.server.gate.set()
    assert {found.expires_at for found in await asyncio.gather(*waiting)} == {NOW + 540}
    assert len(bench.server.asked) == 2


async def test_the_old_token_lasts_while_renewals_fail_less_and_less_often(bench: Bench) -> None:
    bench.server.reply = granted(expires_in=None)
    bench.life_s = 1_000.0
    broker = bench.broker()
    await broker.obtain(ALGO)
    bench.server.reply = Reply(b"", 500)
    tries: list[float] = []
    for second in range(800, 1_000):
        bench.clock.now = NOW + second
        before = len(bench.server.asked)
        assert (await broker.renew_if_due(ALGO)).expires_at == NOW + 1_000
        tries += [second] * (len(bench.server.asked) - before)
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses[:4] == pytest.approx([1, 2, 4, 8], abs=1)
    assert pauses[:6] == sorted(pauses[:6])
    assert all(50 < pause <= 60 for pause in pauses[6:])
    bench.clock.now = NOW + 1_000
    with pytest.raises(ServerUnavailable):
        await broker.renew_if_due(ALGO)
    bench.clock.now += 1
    bench.server.reply = granted()
    assert await broker.renew_if_due(ALGO)


async def test_a_client_that_is_disabled_ends_with_its_token(bench: Bench) -> None:
    broker = bench.broker()
    await broker.obtain(ALGO)
    bench.server.reply = REFUSED
    bench.clock.now += 240
    assert (await broker.renew_if_due(ALGO)).expires_at == NOW + 300
    assert isinstance(broker.remembered(ALGO), Identity)
    due = broker.due_at(ALGO)
    assert due is not None
    assert due > bench.clock.now + 50
    bench.clock.now = NOW + 300
    assert broker.remembered(ALGO) is None
    with pytest.raises(BadCredentials, match="401 `invalid_client`"):
        await broker.renew_if_due(ALGO)


async def test_a_renewed_token_of_another_subject_is_not_taken(bench: Bench) -> None:
    broker = bench.broker()
    await broker.obtain(ALGO)
    bench.subject = "somebody else"
    bench.clock.now += 240
    assert (await broker.renew_if_due(ALGO)).subject == "svc"


async def test_what_is_forgotten_is_asked_for_again(bench: Bench) -> None:
    broker = bench.broker()
    await broker.obtain(ALGO)
    broker.forget(ALGO)
    broker.forget(ALGO)
    assert broker.remembered(ALGO) is None
    assert broker.due_at(ALGO) is None
    await broker.renew_if_due(ALGO)
    assert len(bench.server.asked) == 2


async def test_bounded_in_memory_and_in_questions(bench: Bench) -> None:
    broker = bench.broker(size=3, most_flights=2)
    bench.server.answering = granted_to_each
    clients = [Credential(Scheme.BASIC, "x", f"client{i}") for i in range(8)]
    for client in clients:
        await broker.obtain(client)
    assert sum(broker.remembered(client) is not None for client in clients) == 3
    bench.server.gate.clear()
    waiting = [asyncio.create_task(broker.obtain(client)) for client in clients[:2]]
    await asyncio.sleep(0)
    assert isinstance(await refusal(broker), ServerUnavailable)
    bench.server.gate.set()
    await asyncio.gather(*waiting)


async def test_refused_guesses_do_not_push_good_ones_out(bench: Bench) -> None:
    broker = bench.broker(size=2)
    await broker.obtain(ALGO)
    bench.server.reply = REFUSED
    for i in range(10):
        await refusal(broker, replace(ALGO, secret=f"guess{i}"))
    assert isinstance(broker.remembered(ALGO), Identity)


async def test_none_waits_for_anothers_slow_grant(bench: Bench) -> None:
    slow = asyncio.Event()

    async def answering(asked: Asked) -> Reply:
        if asked.basic[0] == "algo":
            await slow.wait()
        return await granted_to_each(asked)

    bench.server.answering = answering
    broker = bench.broker()
    waiting = asyncio.create_task(broker.obtain(ALGO))
    for i in range(10):
        await broker.obtain(Credential(Scheme.BASIC, "x", f"client{i}"))
    assert not waiting.done()
    slow.set()
    await waiting


async def test_neither_secret_nor_token_is_kept(bench: Bench) -> None:
    broker = bench.broker()
    bench.verified = []
    await broker.obtain(Credential(Scheme.BASIC, "kept-n0where-1", "algo"))
    bench.server.reply = REFUSED
    await refusal(broker, Credential(Scheme.BASIC, "kept-n0where-2", "algo"))
    bench.server.reply = Reply(b"", 500)
    await refusal(broker, Credential(Scheme.BASIC, "kept-n0where-3", "algo"))
    await asyncio.sleep(0)
    for kept in (broker._held, broker._bad, broker._flights):
        assert not holds(kept, "kept-n0where")
        assert not holds(kept, "t0ken")


async def test_closing_ends_what_is_under_way(bench: Bench) -> None:
    broker = bench.broker()
    bench.server.gate.clear()
    waiting = asyncio.create_task(broker.obtain(ALGO))
    await asyncio.sleep(0)
    await broker.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://other.example"}, "another issuer's"),
        ({"iss": f"{ISSUER}/"}, "another issuer's"),
        ({"client_id": "desk"}, "another client's"),
        ({"client_id": "ALGO"}, "another client's"),
        ({"azp": "desk"}, "another client's"),
        ({"client_id": "desk", "azp": "algo"}, "another client's"),
        ({"client_id": None, "sub": "desk"}, "another client's"),
    ],
)
async def test_a_token_of_another_issuer_or_client_is_not_taken(
    bench: Bench, claims: dict[str, object], reason: str
) -> None:
    bench.claims = claims
    broker = bench.broker()
    error = await refusal(broker)
    assert isinstance(error, ServerUnavailable)
    assert reason in error.reason
    bench.claims = {}
    bench.clock.now += 1
    await broker.obtain(ALGO)
    bench.claims = claims
    bench.clock.now += 240
    assert (await broker.renew_if_due(ALGO)).expires_at == NOW + 301


@pytest.mark.parametrize(
    "claims", [{"azp": "algo"}, {"client_id": None, "azp": "algo"}, {"client_id": None, "sub": "algo"}]
)
async def test_a_token_of_the_client(bench: Bench, claims: dict[str, object]) -> None:
    bench.claims = claims
    assert await bench.broker().obtain(ALGO)


@pytest.mark.parametrize(
    ("asked", "granted_scope", "taken"),
    [
        ("", "order:cancel profile", {"order:cancel", "profile"}),
        ("order:cancel", "order:cancel profile email", {"order:cancel"}),
        ("order:cancel order:status", "order:status", {"order:status"}),
        ("order:cancel", "ORDER:CANCEL order:cancel:all", set()),
        ("order:cancel", "", set()),
        ("order:cancel", "role:risk-manager", set()),
        ("api://fix/.default", "order:cancel", {"order:cancel"}),
        (".default", "order:cancel", {"order:cancel"}),
    ],
)
async def test_no_scope_is_taken_that_was_not_asked_for(
    bench: Bench, asked: str, granted_scope: str, taken: set[str]
) -> None:
    bench.claims = {"scope": granted_scope, "realm_access": {"roles": ["trader"]}}
    assert (await bench.broker(scope=asked).obtain(ALGO)).scopes == {*taken, "role:trader"}
    bench.claims["permissions"] = ["order:replace"]
    if asked and "default" not in asked:
        assert "order:replace" not in (await bench.broker(scope=asked).obtain(ALGO)).scopes
