from __future__ import annotations

import base64
import hmac
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from authzsvc.errors import TokenError, UnknownKey
from authzsvc.tokens.claims import Reading
from authzsvc.tokens.development import DevelopmentIssuer
from authzsvc.tokens.keys import KeySet, Refresh, from_file
from authzsvc.tokens.verifier import MAX_TOKEN_BYTES, Issuer, Verifier

from .conftest import Bench

NOT_ACCEPTED = "access token not accepted"


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def reforged(token: str, **header: object) -> str:
    """The same token with another header, and its signature as it was."""
    changed = {**jwt.get_unverified_header(token), **header}
    return ".".join([part(changed), *token.split(".")[1:]])


def refusal(verifier: Verifier, token: str | None) -> TokenError:
    with pytest.raises(TokenError) as refused:
        verifier.verify(token)
    if token:
        assert token not in str(refused.value)
    return refused.value


def test_a_good_token(bench: Bench) -> None:
    token = bench.issuer.mint(scopes=["order:cancel"], subject="svc", client_id="algo", comp_id="ALGO")
    found = bench.verifier().verify(token)
    assert (found.subject, found.client_id) == ("svc", "algo")
    assert found.scopes == {"order:cancel"}
    assert found.claims["fix_comp_id"] == "ALGO"


@pytest.mark.parametrize("token", [None, ""])
def test_no_token(bench: Bench, token: str | None) -> None:
    assert refusal(bench.verifier(), token).text == "no access token"


@pytest.mark.parametrize("token", ["x", "a.b", "a.b.c", "....", "é.é.é", "\x00", "e30.e30.", "W10.W10.x"])
def test_what_is_no_jwt(bench: Bench, token: str) -> None:
    assert refusal(bench.verifier(), token).text == NOT_ACCEPTED


@pytest.mark.parametrize("size", [MAX_TOKEN_BYTES, 100_000])
def test_a_token_over_the_limit(bench: Bench, size: int) -> None:
    token = bench.issuer.mint(claims={"padding": "x" * size})
    assert "longer than" in refusal(bench.verifier(), token).reason


@pytest.mark.parametrize("odd", [" ", "\n", "\x00", "\x7f", "é", "\ud800"])
def test_a_token_with_odd_characters(bench: Bench, odd: str) -> None:
    token = bench.issuer.mint()
    for place in (0, 9, len(token)):
        assert "control character" in refusal(bench.verifier(), token[:place] + odd + token[place:]).reason


def test_expired(bench: Bench) -> None:
    error = refusal(bench.verifier(), bench.issuer.mint(ttl_s=-1, now=bench.clock.now))
    assert (error.text, error.session_status) == ("access token expired", 8)


def test_not_yet_valid(bench: Bench) -> None:
    token = bench.issuer.mint(claims={"nbf": bench.clock.now + 60})
    assert refusal(bench.verifier(), token).text == "access token not yet valid"


def test_another_audience(bench: Bench) -> None:
    assert refusal(bench.verifier(), bench.issuer.mint(audience="web")).text == "token is not for this gateway"


def test_one_of_several_audiences(bench: Bench) -> None:
    token = bench.issuer.mint(claims={"aud": ["web", "fix-gateway"]})
    assert bench.verifier().verify(token).subject == "developer"


@pytest.mark.parametrize("issuer", ["https://elsewhere", "", 7, None, ["https://development.invalid"]])
def test_another_issuer(bench: Bench, issuer: object) -> None:
    claims = {**jwt.decode(bench.issuer.mint(), options={"verify_signature": False}), "iss": issuer}
    token = jwt.PyJWS().encode(
        json.dumps(claims).encode(), bench.issuer.key, "ES256", headers={"kid": bench.issuer.key_id}
    )
    assert refusal(bench.verifier(), token).text == NOT_ACCEPTED


@pytest.mark.parametrize("claim", ["exp", "aud", "sub"])
def test_a_required_claim_is_missing(bench: Bench, claim: str) -> None:
    assert claim in refusal(bench.verifier(), bench.issuer.mint(claims={claim: None})).reason


