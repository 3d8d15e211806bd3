"""How the service proves who it is: to a real server on loopback, over real TLS where that is the proof."""

from __future__ import annotations

import ssl
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519

from authzsvc.errors import HttpError, KeysError
from authzsvc.tokens.client_auth import (
    ASSERTION_TYPE,
    Basic,
    ClientAuth,
    Post,
    PrivateKeyJwt,
    SigningKey,
    TlsClient,
    apply,
    read_key,
    read_secret,
)
from authzsvc.tokens.http import Http
from tests.e2e.certificates import Authority

from .authorization_server import Asked, running

NOW = 1_000_000.5
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
ODD = ["plain", "a:b", "a b+c%d&e=f", "é ü € 漢", "'\"\\\t", "%41", "~" * 300]


def pem(key: SigningKey | x25519.X25519PrivateKey, password: bytes | None = None) -> bytes:
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


async def sent(auth: ClientAuth) -> Asked:
    """What reaches a server of a request that carries the proof."""
    async with running() as server:
        http = Http(timeout_s=5.0)
        form, headers = {"token": "opaque"}, {"accept": "application/json"}
        apply(auth, form, headers, audience="https://as.example", now=NOW)
        await http.post_form(server.url + "/introspect", form, headers)
        await http.close()
    assert server.asked[0].form["token"] == "opaque"
    return server.asked[0]


@pytest.mark.parametrize("secret", ODD)
@pytest.mark.parametrize("client_id", ["gateway", "urn:client:é +"])
async def test_a_secret_in_the_header(client_id: str, secret: str) -> None:
    asked = await sent(Basic(client_id, secret))
    assert asked.basic == (client_id, secret)
    assert asked.form.keys() == {"token"}


@pytest.mark.parametrize("secret", ODD)
async def test_a_secret_in_the_form(secret: str) -> None:
    asked = await sent(Post("gateway", secret))
    assert asked.form == {"token": "opaque", "client_id": "gateway", "client_secret": secret}
    assert "authorization" not in asked.headers


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (ED, "EdDSA")])
async def test_a_signed_assertion(key: SigningKey, algorithm: str) -> None:
    asked = await sent(PrivateKeyJwt("gateway", key, algorithm, "key-1"))
    assert asked.form["client_assertion_type"] == ASSERTION_TYPE
    assert "authorization" not in asked.headers
    assertion = asked.form["client_assertion"]
    assert jwt.get_unverified_header(assertion) == {"alg": algorithm, "kid": "key-1", "typ": "JWT"}
    claims = jwt.decode(
        assertion, key.public_key(), [algorithm], audience="https://as.example", options={"verify_exp": False}
    )
    assert claims.pop("jti")
    assert claims == {
        "iss": "gateway",
        "sub": "gateway",
        "aud": "https://as.example",
        "iat": 1_000_000,
        "exp": 1_000_060,
    }


async def test_no_two_assertions_are_alike() -> None:
    auth = PrivateKeyJwt("gateway", EC, "ES256")
    assertions = [(await sent(auth)).form["client_assertion"] for _ in range(2)]
    ids = {jwt.decode(one, options={"verify_signature": False})["jti"] for one in assertions}
    assert len(ids) == 2
    assert "kid" not in jwt.get_unverified_header(assertions[0])


async def test_the_certificate_of_the_connection(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    own, client = authority.issue_server(), authority.issue("gateway-client")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.ca)
    tls.load_cert_chain(own.cert, own.key)
    tls.verify_mode = ssl.CERT_REQUIRED
    form: dict[str, str] = {}
    apply(TlsClient("gateway"), form, {}, audience="", now=NOW)
    async with running(tls) as server:
        ca = Path(authority.ca)
        http = Http(timeout_s=5.0, ca=ca, cert=Path(client.cert), key=Path(client.key))
        answer = await http.post_form(server.url, form)
        await http.close()
        assert answer.status == 200
        assert server.asked[0].form == {"client_id": "gateway"}
        assert server.asked[0].certificate == "gateway-client"
        without = Http(timeout_s=5.0, ca=ca)
        with pytest.raises(HttpError):
            await without.post_form(server.url, form)
        await without.close()


@pytest.mark.parametrize(
    "auth", [Basic("gateway", "s3cr3t"), Post("gateway", "s3cr3t"), PrivateKeyJwt("g", EC, "ES256")]
)
def test_nothing_secret_is_shown(auth: ClientAuth) -> None:
    assert "s3cr3t" not in repr(auth)
    assert "key=" not in repr(auth)


@pytest.mark.parametrize(
    ("content", "secret"), [(b"x\n", "x"), (b"x\r\n", "x"), (b" x ", " x "), ("é:%".encode(), "é:%")]
)
def test_a_secret_in_a_file(tmp_path: Path, content: bytes, secret: str) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    assert read_secret(path) == secret


@pytest.mark.parametrize("content", [b"", b"\n", b"s3cr3t\ntwo\n", b"x\n\n", b"\x00x", b"\xff", b"x" * 65_537])
def test_a_file_that_holds_no_secret(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(KeysError) as refused:
        read_secret(path)
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize("read", [read_secret, lambda path: read_key(path, "ES256")])
def test_a_file_that_is_not_there(tmp_path: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(KeysError, match=r"cannot read `.*/gone`: no such file"):
        read(tmp_path / "gone")


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (RSA, "PS512"), (EC, "ES256"), (ED, "EdDSA")])
def test_a_key_in_a_file(tmp_path: Path, key: SigningKey, algorithm: str) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(pem(key))
    assert pem(read_key(path, algorithm)) == pem(key)


@pytest.mark.parametrize(
    ("content", "algorithm"),
    [
        (pem(RSA), "ES256"),
        (pem(EC), "RS256"),
        (pem(EC), "ES384"),
        (pem(EC), "HS256"),
        (pem(EC), "none"),
        (pem(EC), ""),
        (pem(EC, b"password"), "ES256"),
        (pem(rsa.generate_private_key(65537, 1024)), "RS256"),
        (pem(x25519.X25519PrivateKey.generate()), "EdDSA"),
        (b"s3cr3t", "ES256"),
        (b"-----BEGIN PRIVATE KEY-----\ns3cr3t\n-----END PRIVATE KEY-----\n", "ES256"),
        (b"", "ES256"),
    ],
)
def test_a_file_that_holds_no_such_key(tmp_path: Path, content: bytes, algorithm: str) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    with pytest.raises(KeysError) as refused:
        read_key(path, algorithm)
    assert "s3cr3t" not in str(refused.value)
    assert "\n" not in str(refused.value)
