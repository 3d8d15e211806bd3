from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authzsvc.errors import KeysError
from authzsvc.tokens.jwks import MAX_ID_LENGTH, MAX_KEYS, Jwks, parse_jwks

CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1(), "secp256k1": ec.SECP256K1()}


def ec_jwk(curve: str = "P-256", **more: object) -> dict[str, Any]:
    public = ec.generate_private_key(CURVES[curve]).public_key()
    return {**jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True), "kid": "e", **more}


def rsa_jwk(bits: int = 2048, **more: object) -> dict[str, Any]:
    public = rsa.generate_private_key(65537, bits).public_key()
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True), "kid": "r", **more}


def okp_jwk(**more: object) -> dict[str, Any]:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    return {**jwt.algorithms.OKPAlgorithm.to_jwk(public, as_dict=True), "kid": "o", **more}


GOOD = ec_jwk(kid="good")
RSA = rsa_jwk()


def parsed(*entries: object) -> Jwks:
    return parse_jwks(json.dumps({"keys": entries}).encode())


@pytest.mark.parametrize(
    ("entry", "serves"),
    [
        (RSA, {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        ({**RSA, "alg": "PS256"}, {"PS256"}),
        (ec_jwk("P-256"), {"ES256"}),
        (ec_jwk("P-384"), {"ES384"}),
        (ec_jwk("P-521"), {"ES512"}),
        (ec_jwk("secp256k1"), {"ES256K"}),
        (okp_jwk(), {"EdDSA"}),
        (okp_jwk(alg="Ed25519"), {"EdDSA"}),
        (ec_jwk(use="sig", key_ops=["verify"]), {"ES256"}),
    ],
)
def test_keys_serve_what_fits_them(entry: dict[str, Any], serves: set[str]) -> None:
    key = parsed(entry).keys[entry["kid"]]
    known = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA")
    assert {algorithm for algorithm in (*known, "HS256", "none", "") if key.serves(algorithm)} == serves


PRIVATE = ec.generate_private_key(ec.SECP256R1())
ED448 = jwt.algorithms.OKPAlgorithm.to_jwk(ed448.Ed448PrivateKey.generate().public_key(), as_dict=True)

LEFT_OUT: dict[str, object] = {
    "symmetric": {"kty": "oct", "kid": "h", "k": "c2VjcmV0"},
    "symmetric with an algorithm of another": {"kty": "oct", "kid": "h", "k": "c2VjcmV0", "alg": "RS256"},
    "short": rsa_jwk(1024),
    "short by a bit": {**RSA, "n": "f" + RSA["n"][1:-8]},
    "long": {**RSA, "n": "_" * 1400},
    "even exponent": {**RSA, "e": "AQAA"},
    "exponent of one": {**RSA, "e": "AQ"},
    "private": jwt.algorithms.ECAlgorithm.to_jwk(PRIVATE, as_dict=True) | {"kid": "p"},
    "private RSA": {**RSA, "d": "AQAB"},
    "with a symmetric part": {**GOOD, "k": "c2VjcmV0"},
    "encryption": ec_jwk(use="enc"),
    "use of a number": ec_jwk(use=7),
    "use of null": ec_jwk(use=None),
    "signing only": ec_jwk(key_ops=["sign"]),
    "key_ops as text": ec_jwk(key_ops="verify"),
    "an algorithm of another curve": ec_jwk("P-384", alg="ES256"),
    "an algorithm of another type": ec_jwk(alg="RS256"),
    "HMAC": {**RSA, "alg": "HS256"},
    "key encryption": {**RSA, "alg": "RSA-OAEP"},
    "alg none": {**RSA, "alg": "none"},
    "alg of a number": {**RSA, "alg": 7},
    "alg of null": {**RSA, "alg": None},
    "unknown curve": ec_jwk(crv="P-000"),
    "another's curve": ec_jwk("P-384", crv="P-256"),
    "not on its curve": ec_jwk(x=GOOD["y"]),
    "coordinates of numbers": ec_jwk(x=1, y=2),
    "no coordinates": {"kty": "EC", "crv": "P-256", "kid": "n"},
    "Ed448": ED448 | {"kid": "4"},
    "X25519": okp_jwk(crv="X25519"),
    "short Ed25519": okp_jwk(x="AAAA"),
    "unknown type": {"kty": "?", "kid": "q"},
    "type of a list": {"kty": ["RSA"], "kid": "q"},
    "no type": {},
    "kid of a number": ec_jwk(kid=7),
    "kid of null": ec_jwk(kid=None),
    "endless kid": ec_jwk(kid="k" * (MAX_ID_LENGTH + 1)),
    "text": "x",
    "null": None,
    "list": [GOOD],
    "not base64": {**RSA, "n": "!!", "e": "é"},
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_cannot_be_used_is_left_out(name: str) -> None:
    found = parsed(LEFT_OUT[name], GOOD)
    assert (list(found.keys), found.left_out) == (["good"], 1)
    with pytest.raises(KeysError, match="no public key"):
        parsed(LEFT_OUT[name])


def test_certificates_and_addresses_in_a_key_are_not_looked_at() -> None:
    found = parsed({**GOOD, "x5c": ["rubbish"], "x5u": "http://127.0.0.1:1/", "x5t": 7})
    assert list(found.keys) == ["good"]


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{}", b"null", b'{"keys": 3}', b'{"keys": {}}', b'{"keys": "x"}', b"\xff", b"[" * 90_000]
)
def test_what_is_no_key_set(document: bytes) -> None:
    with pytest.raises(KeysError, match="not a JSON Web Key Set"):
        parse_jwks(document)


def test_an_empty_set() -> None:
    with pytest.raises(KeysError, match="no public key"):
        parsed()


def test_two_keys_of_one_id_are_not_used() -> None:
    found = parsed(ec_jwk(kid="twice"), GOOD, ec_jwk(kid="twice"))
    assert (list(found.keys), found.ambiguous) == (["good"], ("twice",))
    assert found.only is None
    with pytest.raises(KeysError, match="no public key"):
        parsed(ec_jwk(kid="twice"), rsa_jwk(kid="twice"))


def test_the_same_key_twice_is_one() -> None:
    found = parsed(GOOD, GOOD)
    assert (list(found.keys), found.ambiguous) == (["good"], ())
    assert found.only is not None


def test_the_same_key_for_two_algorithms_serves_both() -> None:
    """A server that announces one more algorithm for its key takes nothing back."""
    found = parsed({**RSA, "alg": "RS256"}, {**RSA, "alg": "PS256"})
    assert (list(found.keys), found.ambiguous) == (["r"], ())
    assert found.only is not None
    assert found.keys["r"].serves("RS256")
    assert found.keys["r"].serves("PS256")
    assert not found.keys["r"].serves("ES256")


def test_keys_without_an_id() -> None:
    nameless = {name: value for name, value in GOOD.items() if name != "kid"}
    alone = parsed(nameless)
    assert (dict(alone.keys), alone.only is not None) == ({}, True)
    among = parsed(nameless, RSA)
    assert (list(among.keys), among.only) == (["r"], None)


@pytest.mark.parametrize("kid", ["../../etc/passwd", "' OR 1=1 --", "key\x00", "\u202e", "", "__proto__", "https://x/"])
def test_an_id_is_only_a_name(kid: str) -> None:
    found = parsed({**GOOD, "kid": kid})
    assert list(found.keys) == ([kid] if kid else [])


def test_a_set_is_bounded() -> None:
    many = [{**GOOD, "kid": f"k{number}"} for number in range(MAX_KEYS)]
    assert len(parsed(*many).keys) == MAX_KEYS
    with pytest.raises(KeysError, match="more than 1000 keys"):
        parsed(*many, GOOD)
    with pytest.raises(KeysError, match="more than 1000 keys"):
        parsed(*[None] * 10_000)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = ("kty", "kid", "alg", "use", "key_ops", "crv", "x", "y", "n", "e", "d")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([GOOD, RSA]), st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=3))
def test_any_entry_is_a_public_key_or_left_out(entry: dict[str, Any], changes: dict[str, Any]) -> None:
    assert set(parsed({**GOOD, "kid": "other"}, {**entry, **changes}).keys) >= (
        {"other"} if changes.get("kid") != "other" else set()
    )


@given(st.binary(max_size=200))
def test_any_bytes_are_a_set_or_refused(document: bytes) -> None:
    with pytest.raises(KeysError):
        parse_jwks(document)