@pytest.mark.parametrize("claims", [{"aud": None}, {"aud": None, "token_use": "access", "version": 2}])
def test_a_token_without_an_audience_where_none_is_demanded(bench: Bench, claims: dict[str, Any]) -> None:
    token = bench.issuer.mint(scopes=["fix/order.create"], claims=claims)
    assert bench.verifier(audience_demanded=False).verify(token).scopes == {"fix/order.create"}
    assert "no claim `aud`" in refusal(bench.verifier(), token).reason


@pytest.mark.parametrize("audience", ["web", ["web"], [], "", 7, {}, [7], [None]])
def test_an_audience_that_is_there_counts_also_where_none_is_demanded(bench: Bench, audience: object) -> None:
    lenient = bench.verifier(audience_demanded=False)
    assert refusal(lenient, bench.issuer.mint(claims={"aud": audience})).text != ""
    assert lenient.verify(bench.issuer.mint(claims={"aud": ["web", "fix-gateway"]})).subject == "developer"


def test_what_else_is_demanded_stays(bench: Bench) -> None:
    lenient = bench.verifier(audience_demanded=False)
    for claims in ({"exp": None}, {"sub": None}, {"iss": None}, {"token_use": "id"}, {"iss": "https://elsewhere"}):
        assert refusal(lenient, bench.issuer.mint(claims={"aud": None, **claims})).text == NOT_ACCEPTED


def test_tampered_payload(bench: Bench) -> None:
    header, _, signature = bench.issuer.mint(scopes=["a"]).split(".")
    richer = bench.issuer.mint(scopes=["a", "order:cancel:all"]).split(".")[1]
    assert "signature" in refusal(bench.verifier(), f"{header}.{richer}.{signature}").reason


def test_tampered_after_the_good_one_was_remembered(bench: Bench) -> None:
    verifier, token = bench.verifier(), bench.issuer.mint(scopes=["a"])
    verifier.verify(token)
    head, signature = token.rsplit(".", 1)
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    assert refusal(verifier, f"{head}.{flipped}").text == NOT_ACCEPTED


def test_before_any_key_is_known_nothing_is(bench: Bench) -> None:
    """The client is told to come again, and is no guesser."""
    none = KeySet(bench.issuer.name, from_file(bench.issuer.jwks_path), Refresh())
    error = refusal(Verifier([Issuer(bench.issuer.name, ("fix-gateway",), ("ES256",), none)]), bench.issuer.mint())
    assert (error.text, error.session_status) == ("authorization server not available", 7)
    assert error.unavailable


def test_another_key_under_the_same_name(bench: Bench, tmp_path: Path) -> None:
    stranger = DevelopmentIssuer.create(tmp_path / "stranger")
    assert "key id" in refusal(bench.verifier(), stranger.mint()).reason
    impostor = DevelopmentIssuer(stranger.key, bench.issuer.key_id, stranger.jwks_path)
    assert "signature" in refusal(bench.verifier(), impostor.mint()).reason


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "", "RS256", "HS256"])
def test_an_algorithm_that_is_not_pinned(bench: Bench, algorithm: str) -> None:
    token = reforged(bench.issuer.mint(), alg=algorithm)
    assert "algorithm" in refusal(bench.verifier(), token).reason


def test_alg_none_without_a_signature(bench: Bench) -> None:
    claims = jwt.decode(bench.issuer.mint(), options={"verify_signature": False})
    token = f"{part({'alg': 'none', 'kid': bench.issuer.key_id})}.{part(claims)}."
    assert refusal(bench.verifier(), token).text == NOT_ACCEPTED


def test_hmac_with_the_public_key(bench: Bench) -> None:
    public = bench.issuer.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims = jwt.decode(bench.issuer.mint(), options={"verify_signature": False})
    signing = f"{part({'alg': 'HS256', 'kid': bench.issuer.key_id})}.{part(claims)}"
    forged = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signing.encode(), public)
    token = f"{signing}.{base64.urlsafe_b64encode(forged).rstrip(b'=').decode()}"
    assert "algorithm" in refusal(bench.verifier(), token).reason


