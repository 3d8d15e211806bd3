"""What follows from conditions alone, held against what the conditions themselves say of values."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from authzsvc.fix.fields import Fields
from authzsvc.policy.conditions import Condition
from authzsvc.policy.truth import Truth
from authzsvc.policy.value_tests import InClaim, InRange, OneOf, Prefix, ValueTest
from authzsvc.workflow.logic import Shelf, implied, impossible

VALUES = [b"1", b"2", b"10", b"12", b"A"]


def one_of(*values: bytes, negative: bool = False) -> OneOf:
    return OneOf(frozenset(values), negative=negative)


def on(*tests: ValueTest, tag: int = 1, **more: object) -> Condition:
    return Condition(tag, str(tag), tests, **more)  # type: ignore[arg-type]


bounds = st.none() | st.sampled_from([Decimal(0), Decimal(2), Decimal(11)])
value_tests = st.one_of(
    st.builds(OneOf, st.frozensets(st.sampled_from(VALUES), min_size=1), negative=st.booleans()),
    st.builds(InRange, bounds, bounds),
    st.builds(Prefix, st.sampled_from([b"1", b"A"])),
    st.just(InClaim("c")),
)
conditions = st.builds(
    Condition,
    tag=st.sampled_from([1, 2]),
    name=st.just("x"),
    tests=st.lists(value_tests, max_size=2).map(tuple),
    default=st.none() | st.sampled_from(VALUES),
    any_occurrence=st.booleans(),
) | st.builds(Condition, tag=st.sampled_from([1, 2]), name=st.just("x"), absent=st.just(True))
rules = st.lists(conditions, max_size=2, unique_by=lambda condition: condition.tag)
messages = st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from(VALUES)), max_size=3).map(
    lambda pairs: Fields(tuple(pairs))
)
claims = st.sampled_from([{}, {"c": "1"}, {"c": ["2", "A"]}])


def truth(rule: list[Condition], fields: Fields, claims: dict[str, object]) -> Truth:
    return min((condition.truth(fields, claims) for condition in rule), default=Truth.YES)


@given(rules, messages, claims)
def test_what_is_impossible_never_holds(rule: list[Condition], fields: Fields, claims: dict[str, object]) -> None:
    if impossible(rule) is not None:
        assert truth(rule, fields, claims) is not Truth.YES


@given(rules, rules, messages, claims)
def test_what_is_implied_holds(
    strict: list[Condition], loose: list[Condition], fields: Fields, claims: dict[str, object]
) -> None:
    if implied(strict, loose) and truth(strict, fields, claims) is Truth.YES:
        assert truth(loose, fields, claims) is Truth.YES
    if implied(strict, loose, exactly=True) and truth(strict, fields, claims) is not Truth.NO:
        assert truth(loose, fields, claims) is not Truth.NO


@pytest.mark.parametrize(
    ("strict", "loose"),
    [
        (on(one_of(b"1")), on(one_of(b"1", b"2"))),
        (on(one_of(b"1")), on()),
        (on(one_of(b"1", b"2")), on(InRange(Decimal(1), None))),
        (on(InRange(Decimal(2), Decimal(3))), on(InRange(Decimal(1), None))),
        (on(Prefix(b"AB")), on(Prefix(b"A"))),
        (on(one_of(b"1", b"2", negative=True)), on(one_of(b"1", negative=True))),
        (on(one_of(b"1")), on(one_of(b"2", negative=True))),
        (on(InClaim("c"), one_of(b"1")), on(InClaim("c"))),
        (on(one_of(b"1")), on(one_of(b"1"), any_occurrence=True)),
    ],
)
def test_implied(strict: Condition, loose: Condition) -> None:
    assert implied([strict], [loose])
    assert not implied([loose], [strict])


def test_more_conditions_imply_fewer() -> None:
    assert implied([on(one_of(b"1")), on(tag=2)], [on(tag=2)])
    assert implied([on()], [])
    assert not implied([], [on()])


def test_a_claim_may_come_out_either_way() -> None:
    assert impossible([on(InClaim("c"), one_of(b"1"))]) is None
    assert not implied([on(one_of(b"1"))], [on(InClaim("c"))])


@given(rules, st.lists(rules, max_size=4))
def test_a_shelf_misses_nothing(strict: list[Condition], loose: list[list[Condition]]) -> None:
    assume(impossible(strict) is None)  # what never holds implies everything
    found = list(Shelf(enumerate(loose)).candidates(strict))
    assert set(found) >= {index for index, rule in enumerate(loose) if implied(strict, rule)}


def test_a_shelf_does_not_give_all() -> None:
    shelf = Shelf((value, [on(one_of(value))]) for value in VALUES)
    assert list(shelf.candidates([on(one_of(b"12"))])) == [b"12"]
    assert list(shelf.candidates([on()])) == []
