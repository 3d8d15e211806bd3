"""Filed rules: what is found under the values of a message is what trying every rule would give."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.fix.data_types import CHARACTERS, DECIMAL, INTEGER, TEXT
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
    (wide,) = index.by_tags
    assert (wide.tags, len(wide.filed)) == ((1, 40), 200)
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
    (narrow,) = build(rules, Truth.DOUBT).by_tag
    assert (narrow.tag, len(narrow.filed)) == (1, 9)


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


TYPES = {1: INTEGER, 40: DECIMAL, 55: CHARACTERS, 448: TEXT}
"""Tags whose values are their own plain form, are rewritten, hold several items, are text."""
PLAIN = {1: ["0", "1", "5"], 40: ["1", "1.5", "100"], 55: ["1", "6", "G"], 448: ["A", "1"]}
SENT = {
    1: [b"0", b"00", b"1", b"5", b"05", b"-0", b"5.0"],
    40: [b"1", b"1.0", b"1.50", b"100.00", b"100", b"+1", b"1e2"],
    55: [b"1", b"6 1", b"G", b"1  G", b"G ", b"61", b"6 G 1"],
    448: [b"A", b"1", b"01"],
}


def typed(tag: int) -> st.SearchStrategy[Condition]:
    some = st.frozensets(st.sampled_from(PLAIN[tag]), min_size=1, max_size=2)
    tests = st.builds(lambda values, negative: one_of(*values, negative=negative), some, st.sampled_from([False, True]))
    several = [" ".join(PLAIN[tag][:2])] if TYPES[tag].several else []
    defaults = st.sampled_from([*PLAIN[tag], *several]).map(str.encode)
    return st.builds(
        Condition,
        tag=st.just(tag),
        name=st.just("x"),
        type=st.just(TYPES[tag]),
        tests=st.lists(tests | some.map(lambda values: one_of(*values)), min_size=1, max_size=2).map(tuple),
        default=st.none() | defaults,
        any_occurrence=st.booleans(),
    )


TYPED_CONDITIONS = st.lists(
    st.sampled_from(sorted(TYPES)).flatmap(typed), max_size=3, unique_by=lambda condition: condition.tag
).map(tuple)
TYPED_PAIRS = st.lists(
    st.sampled_from(sorted(TYPES)).flatmap(lambda tag: st.tuples(st.just(tag), st.sampled_from(SENT[tag]))), max_size=5
).map(tuple)


@settings(deadline=None)
@given(
    st.lists(TYPED_CONDITIONS, max_size=30),
    st.lists(TYPED_PAIRS, max_size=5),
    st.sampled_from([Truth.YES, Truth.DOUBT]),
)
def test_no_rule_is_missed_because_a_value_is_written_otherwise(
    listed: list[tuple[Condition, ...]], messages: list[tuple[tuple[int, bytes], ...]], least: Truth
) -> None:
    make = grant if least is Truth.YES else forbid
    rules = [make(rank, *conditions) for rank, conditions in enumerate(listed)]
    index = build(rules, least)
    for pairs in messages:
        fields, values = Fields(pairs), dict(pairs)
        applying = [rule for rule in rules if rule.truth(fields, {}) >= least]
        assert index.every(fields, {}, values) == applying
        assert index.first(fields, {}, values) == (applying[0] if applying else None)
