from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authzsvc.errors import TokenError
from authzsvc.tokens.claims import ISSUED_AHEAD_S, Identity, Reading, check_expiry, check_times, identity

GOOD: dict[str, Any] = {"iss": "https://as", "sub": "svc", "exp": 1000, "scope": "a b"}
THUMBPRINT = base64.urlsafe_b64encode(hashlib.sha256(b"certificate").digest()).rstrip(b"=").decode()
ALL = Reading(
    scope_claims=("scope", "scp", "a.scopes"),
    role_claims=("roles", "realm.roles", "clients.{audience}.roles"),
    union=True,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = ("iss", "sub", "exp", "nbf", "iat", "jti", "cnf", "scope", "scp", "roles", "realm", "clients", "client_id", "a")


def read(claims: dict[str, Any], reading: Reading = Reading()) -> Identity:  # noqa: B008 (frozen)
    return identity({**GOOD, **claims}, reading, ("gw", "api://gw.v1"))


def test_reads_who_and_what() -> None:
    found = read({"client_id": "algo", "jti": "t1", "accounts": ["A1"], "iat": 900})
    assert (found.issuer, found.subject, found.client_id, found.token_id) == ("https://as", "svc", "algo", "t1")
    assert found.scopes == {"a", "b"}
    assert (found.expires_at, found.issued_at) == (1000.0, 900.0)
    assert found.claims["accounts"] == ["A1"]
    assert found.confirmation == ""


@pytest.mark.parametrize(
    ("more", "client_id"),
    [
        ({"client_id": "c", "azp": "z"}, "c"),
        ({"client_id": "", "azp": "z"}, "z"),
        ({"client_id": None, "azp": "z"}, "z"),
        ({"azp": "z"}, "z"),
        ({}, "svc"),
    ],
)
def test_client_is_client_id_else_azp_else_sub(more: dict[str, Any], client_id: str) -> None:
    assert read(more).client_id == client_id


@pytest.mark.parametrize(
    ("claims", "paths", "scopes"),
    [
        ({"scope": "a  b"}, ("scope",), {"a", "b"}),
        ({"scope": ["a", "b"]}, ("scope",), {"a", "b"}),
        ({"scope": None, "scp": "c"}, ("scope", "scp"), {"c"}),
        ({"scope": "a", "scp": "c"}, ("scope", "scp"), {"a"}),
        ({"scope": "", "scp": "c"}, ("scope", "scp"), set()),
        ({"scope": [], "scp": "c"}, ("scope", "scp"), set()),
        ({"scope": "a", "permissions": ["p"]}, ("permissions", "scope"), {"p"}),
        ({"scope": "a", "x": {"y": {"z": ["p"]}}}, ("x.y.z", "scope"), {"p"}),
        ({"scope": "a", "https://x.y/z": "p"}, ("https://x.y/z", "scope"), {"p"}),
        ({"scope": "a", "x": None}, ("x.y.z", "scope"), {"a"}),
        ({"scope": None}, ("scope", "scp"), set()),
        ({"scope": "a"}, (), set()),
    ],
)
def test_scopes_are_those_of_the_first_claim_there(
    claims: dict[str, Any], paths: tuple[str, ...], scopes: object
) -> None:
    assert read(claims, Reading(scope_claims=paths)).scopes == scopes


def test_scopes_of_all_claims_with_union() -> None:
    reading = Reading(scope_claims=("scope", "permissions"), union=True)
    assert read({"scope": "a", "permissions": ["p", "a"]}, reading).scopes == {"a", "p"}


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"roles": ["trader", "risk officer"]}, {"role:trader", "role:risk officer"}),
        ({"roles": "risk officer"}, {"role:risk officer"}),
        ({"roles": [{"value": "trader", "display": "Trader"}]}, {"role:trader"}),
        ({"realm": {"roles": ["x"]}, "roles": ["y"]}, {"role:x", "role:y"}),
        ({"clients": {"gw": {"roles": ["x"]}, "account": {"roles": ["admin"]}}}, {"role:x"}),
        ({"clients": {"api://gw.v1": {"roles": ["x"]}, "gw": None}}, {"role:x"}),
        ({"clients": {}, "realm": {}, "roles": None}, set()),
    ],
)
def test_roles_are_those_of_all_claims(claims: dict[str, Any], roles: set[str]) -> None:
    assert read({"scope": "", **claims}, ALL).scopes == roles


def test_a_role_cannot_pass_for_a_scope() -> None:
    assert read({"scope": "", "roles": ["order:cancel:all"]}, ALL).scopes == {"role:order:cancel:all"}


