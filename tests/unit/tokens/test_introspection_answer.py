"""What an introspection answer makes of a token: plain and signed answers, good and bad ones."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.errors import TokenError
from authzsvc.tokens import introspection_answer
from authzsvc.tokens.claims import Identity, Reading
from authzsvc.tokens.development import ALGORITHM, DevelopmentIssuer
from authzsvc.tokens.endpoint import ServerUnavailable
from authzsvc.tokens.http import Answer
from authzsvc.tokens.introspection_answer import SIGNED, TYPE, AnswerKeyUnknown, Expected, Signed
from authzsvc.tokens.keys import KeySet, Refresh, from_file

ISSUER = "https://as.example"
NOW = 1_000_000.0
EXPECTED = Expected(ISSUER, ("fix-gateway", "gw2"), Reading())
GOOD: Mapping[str, object] = {"active": True, "client_id": "algo", "exp": NOW + 60, "scope": "order:cancel"}


def identity_in(answer: Answer, expected: Expected, now: float, token: str = "0paqu3") -> Identity:
    return introspection_answer.identity_in(answer, expected, now, token)


def plain(members: object, status: int = 200, content_type: str = "application/json") -> Answer:
    return Answer(status, {"content-type": content_type}, json.dumps(members).encode())


def each(names: tuple[str, ...], *values: object) -> list[tuple[str, object]]:
    return [(name, value) for name in names for value in values]


def refusal(answer: Answer, expected: Expected = EXPECTED, token: str = "0paqu3") -> TokenError:
    with pytest.raises(TokenError) as refused:
        identity_in(answer, expected, NOW, token)
    assert "\n" not in str(refused.value)
    return refused.value


def test_the_client_is_the_subject_where_there_is_no_other() -> None:
    assert identity_in(plain(GOOD), EXPECTED, NOW).subject == "algo"
    assert identity_in(plain({**GOOD, "sub": "svc"}), EXPECTED, NOW).subject == "svc"
    nobody = {"active": True, "exp": NOW + 60}
    assert refusal(plain(nobody)).text == "access token not accepted"


@pytest.mark.parametrize("active", ["true", 1, 0, None, [], {}, "", [True]])
def test_active_must_be_true_or_false(active: object) -> None:
    assert isinstance(refusal(plain({**GOOD, "active": active})), ServerUnavailable)


def test_an_answer_without_active_or_of_another_kind() -> None:
    assert isinstance(refusal(plain({"client_id": "algo", "exp": NOW + 60})), ServerUnavailable)
    for body in ([GOOD], "active", None, True):
        assert isinstance(refusal(plain(body)), ServerUnavailable)
    assert isinstance(refusal(plain(GOOD, content_type="text/html")), ServerUnavailable)
    assert isinstance(refusal(plain(GOOD, status=203)), ServerUnavailable)


def test_inactive() -> None:
    error = refusal(plain({"active": False}))
    assert not isinstance(error, ServerUnavailable)
    assert error.text == "access token not accepted"
    assert refusal(plain({**GOOD, "active": False})).reason == error.reason


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *each(("sub", "client_id", "jti", "iss", "username"), 7, True, [], {}),
        *each(("scope",), 7, True, {}, [7], ["a", None]),
        *each(("exp", "nbf", "iat"), "1", True, [], {}, 1e300),
        *each(("aud",), 7, True, {}, [7], ["fix-gateway", 7]),
        *each(("token_type",), 7, True, ["Bearer"], "DPoP", "mac", "N_A", "Bearer DPoP", "urn:x"),
        *each(("cnf",), 7, "x", [], {}, None, {"x5t#S256": 7}, {"jkt": "x"}, {"x5t#S256": "short"}),
        ("sub", "\ud800"),
        ("username", "\ud800"),
        ("token_use", "refresh_token"),
        ("typ", "Refresh"),
        ("iss", "https://as.example/"),
        ("iss", "https://other.example"),
    ],
)
def test_members_of_the_wrong_kind(name: str, value: object) -> None:
    answer = Answer(200, {"content-type": "application/json"}, json.dumps({**GOOD, name: value}).encode())
    error = refusal(answer)
    assert error.text == "access token not accepted"
    assert error.session_status == 5


@pytest.mark.parametrize("aud", ["fix-gateway", ["other", "gw2"]])
def test_the_audience(aud: object) -> None:
    assert identity_in(plain({**GOOD, "aud": aud}), replace(EXPECTED, audience_demanded=True), NOW)


@pytest.mark.parametrize("aud", ["other", "", [], ["fix-gateway "]])
def test_another_audience(aud: object) -> None:
    assert refusal(plain({**GOOD, "aud": aud})).text == "token is not for this gateway"


def test_no_audience_unless_it_is_demanded() -> None:
    assert identity_in(plain(GOOD), EXPECTED, NOW)
    demanding = replace(EXPECTED, audience_demanded=True)
    assert "aud" in refusal(plain(GOOD), demanding).reason
    assert refusal(plain({**GOOD, "aud": None}), demanding)


def test_times() -> None:
    for exp in (NOW, NOW - 60, 0, -5):
        error = refusal(plain({**GOOD, "exp": exp}))
        assert (error.text, error.session_status) == ("access token expired", 8)
    assert refusal(plain({**GOOD, "nbf": NOW + 1})).text == "access token not yet valid"
    lenient = replace(EXPECTED, leeway_s=5.0)
    assert identity_in(plain({**GOOD, "exp": NOW - 4, "nbf": NOW + 4}), lenient, NOW)
    assert identity_in(plain({**GOOD, "exp": None}), replace(EXPECTED, unending_s=30.0), NOW).expires_at == NOW + 30


def test_the_type_of_the_token() -> None:
    for name in ("Bearer", "bearer", "BEARER"):
        assert identity_in(plain({**GOOD, "token_type": name}), EXPECTED, NOW)
    assert "token_type" in refusal(plain({**GOOD, "token_type": "DPoP"})).reason


JWT: Mapping[str, object] = {
    "iss": ISSUER,
    "jti": "j-1",
    "sub": "svc",
    "client_id": "algo",
    "exp": NOW + 60,
    "iat": NOW - 60,
    "cnf": {"x5t#S256": "A" * 43},
}


def jwt_of(**claims: object) -> str:
    said = {name: value for name, value in {**JWT, **claims}.items() if value is not None}
    return jwt.PyJWS().encode(json.dumps(said).encode(), "x" * 32, "HS256")


def test_an_answer_that_agrees_with_the_token() -> None:
    assert identity_in(plain({**GOOD, **JWT}), EXPECTED, NOW, jwt_of())
    narrower = {**GOOD, "cnf": JWT["cnf"], "scope": "order:status", "aud": "fix-gateway"}
    assert identity_in(
        plain(narrower), EXPECTED, NOW, jwt_of(scope="order:cancel order:status", aud=["a", "fix-gateway"])
    )
    assert identity_in(plain({**GOOD, **JWT}), EXPECTED, NOW, jwt_of(jti=None, sub=None, client_id=None, cnf=None))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jti", "j-2"),
        ("sub", "desk"),
        ("client_id", "desk"),
        ("iss", "https://other.example"),
        ("exp", NOW + 61),
        ("iat", NOW - 61),
        ("cnf", {"x5t#S256": "B" * 43}),
        ("cnf", None),
    ],
)
def test_an_answer_about_another_token(name: str, value: object) -> None:
    other = {key: said for key, said in {**GOOD, **JWT, name: value}.items() if said is not None}
    error = refusal(plain(other), EXPECTED, jwt_of())
    assert isinstance(error, ServerUnavailable)
    assert f"another token (`{name}`)" in error.reason


# Signed answers


@pytest.fixture
async def issuer(tmp_path: Path) -> DevelopmentIssuer:
    return DevelopmentIssuer.create(tmp_path / "keys", ISSUER)


@pytest.fixture
async def signed(issuer: DevelopmentIssuer) -> Expected:
    keys = KeySet(ISSUER, from_file(issuer.jwks_path), Refresh())
    await keys.load()
    return replace(EXPECTED, signed=Signed(keys, (ALGORITHM,), "gw"))


def jwt_answer(issuer: DevelopmentIssuer, header: Mapping[str, object] | None = None, **claims: object) -> Answer:
    payload = {"iss": ISSUER, "aud": "gw", "iat": NOW, "token_introspection": dict(GOOD), **claims}
    present = {name: value for name, value in payload.items() if value is not None}
    headers = {"kid": issuer.key_id, "typ": TYPE, **(header or {})}
    kept = {name: value for name, value in headers.items() if value is not None}
    token = jwt.PyJWS().encode(json.dumps(present).encode(), issuer.key, ALGORITHM, kept)
    return Answer(200, {"content-type": SIGNED}, token.encode())


def test_a_signed_answer(issuer: DevelopmentIssuer, signed: Expected) -> None:
    assert signed.accept == "application/token-introspection+jwt"
    assert identity_in(jwt_answer(issuer), signed, NOW).client_id == "algo"
    assert identity_in(jwt_answer(issuer, aud=["x", "gw"], exp=NOW + 5), signed, NOW)
    assert identity_in(jwt_answer(issuer, {"typ": f"application/{TYPE.upper()}", "kid": None}), signed, NOW)
    assert (
        refusal(jwt_answer(issuer, token_introspection={"active": False}), signed).text == "access token not accepted"
    )


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"jti": "j-1"}, True),
        ({"exp": NOW + 60, "sub": "svc"}, True),
        ({"exp": NOW + 60, "client_id": "algo"}, True),
        ({}, False),
        ({"exp": NOW + 60}, False),
        ({"sub": "svc", "client_id": "algo", "iat": NOW - 60}, False),
    ],
)
def test_a_signed_answer_names_the_token(
    issuer: DevelopmentIssuer, signed: Expected, members: dict[str, object], named: bool
) -> None:
    answered = jwt_answer(issuer, token_introspection={"active": True, "cnf": JWT["cnf"], "username": "svc", **members})
    lenient = replace(signed, reading=Reading(subject_claims=("sub", "username")))
    if named:
        assert identity_in(answered, lenient, NOW, jwt_of())
    else:
        error = refusal(answered, lenient, jwt_of())
        assert isinstance(error, ServerUnavailable)
        assert "does not name the token" in error.reason


def test_a_plain_answer_where_a_signed_one_is_demanded(signed: Expected) -> None:
    error = refusal(plain(GOOD), signed)
    assert isinstance(error, ServerUnavailable)
    assert "not signed" in error.reason
    assert isinstance(refusal(plain(GOOD, content_type=SIGNED), signed), ServerUnavailable)


def test_a_signed_answer_where_none_is_asked_for(issuer: DevelopmentIssuer) -> None:
    assert isinstance(refusal(jwt_answer(issuer)), ServerUnavailable)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"iss": 7},
        {"aud": "other"},
        {"aud": None},
        {"aud": ["fix-gateway"]},
        {"aud": 7},
        {"iat": None},
        {"iat": "now"},
        {"iat": True},
        {"iat": NOW - 31},
        {"iat": NOW + 61},
        {"exp": NOW},
        {"nbf": NOW + 1},
        {"token_introspection": None},
        {"token_introspection": []},
        {"token_introspection": "active"},
        {"token_introspection": {}},
        {"token_introspection": None, **GOOD},
    ],
)
def test_signed_claims_that_do_not_hold(issuer: DevelopmentIssuer, signed: Expected, claims: dict[str, object]) -> None:
    assert isinstance(refusal(jwt_answer(issuer, None, **claims), signed), ServerUnavailable)


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": "at+jwt"},
        {"typ": None},
        {"kid": "../../etc/passwd"},
        {"kid": "' OR 1=1 --"},
        {"crit": ["x"]},
        {"cty": "JWT"},
    ],
)
def test_signed_headers_that_do_not_hold(
    issuer: DevelopmentIssuer, signed: Expected, header: dict[str, object]
) -> None:
    assert isinstance(refusal(jwt_answer(issuer, header), signed), ServerUnavailable)


def test_another_signer(issuer: DevelopmentIssuer, signed: Expected, tmp_path: Path) -> None:
    thief = replace(issuer, key=ec.generate_private_key(ec.SECP256R1()))
    assert type(refusal(jwt_answer(thief), signed)) is ServerUnavailable
    assert isinstance(refusal(jwt_answer(thief, {"kid": "another"}), signed), AnswerKeyUnknown)
    assert signed.signed is not None
    pinned = replace(signed, signed=replace(signed.signed, algorithms=("RS256",)))
    assert isinstance(refusal(jwt_answer(issuer), pinned), ServerUnavailable)


def test_unsigned_and_symmetric_answers(issuer: DevelopmentIssuer, signed: Expected) -> None:
    payload = jwt_answer(issuer).body.split(b".")[1].decode()
    for alg in ("none", "HS256", "", 7, None):
        header = base64.urlsafe_b64encode(json.dumps({"alg": alg, "typ": TYPE, "kid": issuer.key_id}).encode())
        body = f"{header.rstrip(b'=').decode()}.{payload}.".encode()
        assert isinstance(refusal(Answer(200, {"content-type": SIGNED}, body), signed), ServerUnavailable)


def test_an_access_token_is_no_answer(issuer: DevelopmentIssuer, signed: Expected) -> None:
    token = issuer.mint(audience="gw", claims={"token_introspection": dict(GOOD)}, now=NOW)
    assert isinstance(refusal(Answer(200, {"content-type": SIGNED}, token.encode()), signed), ServerUnavailable)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["active", "scope", "client_id", "username", "token_type", "exp", "iat", "nbf", "sub", "aud", "iss", "jti", "cnf"]
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, JSON), st.booleans())
def test_whatever_is_answered_it_is_an_identity_or_a_refusal(members: dict[str, object], on_good: bool) -> None:
    answered = {**GOOD, **members} if on_good else members
    try:
        found = identity_in(plain(answered), EXPECTED, NOW)
    except TokenError:
        return
    assert isinstance(found, Identity)
    assert answered["active"] is True
    assert found.expires_at > NOW


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["application/json", SIGNED, ""]))
def test_rubbish_is_an_outage(body: bytes, content_type: str) -> None:
    assert isinstance(refusal(Answer(200, {"content-type": content_type}, body)), ServerUnavailable)
    keys = Signed(KeySet("x", from_file(Path("/")), Refresh()), (ALGORITHM,), "gw")
    answer = Answer(200, {"content-type": content_type}, body)
    assert isinstance(refusal(answer, replace(EXPECTED, signed=keys)), ServerUnavailable)
