from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.errors import TokenError
from authzsvc.tokens.jose import MAX_TOKEN_BYTES, check_header, check_kind, encoded, is_signed_jwt, read


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def compact(header: object, claims: object, signature: str = "c2ln") -> str:
    return f"{part(header)}.{part(claims)}.{signature}"


def test_reads_header_and_claims() -> None:
    found = read(compact({"alg": "ES256"}, {"iss": "x"}))
    assert (found.header, found.claims) == ({"alg": "ES256"}, {"iss": "x"})


@pytest.mark.parametrize("size", [MAX_TOKEN_BYTES + 1, 100_000, 10_000_000])
def test_a_token_over_the_limit_is_not_looked_into(size: int) -> None:
    for look in (encoded, read):
        with pytest.raises(TokenError, match="longer than"):
            look("a" * size)
    assert not is_signed_jwt(compact({"alg": "ES256"}, {}) + "a" * size)


@pytest.mark.parametrize("odd", [" ", "\n", "\t", "\x00", "\x7f", "\x80", "é", "\ud800", "\u202e", "\u200b", "٣"])
@pytest.mark.parametrize("place", [0, 5, None])
def test_characters_that_stand_in_no_token(odd: str, place: int | None) -> None:
    token = compact({"alg": "ES256"}, {})
    at = len(token) if place is None else place
    with pytest.raises(TokenError, match="control character"):
        encoded(token[:at] + odd + token[at:])
    assert not is_signed_jwt(token[:at] + odd + token[at:])


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("x", "not a JWT"),
        ("a.b", "not a JWT"),
        ("a.b.c", "not a JWT"),
        ("...", "not a JWT"),
        ("e30.e30.c.d", "not a JWT"),
        ("W10.W10.x", "not a JWT"),
        (compact({"alg": "ES256"}, []), "not a JWT"),
        (compact([], {}), "not a JWT"),
        (compact({"alg": "ES256"}, {})[1:], "not a JWT"),
        (f"{part({'alg': 'ES256'})}.{'W1' * 4000}.x", "not a JWT"),
        (f"{part({'alg': 'RSA-OAEP', 'enc': 'A256GCM'})}.a.b.c.d", "encrypted"),
        (f"{part({'alg': 'dir', 'enc': 'A256GCM'})}..b.c.d", "encrypted"),
        (compact({"alg": "ES256", "cty": "JWT"}, {}), "nested"),
        (f"{part({'alg': 'ES256', 'cty': 'application/jwt'})}.{part({})}.x", "nested"),
    ],
)
def test_what_is_no_signed_jwt(token: str, reason: str) -> None:
    with pytest.raises(TokenError, match=reason):
        read(token)


@pytest.mark.parametrize(
    ("token", "signed"),
    [
        (compact({"alg": "ES256"}, {}), True),
        (compact({"alg": "none"}, {}, ""), True),
        (compact({"alg": "ES256", "cty": "JWT"}, {}), True),
        (f"{part({'alg': 'ES256'})}.b3BhcXVl.x", True),
        (compact({"typ": "JWT"}, {}), False),
        (f"{part({'alg': 'dir', 'enc': 'A256GCM'})}..b.c.d", False),
        ("2YotnFZFEjr1zCsicMWpAA", False),
        ("an.opaque.token", False),
        ("", False),
    ],
)
def test_what_has_the_form_of_a_signed_jwt(token: str, signed: bool) -> None:
    assert is_signed_jwt(token) is signed


@pytest.mark.parametrize(
    "kind",
    [None, "", "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/okta-internal-at+jwt", "JWS"],
)
def test_types_of_access_tokens(kind: str | None) -> None:
    check_header({} if kind is None else {"typ": kind}, ())


@pytest.mark.parametrize(
    "kind",
    [
        *("id_token", "ID", "refresh_token", "logout+jwt", "application/LOGOUT+JWT", "dpop+jwt", "secevent+jwt"),
        *("token-introspection+jwt", "oauth-authz-req+jwt", "client-authentication+jwt", "entity-statement+jwt"),
        *("JOSE", "JOSE+JSON", "kb+jwt", "vc+sd-jwt", "bat+jwt", "+jwt", 7, None, ["JWT"], {}),
    ],
)
def test_types_of_other_tokens(kind: object) -> None:
    with pytest.raises(TokenError, match="typ"):
        check_header({"typ": kind}, ())


@pytest.mark.parametrize("kind", ["at+jwt", "application/AT+jwt"])
def test_named_types(kind: str) -> None:
    check_header({"typ": "at+jwt"}, (kind,))
    check_header({"typ": "application/at+jwt"}, (kind, "JWT"))
    for other in ("JWT", "logout+jwt", ""):
        with pytest.raises(TokenError, match="typ"):
            check_header({"typ": other}, (kind,))
    with pytest.raises(TokenError, match="typ"):
        check_header({}, (kind,))


@pytest.mark.parametrize(
    "more", [{"crit": ["x"], "x": 1}, {"crit": []}, {"crit": None}, {"b64": False, "crit": ["b64"]}, {"b64": False}]
)
def test_extensions_are_refused(more: dict[str, object]) -> None:
    with pytest.raises(TokenError, match="extension"):
        check_header({"alg": "ES256", **more}, ())


@pytest.mark.parametrize(
    "claims",
    [{"typ": "ID"}, {"typ": "Refresh"}, {"token_use": "id"}, {"at_hash": "x"}, {"events": {}}, {"typ": "logout"}],
)
def test_claims_of_other_tokens(claims: dict[str, object]) -> None:
    with pytest.raises(TokenError, match="another kind"):
        check_kind(claims)


@pytest.mark.parametrize("claims", [{}, {"typ": "Bearer"}, {"typ": "DPoP"}, {"token_use": "access"}, {"typ": ["ID"]}])
def test_claims_of_access_tokens(claims: dict[str, object]) -> None:
    check_kind(claims)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(token: str) -> None:
    assert not is_signed_jwt(token)
    with pytest.raises(TokenError):
        read(token)
