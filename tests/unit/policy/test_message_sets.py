"""Sets of messages: a rule on a set is a rule on each of its messages."""

from __future__ import annotations

import pytest

from tests.unit.policy.building import ask, build, told

SETS = "messages: {orders: [NewOrderSingle, AB, MassOrder], cancels: F, newest: [MassOrder]}\n"


def grant(said: str) -> str:
    return f"{SETS}scopes: {{a:b: {{grants: [{{{said}}}]}}}}\n"


def test_a_grant_on_a_set_grants_each_message() -> None:
    policy = build(grant("message: orders, when: {55: A}"))
    assert [(rule.msg_type, rule.id) for rule in policy.grants] == [
        ("AB", "scopes.a:b.grants[0]"),
        ("D", "scopes.a:b.grants[0]"),
    ]
    assert ask(policy, "AB|55=A").allowed
    assert not ask(policy, "AB|55=B").allowed


def test_sets_and_messages_together_each_once() -> None:
    policy = build(grant("message: [orders, D, cancels, G]"))
    assert [rule.msg_type for rule in policy.grants] == ["AB", "D", "F", "G"]


def test_a_forbid_on_a_set() -> None:
    text = grant("message: [orders, F]") + "forbid: [{name: f, message: [orders, cancels], when: {55: A}}]\n"
    policy = build(text)
    assert [rule.msg_type for rule in policy.forbids] == ["AB", "D", "F"]
    assert not ask(policy, "F|55=A").allowed


def test_a_rule_leaves_messages_out() -> None:
    policy = build(grant("message: orders, except: [NewOrderMultileg, MassOrder]"))
    assert [rule.msg_type for rule in policy.grants] == ["D"]


def test_messages_of_other_versions_are_not_in_the_set() -> None:
    newest = "version: 1\nname: m\nfix: FIX.5.0SP2\nsession: {identity: {}}\n"
    policy = build(grant("message: orders"), head=newest)
    assert [rule.msg_type for rule in policy.grants] == ["AB", "D", "DJ"]


def test_the_same_rules_written_out_have_the_same_digest() -> None:
    plain = "scopes: {a:b: {grants: [{message: D, when: {55: A}}, {message: AB, when: {55: A}}]}}\n"
    assert build(grant("message: orders, when: {55: A}")).digest == build(plain).digest


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (grant("message: ordrs"), "`scopes.a:b.grants[0].message` FIX.4.4 has no message, and the mapping"
                                  " no set `ordrs` (did you mean `orders`?)"),
        (grant("message: [orders, Nws]"), "no set `Nws` (did you mean `News`?)"),
        (grant("message: newest"), "no message of the set `newest` is in FIX.4.4 (leave it out)"),
        (grant("message: orders, except: [F]"), "the rule is not about `OrderCancelRequest` anyway (take it out)"),
        (grant("message: orders, when: {Text: a, NoLegs: {present: true}}"), "is no field of `NewOrderSingle`"),
        ("messages: {News: [D]}\nscopes: {a:b: {grants: [{message: D}]}}\n", "`News` is a message already"),
        ("messages: {some: [Nws]}\nscopes: {a:b: {grants: [{message: D}]}}\n", "FIX.4.4 has no message `Nws`"),
        ("messages: {some: [Logon]}\nscopes: {a:b: {grants: [{message: D}]}}\n", "a Logon is decided by its token"),
        ("messages: {some: []}\nscopes: {a:b: {grants: [{message: D}]}}\n", "must not be empty"),
    ],
)  # fmt: skip
def test_faults(text: str, fault: str) -> None:
    found = told(text)
    assert fault in found[0]
    assert len(found) == 1


def test_an_exempt_message_of_a_set() -> None:
    head = "version: 1\nname: m\nfix: FIX.4.4\nsession: {identity: {}, exempt: [AB]}\n"
    (found,) = told(grant("message: orders"), head=head)
    assert "is exempt, so no scope decides on it" in found
