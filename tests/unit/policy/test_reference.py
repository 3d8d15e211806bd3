"""The compiled policy against the reference evaluator, on mappings and messages of all kinds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from authzsvc.errors import MappingFaults
from authzsvc.fix.dictionary import load
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.compiler import compile_source
from authzsvc.policy.conditions import Condition
from authzsvc.policy.engine import Policy, Question, Verdict
from authzsvc.policy.lookup import HEADER_IDS
from authzsvc.policy.rules import Grant, Rule
from authzsvc.policy.scopes import SEGMENTED
from authzsvc.policy.source import Source
from authzsvc.policy.truth import Truth
from tests.unit.policy.reference import Answer, Asked, Reference

SCOPES = ["order:create", "order:create:equity", "order:create:equity:dma", "order:cancel", "quote:create", "read",
          "order:create:a/b", "https://api.example/fix.order"]  # fmt: skip
HELD = [*SCOPES, "order:*", "order:*:equity", "*:create", "*:*", "order", "role:a", "role:b", "role:zz", "role:*",
        "https:*", "*:*:*", "order:create:*"]  # fmt: skip

texts = st.sampled_from(["A", "B", "AB", "x", "7"])
numbers = st.sampled_from([0, 1, "1.50", 10, "-1", "10.0"])
kinds = st.sampled_from(["CS", "CommonStock", "OPT", "Future"])
dated = st.sampled_from(["08:00", "08:00:30", "20260102-08:00", "16:30", "20260103-00:00:00"])
patterns = st.sampled_from(["[A-Z]+", "A|B", "A.*", "[0-9]{1,2}"])
claim_paths = st.sampled_from(["accounts", "desk.codes", "nothing", "a.b", "codes", "codes"])
list_names = st.sampled_from(["short", "long"])
custom_types = {
    "5001": "INT",
    "5002": "MULTIPLESTRINGVALUE",
    "5003": "TZTIMEONLY",
    "5004": "BOOLEAN",
    "5005": "SEQNUM",
    "5006": "UTCTIMEONLY",
}
typed_values: dict[str, list[Any]] = {
    "54": ["1", 2, "Buy"],
    "PutOrCall": [0, 1, "Put", "Call"],
    "ExecInst": ["1", "6", "G", "NotHeld"],
    "Price": ["100", "100.0", "1.50", 1, "-0.5", "123456789.12345678"],
    "ExpireDate": ["20260102", "20260228"],
    "200": ["202601", "202601w2", "20260102"],
    "126": ["20260102-08:00:00", "20260102-08:00:00.500"],
    "5001": [0, 5, "-1"],
    "5002": ["A", "AB", "7"],
    "5003": ["08:00Z", "08:00:00Z", "03:00-05"],
    "5004": ["Y", "N"],
    "5005": [0, 7, 9007199254740993],
    "5006": ["08:00:00", "08:00:00.000"],
}
"""Values of tags with a data type. The list `of TAG` has them all but the first."""


def maybe(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


def any_test(values: st.SearchStrategy[Any], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    one = st.sampled_from(["equals", "in", "not", "claim", "in_list", "not_in_list", "present", "prefix", *more])
    by_key: dict[str, st.SearchStrategy[Any]] = {
        "equals": values,
        "in": st.lists(values, min_size=1, max_size=3),
        "not": values | st.lists(values, min_size=1, max_size=3),
        "claim": claim_paths,
        "in_list": list_names,
        "not_in_list": list_names,
        "present": st.just(True),
        "prefix": texts | st.fixed_dictionaries({"claim": claim_paths}),
        **more,
    }
    some = one.flatmap(lambda key: st.fixed_dictionaries({key: by_key[key]}))
    two = st.tuples(some, some).map(lambda pair: pair[0] | pair[1])
    return st.one_of(values, some, some, two, st.just({"absent": True}))


def with_modifiers(tests: st.SearchStrategy[Any], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    modifiers = maybe(default=values, occurrences=st.sampled_from(["any", "every"]))
    return st.one_of(
        tests,
        st.tuples(tests, modifiers).map(lambda pair: pair[0] | pair[1] if modifiable(pair[0]) else pair[0]),
    )


def modifiable(said: object) -> bool:
    return isinstance(said, dict) and "absent" not in said


texty = any_test(texts, matches=patterns)
bounds = numbers | st.fixed_dictionaries({"claim": claim_paths})
quantities = with_modifiers(st.one_of(maybe(min=bounds, max=bounds).filter(bool), numbers), numbers)
weekdays = st.lists(st.sampled_from(["Thu", "Fri", "Sat"]), min_size=1, max_size=2)
zoned = maybe(zone=st.sampled_from(["UTC", "America/New_York", "Asia/Tokyo"]))
utc_times = maybe(after=dated, before=dated, days=weekdays).filter(bool)
times = st.tuples(utc_times, zoned).map(lambda both: both[0] | both[1])


def typed_condition(tag: str) -> st.SearchStrategy[Any]:
    values = st.sampled_from(typed_values[tag])
    more = {
        "in_list": st.just(f"of{tag}"),
        "not_in_list": st.just(f"of{tag}"),
        "prefix": st.sampled_from(["1", "2", "A"]),
    }
    numeric = {"min": bounds, "max": bounds} if tag in ("PutOrCall", "Price", "5001", "5005") else {}
    timed = {"after": dated, "before": dated} if tag in ("126",) else {}
    several = st.just("1 G") if tag == "ExecInst" else values
    return with_modifiers(any_test(values, **more, **numeric, **timed, matches=patterns), values | several)


def typed_entry(tag: str) -> st.SearchStrategy[Any]:
    values = st.sampled_from(typed_values[tag])
    return any_test(values, in_list=st.just(f"of{tag}"), not_in_list=st.just(f"of{tag}"))


roles_of_parties = any_test(st.sampled_from([1, 3, "ExecutingFirm"]))
in_entry = maybe(
    **{
        "448": texty,
        "PartyRole": roles_of_parties,
        "447": any_test(st.just("D")),
        "5001": typed_entry("5001"),
        "5002": typed_entry("5002"),
    }
)
parties = st.one_of(
    st.fixed_dictionaries({"any_entry": in_entry.filter(bool)}),
    st.fixed_dictionaries({"each_entry": in_entry.filter(bool)}, optional={"equals": st.sampled_from([1, 2])}),
)
every_party = texty.filter(lambda test: test != {"absent": True}).map(
    lambda test: (test if isinstance(test, dict) else {"equals": test}) | {"every": "NoPartyIDs"}
)
typed_conditions = {tag: typed_condition(tag) for tag in typed_values}
conditions = maybe(
    **{
        "Symbol": with_modifiers(texty, texts),
        "167": with_modifiers(any_test(kinds), kinds),
        "OrderQty": quantities,
        "TransactTime": times,
        "now": times,
        "OnBehalfOfCompID": texty,
        "Account": texty,
        "NoPartyIDs": parties,
        "PartyID": every_party,
        **typed_conditions,
    }
)
few = conditions.map(lambda when: dict(list(when.items())[:3]))
messages = st.sampled_from(["NewOrderSingle", "D", "G", "ExecutionReport"])
directions = st.sampled_from(["inbound", "inbound", "outbound"])
modes = st.sampled_from(["enforce", "shadow"])
grants = st.fixed_dictionaries({"message": messages}, optional={"direction": directions, "when": few})
scopes = st.just({"modifier": True}) | st.fixed_dictionaries(
    {"grants": st.lists(grants, min_size=1, max_size=3)}, optional={"mode": modes}
)
forbids = st.fixed_dictionaries(
    {"message": messages | st.lists(messages, min_size=1, max_size=2)},
    optional={"direction": directions, "when": few, "wildcards_lift": st.booleans()},
)
outbounds: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"outbound": "open"}, {"outbound": "closed"}, {"outbound": "closed", "passes": ["News", "BusinessMessageReject"]}]
)
rollouts = maybe(
    mode=modes,
    messages=st.dictionaries(messages, modes, max_size=1),
    senders=st.dictionaries(st.just("ALGO"), modes),
)


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, Any]:
    defined = draw(st.dictionaries(st.sampled_from(SCOPES), scopes, min_size=1, max_size=4))
    some = st.lists(st.sampled_from(sorted(defined)), min_size=1, max_size=2)
    wide = ["*:" + scope.partition(":")[2] for scope in defined if SEGMENTED.fullmatch(scope)]
    covering = st.lists(st.sampled_from([*sorted(defined), *wide]), min_size=1, max_size=2)
    roles = st.fixed_dictionaries(
        {"a": maybe(scopes=covering, roles=st.just(["b"])).filter(bool), "b": maybe(scopes=some)}
    )
    listed = draw(st.lists(st.tuples(forbids, some | st.just([])), max_size=2))
    return {
        "version": draw(st.sampled_from([1, 2])),
        "name": "m",
        "fix": "FIX.4.4",
        "session": {"identity": {}, "exempt": draw(st.sampled_from([[], ["News"]])), **draw(outbounds)},
        "scope_prefixes": draw(st.booleans()),
        "role_claim": "groups.all",
        "lists": {
            "short": {"values": ["A"]},
            "long": {"values": ["A", "B", "CS", "7", "1"]},
            **{f"of{tag}": {"values": values[1:]} for tag, values in typed_values.items()},
        },
        "custom": {"tags": {tag: {"name": f"Own{tag}", "type": type_} for tag, type_ in custom_types.items()}},
        "roles": draw(roles.filter(lambda found: found["b"]) | st.just({})),
        "rollout": draw(rollouts),
        "scopes": defined,
        "forbid": [forbid | {"name": f"f{index}", "unless": unless} for index, (forbid, unless) in enumerate(listed)],
    }


TAGS = st.sampled_from(
    [1, 11, 18, 38, 44, 54, 55, 58, 60, 115, 126, 167, 200, 201, 432, 447, 448, 452, 453, 5009, *map(int, custom_types)]
)
VALUES = st.sampled_from(
    [b"A", b"B", b"AB", b"x", b"7", b"07", b"CS", b"OPT", b"FUT", b"1", b"2", b"3", b"10", b"1.5", b"1e1", b"-1", b"D",
     b"\xff", b"08:00:30", b"20260102-08:00:00", b"20260102-16:29:59.999", b"20260103-00:00:00.000", b"25:00:00"]
)  # fmt: skip
FORMS = st.sampled_from(
    [b"0", b"00", b"-0", b"01", b"1", b" 1", b"1 ", b"+1", b"1.0", b"5", b"2147483648", b"9007199254740993",
     b"9007199254740992", b"100", b"100.0", b"100.00", b"0100", b"1.50", b"1.5", b".5", b"5.", b"-0.50", b"-0.5",
     b"-0.0", b"1_0", b"NaN", b"123456789.12345678", b"123456789.123456780", b"0.30000000000000001", b"1" * 33,
     b"1 G", b"G 1", b"6 2", b"1  G", b" 1", b"1G", b"6", b"AB A", b"A  B", b"7 \xff", b"Y", b"N", b"y", b"YN",
     b"20260102", b"20260231", b"20260228", b"202601", b"202613", b"202601w2", b"202601w6", b"08:00:00", b"08:00",
     b"08:00:00.000", b"08:00:00.5", b"08:00:60", b"08:00Z", b"08:00:00.000Z", b"03:00-05", b"13:30+05:30", b"08:00+5",
     b"20260102-08:00:00.000", b"20260102-08:00:00.500", b"20260102-08:00:00.500000", b"20260102-08:00:00.5",
     b"20260231-08:00:00", b"\xd9\xa1", b"1\x00"]
)  # fmt: skip
PLAIN = st.sampled_from(
    [b"0", b"1", b"2", b"5", b"-1", b"7", b"6", b"G", b"1 G", b"6 2", b"A", b"AB", b"A AB", b"Y", b"N", b"1.5", b"1.50",
     b"100", b"100.0", b"20260102", b"20260228", b"202601", b"202601w2", b"08:00:00", b"08:00:00.000", b"08:00Z",
     b"03:00-05", b"20260102-08:00:00", b"20260102-08:00:00.500", b"9007199254740993"]
)  # fmt: skip
TYPED = st.lists(st.tuples(TAGS, FORMS | FORMS | VALUES), max_size=6).map(tuple)
PARTIES = st.lists(
    st.tuples(
        st.sampled_from([b"A", b"B", b"x"]),
        st.sampled_from([b"1", b"3", b"01", b"3 ", None]),
        st.sampled_from([b"D", b"DD", None]),
        st.sampled_from([b"5", b"05", None]),
        st.sampled_from([b"A", b"AB A", b"A  AB", None]),
    ),
    max_size=3,
).map(
    lambda entries: (
        (453, str(len(entries)).encode()),
        *(
            pair
            for party, role, source, number, codes in entries
            for pair in ((448, party), (447, source), (452, role), (5001, number), (5002, codes))
            if pair[1] is not None
        ),
    )
)
LOOSE = st.lists(st.tuples(TAGS, VALUES), max_size=6).map(tuple)
USUAL = st.fixed_dictionaries(
    {},
    optional={
        55: st.sampled_from([b"A", b"B", b"7"]),
        167: st.sampled_from([b"CS", b"OPT"]),
        38: st.sampled_from([b"0", b"1", b"1.5", b"10"]),
        60: st.sampled_from([b"20260102-08:00:00", b"20260102-16:29:59.999"]),
        1: st.sampled_from([b"A", b"7"]),
        18: st.sampled_from([b"1", b"6 1", b"6", b"G 6", b"6  1"]),
        54: st.sampled_from([b"1", b"2", b"12"]),
        201: st.sampled_from([b"0", b"1", b"00", b"-0"]),
        44: st.sampled_from([b"100", b"100.0", b"1.5", b"+1", b"123456789.12345678"]),
        5001: st.sampled_from([b"5", b"05", b"-1", b"0"]),
        5002: st.sampled_from([b"A", b"AB A", b"A AB", b"7"]),
    },
).map(lambda found: tuple(found.items()))
PAIRS = st.one_of(USUAL, USUAL, LOOSE, TYPED, st.tuples(USUAL | LOOSE, PARTIES).map(lambda both: both[0] + both[1]))
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        "accounts": st.sampled_from(["A", ["A", 7], [], 7, None, {"A": 1}, True, ["x", True, None]]),
        "codes": st.sampled_from(
            ["1", 1, ["05", 5], ["05"], [1.0, 0], ["1", "x"], ["100.00", "6"], "1 G", ["08:00:00.000Z"], ["Y"], [True]]
        ),
        "desk": st.just({"codes": ["B", "AB"]}),
        "a.b": st.just("A"),
        "groups": st.sampled_from([{"all": ["b"]}, {"all": "a"}, {"all": [1, None, "zz"]}, "a"]),
    },
)
QUESTIONS = st.builds(
    Question,
    st.sampled_from(Direction),
    st.sampled_from(["D", "D", "D", "D", "G", "8", "8", "B", "0", "F", "j"]),
    st.builds(Fields, PAIRS),
    st.frozensets(st.sampled_from(HELD), max_size=3),
    CLAIMS,
    st.sampled_from(["ALGO", "OTHER", ""]),
    st.none() | st.sampled_from([1767340799.5, 1767340800.0, 1767371400.0, 1767398400.0, 1767405600.0]),
)

slow = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def compiled(data: dict[str, Any]) -> Policy:
    try:
        return compile_source(Source("m.yaml", data, {}))
    except MappingFaults:
        assume(False)
        raise


def asked(question: Question) -> Asked:
    pairs, claims = question.fields.pairs, question.claims
    scopes, comp_id = question.scopes, question.comp_id
    return Asked(question.direction.value, question.msg_type, pairs, scopes, claims, comp_id, question.now)


def answer(verdict: Verdict) -> Answer:
    missing = frozenset(verdict.missing_scopes)
    return Answer(verdict.allowed, verdict.scope, missing, verdict.shadow, verdict.forbid)


def with_pairs(question: Question, pairs: tuple[tuple[int, bytes], ...]) -> Question:
    return question._replace(fields=Fields(pairs))


@slow
@given(mappings(), st.lists(QUESTIONS, min_size=1, max_size=8))
def test_the_engine_agrees_with_the_reference_and_with_its_trace(
    data: dict[str, Any], questions: list[Question]
) -> None:
    policy, reference = compiled(data), Reference(data)
    for question in questions:
        verdict = policy.decide(question)
        assert answer(verdict) == reference.decide(asked(question))
        assert policy.trace(question).verdict == verdict
        assert policy.decide(question) == verdict


@st.composite
def typed_cases(draw: st.DrawFn) -> tuple[dict[str, Any], list[Question]]:
    """A mapping about one or two tags with a data type, and messages that carry these tags, in groups too."""
    names = draw(st.lists(st.sampled_from(sorted(typed_conditions)), min_size=1, max_size=2, unique=True))
    keys = {name: typed_conditions[name] for name in names} | ({"NoPartyIDs": parties} if draw(st.booleans()) else {})
    when = st.fixed_dictionaries({}, optional=keys).filter(bool)
    grants = st.lists(st.builds(lambda when: {"message": "D", "when": when}, when), min_size=1, max_size=3)
    defined = draw(st.dictionaries(st.sampled_from(SCOPES), st.builds(lambda g: {"grants": g}, grants), min_size=1))
    forbids = [
        {"name": f"f{n}", "message": "D", "when": when} for n, when in enumerate(draw(st.lists(when, max_size=3)))
    ]
    data = draw(mappings()) | {"scopes": defined, "roles": {}, "rollout": {}, "forbid": forbids}
    dictionary = load("FIX.4.4")
    sent = st.one_of(
        *(st.tuples(st.just(dictionary.tag(name)), FORMS | FORMS | PLAIN) for name in names),
        *(st.tuples(st.just(dictionary.tag(name)), PLAIN) for name in names),
    )
    pairs = st.tuples(st.lists(sent, max_size=3).map(tuple), PARTIES | st.just(())).map(lambda both: both[0] + both[1])
    scopes = draw(st.frozensets(st.sampled_from(sorted(defined))))
    one = st.builds(
        lambda pairs, claims: Question(Direction.INBOUND, "D", Fields(pairs), scopes, claims), pairs, CLAIMS
    )
    return data, draw(st.lists(one, min_size=4, max_size=12))


@slow
@given(typed_cases())
def test_the_engine_reads_typed_values_as_the_reference_does(case: tuple[dict[str, Any], list[Question]]) -> None:
    data, questions = case
    policy, reference = compiled(data), Reference(data)
    for question in questions:
        verdict = policy.decide(question)
        assert answer(verdict) == reference.decide(asked(question))
        assert policy.trace(question).verdict == verdict


@slow
@given(mappings(), QUESTIONS, LOOSE | TYPED)
def test_messages_alike_in_the_vary_tags_are_decided_alike(
    data: dict[str, Any], question: Question, noise: tuple[tuple[int, bytes], ...]
) -> None:
    policy = compiled(data)
    verdict = policy.decide(question)
    consulted = [pair for pair in question.fields.pairs if pair[0] in verdict.vary]
    others = [pair for pair in noise if pair[0] not in verdict.vary]
    mixed = tuple(pair for index in range(12) for pair in (*consulted[index : index + 1], *others[index : index + 1]))
    mixed += tuple(consulted[12:])
    again = policy.decide(with_pairs(question, mixed))
    assert (answer(again), again.vary) == (answer(verdict), verdict.vary)
    assert set(verdict.vary) - HEADER_IDS <= set(policy.want_tags)


@slow
@given(mappings(), QUESTIONS, st.integers(0, 10), st.integers(0, 10), VALUES | FORMS)
def test_one_more_occurrence_never_weakens_a_rule(
    data: dict[str, Any], question: Question, which: int, at: int, value: bytes
) -> None:
    """Wherever it stands, for a tag by itself; in the entry where it stood already, for one of a group."""
    policy = compiled(data)
    pairs = question.fields.pairs
    found = policy.rules.get((question.direction, question.msg_type))
    if found is None or not pairs:
        return
    tag = pairs[which % len(pairs)][0]
    beside = which % len(pairs) + 1
    rules: list[Rule] = [*found.grants, *found.forbids]
    for rule in rules:
        for condition in rule.conditions:
            assert isinstance(condition, Condition)
            if condition.note:
                continue
            place = beside if condition.every or condition.entries else at
            more = (*pairs[:place], (tag, value), *pairs[place:])
            before = condition.truth(question.fields, question.claims)
            after = condition.truth(Fields(more), question.claims)
            if isinstance(rule, Grant):
                assert after is not Truth.YES or before is Truth.YES
            else:
                assert after is not Truth.NO or before is Truth.NO


@pytest.mark.parametrize("said", [{"matches": "[A-Z]+"}, {"min": 1}, {"any_entry": {"448": "A"}}])
def test_the_reference_is_no_echo(said: dict[str, Any]) -> None:
    """It tells a mapping from one without the condition."""
    key = {"matches": "Symbol", "min": "OrderQty", "any_entry": "NoPartyIDs"}[next(iter(said))]
    head = {"version": 1, "name": "m", "fix": "FIX.4.4", "session": {"identity": {}}}
    question = Asked("inbound", "D", ((55, b"1"), (38, b"0")), frozenset({"a:b"}), {}, "")
    strict = head | {"scopes": {"a:b": {"grants": [{"message": "D", "when": {key: said}}]}}}
    loose = head | {"scopes": {"a:b": {"grants": [{"message": "D"}]}}}
    assert not Reference(strict).decide(question).allowed
    assert Reference(loose).decide(question).allowed
