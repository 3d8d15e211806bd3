"""Filed rules: what is found under the values of a message is what trying every rule would give."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.conditions import Condition
from authzsvc.policy.groups import Every, Repeating
from authzsvc.policy.index import MAX_KEYS, Index, build
from authzsvc.policy.rules import Forbid, Grant
from authzsvc.policy.truth import Truth
from authzsvc.policy.value_tests import OneOf, Prefix, ValueTest


def one_of(*values: str, negative: bool = False) -> OneOf:
    return OneOf(frozenset(value.encode() for value in values), negative=negative)


def grant(rank: int, *conditions: Condition) -> Grant:
    return Grant(f"g{rank}", "m", 1, "a:b", Direction.INBOUND, "D", conditions)


def forbid(rank: int, *conditions: Condition) -> Forbid:
    return Forbid(f"f{rank}", "m", 1, f"f{rank}", "", Direction.INBOUND, "D", conditions, ())


def condition(tag: int, *tests: ValueTest, default: bytes | None = None, some: bool = False) -> Condition:
    return Condition(tag, str(tag), tests, default=default, any_occurrence=some)


def first(index: Index[Grant], *pairs: tuple[int, bytes]) -> Grant | None:
    return index.first(Fields(pairs), {}, dict(pairs))


def test_a_rule_is_filed_under_its_values() -> None:
    rules = [grant(n, condition(1, one_of(f"A{n}")), condition(40, one_of("1", "2"))) for n in range(100)]
    index = build(rules, Truth.YES)
    assert index.loose == ()
    ((tags, table),) = index.by_tags
    assert (tags, len(table)) == ((1, 40), 200)
    assert first(index, (40, b"2"), (1, b"A7")) == rules[7]
    assert first(index, (40, b"3"), (1, b"A7")) is None


def test_a_rule_of_too_many_values_is_not_filed_under_them() -> None:
    many = one_of(*(str(n) for n in range(MAX_KEYS + 1)))
    rule = grant(0, condition(55, many))
    index = build([rule], Truth.YES)
    assert (index.by_tag, index.by_tags) == ((), ())
    assert first(index, (55, b"64")) == rule
    assert first(index, (55, b"65")) is None


def test_what_rules_ask_for_decides_under_which_tag_they_go() -> None:
    rules = [
        forbid(n, condition(167, one_of("CS"), some=True), condition(1, one_of(f"A{n}"), some=True)) for n in range(9)
    ]
    ((tag, table),) = build(rules, Truth.DOUBT).by_tag
    assert (tag, len(table)) == (1, 9)


VALUE = st.sampled_from(["A", "B", "C"])
TESTS = st.one_of(
    st.frozensets(VALUE, min_size=1, max_size=2).map(lambda values: one_of(*values)),
    st.frozensets(VALUE, min_size=1, max_size=2).map(lambda values: one_of(*values, negative=True)),
    VALUE.map(lambda value: Prefix(value.encode())),
)
EVERY = st.sampled_from([None, None, None, Every(Repeating(453, 448, "NoPartyIDs"))])
CONDITIONS = st.lists(
    st.builds(
        Condition,
        tag=st.sampled_from([1, 40, 55, 448]),
        name=st.just("x"),
        tests=st.lists(TESTS, max_size=2).map(tuple),
        every=EVERY,
        default=st.sampled_from([None, None, None, b"A"]),
        any_occurrence=st.booleans(),
    ),
    max_size=3,
    unique_by=lambda condition: condition.tag,
).map(tuple)
PAIRS = st.lists(
    st.tuples(st.sampled_from([1, 40, 55, 448, 453]), st.sampled_from([b"A", b"B", b"C", b"D", b"1"])), max_size=6
).map(tuple)


@given(st.lists(CONDITIONS, max_size=30), PAIRS, st.sampled_from([Truth.YES, Truth.DOUBT]))
def test_filing_leaves_out_only_what_does_not_apply(
    listed: list[tuple[Condition, ...]], pairs: tuple[tuple[int, bytes], ...], least: Truth
) -> None:
    make = grant if least is Truth.YES else forbid
    rules = [make(rank, *conditions) for rank, conditions in enumerate(listed)]
    index = build(rules, least)
    fields, values = Fields(pairs), dict(pairs)
    applying = [rule for rule in rules if rule.truth(fields, {}) >= least]
    assert index.every(fields, {}, values) == applying
    assert index.first(fields, {}, values) == (applying[0] if applying else None)
