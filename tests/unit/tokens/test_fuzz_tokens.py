"""The token path against arbitrary tokens: a refusal, or an identity with the signed claims and nothing else.

More examples by `TOKEN_EXAMPLES=100000 pytest tests/unit/tokens/test_fuzz_tokens.py`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authzsvc.errors import TokenError
from authzsvc.tokens.claims import Identity
from authzsvc.tokens.development import AUDIENCE, ISSUER, DevelopmentIssuer
from authzsvc.tokens.keys import KeySet, Refresh, from_file
from authzsvc.tokens.presets import PRESETS
from authzsvc.tokens.verifier import Issuer, Verifier

NOW = 1_760_000_000
EXAMPLES = int(os.environ.get("TOKEN_EXAMPLES", "200"))
TEXTS = {
    "access token not accepted",
    "access token expired",
    "access token not yet valid",
    "token is not for this gateway",
    "no access token",
}
STRANGER = rsa.generate_private_key(65537, 2048)

fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@cache
def bench() -> tuple[DevelopmentIssuer, Verifier]:
    """One issuer per preset, all with the same key."""
    with tempfile.TemporaryDirectory() as directory:
        issuer = DevelopmentIssuer.create(Path(directory))
        keys = KeySet(ISSUER, from_file(issuer.jwks_path), Refresh())
        asyncio.run(keys.load())
    readings = [Issuer(f"{ISSUER}/{name}", (AUDIENCE,), ("ES256",), keys, reading) for name, reading in PRESETS.items()]
    return issuer, Verifier([*readings, Issuer(ISSUER, (AUDIENCE,), ("ES256",), keys)], clock=lambda: float(NOW))


def good(**changes: object) -> dict[str, Any]:
    times = {"iat": NOW - 5, "exp": NOW + 600}
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": "s", "scope": "order:cancel", **times, **changes}


def signed(header: dict[str, Any], payload: bytes) -> str:
    """A compact JWS over any header and payload, with the right key."""
    issuer, _ = bench()
    parts = [json.dumps({"alg": "ES256", "kid": issuer.key_id, "typ": "JWT", **header}).encode(), payload]
    signing = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    signature = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).sign(signing.encode(), issuer.key)
    return f"{signing}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def outcome(token: str) -> Identity | None:
    """Who holds it; None when it is refused, in words that hold nothing of it."""
    _, verifier = bench()
    try:
        found = verifier.verify(token)
    except TokenError as error:
        refused = error
    else:
        assert verifier.verify(token) is found
        return found
    assert refused.text in TEXTS
    assert len(token) < 20 or token not in refused.reason
    assert "\n" not in refused.reason
    return None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
CLAIMS = (
    *("iss", "aud", "sub", "exp", "nbf", "iat", "jti", "cnf", "typ", "scope", "scp", "roles", "groups", "permissions"),
    *(
        "client_id",
        "azp",
        "appid",
        "cid",
        "applicationId",
        "oid",
        "realm_access",
        "resource_access",
        "at_hash",
        "events",
    ),
)
HEADERS = ("alg", "kid", "typ", "cty", "crit", "b64", "jku", "x5u", "jwk", "x5c", "x5t", "zip", "enc", "p2c")


@fuzzed
@given(st.data())
def test_a_changed_token_is_refused_or_says_the_same(data: st.DataObject) -> None:
    token = signed({}, json.dumps(good()).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(token)))
        length = data.draw(st.integers(0, 3))
        token = token[:place] + data.draw(st.text("AZaz09-_.=+/ \n\x00é", max_size=3)) + token[place + length :]
    found = outcome(token)
    assert found is None or found.claims == good()


@fuzzed
@given(st.dictionaries(st.sampled_from(CLAIMS) | st.text(max_size=8), JSON, max_size=6))
def test_any_claims_are_an_identity_with_just_them_or_refused(changes: dict[str, Any]) -> None:
    for preset in ("", *(f"/{name}" for name in PRESETS)):
        claims = {**good(iss=f"{ISSUER}{preset}"), **changes}
        found = outcome(signed({"typ": "at+jwt"}, json.dumps(claims).encode()))
        if found is not None:
            assert json.dumps(dict(found.claims)) == json.dumps(claims)
            assert (found.issuer, found.expires_at > NOW) == (claims["iss"], True)


@fuzzed
@given(st.dictionaries(st.sampled_from(HEADERS), JSON | st.sampled_from(["ES256", "none", "HS256", "JWT"]), max_size=4))
def test_any_header_leaves_the_claims_as_they_are_or_is_refused(header: dict[str, Any]) -> None:
    found = outcome(signed(header, json.dumps(good()).encode()))
    assert found is None or found.claims == good()
    if {"crit", "b64"} & header.keys() or header.get("alg", "ES256") != "ES256":
        assert found is None


@fuzzed
@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_payload_is_refused(payload: bytes) -> None:
    assert outcome(signed({}, payload)) is None


@fuzzed
@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_-]{0,60}(\.[A-Za-z0-9_-]{0,60}){1,5}", fullmatch=True))
def test_any_text_is_refused(token: str) -> None:
    assert outcome(token) is None


@fuzzed
@given(
    st.sampled_from(["RS256", "PS256", "HS256", "none", "ES256", "ES256K", "EdDSA", "HS512", ""]),
    st.dictionaries(st.sampled_from(CLAIMS), JSON, max_size=3),
    st.binary(min_size=1, max_size=80),
)
def test_nothing_that_another_key_signed_is_taken(algorithm: str, changes: dict[str, Any], signature: bytes) -> None:
    issuer, _ = bench()
    parts = [{"alg": algorithm, "kid": issuer.key_id}, good(**changes)]
    signing = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    assert outcome(f"{signing}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}") is None
    foreign = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(signing.encode(), STRANGER)
    assert outcome(f"{signing}.{base64.urlsafe_b64encode(foreign).rstrip(b'=').decode()}") is None


@pytest.mark.parametrize(
    "payload", [b'{"a":' * 2000 + b"1" + b"}" * 2000, b"[" * 9000, b'{"exp":' + b"9" * 9000 + b"}"]
)
def test_deep_and_endless_claims_are_refused(payload: bytes) -> None:
    assert outcome(signed({}, payload)) is None


def test_a_claim_said_twice_is_read_once() -> None:
    """The last counts, in every place that reads it (RFC 7519, 4)."""
    _, verifier = bench()
    twice = json.dumps(good())[:-1] + ', "iss": "https://elsewhere"}'
    with pytest.raises(TokenError, match="issuer"):
        verifier.verify(signed({}, twice.encode()))
    back = '{"iss": "https://elsewhere", ' + json.dumps(good())[1:]
    assert verifier.verify(signed({}, back.encode())).issuer == ISSUER
