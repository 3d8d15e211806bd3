"""The missing scopes of a denial: each alone would have had the message allowed, and no other scope would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy, Question, Verdict
from tests.unit.policy.building import ask, build, calls
from tests.unit.policy.test_reference import QUESTIONS, compiled, mappings, slow

fewer = settings(slow, max_examples=40)
INSTITUTIONAL = compile_mapping(Path(__file__).parents[3] / "mappings" / "institutional.yaml")

TWO_GATES = (
    "scopes:\n"
    "  order:create: {grants: [{message: D}]}\n"
    "  order:create:first: {grants: [{message: D, when: {Symbol: FIRST}}]}\n"
    "  order:create:both: {grants: [{message: F}]}\n"
    "  order:create:second: {grants: [{message: F}]}\n"
    "forbid:\n"
    "  - {name: first, message: D, when: {Symbol: {prefix: FIRST}}, unless: [order:create:first, order:create:both]}\n"
    "  - {name: second, message: D, when: {Symbol: FIRST2}, unless: [order:create:second, order:create:both]}\n"
    "  - {name: never, message: D, when: {Symbol: NEVER}}\n"
    "  - {name: sold, message: ExecutionReport, direction: outbound, unless: [order:create:second]}\n"
)


def allowed(verdict: Verdict) -> bool:
    """Whether the message is allowed, and not only in shadow."""
    return verdict.allowed and not verdict.shadow


def sufficient(policy: Policy, question: Question) -> tuple[str, ...]:
    """The scopes of the mapping that, each by itself held in addition, have the message allowed."""
    wider = {scope: question._replace(scopes=question.scopes | {scope}) for scope in policy.scopes}
    return tuple(sorted(scope for scope, again in wider.items() if allowed(policy.decide(again))))


@fewer
@given(mappings(), st.lists(QUESTIONS, min_size=1, max_size=8))
def test_the_missing_scopes_are_those_that_suffice(data: dict[str, Any], questions: list[Question]) -> None:
    policy = compiled(data)
    for question in questions:
        verdict = policy.decide(question)
        assert verdict.missing_scopes == (() if allowed(verdict) else sufficient(policy, question))


ORDERS = st.fixed_dictionaries(
    {},
    optional={
        1: st.sampled_from([b"A", b"HOUSE-1", b"WALL-1"]),
        38: st.sampled_from([b"10", b"900000", b"x"]),
        40: st.sampled_from([b"1", b"2"]),
        54: st.sampled_from([b"1", b"5", b"6"]),
        55: st.sampled_from([b"ACME", b"TGTCORP", b"ZVZZT"]),
        59: st.sampled_from([b"0", b"1"]),
        114: st.sampled_from([b"N", b"Y"]),
        167: st.sampled_from([b"CS", b"OPT", b"FUT"]),
        530: st.sampled_from([b"1", b"7"]),
    },
).map(lambda found: Fields(tuple(found.items())))
SHIPPED = st.builds(
    Question,
    st.sampled_from(Direction),
    st.sampled_from(["D", "D", "D", "G", "q", "8", "AP", "zz"]),
    ORDERS,
    st.frozensets(st.sampled_from(sorted(INSTITUTIONAL.scopes)), max_size=4),
    st.sampled_from([{}, {"accounts": ["A"]}]),
)


@settings(slow, max_examples=10)
@given(SHIPPED)
def test_the_shipped_mapping(question: Question) -> None:
    verdict = INSTITUTIONAL.decide(question)
    assert verdict.missing_scopes == (() if allowed(verdict) else sufficient(INSTITUTIONAL, question))


@pytest.mark.parametrize(
    ("message", "scopes", "missing", "reason"),
    [
        ("D|55=A", "", ("order:create",), "any of these would: `order:create`"),
        ("D|55=FIRST", "order:create", ("order:create:both", "order:create:first"), "lifts it: "),
        ("D|55=FIRST", "", ("order:create:first",), "; no scope of the token grants it either"),
        ("D|55=FIRST1", "", (), "; no scope of the token grants it either"),
        ("D|55=FIRST2", "order:create", ("order:create:both",), "; forbidden by `second` too"),
        ("D|55=FIRST2", "", (), "; forbidden by `second` too; no scope of the token grants it either"),
        ("D|55=NEVER", "order:create", (), "`never` forbids `NewOrderSingle` inbound where Symbol=NEVER"),
        ("D|55=A|55=NEVER", "", (), "; no scope of the token grants it either"),
        ("<8|1=A", "", ("order:create:second",), "any of these lifts it: `order:create:second`"),
        ("q|", "order:create", (), "no scope of the mapping grants `q` inbound"),
    ],
)
def test_each_alone_suffices(message: str, scopes: str, missing: tuple[str, ...], reason: str) -> None:
    verdict = ask(build(TWO_GATES), message, scopes)
    assert not verdict.allowed
    assert verdict.missing_scopes == missing
    assert reason in verdict.reason


def test_where_it_takes_two_none_is_missing() -> None:
    policy = build(TWO_GATES)
    assert ask(policy, "D|55=FIRST1", "").missing_scopes == ()
    assert ask(policy, "D|55=FIRST1", "order:create order:create:first").allowed


def test_a_scope_that_covers_the_wanted_one_is_missing_too() -> None:
    """Held, it brings the longer one with it."""
    policy = build(f"scope_prefixes: true\n{TWO_GATES}")
    assert ask(policy, "D|55=FIRST2", "").missing_scopes == ("order:create",)
    assert ask(policy, "D|55=FIRST2", "order:create").allowed


@pytest.mark.parametrize("rollout", ["{mode: shadow}", "{messages: {D: shadow}}", "{senders: {ALGO: shadow}}"])
def test_what_passes_in_shadow_is_missing_what_would_have_allowed_it(rollout: str) -> None:
    policy = build(f"rollout: {rollout}\n{TWO_GATES}")
    verdict = ask(policy, "D|55=FIRST2", "order:create", comp_id="ALGO")
    assert (verdict.allowed, verdict.shadow, verdict.missing_scopes) == (True, True, ("order:create:both",))


def many(scopes: int) -> Policy:
    """A mapping of so many scopes that grant an order each, and of as many forbids, each lifted by one of them."""
    granting = "".join(
        f"  order:create:s{n}: {{grants: [{{message: D, when: {{Account: A{n}}}}}]}}\n" for n in range(scopes)
    )
    forbids = "".join(
        f"  - {{name: f{n}, message: D, when: {{Symbol: S{n}}}, unless: [order:create:s{n}]}}\n" for n in range(scopes)
    )
    return build(f"scopes:\n{granting}forbid:\n{forbids}")


@pytest.mark.parametrize("message", ["1=A7|55=Z", "1=A7|55=S7", "1=A7|55=S3", "1=ZZ|55=S7"])
def test_a_denial_in_a_large_mapping_is_no_more_work(message: str) -> None:
    fields = Fields.parse(f"{message}|".replace("|", "\x01").encode())
    question = Question(Direction.INBOUND, "D", fields, frozenset({"order:create:s9"}), {})
    small, large = many(10), many(1_000)
    assert not small.decide(question).allowed
    assert small.decide(question).missing_scopes == large.decide(question).missing_scopes
    assert calls(large, question) <= calls(small, question) * 1.1