def test_keys_that_the_token_brings_along_are_not_looked_at(bench: Bench, tmp_path: Path) -> None:
    stranger = DevelopmentIssuer.create(tmp_path / "stranger")
    own = json.loads(stranger.jwks_path.read_bytes())["keys"][0]
    claims = jwt.decode(stranger.mint(), options={"verify_signature": False})
    for hint in ({"jku": stranger.jwks_path.as_uri()}, {"x5u": "http://127.0.0.1/"}, {"jwk": own}):
        header = {"kid": bench.issuer.key_id, **hint}
        token = jwt.encode(claims, stranger.key, "ES256", headers=header)
        assert "signature" in refusal(bench.verifier(), token).reason


def test_a_critical_header_that_is_not_understood(bench: Bench) -> None:
    claims = jwt.decode(bench.issuer.mint(), options={"verify_signature": False})
    token = jwt.encode(claims, bench.issuer.key, "ES256", headers={"kid": bench.issuer.key_id, "crit": ["x"], "x": 1})
    assert refusal(bench.verifier(), token).text == NOT_ACCEPTED


def test_unencoded_payloads_are_refused(bench: Bench) -> None:
    claims = json.dumps(jwt.decode(bench.issuer.mint(), options={"verify_signature": False})).encode()
    headers = {"kid": bench.issuer.key_id, "b64": False, "crit": ["b64"]}
    detached = jwt.PyJWS().encode(claims, bench.issuer.key, "ES256", headers=headers, is_payload_detached=True)
    header, _, signature = detached.split(".")
    for payload in ("", base64.urlsafe_b64encode(claims).rstrip(b"=").decode()):
        assert refusal(bench.verifier(), f"{header}.{payload}.{signature}").text == NOT_ACCEPTED


def test_nested_and_encrypted_tokens_have_a_reason(bench: Bench) -> None:
    headers = {"kid": bench.issuer.key_id, "cty": "JWT"}
    nested = jwt.PyJWS().encode(bench.issuer.mint().encode(), bench.issuer.key, "ES256", headers=headers)
    assert "nested" in refusal(bench.verifier(), nested).reason
    encrypted = f"{part({'alg': 'RSA-OAEP', 'enc': 'A256GCM', 'cty': 'JWT'})}.a2V5.aXY.Y2lwaGVy.dGFn"
    assert "encrypted" in refusal(bench.verifier(), encrypted).reason


@pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "secevent+jwt", "id_token", "token-introspection+jwt"])
def test_other_kinds_of_tokens_of_the_same_issuer(bench: Bench, kind: str) -> None:
    claims = jwt.decode(bench.issuer.mint(), options={"verify_signature": False})
    token = jwt.encode(claims, bench.issuer.key, "ES256", headers={"kid": bench.issuer.key_id, "typ": kind})
    assert "typ" in refusal(bench.verifier(), token).reason


@pytest.mark.parametrize("key_id", ["../../etc/passwd", "x' OR 'a'='a", "https://127.0.0.1:1/"])
def test_key_ids_that_are_none_of_the_set(bench: Bench, key_id: str) -> None:
    error = refusal(bench.verifier(), reforged(bench.issuer.mint(), kid=key_id))
    assert (error.text, type(error)) == (NOT_ACCEPTED, UnknownKey)


@pytest.mark.parametrize("key_id", ["k" * 9000, 7, [], {}, None])
def test_key_ids_that_no_set_has(bench: Bench, key_id: object) -> None:
    """Nobody need wait for the keys to be read again."""
    error = refusal(bench.verifier(), reforged(bench.issuer.mint(), kid=key_id))
    assert (error.text, type(error)) == (NOT_ACCEPTED, TokenError)


