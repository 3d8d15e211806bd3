"""What a mapping says besides its rules."""

from __future__ import annotations

import pytest

from authzsvc.policy.rules import Mode
from tests.unit.policy.building import HEAD, build, told

SCOPES = "scopes: {a:b: {description: One, sensitive: true, mode: shadow, grants: [{message: D}]}}\n"


def test_scopes_with_their_places() -> None:
    (scope,) = build(SCOPES).scope_terms.values()
    assert (scope.name, scope.description, scope.sensitive, scope.mode) == ("a:b", "One", True, Mode.SHADOW)
    assert (scope.file, scope.line) == ("m.yaml", 5)


def test_the_session_in_numbers() -> None:
    head = HEAD.replace(
        "{identity: {}}", "{identity: {49: a, OnBehalfOfCompID: b}, exempt: [News, B], risk_reducing: [q, F]}"
    )
    policy = build(SCOPES, head)
    assert policy.identity == {"comp_id": "a", "on_behalf_of": "b"}
    assert (policy.exempt, policy.risk_reducing) == (("B",), ("F", "q"))


def test_the_rollout_in_numbers() -> None:
    rollout = build(
        SCOPES + "rollout: {mode: shadow, messages: {NewOrderSingle: enforce, q: shadow}, senders: {X: enforce}}"
    ).rollout
    assert rollout.mode is Mode.SHADOW
    assert rollout.messages == {"D": Mode.ENFORCE, "q": Mode.SHADOW}
    assert rollout.senders == {"X": Mode.ENFORCE}


def test_everything_is_enforced_unless_said_otherwise() -> None:
    assert build(SCOPES).rollout.mode is Mode.ENFORCE


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "rollout: {messages: {Nws: shadow}}",
            "rollout.messages.Nws` FIX.4.4 has no message `Nws` (did you mean `News`?)",
        ),
        ("rollout: {messages: {D: shadow, NewOrderSingle: enforce}}", "is there twice, by name and by type"),
        ("rollout: {messages: {Heartbeat: shadow}}", "is of the session level, which needs no scope"),
        ("rollout:\n", "rollout` has no value"),
        ("rollout: {mode: }", "rollout.mode` has no value"),
        ("role_claim: ''", "role_claim` must not be empty"),
    ],
)
def test_faults(text: str, fault: str) -> None:
    assert any(fault in line for line in told(SCOPES + text)), told(SCOPES + text)


@pytest.mark.parametrize("said", ["{equals: , present: true}", "{equals: A, not: ~}", "{present: true, claim: null}"])
def test_a_key_without_a_value_is_not_as_if_it_were_not_there(said: str) -> None:
    (fault,) = told(f"scopes: {{a:b: {{grants: [{{message: D, when: {{Symbol: {said}}}}}]}}}}\n")
    assert fault.endswith("has no value")
