"""Tokens bound to client certificates (RFC 8705), and claims held against certificates' names, over real TLS."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from authzsvc.demo.stack import Stack
from authzsvc.gateway import ServerTls
from tests.authorization_server import OPAQUE, AuthorizationServer, ServerCertificates
from tests.e2e.certificates import Authority, Pem
from tests.e2e.conftest import StartStack
from tests.e2e.issued import (
    NOT_ACCEPTED,
    NOT_BOUND,
    assert_refused,
    assert_trades,
    comp_id_of,
    issuer,
    log_on,
    secret_file,
    tls_of,
    trader,
)
from tests.e2e.rig import Rig
from tests.e2e.secrets import USED

WORKLOAD = "spiffe://venue.example/algo"
HOST = "algo.venue.example"
FINGERPRINT = "A" * 43
BAD_CONFIRMATIONS: list[object] = [
    7,
    "text",
    [],
    {},
    {"x5t#S256": None},
    {"x5t#S256": 7},
    {"x5t#S256": ""},
    {"x5t#S256": "short"},
    {"jkt": FINGERPRINT},
    {"jwk": {"kty": "EC"}},
]

Folder = pytest.TempPathFactory


def public(issued: Pem) -> Pem:
    """A certificate that may be found: it names the same workload as the tokens do, in base64 as they do."""
    USED.exempt(Path(issued.cert))
    return issued


@pytest.fixture(scope="module")
def workload(authority: Authority) -> Pem:
    """A client's certificate, with a SPIFFE ID."""
    return public(authority.issue_workload(WORKLOAD))


@pytest.fixture(scope="module")
def host(authority: Authority) -> Pem:
    """A client's certificate, with a DNS name."""
    return public(authority.issue_host(HOST))


@pytest.fixture(scope="module")
def stranger(authority: Authority) -> Pem:
    """Another client's: as good as any in TLS."""
    return public(authority.issue_workload("spiffe://venue.example/stranger"))


def server_of(folder: Folder, authority: Authority, name: str) -> AuthorizationServer:
    """A server of clients with tokens of every kind."""
    clients = [
        trader("workload", method="tls_client_auth", subject=("san_uri", WORKLOAD), bound=True),
        trader("opaque", method="tls_client_auth", subject=("san_dns", HOST), bound=True, resource=OPAQUE),
        trader("unbound"),
        trader("named", claims={"workload": WORKLOAD}),
        trader("hosted", claims={"workload": [HOST.upper(), "other.venue.example"]}),
        trader("prefix", claims={"workload": "spiffe://venue.example/alg"}),
        trader("number", claims={"workload": 7}),
        trader("forged", payload={"cnf": {"x5t#S256": FINGERPRINT}}),
        *(trader(f"cnf{number}", payload={"cnf": cnf}) for number, cnf in enumerate(BAD_CONFIRMATIONS)),
        trader("gateway"),
    ]
    certificates = ServerCertificates(authority.issue_server(), authority.ca)
    return AuthorizationServer(folder.mktemp(name), clients, tls=certificates)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: Folder, authority: Authority) -> Iterator[AuthorizationServer]:
    """Its tokens may be bound."""
    with server_of(tmp_path_factory, authority, "usual") as server:
        yield server


@pytest.fixture(scope="module")
def strict(tmp_path_factory: Folder, authority: Authority) -> Iterator[AuthorizationServer]:
    """Its tokens must be bound."""
    with server_of(tmp_path_factory, authority, "strict") as server:
        yield server


@pytest.fixture(scope="module")
def naming(tmp_path_factory: Folder, authority: Authority) -> Iterator[AuthorizationServer]:
    """Its tokens name the certificate's holder."""
    with server_of(tmp_path_factory, authority, "naming") as server:
        yield server


