"""The authorization server of the tests is a real one, and does what a test has it do."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.authorization_client import Client
from tests.authorization_server import AUDIENCE, OPAQUE, AuthorizationServer, ServerCertificates
from tests.e2e.certificates import Authority, Pem
from tests.e2e.secrets import USED

SCOPES = "order:create:option_multileg order:cancel order:replace"
CLAIMS = {"fix_comp_id": "ALGO", "accounts": ["ACC-1"], "realm_access": {"roles": ["trader"]}}
WORKLOAD = "spiffe://venue.example/algo"
HOST = "algo.venue.example"
CLIENTS = (
    Client("algo", scope=SCOPES, claims=CLAIMS),
    Client("gateway", introspection_algorithm="ES256"),
    Client("key", scope=SCOPES, method="private_key_jwt"),
    Client("workload", scope=SCOPES, method="tls_client_auth", subject=("san_uri", WORKLOAD), bound=True),
    Client("host", scope=SCOPES, method="tls_client_auth", subject=("san_dns", HOST)),
    Client("brief", scope=SCOPES, ttl_s=1),
    Client("odd", scope=SCOPES, payload={"scope": 7, "jti": None}, header={"kid": "../../etc/passwd"}),
    Client("opaque", scope=SCOPES, resource=OPAQUE, bound=True, claims=CLAIMS),
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The server's and the clients'."""
    return Authority(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[AuthorizationServer]:
    """One server for all tests."""
    certificates = ServerCertificates(authority.issue_server(), authority.ca)
    with AuthorizationServer(tmp_path_factory.mktemp("server"), CLIENTS, tls=certificates) as running:
        yield running


@pytest.fixture
def server(running: AuthorizationServer) -> Iterator[AuthorizationServer]:
    """The server, without faults."""
    yield running
    running.well()


@pytest.fixture
def http(authority: Authority) -> Iterator[httpx.Client]:
    """A client that trusts the server."""
    with httpx.Client(verify=ssl.create_default_context(cafile=authority.ca), trust_env=False) as http:
        yield http


def keys(server: AuthorizationServer, http: httpx.Client) -> dict[str, jwt.PyJWK]:
    return {key["kid"]: jwt.PyJWK(key) for key in http.get(server.jwks_uri).json()["keys"]}


def verified(server: AuthorizationServer, http: httpx.Client, token: str) -> dict[str, Any]:
    """The claims of a token that holds under the server's present keys."""
    key = keys(server, http)[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(token, key, ["ES256"], audience=AUDIENCE, issuer=server.issuer)
    return claims


def thumbprint(certificate: Pem) -> str:
    """RFC 8705 3.1."""
    der = x509.load_pem_x509_certificate(Path(certificate.cert).read_bytes()).public_bytes(Encoding.DER)
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


@pytest.mark.parametrize("kind", ["openid-configuration", "oauth-authorization-server"])
def test_discovery(server: AuthorizationServer, http: httpx.Client, kind: str) -> None:
    metadata = http.get(f"{server.issuer}/.well-known/{kind}").json()
    assert metadata["issuer"] == server.issuer
    assert metadata["jwks_uri"] == server.jwks_uri
    assert metadata["token_endpoint"] == server.token_endpoint
    assert metadata["introspection_endpoint"] == server.introspection_endpoint
    assert metadata["mtls_endpoint_aliases"]["token_endpoint"] == f"{server.mtls_base}/token"


def test_a_jwt_access_token(server: AuthorizationServer, http: httpx.Client) -> None:
    token = server.client_credentials("algo", ["order:cancel"])
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    claims = verified(server, http, token)
    assert {"sub": "algo", "client_id": "algo", "scope": "order:cancel", **CLAIMS}.items() <= claims.items()


def test_a_client_that_asks_for_no_scope_gets_its_own(server: AuthorizationServer, http: httpx.Client) -> None:
    assert verified(server, http, server.client_credentials("algo"))["scope"] == SCOPES


def test_claims_may_be_wrong(server: AuthorizationServer) -> None:
    token = server.client_credentials("odd")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["scope"] == 7
    assert "jti" not in claims
    assert jwt.get_unverified_header(token)["kid"] == "../../etc/passwd"


def test_a_token_of_a_second(server: AuthorizationServer, http: httpx.Client) -> None:
    claims = verified(server, http, server.client_credentials("brief"))
    assert claims["exp"] - claims["iat"] == 1


def test_an_opaque_token_is_introspected_as_json(server: AuthorizationServer) -> None:
    token = server.client_credentials("algo", resource=OPAQUE)
    answer = json.loads(server.introspect("gateway", token))
    assert {"active": True, "aud": AUDIENCE, "client_id": "algo", "scope": SCOPES, **CLAIMS}.items() <= answer.items()
    assert json.loads(server.introspect("gateway", "no-such-token")) == {"active": False}


def test_an_opaque_token_is_introspected_as_a_jwt(server: AuthorizationServer, http: httpx.Client) -> None:
    token = server.client_credentials("algo", resource=OPAQUE)
    answer = server.introspect("gateway", token, as_jwt=True)
    header = jwt.get_unverified_header(answer)
    assert (header["typ"], header["alg"]) == ("token-introspection+jwt", "ES256")
    key = keys(server, http)[header["kid"]]
    claims = jwt.decode(answer, key, ["ES256"], audience="gateway", issuer=server.issuer)
    assert claims["token_introspection"]["active"] is True


def test_a_revoked_token_is_not_active(server: AuthorizationServer) -> None:
    token = server.client_credentials("algo", resource=OPAQUE)
    server.revoke("algo", token)
    assert json.loads(server.introspect("gateway", token)) == {"active": False}


def test_a_wrong_secret_is_refused(server: AuthorizationServer, http: httpx.Client) -> None:
    form = {"grant_type": "client_credentials"}
    assert http.post(server.token_endpoint, data=form, auth=("algo", "another")).status_code == 401


def test_private_key_jwt(server: AuthorizationServer, http: httpx.Client) -> None:
    assert verified(server, http, server.client_credentials("key"))["client_id"] == "key"


def test_a_token_bound_to_a_workloads_certificate(
    server: AuthorizationServer, http: httpx.Client, authority: Authority
) -> None:
    certificate = authority.issue_workload(WORKLOAD)
    token = server.client_credentials("workload", certificate=certificate)
    assert verified(server, http, token)["cnf"] == {"x5t#S256": thumbprint(certificate)}


def test_an_opaque_token_bound_to_a_certificate(server: AuthorizationServer, authority: Authority) -> None:
    certificate = authority.issue_host("any")
    token = server.client_credentials("opaque", certificate=certificate)
    assert json.loads(server.introspect("gateway", token))["cnf"] == {"x5t#S256": thumbprint(certificate)}


def test_a_client_known_by_its_certificates_dns_name(server: AuthorizationServer, authority: Authority) -> None:
    assert server.client_credentials("host", certificate=authority.issue_host(HOST))


@pytest.mark.parametrize("name", ["another.venue.example", "algo.venue.example.evil"])
def test_a_certificate_of_another_name_is_refused(server: AuthorizationServer, authority: Authority, name: str) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        server.client_credentials("host", certificate=authority.issue_host(name))


def test_a_certificate_of_another_authority_is_refused(server: AuthorizationServer, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger").issue_workload(WORKLOAD)
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        server.client_credentials("workload", certificate=stranger)


def test_rotation_keeps_or_drops_the_old_keys(server: AuthorizationServer, http: httpx.Client) -> None:
    first = server.client_credentials("algo")
    opaque = server.client_credentials("algo", resource=OPAQUE)
    server.rotate()
    second = server.client_credentials("algo")
    assert jwt.get_unverified_header(first)["kid"] != jwt.get_unverified_header(second)["kid"]
    assert verified(server, http, first)["client_id"] == verified(server, http, second)["client_id"] == "algo"
    server.rotate(keep=False)
    assert not {jwt.get_unverified_header(token)["kid"] for token in (first, second)} & set(keys(server, http))
    assert json.loads(server.introspect("gateway", opaque))["active"] is True


def test_an_outage_ends_connections_and_loses_no_token(server: AuthorizationServer, http: httpx.Client) -> None:
    token = server.client_credentials("algo", resource=OPAQUE)
    issuer = server.issuer
    http.get(server.jwks_uri)
    server.stop()
    with pytest.raises(httpx.TransportError):
        http.get(server.jwks_uri)
    server.start()
    assert server.issuer == issuer
    assert http.get(server.jwks_uri).status_code == 200
    assert json.loads(server.introspect("gateway", token))["active"] is True


def test_a_slow_answer_is_late_and_no_other_waits_for_it(server: AuthorizationServer, http: httpx.Client) -> None:
    server.slow("jwks", 60_000, times=1)
    with pytest.raises(httpx.ReadTimeout):
        http.get(server.jwks_uri, timeout=0.2)
    assert http.get(server.jwks_uri).status_code == 200


def test_faults_of_one_endpoint(server: AuthorizationServer, http: httpx.Client) -> None:
    server.fail("jwks", 503, times=1)
    assert http.get(server.jwks_uri).status_code == 503
    server.redirect("jwks", "https://evil.invalid/jwks", times=1)
    answer = http.get(server.jwks_uri)
    assert (answer.status_code, answer.headers["location"]) == (302, "https://evil.invalid/jwks")
    server.answer("jwks", "{garbage", times=1)
    assert http.get(server.jwks_uri).text == "{garbage"
    server.reset("jwks", times=1)
    with pytest.raises(httpx.TransportError):
        http.get(server.jwks_uri)
    server.headers("jwks", {"cache-control": "max-age=7"})
    answer = http.get(server.jwks_uri)
    assert answer.headers["cache-control"] == "max-age=7"
    assert len(answer.json()["keys"]) >= 2
    server.well()
    assert "cache-control" not in http.get(server.jwks_uri).headers


def test_answers_are_changed_in_part(server: AuthorizationServer, http: httpx.Client) -> None:
    server.patch("discovery", {"issuer": "https://evil.invalid"})
    metadata = http.get(f"{server.issuer}/.well-known/openid-configuration").json()
    assert metadata["issuer"] == "https://evil.invalid"
    assert metadata["jwks_uri"] == server.jwks_uri
    token = server.client_credentials("algo", resource=OPAQUE)
    server.patch("introspection", {"active": None})
    assert "active" not in json.loads(server.introspect("gateway", token))


def test_requests_are_counted(server: AuthorizationServer, http: httpx.Client) -> None:
    before = {"jwks": server.requests("jwks"), "token": server.requests("token")}
    server.fail("jwks")
    for _ in range(3):
        http.get(server.jwks_uri)
    assert (server.requests("jwks"), server.requests("token")) == (before["jwks"] + 3, before["token"])


def test_its_secrets_are_noted_and_not_in_its_log(server: AuthorizationServer) -> None:
    algo = server.clients["algo"]
    for token in (server.client_credentials("algo"), server.client_credentials("algo", resource=OPAQUE)):
        assert USED.find_in(token.rpartition(".")[2].encode()) is not None
    assert USED.find_in(algo.secret.encode()) is not None
    assert algo.secret not in repr(algo)
    assert list(USED.search([server.log.parent])) == []


def test_without_tls_the_issuer_is_plain_http(tmp_path: Path) -> None:
    with AuthorizationServer(tmp_path, [Client("algo", scope=SCOPES)], algorithm="RS256") as server:
        assert server.issuer.startswith("http://127.0.0.1:")
        assert jwt.get_unverified_header(server.client_credentials("algo"))["alg"] == "RS256"
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.jwks_uri, trust_env=False)
