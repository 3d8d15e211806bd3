from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from google.protobuf.message import Message
from pydantic import ValidationError

from authzsvc._gen.fixauthz.v1 import admin_pb2 as pb
from authzsvc.errors import SettingsFaults
from authzsvc.server.admin import Admin, bind_admin
from authzsvc.server.admin_access import Access, Authenticate
from authzsvc.server.attempts import Attempts
from authzsvc.server.bounded import options
from authzsvc.server.issuers import Issuers, build
from authzsvc.sessions.acts import Act
from authzsvc.sessions.control import Control
from authzsvc.sessions.registry import Registry
from authzsvc.sessions.sqlite import SqliteStore
from authzsvc.settings.admin import AdminSettings, AdminToken
from authzsvc.settings.bounds import AdminBounds
from authzsvc.settings.tokens import Tokens
from authzsvc.tokens.authenticator import Authenticator
from authzsvc.tokens.development import ALGORITHM, AUDIENCE, DevelopmentIssuer
from authzsvc.tokens.guessing import Guessing, Limits
from authzsvc.tokens.keys import KeySet, Refresh, from_file
from authzsvc.tokens.verifier import Verifier
from tests.e2e.certificates import Authority, Pem
from tests.unit.sessions.building import eventually, session
from tests.unit.tokens.conftest import Bench, Clock
from tests.unit.tokens.web import Reply, Web
from tests.unit.tokens.web import serving as web_serving

SCOPE = "fix:admin"
KILL = pb.KillRequest(selector=pb.Selector(all=True), mode=pb.kill, reason="desk says stop")