@pytest.fixture(scope="module")
def issuers(
    tmp_path_factory: Folder,
    authority: Authority,
    usual: AuthorizationServer,
    strict: AuthorizationServer,
    naming: AuthorizationServer,
) -> list[dict[str, Any]]:
    """The three, each with its own demand."""
    secret = secret_file(tmp_path_factory.mktemp("own"), usual.clients["gateway"])
    http = {"ca": authority.ca}
    return [
        issuer(usual, http=http, introspection={"client": {"id": "gateway", "secret_file": secret}}),
        issuer(strict, http=http, binding={"certificate": "required"}),
        issuer(naming, http=http, binding={"name_claim": "workload"}),
    ]


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, authority: Authority, issuers: list[dict[str, Any]]) -> Stack:
    """A gateway that wants client certificates."""
    server = authority.issue_server()
    listen_tls = ServerTls(server.cert, server.key, client_ca=authority.ca)
    return start_stack(listen_tls=listen_tls, service_settings={"tokens": {"issuers": issuers}})


@pytest.fixture
def tls(authority: Authority, workload: Pem) -> ssl.SSLContext:
    """The workload's side of TLS."""
    return tls_of(authority, workload)


async def test_a_bound_token_with_its_certificate(
    rig: Rig, usual: AuthorizationServer, workload: Pem, tls: ssl.SSLContext
) -> None:
    token = usual.client_credentials("workload", certificate=workload)
    client = await log_on(rig, comp_id_of("workload"), (554, token), tls=tls)
    await assert_trades(rig, client)
    assert (await rig.event(client.comp_id, event="logon"))["session"]["principal"] == WORKLOAD


async def test_anothers_token_on_ones_own_certificate(
    rig: Rig, usual: AuthorizationServer, authority: Authority, workload: Pem, stranger: Pem
) -> None:
    """A replay: the token is good, the certificate is good, and they are not each other's."""
    token = usual.client_credentials("workload", certificate=workload)
    own = await log_on(rig, comp_id_of("workload"), (554, token), tls=tls_of(authority, workload))
    thief, reason = tls_of(authority, stranger), "bound to another certificate"
    for _ in range(2):
        await assert_refused(rig, comp_id_of("workload"), (554, token), text=NOT_BOUND, reason=reason, tls=thief)
    await assert_trades(rig, own)


async def test_an_opaque_token_that_is_bound(
    rig: Rig, usual: AuthorizationServer, authority: Authority, host: Pem, stranger: Pem
) -> None:
    token = usual.client_credentials("opaque", certificate=host)
    client = await log_on(rig, comp_id_of("opaque"), (554, token), tls=tls_of(authority, host))
    await assert_trades(rig, client)
    thief, reason = tls_of(authority, stranger), "bound to another certificate"
    await assert_refused(rig, comp_id_of("opaque"), (554, token), text=NOT_BOUND, reason=reason, tls=thief)


async def test_a_token_that_names_no_certificate(rig: Rig, usual: AuthorizationServer, tls: ssl.SSLContext) -> None:
    client = await log_on(rig, comp_id_of("unbound"), (554, usual.client_credentials("unbound")), tls=tls)
    await assert_trades(rig, client)


async def test_a_token_of_an_unheard_of_certificate(rig: Rig, usual: AuthorizationServer, tls: ssl.SSLContext) -> None:
    token, reason = usual.client_credentials("forged"), "bound to another certificate"
    await assert_refused(rig, comp_id_of("forged"), (554, token), text=NOT_BOUND, reason=reason, tls=tls)


@pytest.mark.parametrize("number", range(len(BAD_CONFIRMATIONS)))
async def test_a_binding_that_cannot_be_checked(
    rig: Rig, usual: AuthorizationServer, tls: ssl.SSLContext, number: int
) -> None:
    token = usual.client_credentials(f"cnf{number}")
    comp_id = comp_id_of(f"cnf{number}")
    await assert_refused(rig, comp_id, (554, token), text=NOT_ACCEPTED, reason="`cnf`", tls=tls)


async def test_demanded(rig: Rig, strict: AuthorizationServer, workload: Pem, tls: ssl.SSLContext) -> None:
    token = strict.client_credentials("unbound")
    reason = "names no certificate"
    await assert_refused(rig, comp_id_of("unbound"), (554, token), text=NOT_BOUND, reason=reason, tls=tls)
    bound = strict.client_credentials("workload", certificate=workload)
    await assert_trades(rig, await log_on(rig, comp_id_of("workload"), (554, bound), tls=tls))


