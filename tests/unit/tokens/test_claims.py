from __future__ import annotations

from typing import Any

import pytest

from authzsvc.errors import TokenError
from authzsvc.tokens.claims import check_expiry, check_times, identity

GOOD: dict[str, Any] = {"iss": "https://as", "sub": "svc", "exp": 1000, "scope": "a b"}


def test_reads_who_and_what() -> None:
    found = identity({**GOOD, "client_id": "algo", "jti": "t1", "accounts": ["A1"]}, "scope")
    assert (found.issuer, found.subject, found.client_id, found.token_id) == ("https://as", "svc", "algo", "t1")
    assert found.scopes == {"a", "b"}
    assert found.expires_at == 1000.0
    assert found.claims["accounts"] == ["A1"]


@pytest.mark.parametrize(
    ("more", "client_id"),
    [({"client_id": "c", "azp": "z"}, "c"), ({"azp": "z"}, "z"), ({}, "svc")],
)
def test_client_is_client_id_else_azp_else_sub(more: dict[str, Any], client_id: str) -> None:
    assert identity({**GOOD, **more}, "scope").client_id == client_id


@pytest.mark.parametrize(
    ("claims", "scope_claim", "scopes"),
    [
        ({"scope": "a  b"}, "scope", {"a", "b"}),
        ({"scope": ["a", "b"]}, "scope", {"a", "b"}),
        ({"scope": None, "scp": "c"}, "scope", {"c"}),
        ({"scope": "a", "permissions": ["p"]}, "permissions", {"p"}),
        ({"scope": None}, "scope", set()),
    ],
)
def test_scopes_are_a_string_or_a_list(claims: dict[str, Any], scope_claim: str, scopes: set[str]) -> None:
    assert identity({**GOOD, **claims}, scope_claim).scopes == scopes


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("sub", ""),
        ("sub", 7),
        ("sub", "\ud800"),
        ("iss", None),
        ("exp", "1000"),
        ("exp", True),
        ("exp", float("inf")),
        ("exp", 10**400),
        ("client_id", ["x"]),
        ("scope", 3),
        ("scope", ["a", 1]),
    ],
)
def test_claims_of_the_wrong_kind_are_refused(claim: str, value: object) -> None:
    with pytest.raises(TokenError, match=claim) as refused:
        identity({**GOOD, claim: value}, "scope")
    assert refused.value.text == "access token not accepted"


@pytest.mark.parametrize("now", [1000.0, 1000.5, 9999.0])
def test_expired_on_or_after_exp(now: float) -> None:
    with pytest.raises(TokenError) as refused:
        check_expiry(1000.0, now)
    assert (refused.value.text, refused.value.session_status) == ("access token expired", 8)


def test_leeway_stretches_both_ends() -> None:
    claims = {"exp": 1000, "nbf": 900}
    check_times(claims, 1004.9, 5.0)
    check_times(claims, 895.0, 5.0)
    with pytest.raises(TokenError, match="expired"):
        check_times(claims, 1005.0, 5.0)
    with pytest.raises(TokenError, match="nbf"):
        check_times(claims, 894.9, 5.0)


def test_not_yet_valid_has_its_own_text() -> None:
    with pytest.raises(TokenError) as refused:
        check_times({"exp": 1000, "nbf": 900}, 899.0, 0.0)
    assert (refused.value.text, refused.value.session_status) == ("access token not yet valid", 7)