def test_the_certificate_that_a_token_is_bound_to() -> None:
    assert read({"cnf": {"x5t#S256": THUMBPRINT}}).confirmation == THUMBPRINT


def test_a_subject_may_stand_elsewhere() -> None:
    reading = Reading(subject_claims=("sub", "oid"))
    assert read({"sub": None, "oid": "o"}, reading).subject == "o"
    assert read({"oid": "o"}, reading).subject == "svc"
    with pytest.raises(TokenError, match="no claim `sub` or `oid`"):
        read({"sub": None}, reading)


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("sub", ""),
        ("sub", 7),
        ("sub", {}),
        ("iss", None),
        ("iss", []),
        ("exp", None),
        ("exp", "1000"),
        ("exp", True),
        ("exp", [1000]),
        ("exp", float("inf")),
        ("exp", float("nan")),
        ("exp", 10**400),
        ("exp", -(10**16)),
        ("iat", "900"),
        ("iat", False),
        ("jti", 7),
        ("client_id", ["x"]),
        ("client_id", False),
        ("azp", 7),
        ("scope", 3),
        ("scope", {"a": "b"}),
        ("scope", False),
        ("scope", ["a", 1]),
        ("scope", ["a", None]),
        ("scope", [["a"]]),
        ("roles", 3),
        ("roles", [{"name": "x"}]),
        ("roles", {"trader": True}),
        ("realm", "trader"),
        ("realm", ["roles"]),
        ("clients", {"gw": ["x"]}),
        ("clients", {"gw": {"roles": 7}}),
        ("cnf", None),
        ("cnf", "x"),
        ("cnf", {}),
        ("cnf", {"jkt": THUMBPRINT}),
        ("cnf", {"jwk": {"kty": "EC"}}),
        ("cnf", {"x5t#S256": 7}),
        ("cnf", {"x5t#S256": ""}),
        ("cnf", {"x5t#S256": f"{THUMBPRINT}="}),
        ("cnf", {"x5t#S256": f"{THUMBPRINT}\n"}),
        ("cnf", {"x5t#S256": "ab" * 32}),
    ],
)
def test_claims_of_the_wrong_kind_are_refused(claim: str, value: object) -> None:
    reading = Reading(client_id_claims=("client_id", "azp"), role_claims=ALL.role_claims)
    with pytest.raises(TokenError, match=claim) as refused:
        read({claim: value}, reading)
    assert refused.value.text == "access token not accepted"


@pytest.mark.parametrize("value", ["\ud800", ["\ud800"], {"\ud800": 1}])
@pytest.mark.parametrize("claim", ["sub", "scope", "other"])
def test_half_characters_are_refused(claim: str, value: object) -> None:
    with pytest.raises(TokenError, match="Unicode"):
        read({claim: value})


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.floats(allow_nan=False, allow_infinity=False))
def test_any_json_is_an_identity_or_a_refusal(claims: dict[str, Any], now: float) -> None:
    try:
        check_times({**GOOD, **claims}, now, 0.0)
        found = read(claims, ALL)
    except TokenError:
        return
    assert found.subject
    assert now < found.expires_at
    assert all(isinstance(scope, str) for scope in found.scopes)
    assert {scope for scope in found.scopes if not scope.startswith("role:")} <= _texts({**GOOD, **claims})


def _texts(value: object) -> set[str]:
    if isinstance(value, str):
        return {value, *value.split()}
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*(_texts(item) for item in items))


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


def test_a_token_from_the_future_is_not_valid_yet() -> None:
    check_times({"exp": 9000, "iat": 1000 + ISSUED_AHEAD_S}, 1000.0, 0.0)
    check_times({"exp": 9000, "iat": 1000 + ISSUED_AHEAD_S + 4}, 1000.0, 5.0)
    with pytest.raises(TokenError, match="iat") as refused:
        check_times({"exp": 9000, "iat": 1001 + ISSUED_AHEAD_S}, 1000.0, 0.0)
    assert refused.value.session_status == 7


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["1", True, [], {}, float("nan"), float("-inf"), 10**400])
def test_times_of_the_wrong_kind_are_refused(name: str, value: object) -> None:
    with pytest.raises(TokenError, match=name):
        check_times({"exp": 1000, name: value}, 500.0, 0.0)


def test_huge_and_negative_times() -> None:
    check_times({"exp": 1e14, "nbf": -1e14}, 1000.0, 0.0)
    with pytest.raises(TokenError, match="expired"):
        check_times({"exp": -1}, 1000.0, 0.0)
