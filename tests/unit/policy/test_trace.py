"""A decision shown: every rule, whether it is held, and what stands in its way."""

from __future__ import annotations

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.engine import Question
from authzsvc.policy.rules import Forbid
from authzsvc.policy.trace import Trace
from authzsvc.policy.truth import Truth
from tests.unit.policy.building import build

POLICY = build(
    "lists: {l: {values: [BAD]}}\n"
    "scopes:\n"
    "  a:b: {grants: [{message: D, when: {Symbol: A, OrderQty: {max: 5}}}, {message: D, when: {Symbol: B}}]}\n"
    "  c:d: {grants: [{message: D}, {message: F}]}\n"
    "forbid:\n"
    "  - {name: f, message: D, when: {Symbol: {in_list: l}}, unless: [c:d]}\n"
)


def trace(msg_type: str, pairs: tuple[tuple[int, bytes], ...], scopes: str) -> Trace:
    return POLICY.trace(Question(Direction.INBOUND, msg_type, Fields(pairs), frozenset(scopes.split()), {}))


def test_every_rule_about_the_message_is_there() -> None:
    found = trace("D", ((55, b"A"), (38, b"9")), "a:b x:y")
    assert [tried.rule.id for tried in found.grants] == [
        "scopes.a:b.grants[0]",
        "scopes.a:b.grants[1]",
        "scopes.c:d.grants[0]",
    ]
    assert [(tried.held, tried.truth, tried.applies) for tried in found.grants] == [
        (("a:b",), Truth.NO, False),
        (("a:b",), Truth.NO, False),
        ((), Truth.YES, False),
    ]
    assert [(step.condition.id, step.truth, step.found) for step in found.grants[0].steps] == [
        ("scopes.a:b.grants[0].when.OrderQty", Truth.NO, "the message has 9"),
        ("scopes.a:b.grants[0].when.Symbol", Truth.YES, "the message has A"),
    ]
    assert found.granted.unknown == ("x:y",)
    assert not found.verdict.allowed


def test_a_forbid_and_what_lifts_it() -> None:
    denied, lifted = (trace("D", ((55, b"BAD"),), scopes) for scopes in ("a:b", "c:d"))
    (tried,) = denied.forbids
    assert isinstance(tried.rule, Forbid)
    assert (tried.applies, tried.held, denied.verdict.forbid) == (True, (), "f")
    (tried,) = lifted.forbids
    assert (tried.applies, tried.held, lifted.verdict.scope) == (False, ("c:d",), "c:d")


def test_what_cannot_be_told_is_told_so() -> None:
    (tried, *_) = trace("D", ((55, b"A"), (38, b"x")), "a:b").grants
    assert [step.truth for step in tried.steps] == [Truth.DOUBT, Truth.YES]
    assert tried.truth is Truth.DOUBT


def test_a_message_that_no_rule_is_about() -> None:
    found = trace("G", (), "a:b")
    assert (found.grants, found.forbids, found.verdict.allowed) == ((), (), False)
    assert trace("0", (), "").verdict.allowed
