"""Operators' tokens of a real authorization server, which must satisfy all that a FIX client's token must: they are
bound to the certificate, the server calls them active, and no bytes after another answer count."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from authzsvc.demo.stack import Stack
from tests.authorization_client import Client as OAuthClient
from tests.authorization_server import OPAQUE, AuthorizationServer, ServerCertificates
from tests.e2e.certificates import Authority, Pem
from tests.e2e.conftest import StartStack
from tests.e2e.issued import NOT_ACCEPTED, NOT_BOUND, UNAVAILABLE, issuer, secret_file
from tests.e2e.operators import Outcome, command
from tests.e2e.pages import metrics_address
from tests.e2e.rig import Rig
from tests.e2e.secrets import USED

ADMIN = "fix:admin"
ANN, BOB = "spiffe://desk.example/ann", "spiffe://desk.example/bob"
INACTIVE = '{"active":false}'

Folder = pytest.TempPathFactory


def desk(client_id: str, spiffe_id: str, **more: object) -> OAuthClient:
    """A client whose tokens are operators'."""
    certified = {"method": "tls_client_auth", "subject": ("san_uri", spiffe_id), "bound": True}
    return OAuthClient(client_id, scope=ADMIN, **{**certified, **more})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def ann(authority: Authority) -> Pem:
    """An operator's certificate."""
    return authority.issue_workload(ANN)


@pytest.fixture(scope="module")
def bob(authority: Authority) -> Pem:
    """Another operator's."""
    return authority.issue_workload(BOB)


@pytest.fixture(scope="module")
def running(tmp_path_factory: Folder, authority: Authority) -> Iterator[AuthorizationServer]:
    """The server of the operators' tokens."""
    clients = [
        desk("ann", ANN),
        desk("plain", ANN, method="client_secret_basic", subject=None, bound=False),
        desk("opaque", ANN, method="client_secret_basic", subject=None, bound=False, resource=OPAQUE),
        OAuthClient("gateway"),
    ]
    certificates = ServerCertificates(authority.issue_server(), authority.ca)
    with AuthorizationServer(tmp_path_factory.mktemp("server"), clients, tls=certificates) as server:
        yield server


@pytest.fixture(scope="module")
def stack(
    start_stack: StartStack, tmp_path_factory: Folder, running: AuthorizationServer, authority: Authority
) -> Stack:
    """A service that asks about operators' JWTs, too."""
    pem = authority.issue_server()
    secret = secret_file(tmp_path_factory.mktemp("own"), running.clients["gateway"])
    introspection = {"client": {"id": "gateway", "secret_file": secret}, "jwt": True, "negative_cache_s": 0.1}
    admin = {
        "tcp": metrics_address(),
        "tls": {"cert": pem.cert, "key": pem.key, "client_ca": authority.ca},
        "token": {"issuer": running.issuer, "scope": ADMIN},
    }
    entry = issuer(running, http={"ca": authority.ca}, introspection=introspection)
    return start_stack(service_settings={"admin": admin, "tokens": {"issuers": [entry]}})


async def listed(rig: Rig, authority: Authority, own: Pem, token: str, folder: Path) -> Outcome:
    """`session list`, with this certificate and token."""
    file = folder / "token"
    USED.exempt(file)
    file.write_text(token)
    where = ["--admin", rig.stack.service_settings["admin"]["tcp"], "--ca", authority.ca]
    return await command("session", "list", *where, "--cert", own.cert, "--key", own.key, "--token-file", str(file))


def vouch(server: AuthorizationServer, token: str) -> None:
    """The server answers that a JWT is active, which it does not do by itself."""
    claims: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    server.answer("introspection", json.dumps({**claims, "active": True}))


def assert_refused(outcome: Outcome, words: str) -> None:
    assert (outcome.code, outcome.errors.strip()) == (1, f"refused: {words}")


async def test_a_bound_token_is_good_with_its_certificate_alone(
    rig: Rig, server: AuthorizationServer, authority: Authority, ann: Pem, bob: Pem, tmp_path: Path
) -> None:
    token = server.client_credentials("ann", certificate=ann)
    vouch(server, token)
    assert_refused(await listed(rig, authority, bob, token, tmp_path), NOT_BOUND)
    outcome = await listed(rig, authority, ann, token, tmp_path)
    assert outcome.code == 0, outcome.errors


async def test_a_token_that_the_server_calls_inactive(
    rig: Rig, server: AuthorizationServer, authority: Authority, ann: Pem, tmp_path: Path
) -> None:
    token = server.client_credentials("plain")
    server.answer("introspection", INACTIVE)
    assert_refused(await listed(rig, authority, ann, token, tmp_path), NOT_ACCEPTED)
    server.fail("introspection")
    assert_refused(await listed(rig, authority, ann, server.client_credentials("plain"), tmp_path), UNAVAILABLE)
    good = server.client_credentials("plain")
    vouch(server, good)
    outcome = await listed(rig, authority, ann, good, tmp_path)
    assert outcome.code == 0, outcome.errors


def answer(body: str, status: str = "200 OK") -> str:
    """A whole answer as the server would send it."""
    return (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
        if body
        else f"HTTP/1.1 {status}\r\n\r\n"
    )


@pytest.mark.parametrize("first", [answer(INACTIVE), answer("", "204 No Content"), answer("", "304 Not Modified")])
async def test_bytes_behind_an_answer_make_no_administrator(
    rig: Rig, server: AuthorizationServer, authority: Authority, ann: Pem, tmp_path: Path, first: str
) -> None:
    """The answer about a good token comes after the answer to another question, in the same segment."""
    active = server.introspect("gateway", server.client_credentials("opaque"))
    revoked = server.client_credentials("opaque")
    server.revoke("opaque", revoked)
    server.send("introspection", first + answer(active), times=1)
    assert_refused(await listed(rig, authority, ann, server.client_credentials("opaque"), tmp_path), UNAVAILABLE)
    assert_refused(await listed(rig, authority, ann, revoked, tmp_path), NOT_ACCEPTED)
