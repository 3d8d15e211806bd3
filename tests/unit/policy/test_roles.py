"""Roles: what they come to, and the faults that they can have."""

from __future__ import annotations

import pytest

from tests.unit.policy.building import build, told

SCOPES = "scopes: {order:create: {grants: [{message: D}]}, order:cancel: {grants: [{message: F}]}}\n"


def test_a_role_comes_to_its_scopes_and_those_of_its_roles() -> None:
    policy = build(
        SCOPES + "roles: {head: {description: All, roles: [desk, view]}, desk: {scopes: ['order:*']},"
        " view: {scopes: [order:cancel], roles: [desk]}}"
    )
    assert policy.roles == dict.fromkeys(("head", "desk", "view"), frozenset({"order:create", "order:cancel"}))
    assert (policy.role_terms["head"].description, policy.role_terms["head"].line) == ("All", 6)


def test_a_shorter_scope_of_a_role_covers_longer_ones_where_the_mapping_says_so() -> None:
    text = "scopes: {a:b:c: {grants: [{message: D}]}}\nroles: {r: {scopes: [a:b]}}\n"
    assert build(f"scope_prefixes: true\n{text}").roles == {"r": frozenset({"a:b:c"})}
    assert "the mapping has no scope `a:b`" in told(text)[0]


@pytest.mark.parametrize(
    ("roles", "fault"),
    [
        (
            "r: {scopes: [order:creat]}",
            "roles.r.scopes[0]` the mapping has no scope `order:creat` (did you mean `order:create`?)",
        ),
        ("r: {scopes: ['quote:*']}", "roles.r.scopes[0]` the mapping has no scope `quote:*`"),
        ("r: {scopes: ['*:*']}", "roles.r.scopes[0]` the mapping has no scope `*:*`"),
        (
            "r: {roles: [trade]}, trader: {scopes: [order:cancel]}",
            "roles.r.roles[0]` the mapping has no role `trade` (did you",
        ),
        ("r: {roles: [r]}", "roles.r` includes itself: r → r"),
        ("a: {roles: [b]}, b: {roles: [c]}, c: {roles: [a]}", "roles.a` includes itself: a → b → c → a"),
        ("a: {roles: [b, c]}, b: {roles: [c]}, c: {roles: [b]}", "roles.b` includes itself: b → c → b"),
    ],
)
def test_faults(roles: str, fault: str) -> None:
    assert f"m.yaml:6: `{fault}" in told(f"{SCOPES}roles: {{{roles}}}\n")[0]


def test_a_role_above_a_cycle_is_not_in_it() -> None:
    found = told(SCOPES + "roles: {top: {roles: [b]}, b: {roles: [c]}, c: {roles: [b], scopes: [order:cancel]}}\n")
    assert [fault.split("`")[1] for fault in found] == ["roles.b", "roles.c"]


@pytest.mark.parametrize(
    ("roles", "fault"),
    [
        ([f"r{n}: {{scopes: [order:cancel]}}" for n in range(1001)], "`roles.r1000` makes more than 1000 roles"),
        (
            ["r: {scopes: [" + ", ".join(f"'*:x{n}'" for n in range(1001)) + "]}"],
            "makes more than 1000 wildcards in roles",
        ),
    ],
)
def test_bounds(roles: list[str], fault: str) -> None:
    assert fault in told(f"{SCOPES}roles: {{{', '.join(roles)}}}\n")[0]


def test_roles_are_part_of_the_meaning() -> None:
    one = build(SCOPES + "roles: {r: {scopes: [order:cancel]}}\n").digest
    assert build(SCOPES + "roles: {r: {scopes: [order:create]}}\n").digest != one
    assert build(SCOPES + "roles: {s: {scopes: [order:cancel]}}\n").digest != one
    assert build(SCOPES + "role_claim: groups\nroles: {r: {scopes: [order:cancel]}}\n").digest != one
    assert build(SCOPES + "roles: {r: {description: x, scopes: [order:cancel, order:cancel]}}\n").digest == one
