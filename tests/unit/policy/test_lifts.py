"""Forbids that a wildcard or a shorter scope lifts are reported, unless the lifting scope is written out beside it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.policy import lifts
from authzsvc.policy.engine import Policy
from tests.unit.policy.building import build
from tests.unit.policy.reference import Asked, Reference
from tests.unit.policy.test_reference import CLAIMS, HELD, compiled, mappings, slow

fewer = settings(slow, max_examples=40)
DESK = (
    "roles:\n"
    "  wide: {scopes: ['order:create:*']}\n"
    "  meant: {scopes: ['order:create:*', 'order:create:restricted'], roles: [other]}\n"
    "  other: {scopes: ['order:create:equity']}\n"
    "scopes:\n"
    "  order:create:equity: {grants: [{message: D}]}\n"
    "  order:create:restricted: {grants: [{message: D}]}\n"
    "  order:create:house: {grants: [{message: D}]}\n"
    "forbid:\n"
    "  - {name: restricted-list, message: [D, G], when: {Symbol: EVIL}, unless: [order:create:restricted]}\n"
    "  - {name: house, message: D, when: {Account: H}, unless: [order:create:house, order:create:restricted]}\n"
)


def of_token(scopes: str, policy: Policy | None = None, **claims: object) -> list[str]:
    return [str(lift) for lift in lifts.of_token(policy or build(DESK), frozenset(scopes.split()), claims)]


@pytest.mark.parametrize("scope", ["order:create:*", "order:*:*", "*:create:*"])
def test_a_wildcard_of_a_token(scope: str) -> None:
    assert of_token(scope) == [
        f"`{scope}` covers `order:create:house`, which lifts the forbid `house`",
        f"`{scope}` covers `order:create:restricted`, which lifts the forbids `house`, `restricted-list`",
    ]


@pytest.mark.parametrize(
    "scopes",
    [
        "order:create:equity",
        "order:create:restricted",
        "order:create:* order:create:restricted",
        "*:*",
        "",
        "role:wide",
    ],
)
def test_nothing_where_none_is_lifted_or_the_lift_is_written_out(scopes: str) -> None:
    assert of_token(scopes) == []


def test_a_role_that_writes_it_out_counts_for_the_token() -> None:
    assert of_token("order:create:* role:meant") == []
    assert of_token("order:create:*", roles=["meant"]) == []
    assert len(of_token("order:create:* role:other role:nobody")) == 2


def test_a_shorter_scope_of_a_token() -> None:
    policy = build(f"scope_prefixes: true\n{DESK}")
    assert len(of_token("order:create", policy)) == 2
    assert of_token("order:create:equity", policy) == []


def test_of_a_role() -> None:
    policy = build(DESK)
    by_scope = lifts.lifted(policy)
    found = {name: len(list(lifts.of_role(policy, name, by_scope))) for name in policy.role_terms}
    assert found == {"wide": 2, "meant": 0, "other": 0}


def test_what_is_told_is_bounded_and_printable() -> None:
    forbids = "".join(f"  - {{name: f{n}, message: D, unless: [order:create:equity]}}\n" for n in range(9))
    policy = build(f"scopes: {{order:create:equity: {{grants: [{{message: D}}]}}}}\nforbid:\n{forbids}")
    (told,) = of_token("*:create:equity", policy)
    assert told.endswith("the forbids `f0`, `f1`, `f2`, …")
    assert str(lifts.Lift("*:\x1b[2J" + "x" * 99, "a:b", ("f",))).isprintable()


def widely(data: dict[str, Any], forbid: dict[str, Any]) -> bool:
    return bool(forbid.get("wildcards_lift", data["version"] == 1))


@fewer
@given(mappings(), st.frozensets(st.sampled_from([h for h in HELD if not h.startswith("role:")]), max_size=3), CLAIMS)
def test_a_token_of_which_nothing_is_told_lifts_only_by_what_is_written_out(
    data: dict[str, Any], scopes: frozenset[str], claims: dict[str, Any]
) -> None:
    """A role aside: what it lifts is told of it."""
    data["roles"] = {}
    policy, reference = compiled(data), Reference(data)
    told = {name for lift in lifts.of_token(policy, scopes, claims) for name in lift.forbids}
    held, _ = reference.held(Asked("inbound", "D", (), scopes, claims, ""))
    lifted = {forbid["name"] for forbid in data["forbid"] if held & set(forbid["unless"]) and widely(data, forbid)}
    written = {forbid["name"] for forbid in data["forbid"] if scopes & set(forbid["unless"])}
    assert told == lifted - written