@pytest.mark.parametrize(("client", "certificate"), [("named", "workload"), ("hosted", "host")])
async def test_a_claim_that_names_the_certificate(
    rig: Rig,
    naming: AuthorizationServer,
    authority: Authority,
    request: pytest.FixtureRequest,
    client: str,
    certificate: str,
) -> None:
    """A SPIFFE ID to the letter, a DNS name whatever its case."""
    tls = tls_of(authority, request.getfixturevalue(certificate))
    logged_on = await log_on(rig, comp_id_of(client), (554, naming.client_credentials(client)), tls=tls)
    await assert_trades(rig, logged_on)


@pytest.mark.parametrize(
    ("client", "certificate", "reason"),
    [
        ("named", "stranger", "none of the certificate's names"),
        ("named", "host", "none of the certificate's names"),
        ("hosted", "workload", "none of the certificate's names"),
        ("prefix", "workload", "none of the certificate's names"),
        ("unbound", "workload", "names no certificate"),
    ],
)
async def test_a_claim_that_names_another(
    rig: Rig,
    naming: AuthorizationServer,
    authority: Authority,
    request: pytest.FixtureRequest,
    client: str,
    certificate: str,
    reason: str,
) -> None:
    tls = tls_of(authority, request.getfixturevalue(certificate))
    token = naming.client_credentials(client)
    await assert_refused(rig, comp_id_of(client), (554, token), text=NOT_BOUND, reason=reason, tls=tls)


async def test_a_claim_that_is_no_text(rig: Rig, naming: AuthorizationServer, tls: ssl.SSLContext) -> None:
    token = naming.client_credentials("number")
    await assert_refused(rig, comp_id_of("number"), (554, token), text=NOT_BOUND, reason="certificate", tls=tls)


async def test_a_certificate_with_a_comma_in_its_name(
    rig: Rig, naming: AuthorizationServer, authority: Authority
) -> None:
    """Its names travel in a list with commas; one with a comma of its own must not become two."""
    names = x509.UniformResourceIdentifier(f"spiffe://evil.example/x,{WORKLOAD}")
    forged = public(authority.issue("commas", names))
    token = naming.client_credentials("named")
    told: dict[str, Any] = {"text": NOT_BOUND, "reason": "certificate", "tls": tls_of(authority, forged)}
    await assert_refused(rig, comp_id_of("named"), (554, token), **told)


async def test_a_dns_name_that_holds_the_text_of_a_uri(
    rig: Rig, naming: AuthorizationServer, authority: Authority
) -> None:
    """A name is compared with names of its own kind."""
    forged = public(authority.issue("feint", x509.DNSName(WORKLOAD)))
    token, reason = naming.client_credentials("named"), "none of the certificate's names"
    told: dict[str, Any] = {"text": NOT_BOUND, "reason": reason, "tls": tls_of(authority, forged)}
    await assert_refused(rig, comp_id_of("named"), (554, token), **told)


# --- a listener that asks for no certificate ---


@pytest.fixture(scope="module")
def open_stack(start_stack: StartStack, issuers: list[dict[str, Any]]) -> Stack:
    """A gateway without TLS, for the same issuers."""
    return start_stack(service_settings={"tokens": {"issuers": issuers}})


async def test_without_a_certificate(
    rig: Rig,
    open_stack: Stack,
    usual: AuthorizationServer,
    strict: AuthorizationServer,
    naming: AuthorizationServer,
    workload: Pem,
) -> None:
    there = Rig(open_stack, rig.venue)
    try:
        for server, name in ((usual, "workload"), (strict, "workload"), (strict, "unbound"), (naming, "named")):
            token = server.client_credentials(name, certificate=workload if name == "workload" else None)
            await assert_refused(there, comp_id_of(name), (554, token), text=NOT_BOUND, reason="certificate")
        unbound = await log_on(there, comp_id_of("unbound"), (554, usual.client_credentials("unbound")))
        await assert_trades(there, unbound)
    finally:
        await there.release()
