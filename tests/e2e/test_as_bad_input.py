"""What a hostile or broken server, or a forger of tokens, may come up with, through Envoy to the service."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from grpc import insecure_channel
from grpc_health.v1 import health_pb2, health_pb2_grpc

from authzsvc.demo.stack import Stack
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Limits
from tests.authorization_client import Client as OAuthClient
from tests.authorization_server import AuthorizationServer
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.issued import (
    EXPIRED,
    NOT_ACCEPTED,
    NOT_FOR_US,
    NOT_NOW,
    PASSWORD_EXPIRED,
    UNAVAILABLE,
    assert_refused,
    assert_trades,
    comp_id_of,
    issuer,
    log_on,
    trader,
)
from tests.e2e.rig import Rig, eventually
from tests.e2e.secrets import USED
from tests.e2e.tokens import claims_of, part

LEEWAY_S = 150
NOT_YET_VALID = "access token not yet valid"
WHOLE = FilterSettings(check=PATIENT, limits=Limits(max_message_bytes=1_000_000))
"""Messages may be long, so that the token is what is refused."""

Folder = pytest.TempPathFactory
Wrong = tuple[dict[str, object], str, str, str]
"""What stands in the claims, and what comes of it: 58, the audit's reason, 1409."""


def bad(claims: dict[str, object], reason: str, text: str = NOT_ACCEPTED, status: str = "5") -> Wrong:
    """Claims that are not accepted."""
    return claims, text, reason, status


def now(offset_s: int) -> int:
    """A time, from now."""
    return int(time.time()) + offset_s


KINDS: dict[str, list[object]] = {
    "exp": [None, "4102444800", True, [4102444800], {}, 1e300, -1, 0],
    "nbf": ["0", True, [], {}, 1e300],
    "iat": ["0", True, [], {}, 1e300],
    "iss": [None, 7, [], "", "https://another.example"],
    "sub": [None, 7, [], {}, ""],
    "aud": ["another", ["another"], ["another", "fix-gateway-2"]],
    "client_id": [7, [], {}, True],
    "jti": [7, [], {}],
    "scope": [7, {}, True, [7], [["order:cancel"]]],
    "cnf": [7, [], {"kid": "x"}],
    "typ": ["ID", "Refresh", "logout_token"],
    "events": [{}],
    "deep": ["\ud800"],
}
"""Each claim, of every wrong kind (of `aud`, those that the server can be made to write)."""
CLOCKS: dict[str, Wrong] = {
    "expired a minute ago": bad({"exp": now(-60)}, "expired", EXPIRED, PASSWORD_EXPIRED),
    "from the next minutes": bad({"nbf": now(120)}, "nbf", NOT_YET_VALID, NOT_NOW),
    "made in the next minutes": bad({"iat": now(600)}, "iat", NOT_YET_VALID, NOT_NOW),
}
HEADERS: dict[str, tuple[dict[str, object], str]] = {
    "a path": ({"kid": "../../../../etc/passwd"}, "key id"),
    "SQL": ({"kid": "' OR 1=1; DROP TABLE keys; --"}, "key id"),
    "a command": ({"kid": "$(reboot)`reboot`|reboot"}, "key id"),
    "a kid that is a number": ({"kid": 7}, "key id"),
    "an endless kid": ({"kid": "k" * 4_000}, "key id"),
    "a kid with line ends": ({"kid": "x\r\nlevel: info"}, "key id"),
    "an ID token's type": ({"typ": "id_token"}, "typ"),
    "a type that is a list": ({"typ": ["at+jwt"]}, "typ"),
    "a nested token": ({"cty": "JWT"}, "nested"),
}


def _clients() -> Iterator[OAuthClient]:
    yield from (trader(name) for name in ("algo", "spare"))
    for claim, values in KINDS.items():
        yield from (trader(f"{claim}.{number}", payload={claim: value}) for number, value in enumerate(values))
    yield from (trader(_named(name), payload=wrong[0]) for name, wrong in CLOCKS.items())
    yield from (trader(_named(name), header=header) for name, (header, _) in HEADERS.items())


def _named(name: str) -> str:
    return name.replace(" ", "-")


