"""Names of a mapping, looked up: what comes out in numbers, and that odd data ends in faults, never in a crash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.errors import Fault, MappingFaults
from authzsvc.fix.dictionary import load
from authzsvc.fix.direction import Direction
from authzsvc.policy.compiler import compile_source
from authzsvc.policy.conditions import Condition, Every, InClaim, OneOf
from authzsvc.policy.names import Filed, Names
from authzsvc.policy.source import Data, Source, parse


def names(text: str) -> tuple[Names, list[Fault]]:
    faults: list[Fault] = []
    return Names(parse(text.encode(), "m.yaml"), load("FIX.4.4"), faults), faults


def test_the_session_in_numbers() -> None:
    found, faults = names("session: {identity: {49: a, OnBehalfOfCompID: b}, exempt: [News, B], risk_reducing: [q, F]}")
    terms = found.session()
    assert terms.identity == {"comp_id": "a", "on_behalf_of": "b"}
    assert terms.exempt == ("B",)
    assert terms.risk_reducing == ("F", "q")
    assert faults == []


def test_a_grant_in_numbers() -> None:
    found, faults = names(
        "scopes: {a:b: {grants: [{message: V, when: {SecurityType: {in: [Option], every: NoRelatedSym}}},"
        " {message: 8, direction: outbound, when: {Account: {claim: c}}}]}}"
    )
    assert list(found.grants(exempt=())) == [
        Filed(
            Direction.INBOUND,
            "V",
            "a:b",
            (Condition(167, "SecurityType", OneOf(frozenset({b"OPT"})), Every(146, 55, "NoRelatedSym")),),
        ),
        Filed(Direction.OUTBOUND, "8", "a:b", (Condition(1, "Account", InClaim("c")),)),
    ]
    assert faults == []


def test_a_grant_with_an_unknown_name_is_left_out() -> None:
    found, faults = names("scopes: {a:b: {grants: [{message: D, when: {Sid: 1}}]}}")
    assert list(found.grants(exempt=())) == []
    assert [fault.key for fault in faults] == ["scopes.a:b.grants[0].when.Sid"]


def test_what_an_author_wrote_stays_on_the_line_of_its_fault() -> None:
    found, faults = names('scopes: {a:b: {grants: [{message: "x\\ny"}]}}')
    assert list(found.grants(exempt=())) == []
    assert "no message `x?y`" in str(faults[0])


def test_without_a_session_there_are_no_terms() -> None:
    found, _ = names("scopes: {}")
    assert found.session().identity == {}


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
        "new\nline",
    ]
)
SCALARS = st.sampled_from([None, True, 1, -1, "", "D", "FIX.4.4", "CS", "NoRelatedSym", "x" * 300, "é", "\n"])
DATA: st.SearchStrategy[Data] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=15
)


@given(DATA, DATA, DATA)
def test_odd_data_ends_in_faults(whole: Data, session: Data, scopes: Data) -> None:
    part: Data = {"version": 1, "name": "m", "fix": "FIX.4.4", "session": session, "scopes": {"order:x": scopes}}
    for data in (whole, part):
        with pytest.raises(MappingFaults) as caught:
            compile_source(Source("m.yaml", data, {}))
        assert all("\n" not in str(fault) for fault in caught.value.faults)
