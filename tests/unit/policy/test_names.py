"""The rules of a mapping in numbers, and that odd data ends in faults, never in a crash."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.errors import Fault, MappingFaults
from authzsvc.fix.dictionary import load
from authzsvc.fix.direction import Direction
from authzsvc.policy.compiler import compile_source
from authzsvc.policy.conditions import Condition
from authzsvc.policy.groups import Every, Repeating
from authzsvc.policy.includes import Files
from authzsvc.policy.lookup import Lookup
from authzsvc.policy.names import Names
from authzsvc.policy.rules import Forbid, Grant
from authzsvc.policy.source import Data, Source, parse
from authzsvc.policy.terms import Said, SessionTerms
from authzsvc.policy.value_tests import InClaim, OneOf

SCOPES = {"a:b", "c:d", "order:cancel"}


def names(text: str) -> tuple[Names, list[Fault]]:
    faults: list[Fault] = []
    files = Files(Path("m.yaml"), faults)
    files.include(parse(text.encode(), "m.yaml"))
    return Names(Said(files, faults), Lookup(load("FIX.4.4"), faults, {}), 2, SessionTerms({}, (), ())), faults


def test_grants_in_numbers() -> None:
    found, faults = names(
        "scopes: {a:b: {grants: [{message: V, when: {SecurityType: {in: [Option], every: NoRelatedSym}}},"
        " {message: 8, direction: outbound, when: {Account: {claim: c}}}]}}"
    )
    options = Condition(167, "SecurityType", (OneOf(frozenset({b"OPT"})),), Every(Repeating(146, 55, "NoRelatedSym")))
    own = Condition(1, "Account", (InClaim("c"),))
    assert list(found.grants()) == [
        Grant("scopes.a:b.grants[0]", "m.yaml", 1, "a:b", Direction.INBOUND, "V", (options,)),
        Grant("scopes.a:b.grants[1]", "m.yaml", 1, "a:b", Direction.OUTBOUND, "8", (own,)),
    ]
    assert faults == []


def test_rules_and_conditions_have_ids_and_lines() -> None:
    found, _ = names("scopes:\n  a:b:\n    grants:\n      - message: D\n        when: {167: CS, 40: 2}\n")
    (grant,) = found.grants()
    assert (grant.id, grant.file, grant.line) == ("scopes.a:b.grants[0]", "m.yaml", 4)
    assert [condition.id for condition in grant.conditions] == [
        "scopes.a:b.grants[0].when.OrdType",
        "scopes.a:b.grants[0].when.SecurityType",
    ]


def test_a_forbid_of_several_messages_is_one_rule_for_each() -> None:
    found, faults = names("forbid: [{name: f, message: [D, OrderCancelRequest, D], when: {55: X}, unless: [c:d]}]")
    forbids = list(found.forbids(SCOPES))
    assert [(forbid.id, forbid.msg_type, forbid.unless) for forbid in forbids] == [
        ("forbid.f", "D", ("c:d",)),
        ("forbid.f", "F", ("c:d",)),
    ]
    conditions = [forbid.conditions[0] for forbid in forbids if isinstance(forbid, Forbid)]
    assert [isinstance(one, Condition) and one.any_occurrence for one in conditions] == [True, True]
    assert faults == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("forbid: [{name: f, message: Nws}]", "`forbid[0].message` FIX.4.4 has no message `Nws`"),
        ("forbid: [{name: f, message: [D, Nws]}]", "`forbid[0].message[1]` FIX.4.4 has no message `Nws`"),
        (
            "forbid: [{name: f, message: D, unless: [order:cancl]}]",
            "`forbid[0].unless[0]` the mapping has no scope `order:cancl` (did you mean `order:cancel`?)",
        ),
        (
            "forbid: [{name: f, message: D}, {name: f, message: G}]",
            "`forbid[1].name` `f` is there twice, first in m.yaml:1",
        ),
    ],
)
def test_faults_of_forbids(text: str, fault: str) -> None:
    found, faults = names(text)
    list(found.forbids(SCOPES))
    assert [str(told) for told in faults if fault in str(told)], faults


def test_a_grant_with_an_unknown_name_is_left_out() -> None:
    found, faults = names("scopes: {a:b: {grants: [{message: D, when: {Sid: 1}}]}}")
    assert list(found.grants()) == []
    assert [fault.key for fault in faults] == ["scopes.a:b.grants[0].when.Sid"]


def test_what_an_author_wrote_stays_on_the_line_of_its_fault() -> None:
    found, faults = names('scopes: {a:b: {grants: [{message: "x\\ny"}]}}')
    assert list(found.grants()) == []
    assert "no message `x?y`" in str(faults[0])


KEYS = st.sampled_from(
    [
        "version",
        "name",
        "fix",
        "session",
        "scopes",
        "identity",
        "exempt",
        "order:x",
        "grants",
        "message",
        "when",
        "167",
        "SecurityType",
        "in",
        "every",
        "claim",
        "equals",
        "SenderCompID",
        "direction",
        "zzz",
        "roles",
        "forbid",
        "lists",
        "include",
        "rollout",
        "custom",
        "tags",
        "values",
        "file",
        "any_entry",
        "matches",
        "min",
        "after",
        "unless",
        "default",
        "new\nline",
    ]
)
SCALARS = st.sampled_from([None, True, 1, -1, "", "D", "FIX.4.4", "CS", "NoRelatedSym", "x" * 300, "é", "\n"])
DATA: st.SearchStrategy[Data] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=15
)


@given(DATA, DATA, DATA)
def test_odd_data_ends_in_faults(whole: Data, session: Data, scopes: Data) -> None:
    head: dict[str, Data] = {"version": 1, "name": "m", "fix": "FIX.4.4", "session": {"identity": {}}}
    grant: Data = {"message": "D", "when": {"167": scopes, "55": session}}
    parts: list[dict[str, Data]] = [
        {"session": session, "scopes": {"order:x": scopes}},
        {"roles": session, "forbid": [whole, scopes], "lists": scopes, "rollout": session, "custom": scopes},
        {"scopes": {"order:x": {"grants": [grant]}}, "custom": {"tags": session, "messages": scopes}, "zzz": 1},
    ]
    for data in (whole, *(head | part for part in parts)):
        with pytest.raises(MappingFaults) as caught:
            compile_source(Source("m.yaml", data, {}))
        assert all("\n" not in str(fault) for fault in caught.value.faults)
