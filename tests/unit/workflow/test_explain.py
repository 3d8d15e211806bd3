"""Explanations: every rule, why it did or did not match, and what would have allowed the message."""

from __future__ import annotations

import json

import pytest

from authzsvc.fix.direction import Direction
from authzsvc.policy.engine import Policy
from authzsvc.policy.question import Question, Verdict
from authzsvc.workflow import explain, typed
from authzsvc.workflow.explain import Explanation


def ask(policy: Policy, scopes: str, message: str, refusal: Verdict | None = None) -> Explanation:
    msg_type, fields = typed.read(message)
    return explain.explain(
        policy, Question(Direction.INBOUND, msg_type, fields, frozenset(scopes.split()), {}), refusal
    )


def test_an_allowed_message(desk: Policy) -> None:
    explanation = ask(desk, "order:create:equity", "35=D|55=A|167=CS|54=1")
    assert not explanation.denied
    assert explanation.would_allow == ()
    report = explain.report(explanation)
    assert report[:2] == ["ALLOW  NewOrderSingle (D) inbound", "reason   granted by `order:create:equity`"]
    assert any(line.startswith("forbid   restricted-list: does not match (") for line in report)
    assert any(line.startswith("grant    order:create:equity: grants (") for line in report)
    assert "  fails  Symbol in list `restricted` (the message has A)" in report


@pytest.mark.parametrize(
    ("scopes", "message", "ways"),
    [
        ("order:create:equity", "35=D|55=A|167=CS|54=5", {"Side one of 1, 2 (the message has 5)"}),
        ("order:cancel", "35=D|55=A|167=CS|54=1", {"the scope `order:create:equity`"}),
        (
            "order:create:equity",
            "35=D|55=EVIL|167=CS|54=1",
            {"the scope `order:create:restricted`"},
        ),
        ("", "35=F|11=1", {"the scope `order:cancel`"}),
        ("order:cancel", "35=B|148=x", set()),
    ],
)
def test_what_would_have_allowed_it(desk: Policy, scopes: str, message: str, ways: set[str]) -> None:
    explanation = ask(desk, scopes, message)
    assert explanation.denied
    assert ways <= set(explanation.would_allow)
    assert bool(ways) is bool(explanation.would_allow)


def test_a_refused_client(desk: Policy) -> None:
    explanation = ask(desk, "order:cancel", "35=F|11=1", Verdict(False, None, (), "not you", ()))
    assert explanation.denied
    assert explanation.would_allow == ("a token that names this client",)


def test_unknown_scopes_are_told(desk: Policy) -> None:
    report = explain.report(ask(desk, "order:cancel order:fly", "35=F|11=1"))
    assert "unknown  the mapping has no scope `order:fly`" in report


def test_no_rule_at_all(desk: Policy) -> None:
    report = explain.report(ask(desk, "order:cancel", "35=B|148=x"))
    assert report[-1] == "no rule of the mapping is about this message in this direction"


def test_as_a_document(desk: Policy) -> None:
    document = json.loads(json.dumps(explain.as_document(desk, ask(desk, "order:create:equity", "35=D|167=CS"))))
    assert document["decision"] == "deny"
    assert [rule["kind"] for rule in document["rules"]] == ["forbid", "grant", "grant"]
    assert document["rules"][1]["conditions"][1] == {
        "text": "SecurityType=CS",
        "truth": "yes",
        "found": "the message has CS",
    }
    assert document["rules"][1]["held"] == ["order:create:equity"]
    assert document["policy"] == desk.digest


def test_no_byte_of_a_message_reaches_the_terminal_as_it_is(desk: Policy) -> None:
    lines = explain.report(ask(desk, "\x1b[2J:x", "35=\x1b[2J|55=\x1b[2J"))
    assert all(line.isprintable() for line in lines)
