"""What scopes and roles come to, and that a decision's work does not grow with the mapping."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.compiler import compile_source
from authzsvc.policy.engine import Policy, Question
from authzsvc.policy.scopes import SCOPE_TOKEN
from authzsvc.policy.source import parse
from tests.unit.policy.building import build as build_text
from tests.unit.policy.building import calls

HEAD = "version: 1\nname: m\nfix: FIX.4.4\nsession: {identity: {}}\n"
ROLES = compile_source(
    parse(
        f"""{HEAD}
role_claim: realm_access.roles
roles:
  viewer: {{scopes: [order:status]}}
  trader: {{scopes: ["order:*:equity"], roles: [viewer]}}
  head: {{roles: [trader, viewer]}}
scopes:
  order:create:equity: {{grants: [{{message: D}}]}}
  order:status: {{grants: [{{message: H}}]}}
  order:cancel: {{grants: [{{message: F}}]}}
""".encode(),
        "m.yaml",
    )
)
TRADER = {"order:create:equity", "order:status"}


@pytest.mark.parametrize(
    ("scopes", "claims", "held"),
    [
        ("role:trader", {}, TRADER),
        ("", {"realm_access": {"roles": ["trader"]}}, TRADER),
        ("", {"realm_access": {"roles": "trader"}}, TRADER),
        ("", {"realm_access.roles": ["head"]}, TRADER),
        ("role:viewer order:cancel", {}, {"order:status", "order:cancel"}),
        ("", {"realm_access": {"roles": ["other", 7, None, ["trader"]]}}, set()),
        ("", {"realm_access": {"roles": "trader viewer"}}, set()),
        ("", {"realm_access": ["trader"]}, set()),
        ("", {"roles": ["trader"]}, set()),
        ("trader", {}, set()),
        ("role:Trader role:* role:*:* role:", {}, set()),
    ],
)
def test_roles_come_from_the_claim_and_from_scopes(scopes: str, claims: Mapping[str, object], held: set[str]) -> None:
    assert ROLES.expand(frozenset(scopes.split()), claims).scopes == held


def test_scopes_and_roles_that_are_not_known_are_told() -> None:
    granted = ROLES.expand(frozenset({"order:cancel", "order:cancl", "openid", "role:boss", "*:*", "role:trader"}), {})
    assert granted.unknown == ("*:*", "openid", "order:cancl", "role:boss")


def test_a_mapping_without_roles_looks_at_no_claim() -> None:
    policy = build(1, 1)
    assert policy.expand(frozenset({"role:x"}), {"roles": "x"}).scopes == frozenset()


def build(scopes: int, rules: int) -> Policy:
    """A mapping of so many scopes, so many of which grant NewOrderSingle, each for an account of its own."""
    lines = [HEAD, "scopes:\n"]
    for n in range(scopes):
        message = f"D, when: {{Account: A{n}}}" if n < rules else "F"
        lines.append(f"  order:create:s{n:05d}: {{grants: [{{message: {message}}}]}}\n")
    lines.append(
        "forbid:\n" + "".join(f"  - {{name: f{n}, message: D, when: {{Symbol: S{n}}}}}\n" for n in range(rules))
    )
    return compile_source(parse("".join(lines).encode(), "m.yaml"))


@pytest.mark.parametrize("scope", ["order:create:s00007", "order:create:*", "order:create:s00001", "quote:create"])
@pytest.mark.parametrize("symbols", [1, 3])
def test_a_decision_in_a_large_mapping_is_no_more_work(scope: str, symbols: int) -> None:
    pairs = ((1, b"A7"), *((55, b"Z%d" % n) for n in range(symbols)))
    question = Question(Direction.INBOUND, "D", Fields(pairs), frozenset({scope}), {})
    small, large = build(10, 10), build(10_000, 2_000)
    assert large.decide(question).allowed is small.decide(question).allowed
    assert calls(large, question) <= calls(small, question) * 1.1


TOKENS = st.from_regex(SCOPE_TOKEN, fullmatch=True).filter(
    lambda scope: "*" not in scope.split(":") and not scope.startswith("role:") and scope != "-"
)
NAMES = st.text(min_size=1, max_size=20).filter(lambda name: name.isprintable() and name == name.strip())


@settings(deadline=None)
@given(TOKENS, NAMES, NAMES)
def test_a_scope_or_role_of_any_name_grants_itself_and_no_other(scope: str, role: str, other: str) -> None:
    said = {"scopes": {scope: {"grants": [{"message": "D"}]}}, "roles": {role: {"scopes": [scope]}}}
    policy = build_text("".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in said.items()))
    assert policy.expand(frozenset({scope}), {}).named == {scope}
    for name in (role, other):
        held = {scope} if name == role else set()
        assert policy.expand(frozenset(), {"roles": [name]}).scopes == held
        assert policy.expand(frozenset({f"role:{name}"}), {}).scopes == held
    assert policy.expand(frozenset({f"{scope}x"}), {}).scopes == frozenset()