class Service:
    """A running admin service, and how to call it."""

    def __init__(self, control: Control, registry: Registry, acts: list[Act], addresses: list[str]) -> None:
        self.control, self.registry, self.acts, self.addresses = control, registry, acts, addresses

    async def call(
        self,
        method: str,
        request: Message,
        channel: grpc.aio.Channel | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:  # noqa: ANN401 (any message)
        answers: dict[str, Any] = {
            "ListSessions": pb.ListSessionsResponse,
            "ListRestrictions": pb.ListRestrictionsResponse,
        }
        async with channel or grpc.aio.insecure_channel(self.addresses[0]) as opened:
            multi = opened.unary_unary(
                f"/fixauthz.v1.Admin/{method}",
                request_serializer=type(request).SerializeToString,
                response_deserializer=answers.get(method, pb.Done).FromString,
            )
            return await multi(request, metadata=tuple((headers or {}).items()), timeout=10)

    async def refused(
        self,
        method: str,
        request: Message,
        channel: grpc.aio.Channel | None = None,
        headers: dict[str, str] | None = None,
    ) -> str:
        """The status and words of a call that must fail."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.call(method, request, channel, headers)
        return f"{caught.value.code().name}: {caught.value.details()}"


@contextlib.asynccontextmanager
async def serving(
    settings: AdminSettings, authenticate: Authenticate | None = None, store: SqliteStore | None = None
) -> AsyncIterator[Service]:
    store = store or await SqliteStore.open(None)
    registry, acts = Registry(), list[Act]()
    control = Control(store, registry, acts.append)
    access = Access(
        settings,
        authenticate or (lambda *_: pytest.fail("nobody asked for tokens")),
        lambda identity: control.restrictions.revocation_of(identity) is not None,
    )
    server = grpc.aio.server(options=options(AdminBounds()))
    Admin(control, access, Attempts(Guessing(Limits()))).add_to(server)
    addresses = bind_admin(server, settings)
    await server.start()
    try:
        yield Service(control, registry, acts, addresses)
    finally:
        await server.stop(0)
        await store.close()


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(AdminSettings(unix=tmp_path / "a")) as service:
        yield service


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "operators")


def settings(authority: Authority, **more: Any) -> AdminSettings:  # noqa: ANN401
    pem = authority.issue_server()
    tls = {"cert": pem.cert, "key": pem.key, **more.pop("tls", {})}
    return AdminSettings.model_validate({"tcp": "127.0.0.1:0", "tls": tls, **more})


def channel(service: Service, authority: Authority, pem: Pem | None = None) -> grpc.aio.Channel:
    key, cert = (Path(pem.key).read_bytes(), Path(pem.cert).read_bytes()) if pem else (None, None)
    proof = grpc.ssl_channel_credentials(Path(authority.ca).read_bytes(), key, cert)
    return grpc.aio.secure_channel(service.addresses[-1], proof)


async def test_the_socket_is_its_owners_alone_from_the_start(tmp_path: Path) -> None:
    server = grpc.aio.server(options=options(AdminBounds()))
    before = os.umask(0)
    try:
        bind_admin(server, AdminSettings(unix=tmp_path / "a"))
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    await server.stop(0)


async def test_kill_list_and_restore_over_the_socket(local: Service) -> None:
    local.registry.open(session("1", "ALGO", ("trader",)))
    headers = {"x-operator": "ann"}
    killed = await local.call("Kill", KILL, headers=headers)
    assert killed.hit == 1
    listed = await local.call("ListSessions", pb.ListSessionsRequest(), headers=headers)
    (one,) = listed.sessions
    assert (one.sender_comp_id, one.client_id, one.subject, list(one.roles)) == ("ALGO", "algo", "svc", ["trader"])
    assert (one.restriction.id, one.restriction.mode, one.restriction.reason) == (killed.ids[0], pb.kill, KILL.reason)
    forced = await local.call("ListRestrictions", pb.ListRestrictionsRequest())
    assert [entry.operator for entry in forced.restrictions] == ["unix:ann"]
    restored = await local.call("Restore", pb.RestoreRequest(selector=pb.Selector(all=True)), headers=headers)
    assert restored.ids == killed.ids
    acts = [(act.action, act.operator.name, act.operator.claimed) for act in local.acts]
    assert acts == [
        ("kill", "unix:ann", True),
        ("list", "unix:ann", True),
        ("list", "unix:unnamed", True),
        ("restore", "unix:ann", True),
    ]


async def test_revoke(local: Service) -> None:
    local.registry.open(session("1"))
    done = await local.call("Revoke", pb.RevokeRequest(token_id="t-1", reason="stolen"))
    assert done.hit == 1
    listed = await local.call("ListSessions", pb.ListSessionsRequest())
    assert listed.sessions[0].revocation.token_id == "t-1"
    forced = await local.call("ListRestrictions", pb.ListRestrictionsRequest())
    assert [entry.id for entry in forced.revocations] == list(done.ids)


async def test_thousands_of_sessions_come_in_pages(local: Service) -> None:
    for number in range(1100):
        local.registry.open(session(f"{number:04}", f"S{number}"))
    sizes: list[int] = []
    seen: set[str] = set()
    token = ""
    while not sizes or token:
        page = await local.call("ListSessions", pb.ListSessionsRequest(page_size=9999, page_token=token))
        sizes.append(len(page.sessions))
        seen |= {one.id for one in page.sessions}
        token = page.next_page_token
    assert (sizes, len(seen)) == ([500, 500, 100], 1100)
    assert len(local.acts) == 1


async def test_texts_of_counterparties_are_bounded(local: Service) -> None:
    local.registry.open(session("1", "S", tuple(f"{n}" for n in range(99)), subject="\ud800" + "x" * 99_999))
    (one,) = (await local.call("ListSessions", pb.ListSessionsRequest())).sessions
    assert len(one.subject) < 300
    assert len(one.roles) == 32


@pytest.mark.parametrize(
    ("method", "request_", "status"),
    [
        ("Kill", pb.KillRequest(mode=pb.kill, reason="x"), "INVALID_ARGUMENT: nothing is selected"),
        (
            "Kill",
            pb.KillRequest(selector=pb.Selector(all=False), mode=pb.kill, reason="x"),
            "INVALID_ARGUMENT: nothing",
        ),
        ("Kill", pb.KillRequest(selector=pb.Selector(all=True), reason="x"), "INVALID_ARGUMENT: the mode is missing"),
        (
            "Kill",
            pb.KillRequest(selector=pb.Selector(all=True), mode=pb.kill),
            "INVALID_ARGUMENT: the reason is missing",
        ),
        (
            "Kill",
            pb.KillRequest(selector=pb.Selector(client="a\x01"), mode=pb.kill, reason="x"),
            "INVALID_ARGUMENT: the",
        ),
        ("Restore", pb.RestoreRequest(), "INVALID_ARGUMENT: say what to restore"),
        ("Restore", pb.RestoreRequest(ids=["a"], everything=True), "INVALID_ARGUMENT: say what to restore"),
        ("Restore", pb.RestoreRequest(everything=True), "NOT_FOUND: no such restriction"),
        ("Restore", pb.RestoreRequest(ids=["a"]), "NOT_FOUND: no restriction or revocation `a`"),
        ("Revoke", pb.RevokeRequest(reason="x"), "INVALID_ARGUMENT: nothing is selected"),
        ("Revoke", pb.RevokeRequest(token_id="a", reason="x", keep_s=-1), "INVALID_ARGUMENT: `keep_s`"),
        ("Revoke", pb.RevokeRequest(token_id="a", reason="x", keep_s=float("nan")), "INVALID_ARGUMENT: `keep_s`"),
        ("ListSessions", pb.ListSessionsRequest(selector=pb.Selector()), "INVALID_ARGUMENT: nothing is selected"),
    ],
)
async def test_what_cannot_be_read_one_way_is_refused_and_recorded(
    local: Service,
    method: str,
    request_: Message,
    status: str,
) -> None:
    assert (await local.refused(method, request_)).startswith(status)
    (act,) = local.acts
    assert act.refused
    assert local.control.restrictions.restrictions == {}


async def test_an_operators_name_that_is_no_name(local: Service) -> None:
    status = await local.refused("Kill", KILL, headers={"x-operator": "a" * 500})
    assert status.startswith("INVALID_ARGUMENT: `x-operator`")
    assert local.acts[0].refused


async def test_a_caller_who_hangs_up_does_not_leave_a_kill_half_done(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store")
    async with serving(AdminSettings(unix=tmp_path / "a"), store=store) as service:
        release = asyncio.get_running_loop().run_in_executor(store._writer, time.sleep, 0.5)
        call = asyncio.ensure_future(service.call("Kill", KILL))
        await eventually(lambda: service.control.restrictions.restricted)
        call.cancel()
        await release
        await eventually(lambda: len(service.acts) == 1)
        assert set((await store.in_force()).restrictions) == set(service.acts[0].targets)


async def test_a_certificate_says_who_it_is(authority: Authority) -> None:
    ann = authority.issue("ann", x509.UniformResourceIdentifier("spiffe://desk/ann"))
    made = settings(authority, tls={"client_ca": authority.ca})
    async with serving(made) as service:
        await service.call("Kill", KILL, channel(service, authority, ann), headers={"x-operator": "root"})
        operator = service.acts[0].operator
        assert (operator.name, operator.claimed) == ("spiffe://desk/ann", False)
        assert operator.address.startswith("ipv4:127.0.0.1:")
        await service.call("Kill", KILL, channel(service, authority, authority.issue("bob")))
        assert service.acts[1].operator.name == "CN=bob"


async def test_without_a_certificate_or_with_a_strangers_there_is_no_call(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other", "strangers").issue("eve")
    async with serving(settings(authority, tls={"client_ca": authority.ca})) as service:
        for pem in (None, stranger):
            assert (await service.refused("Kill", KILL, channel(service, authority, pem))).startswith("UNAVAILABLE")
        assert service.acts == []


async def test_only_the_named_operators(authority: Authority) -> None:
    ann = authority.issue("ann", x509.DNSName("ann.desk"))
    made = settings(authority, tls={"client_ca": authority.ca}, operators="ann.desk")
    async with serving(made) as service:
        await service.call("Kill", KILL, channel(service, authority, ann))
        status = await service.refused("Kill", KILL, channel(service, authority, authority.issue("eve")))
        assert status == "PERMISSION_DENIED: the client certificate's name is not one of `admin.operators`"
        assert (service.acts[1].operator.name, bool(service.acts[1].refused)) == ("CN=eve", True)


@pytest.fixture
async def tokens(tmp_path: Path) -> Bench:
    issuer = DevelopmentIssuer.create(tmp_path / "keys")
    keys = KeySet(issuer.name, from_file(issuer.jwks_path), Refresh())
    await keys.load()
    return Bench(issuer, keys, Clock(float(int(time.time()))))


def operators_of(tokens: Bench, made: AdminSettings) -> Authenticate:
    """What tells whose a token of the bench's issuer is."""
    return Issuers(Authenticator(tokens.verifier()), {tokens.issuer.name: {}}).of_operators(made.token)


async def test_a_token_with_the_scope_and_no_other(authority: Authority, tokens: Bench) -> None:
    made = settings(authority, token={"issuer": tokens.issuer.name, "scope": SCOPE})
    async with serving(made, operators_of(tokens, made)) as service:

        async def status(header: str) -> str:
            return await service.refused("Kill", KILL, channel(service, authority), headers={"authorization": header})

        good = tokens.issuer.mint(scopes=[SCOPE], subject="ann", claims={"iat": 1000, "jti": "j-1"})
        await service.call("Kill", KILL, channel(service, authority), headers={"authorization": f"Bearer {good}"})
        assert (service.acts[0].operator.name, service.acts[0].operator.claimed) == ("ann", False)
        poor = tokens.issuer.mint(scopes=["order:cancel"], subject="eve")
        assert (await status(f"Bearer {poor}")).startswith("PERMISSION_DENIED: the access token has no scope")
        assert await status("Bearer") == "UNAUTHENTICATED: no access token (give `--token-file`)"
        assert await status("Bearer nonsense") == "UNAUTHENTICATED: access token not accepted"
        old = tokens.issuer.mint(scopes=[SCOPE], ttl_s=-60)
        assert await status(f"bearer {old}") == "UNAUTHENTICATED: access token expired"
        revoke = pb.RevokeRequest(token_id="j-1", reason="stolen")
        await service.call("Revoke", revoke, channel(service, authority), headers={"authorization": f"Bearer {good}"})
        assert await status(f"Bearer {good}") == "UNAUTHENTICATED: access token revoked"
        written = repr(service.acts)
        assert [token for token in (good, poor, old) if token in written] == []


async def test_where_both_are_asked_for_a_certificate_alone_is_not_enough(authority: Authority, tokens: Bench) -> None:
    made = settings(authority, tls={"client_ca": authority.ca}, token={"issuer": tokens.issuer.name, "scope": SCOPE})
    async with serving(made, operators_of(tokens, made)) as service:
        ann = authority.issue("ann")
        assert "no access token" in await service.refused("Kill", KILL, channel(service, authority, ann))
        good = tokens.issuer.mint(scopes=[SCOPE], subject="ann-of-the-token")
        await service.call("Kill", KILL, channel(service, authority, ann), headers={"authorization": f"Bearer {good}"})
        assert service.acts[-1].operator.name == "ann-of-the-token"


def thumbprint(pem: Pem) -> str:
    """`x5t#S256` of a certificate (RFC 8705, 3.1)."""
    digest = x509.load_pem_x509_certificate(Path(pem.cert).read_bytes()).fingerprint(hashes.SHA256())
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@contextlib.asynccontextmanager
async def guarded(
    authority: Authority, tokens: Bench, *, tls: bool = True, **more: object
) -> AsyncIterator[tuple[Service, Web]]:
    """An admin service whose issuer has these settings, and the server that it asks about tokens."""
    made = settings(
        authority,
        tls={"client_ca": authority.ca} if tls else {},
        token={"issuer": tokens.issuer.name, "scope": SCOPE},
    )
    entry = {
        "issuer": tokens.issuer.name,
        "audience": AUDIENCE,
        "algorithms": [ALGORITHM],
        "jwks": {"file": str(tokens.issuer.jwks_path)},
    }
    async with web_serving() as web:
        if "introspection" in more:
            client = {"id": "gateway", "method": "tls_client_auth"}
            more["introspection"] = {"client": client, "url": f"{web.url}/introspect", "jwt": True}
        issuers = build(Tokens.model_validate({"issuers": [{**entry, **more}]}))
        for keys in issuers.from_files:
            await keys.load()
        async with serving(made, issuers.of_operators(made.token)) as service:
            yield service, web
        await issuers.close()


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_a_bound_token_comes_with_its_certificate_alone(authority: Authority, tokens: Bench) -> None:
    ann, eve = authority.issue("ann"), authority.issue("eve")
    bound = bearer(tokens.issuer.mint(scopes=[SCOPE], claims={"cnf": {"x5t#S256": thumbprint(ann)}}))
    async with guarded(authority, tokens) as (service, _):
        refused = await service.refused("Kill", KILL, channel(service, authority, eve), headers=bound)
        assert refused == "UNAUTHENTICATED: client certificate is not the token's"
        await service.call("Kill", KILL, channel(service, authority, ann), headers=bound)
    async with guarded(authority, tokens, tls=False) as (service, _):
        refused = await service.refused("Kill", KILL, channel(service, authority), headers=bound)
        assert refused == "UNAUTHENTICATED: client certificate is not the token's"
        assert service.control.restrictions.restrictions == {}


async def test_an_unbound_token_where_the_settings_demand_a_bound_one(authority: Authority, tokens: Bench) -> None:
    ann = authority.issue("ann")
    async with guarded(authority, tokens, binding={"certificate": "required"}) as (service, _):
        unbound = bearer(tokens.issuer.mint(scopes=[SCOPE]))
        refused = await service.refused("Kill", KILL, channel(service, authority, ann), headers=unbound)
        assert refused == "UNAUTHENTICATED: client certificate is not the token's"


async def test_a_token_whose_claim_must_name_the_certificate(authority: Authority, tokens: Bench) -> None:
    ann = authority.issue("ann", x509.UniformResourceIdentifier("spiffe://desk/ann"))
    feint = authority.issue("feint", x509.DNSName("spiffe://desk/ann"))
    async with guarded(authority, tokens, binding={"name_claim": "sub"}) as (service, _):
        token = bearer(tokens.issuer.mint(scopes=[SCOPE], subject="spiffe://desk/ann"))
        refused = await service.refused("Kill", KILL, channel(service, authority, feint), headers=token)
        assert refused == "UNAUTHENTICATED: client certificate is not the token's"
        await service.call("Kill", KILL, channel(service, authority, ann), headers=token)


async def test_a_token_that_its_server_calls_inactive(authority: Authority, tokens: Bench) -> None:
    ann = authority.issue("ann")
    good, bad = (bearer(tokens.issuer.mint(scopes=[SCOPE], subject="ann")) for _ in range(2))
    async with guarded(authority, tokens, introspection=True) as (service, web):
        json = {"Content-Type": "application/json"}
        web.replies["/introspect"] = Reply(b'{"active":false}', headers=json)
        refused = await service.refused("Kill", KILL, channel(service, authority, ann), headers=bad)
        assert refused == "UNAUTHENTICATED: access token not accepted"
        web.replies["/introspect"] = Reply(b"", status=503)
        refused = await service.refused("Kill", KILL, channel(service, authority, ann), headers=good)
        assert refused == "UNAUTHENTICATED: authorization server not available"
        said = f'{{"active":true,"sub":"ann","scope":"{SCOPE}","aud":"{AUDIENCE}"}}'
        web.replies["/introspect"] = Reply(said.encode(), headers=json)
        third = bearer(tokens.issuer.mint(scopes=[SCOPE], subject="ann"))
        await service.call("Kill", KILL, channel(service, authority, ann), headers=third)
        assert service.acts[-1].operator.name == "ann"


async def test_an_operator_named_by_a_uri_is_no_dns_name(authority: Authority) -> None:
    made = settings(authority, tls={"client_ca": authority.ca}, operators="spiffe://desk/ann")
    feint = authority.issue("feint", x509.DNSName("spiffe://desk/ann"))
    ann = authority.issue("ann", x509.UniformResourceIdentifier("spiffe://desk/ann"))
    async with serving(made) as service:
        status = await service.refused("Kill", KILL, channel(service, authority, feint))
        assert status == "PERMISSION_DENIED: the client certificate's name is not one of `admin.operators`"
        assert service.acts[0].operator.name == "CN=feint"
        await service.call("Kill", KILL, channel(service, authority, ann))


def test_an_issuer_of_operators_tokens_that_is_not_set() -> None:
    token = AdminToken(issuer="https://other.example", scope=SCOPE)
    with pytest.raises(SettingsFaults, match=r"admin\.token\.issuer.*none of `tokens\.issuers`"):
        Issuers(Authenticator(Verifier([])), {"https://as.example": {}}).of_operators(token)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "nothing to listen on"),
        ({"tcp": 9192}, "`tcp` needs `tls`"),
        ({"tcp": 9192, "token": {"issuer": "i", "scope": "s"}}, "`tcp` needs `tls`"),
        ({"tcp": 9192, "tls": {"cert": "c", "key": "k"}}, "so that operators prove who they are"),
        ({"unix": "a", "tls": {"cert": "c", "key": "k"}}, "are for `tcp`, which is not set"),
        ({"unix": "a", "operators": ["ann"]}, "they need `tls.client_ca`"),
        ({"unix": "a", "open": True}, "Extra inputs"),
    ],
)
def test_settings_that_would_let_anyone_in_are_refused(given: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        AdminSettings.model_validate(given)


async def test_a_socket_or_certificate_that_cannot_be_used(authority: Authority, tmp_path: Path) -> None:
    server = grpc.aio.server(options=options(AdminBounds()))
    (tmp_path / "file").write_text("precious")
    with pytest.raises(SettingsFaults, match=r"admin\.unix.*is no socket"):
        bind_admin(server, AdminSettings(unix=tmp_path / "file"))
    with pytest.raises(SettingsFaults, match=r"admin\.unix.*cannot be listened on"):
        bind_admin(server, AdminSettings(unix=tmp_path / "none" / "a"))
    with pytest.raises(SettingsFaults, match=r"admin\.tls\.client_ca"):
        bind_admin(server, settings(authority, tls={"client_ca": tmp_path / "none"}))
    await server.stop(0)