async def test_hmac_with_the_rsa_public_key(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [{**public, "kid": "r"}]}))
    keys = KeySet("https://as", from_file(path), Refresh())
    await keys.load()
    verifier = Verifier([Issuer("https://as", ("a",), ("RS256",), keys)])
    claims = {"iss": "https://as", "aud": "a", "sub": "s", "exp": 4_000_000_000}
    spelled = [
        key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
        for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER)
    ]
    for secret in (*spelled, spelled[0].strip(), json.dumps(public).encode(), path.read_bytes()):
        signing = f"{part({'alg': 'HS256', 'kid': 'r'})}.{part(claims)}"
        forged = hmac.digest(secret, signing.encode(), "sha256")
        token = f"{signing}.{base64.urlsafe_b64encode(forged).rstrip(b'=').decode()}"
        assert "algorithm" in refusal(verifier, token).reason


@pytest.mark.parametrize("skew", [-600, -120, 120, 600])
def test_a_clock_off_by_minutes(bench: Bench, skew: int) -> None:
    issued = bench.clock.now + skew
    token = bench.issuer.mint(now=issued, ttl_s=60, claims={"nbf": int(issued)})
    text = "access token not yet valid" if skew > 0 else "access token expired"
    assert refusal(bench.verifier(), token).text == text
    assert refusal(bench.verifier(leeway_s=abs(skew) - 60.0), token).text == text
    assert bench.verifier(leeway_s=abs(skew) + 1.0).verify(token).subject == "developer"


async def test_a_token_is_held_against_its_own_issuer_alone(bench: Bench, tmp_path: Path) -> None:
    other = DevelopmentIssuer.create(tmp_path / "other", "https://other.invalid")
    keys = KeySet(other.name, from_file(other.jwks_path), Refresh())
    await keys.load()
    both = Verifier(
        [
            Issuer(bench.issuer.name, ("fix-gateway",), ("ES256",), bench.keys),
            Issuer(other.name, ("fix-gateway",), ("ES256",), keys),
        ]
    )
    assert both.verify(other.mint()).issuer == other.name
    assert "key id" in refusal(both, other.mint(claims={"iss": bench.issuer.name})).reason


async def test_an_rsa_key_does_not_serve_another_algorithm_than_its_own(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [{**public, "kid": "r", "alg": "RS256"}]}))
    keys = KeySet("https://as", from_file(path), Refresh())
    await keys.load()
    verifier = Verifier([Issuer("https://as", ("a",), ("RS256", "PS256"), keys)])
    claims = {"iss": "https://as", "aud": "a", "sub": "s", "exp": 4_000_000_000}
    assert verifier.verify(jwt.encode(claims, key, "RS256", headers={"kid": "r"})).subject == "s"
    assert "of its key" in refusal(verifier, jwt.encode(claims, key, "PS256", headers={"kid": "r"})).reason


async def test_a_key_that_would_serve_an_algorithm_does_not_pin_it(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [{**public, "kid": "r"}]}))
    keys = KeySet("https://as", from_file(path), Refresh())
    await keys.load()
    verifier = Verifier([Issuer("https://as", ("a",), ("PS256",), keys)])
    claims = {"iss": "https://as", "aud": "a", "sub": "s", "exp": 4_000_000_000}
    assert verifier.verify(jwt.encode(claims, key, "PS256", headers={"kid": "r"})).subject == "s"
    assert "pinned" in refusal(verifier, jwt.encode(claims, key, "RS256", headers={"kid": "r"})).reason


def test_a_remembered_token_expires(bench: Bench) -> None:
    verifier, token = bench.verifier(), bench.issuer.mint(ttl_s=60, now=bench.clock.now)
    first = verifier.verify(token)
    assert verifier.verify(token) is first
    bench.clock.now = first.expires_at
    assert refusal(verifier, token).text == "access token expired"


def test_a_remembered_token_is_verified_again_after_its_time(bench: Bench) -> None:
    verifier, token = bench.verifier(cache_ttl_s=30), bench.issuer.mint(ttl_s=600, now=bench.clock.now)
    first = verifier.verify(token)
    bench.clock.now += 31
    again = verifier.verify(token)
    assert again == first
    assert again is not first