@pytest.fixture(scope="module")
def running(tmp_path_factory: Folder) -> Iterator[AuthorizationServer]:
    """A server whose clients' tokens are wrong, each in its own way."""
    with AuthorizationServer(tmp_path_factory.mktemp("server"), list(_clients()), algorithm="RS256") as server:
        yield server


@pytest.fixture(scope="module")
def tolerant(tmp_path_factory: Folder) -> Iterator[AuthorizationServer]:
    """A server whose clock may be minutes off; its keys are what the tests spoil."""
    clients = [
        trader("late", payload={"exp": now(LEEWAY_S // 2), "iat": now(-600)}),
        trader("over", payload={"exp": now(-60), "iat": now(-600)}),
        trader("early", payload={"nbf": now(LEEWAY_S - 30), "iat": now(LEEWAY_S - 30)}),
        trader("long-gone", payload={"exp": now(-LEEWAY_S - 60)}),
        trader("far-ahead", payload={"nbf": now(LEEWAY_S + 120)}),
    ]
    with AuthorizationServer(tmp_path_factory.mktemp("tolerant"), clients) as server:
        yield server


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, running: AuthorizationServer, tolerant: AuthorizationServer) -> Stack:
    """A gateway for both."""
    issuers = [issuer(running, algorithms=["RS256"]), issuer(tolerant, leeway_s=LEEWAY_S)]
    return start_stack(WHOLE, service_settings={"tokens": {"issuers": issuers}})


# --- tokens ---


@pytest.mark.parametrize("claim", KINDS)
async def test_claims_of_the_wrong_kind(rig: Rig, server: AuthorizationServer, claim: str) -> None:
    told: dict[str, Any] = {"text": NOT_ACCEPTED, "reason": ""}
    for number, value in enumerate(KINDS[claim]):
        name = f"{claim}.{number}"
        if claim == "exp" and value in (-1, 0):
            told = {"text": EXPIRED, "reason": "expired", "status": PASSWORD_EXPIRED}
        if claim == "aud":
            told = {"text": NOT_FOR_US, "reason": "audience"}
        await assert_refused(rig, comp_id_of(name), (554, server.client_credentials(name)), **told)


@pytest.mark.parametrize("name", CLOCKS)
async def test_a_clock_that_is_off(rig: Rig, server: AuthorizationServer, name: str) -> None:
    _, text, reason, status = CLOCKS[name]
    token = server.client_credentials(_named(name))
    await assert_refused(rig, comp_id_of(_named(name)), (554, token), text=text, reason=reason, status=status)


@pytest.mark.parametrize("name", ["late", "over", "early"])
async def test_a_clock_that_may_be_off(rig: Rig, tolerant: AuthorizationServer, name: str) -> None:
    client = await log_on(rig, comp_id_of(name), (554, tolerant.client_credentials(name)))
    await assert_trades(rig, client)


@pytest.mark.parametrize(("name", "text"), [("long-gone", EXPIRED), ("far-ahead", NOT_YET_VALID)])
async def test_a_clock_beyond_the_leeway(rig: Rig, tolerant: AuthorizationServer, name: str, text: str) -> None:
    token, status = tolerant.client_credentials(name), PASSWORD_EXPIRED if text == EXPIRED else NOT_NOW
    await assert_refused(rig, comp_id_of(name), (554, token), text=text, reason="", status=status)


@pytest.mark.parametrize("name", HEADERS)
async def test_headers_of_a_forger(rig: Rig, server: AuthorizationServer, name: str) -> None:
    token = server.client_credentials(_named(name))
    reason = HEADERS[name][1]
    await assert_refused(rig, comp_id_of(_named(name)), (554, token), text=NOT_ACCEPTED, reason=reason)


@dataclass
class Lure:
    """An HTTP server that nobody must ask."""

    url: str = ""
    connections: int = 0


@pytest_asyncio.fixture(loop_scope="session")
async def lure() -> AsyncIterator[Lure]:
    """One on loopback."""
    lure = Lure()

    def count(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lure.connections += 1
        writer.close()

    server = await asyncio.start_server(count, "127.0.0.1", 0)
    lure.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    yield lure
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("where", ["jku", "x5u"])
async def test_keys_are_never_had_from_where_a_token_says(
    rig: Rig, server: AuthorizationServer, lure: Lure, where: str
) -> None:
    """Neither where the token's key is known, nor where it is not and the keys are read again."""
    forger = forged_key()
    before = server.requests("jwks")
    for key_id in ("unknown", jwt.get_unverified_header(server.client_credentials("algo"))["kid"]):
        claims = claims_of(server.client_credentials("algo"))
        token = jwt.encode(claims, forger, "RS256", headers={"kid": key_id, where: lure.url, "typ": "at+jwt"})
        USED.add_token(token)
        await assert_refused(rig, comp_id_of("algo"), (554, token), text=NOT_ACCEPTED, reason="")
    assert server.requests("jwks") > before
    assert lure.connections == 0


async def test_a_key_in_the_token_itself(rig: Rig, server: AuthorizationServer) -> None:
    forger = forged_key()
    key = jwt.algorithms.RSAAlgorithm.to_jwk(forger.public_key(), as_dict=True)
    token = jwt.encode(claims_of(server.client_credentials("algo")), forger, "RS256", headers={"jwk": key})
    USED.add_token(token)
    await assert_refused(rig, comp_id_of("algo"), (554, token), text=NOT_ACCEPTED, reason="key id")


def forged_key() -> rsa.RSAPrivateKey:
    """A key that is nobody's."""
    return rsa.generate_private_key(65_537, 2_048)


def public_forms(server: AuthorizationServer, key_id: str) -> dict[str, bytes]:
    """The server's public key, in the forms that a verifier might take for a secret."""
    (found,) = (key for key in httpx.get(server.jwks_uri, trust_env=False).json()["keys"] if key["kid"] == key_id)
    public = jwt.PyJWK(found).key
    pem = {"SPKI": PublicFormat.SubjectPublicKeyInfo, "PKCS1": PublicFormat.PKCS1}
    forms = {name: public.public_bytes(Encoding.PEM, form) for name, form in pem.items()}
    modulus = base64.urlsafe_b64decode(found["n"] + "==")
    return {**forms, "JSON": json.dumps(found).encode(), "modulus": modulus, "text": found["n"].encode()}


@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "none", "None", "nOnE", "RS512", "ES256", "", "PS256"])
async def test_another_algorithm(rig: Rig, server: AuthorizationServer, algorithm: str) -> None:
    """HMAC with the public key for a secret, above all."""
    token = server.client_credentials("algo")
    key_id = jwt.get_unverified_header(token)["kid"]
    secrets = public_forms(server, key_id) if algorithm.startswith("HS") else {"any": b"any"}
    for secret in secrets.values():
        forged = signed_with(secret, {"alg": algorithm, "typ": "at+jwt", "kid": key_id}, claims_of(token))
        await assert_refused(rig, comp_id_of("algo"), (554, forged), text=NOT_ACCEPTED, reason="algorithm")


def signed_with(secret: bytes, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    """A token under that secret; the algorithm is the header's business."""
    content = f"{part(header)}.{part(claims)}"
    digest = hashlib.sha512 if header["alg"] == "HS512" else hashlib.sha256
    token = f"{content}.{part(hmac.digest(secret, content.encode(), digest))}"
    USED.add_token(token)
    return token


SHAPES: dict[str, tuple[Callable[[str], str], str]] = {
    "of 100 KB": (lambda token: token + "A" * 100_000, "longer than"),
    "of 100 KB in its claims": (lambda token: _claiming(token, pad="x" * 100_000), "longer than"),
    "encrypted": (
        lambda token: ".".join((part({"alg": "dir", "enc": "A256GCM"}), "", "aXY", "Y2lwaGVy", "dGFn")),
        "JWE",
    ),
    "of two parts": (lambda token: token.rpartition(".")[0], "not a JWT"),
    "of four parts": (lambda token: f"{token}.x", "not a JWT"),
    "with no header": (lambda token: "." + token.partition(".")[2], "not a JWT"),
    "whose header is a list": (lambda token: part(["RS256"]) + "." + token.partition(".")[2], "not a JWT"),
    "whose claims are a list": (lambda token: _claiming(token, whole=["a"]), "not a JWT"),
    "whose claims are no JSON": (lambda token: _claiming(token, whole=b"{"), "not a JWT"),
    "of endless depth": (lambda token: _claiming(token, whole=b"[" * 8_000), "not a JWT"),
    "whose claims are a token": (lambda token: _claiming(token, whole=token.encode()[:6_000]), "not a JWT"),
    "that demands an extension": (lambda token: _demanding(token, crit=["b64"], b64=False), "crit"),
    "in two lines": (lambda token: token.replace(".", ".\n", 1), "control character"),
    "with a space": (lambda token: f"{token[:99]} {token[99:]}", "space"),
    "named Bearer": (lambda token: f"Bearer {token}", "space"),
    "with padding": (lambda token: f"{token}==", "not a JWT"),
}


def _claiming(token: str, whole: object = None, **more: object) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{part(claims_of(token) | more if whole is None else whole)}.{signature}"


def _demanding(token: str, **more: object) -> str:
    return part({**jwt.get_unverified_header(token), **more}) + "." + token.partition(".")[2]


@pytest.mark.parametrize(("spoil", "reason"), SHAPES.values(), ids=SHAPES.keys())
async def test_a_token_of_a_bad_shape(
    rig: Rig, server: AuthorizationServer, spoil: Callable[[str], str], reason: str
) -> None:
    token = spoil(server.client_credentials("algo"))
    await assert_refused(rig, comp_id_of("algo"), (554, token), text=NOT_ACCEPTED, reason=reason)


# --- servers ---

KEYS: dict[str, Callable[[dict[str, Any]], str]] = {
    "garbage": lambda _keys: "{garbage",
    "a list": lambda keys: json.dumps(keys["keys"]),
    "null": lambda _keys: "null",
    "ten thousand keys": lambda keys: json.dumps({"keys": [_other(keys, number) for number in range(10_000)]}),
    "endless": lambda _keys: " " * 1_100_000,
    "endless depth": lambda _keys: "[" * 100_000,
    "a web page": lambda _keys: "<html>",
}


def _other(keys: dict[str, Any], number: int) -> dict[str, Any]:
    return {"kty": "EC", "crv": "P-256", "kid": f"other-{number}", "x": "AA", "y": "AA"}


@pytest.mark.parametrize("name", KEYS)
async def test_bad_keys_leave_the_old_ones(rig: Rig, server: AuthorizationServer, name: str) -> None:
    token = server.client_credentials("algo")
    await log_on(rig, comp_id_of("algo"), (554, token))
    real = httpx.get(server.jwks_uri, trust_env=False).json()
    server.answer("jwks", KEYS[name](real))
    await read_again(rig, server)
    fresh = server.client_credentials("spare")
    await assert_trades(rig, await log_on(rig, comp_id_of("spare"), (554, fresh)))


WITHDRAWN: dict[str, Callable[[AuthorizationServer], None]] = {
    "no keys": lambda server: server.answer("jwks", '{"keys": []}'),
    "keys of the wrong type": lambda server: server.answer("jwks", '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'),
    "404": lambda server: server.fail("jwks", 404),
    "410": lambda server: server.fail("jwks", 410),
}


@pytest.mark.parametrize("spoil", WITHDRAWN.values(), ids=WITHDRAWN.keys())
async def test_keys_that_are_withdrawn(
    rig: Rig, server: AuthorizationServer, spoil: Callable[[AuthorizationServer], None]
) -> None:
    """A token that was good a moment ago, and is remembered, is not when its key is withdrawn."""
    token = server.client_credentials("algo")
    await log_on(rig, comp_id_of("algo"), (554, token))
    spoil(server)
    await read_again(rig, server)
    await assert_refused(rig, comp_id_of("algo"), (554, token), text=NOT_ACCEPTED, reason="key id")
    server.well()
    await read_again(rig, server)
    await assert_trades(rig, await log_on(rig, comp_id_of("algo"), (554, token)))


@pytest.mark.parametrize("spoil", ["redirect", "fail", "reset"])
async def test_no_keys_leave_the_old_ones(rig: Rig, server: AuthorizationServer, lure: Lure, spoil: str) -> None:
    match spoil:
        case "redirect":
            server.redirect("jwks", lure.url)
        case "fail":
            server.fail("jwks")
        case _:
            server.reset("jwks")
    await read_again(rig, server)
    await assert_trades(rig, await log_on(rig, comp_id_of("spare"), (554, server.client_credentials("spare"))))
    assert lure.connections == 0


async def test_two_keys_of_one_name_are_none(rig: Rig, server: AuthorizationServer) -> None:
    """Whoever can add a key to the set must not be able to sign as the one that is there."""
    token = server.client_credentials("algo")
    key_id = jwt.get_unverified_header(token)["kid"]
    client = await log_on(rig, comp_id_of("algo"), (554, token))
    await assert_trades(rig, client)
    real = httpx.get(server.jwks_uri, trust_env=False).json()
    twin = jwt.algorithms.RSAAlgorithm.to_jwk(forged_key().public_key(), as_dict=True)
    server.answer("jwks", json.dumps({"keys": [*real["keys"], {**twin, "kid": key_id, "use": "sig"}]}))
    await read_again(rig, server)
    await assert_refused(rig, comp_id_of("algo"), (554, token), text=NOT_ACCEPTED, reason="key id")
    server.well()
    await read_again(rig, server)
    await assert_trades(rig, await log_on(rig, comp_id_of("algo"), (554, token)))


async def read_again(rig: Rig, server: AuthorizationServer) -> None:
    """Have the service read the keys anew: a token under an unknown key makes it."""
    before = server.requests("jwks")
    header = {"alg": "RS256", "typ": "at+jwt", "kid": "unknown-key"}
    token = signed_with(b"nobody's", header, claims_of(server.client_credentials("algo")))
    await assert_refused(rig, comp_id_of("algo"), (554, token), text=NOT_ACCEPTED, reason="key id")
    assert server.requests("jwks") > before


# --- discovery ---


class Unready(Stack):
    """A stack whose service has no keys, and so never says that it serves."""

    def _serving(self) -> bool | None:
        return True if self.socket.exists() and "keys not refreshed" in self.service_log.read_text() else None


DISCOVERY: dict[str, tuple[Callable[[AuthorizationServer], None], str]] = {
    "of another issuer": (
        lambda server: server.patch("discovery", {"issuer": "https://another.example"}),
        "the metadata is that of another issuer",
    ),
    "elsewhere": (lambda server: server.redirect("discovery", "https://another.example/"), "answered 302"),
    "without keys": (lambda server: server.patch("discovery", {"jwks_uri": None}), "no `jwks_uri`"),
    "with keys in a file": (lambda server: server.patch("discovery", {"jwks_uri": "file:///etc/passwd"}), "https"),
}


@pytest.mark.parametrize(("spoil", "reason"), DISCOVERY.values(), ids=DISCOVERY.keys())
async def test_bad_discovery(
    start_stack: StartStack,
    rig: Rig,
    server: AuthorizationServer,
    spoil: Callable[[AuthorizationServer], None],
    reason: str,
) -> None:
    """The service is not ready and says why; no token is good; once the server is well, all is."""
    spoil(server)
    entry = issuer(server, algorithms=["RS256"])
    stack = start_stack(WHOLE, kind=Unready, service_settings={"tokens": {"issuers": [entry]}})
    there, token = Rig(stack, rig.venue), server.client_credentials("algo")
    try:
        assert health(stack) == health_pb2.HealthCheckResponse.NOT_SERVING
        assert reason in stack.service_log.read_text()
        told = {"text": UNAVAILABLE, "reason": "have not been read yet", "status": NOT_NOW}
        await assert_refused(there, comp_id_of("algo"), (554, token), **told)
        server.well()
        await eventually(lambda: health(stack) == health_pb2.HealthCheckResponse.SERVING, "a service that serves")
        await assert_trades(there, await log_on(there, comp_id_of("algo"), (554, token)))
    finally:
        await there.release()
        stack.stop()


def health(stack: Stack) -> int:
    """What the service says of itself."""
    with insecure_channel(f"unix:{stack.socket}") as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    return int(answer.status)