async def test_a_removed_key_takes_its_tokens_along(bench: Bench, tmp_path: Path) -> None:
    verifier, token = bench.verifier(), bench.issuer.mint()
    verifier.verify(token)
    successor = DevelopmentIssuer.create(tmp_path / "next")
    bench.issuer.jwks_path.write_bytes(successor.jwks_path.read_bytes())
    await bench.keys.load()
    assert "key id" in refusal(verifier, token).reason
    assert verifier.verify(successor.mint()).subject == "developer"


def test_leeway_admits_a_token_a_little_past_its_expiry(bench: Bench) -> None:
    token = bench.issuer.mint(ttl_s=-3, now=bench.clock.now)
    assert bench.verifier(leeway_s=5).verify(token).subject == "developer"
    assert refusal(bench.verifier(leeway_s=2), token).text == "access token expired"


def test_an_issuer_of_another_listener_is_as_if_not_configured(bench: Bench) -> None:
    issuer = bench.of({"tenant": "a", "listener": "fix"})
    verifier, token = Verifier([issuer]), bench.issuer.mint()
    here = {"tenant": "a", "listener": "fix", "more": "x"}
    assert verifier.verify(token, here).subject == "developer"
    for context in ({}, {"tenant": "a"}, {"tenant": "b", "listener": "fix"}, {"listener": "fix"}):
        with pytest.raises(TokenError, match="not one of the configured"):
            verifier.verify(token, context)
        with pytest.raises(TokenError, match="not one of the configured"):
            verifier.issuer_named(token, context)
    assert verifier.verify(token, here) is verifier.verify(token, here)


def test_the_first_issuer_of_that_name_and_listener_is_asked(bench: Bench) -> None:
    special = bench.of({"tenant": "a"}, reading=Reading(scope_claims=("special",)))
    verifier = Verifier([special, bench.of({})])
    token = bench.issuer.mint(scopes=["usual"], claims={"special": "a"})
    for _ in range(2):
        assert verifier.verify(token, {"tenant": "a"}).scopes == {"a"}
        assert verifier.verify(token, {"tenant": "b"}).scopes == {"usual"}
        assert verifier.verify(token).scopes == {"usual"}


def test_the_issuer_that_a_token_names(bench: Bench) -> None:
    verifier, token = bench.verifier(), bench.issuer.mint(ttl_s=-60)
    found = verifier.issuer_named(token)
    assert found is not None
    assert found.name == bench.issuer.name
    assert verifier.issuer_named(reforged(token, alg="none")) is found
    for opaque in ("", "2YotnFZFEjr1zCsicMWpAA", "an.opaque.token", f"{part({'alg': 'dir', 'enc': 'A'})}..b.c.d", "é"):
        assert verifier.issuer_named(opaque) is None
    for other in (bench.issuer.mint(claims={"iss": "https://elsewhere"}), f"{part({'alg': 'ES256'})}.{part({})}.x"):
        with pytest.raises(TokenError, match="not one of the configured"):
            verifier.issuer_named(other)


def test_the_reading_of_the_issuer_is_used(bench: Bench) -> None:
    reading = Reading(role_claims=("clients.{audience}.roles",), client_id_claims=("cid",))
    verifier = Verifier([bench.of({}, reading=reading)])
    clients = {"fix-gateway": {"roles": ["trader"]}, "other": {"roles": ["admin"]}}
    found = verifier.verify(bench.issuer.mint(scopes=["a:b"], claims={"clients": clients, "cid": "c"}))
    assert found.scopes == {"a:b", "role:trader"}
    assert found.client_id == "c"


async def test_a_key_of_another_curve_does_not_serve(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [{**public, "kid": "e"}]}))
    keys = KeySet("https://as", from_file(path), Refresh())
    await keys.load()
    verifier = Verifier([Issuer("https://as", ("a",), ("ES256", "ES384"), keys)])
    claims = {"iss": "https://as", "aud": "a", "sub": "s", "exp": 4_000_000_000}
    token = jwt.encode(claims, key, "ES384", headers={"kid": "e"})
    assert verifier.verify(token).subject == "s"
    assert "of its key" in refusal(verifier, reforged(token, alg="ES256")).reason
