"""Attributes of named values: sources that agree, contradict each other, or leave several values open."""

from __future__ import annotations

import pytest

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.classes import ClassCondition
from authzsvc.policy.engine import Policy
from authzsvc.policy.truth import Truth
from tests.unit.policy.building import ask, build, told

KIND = """\
attributes:
  kind:
    values:
      share: [{SecurityType: {in: [CS, PS]}}, {CFICode: {prefix: E}}, {Product: EQUITY}]
      option: [{SecurityType: OPT}, {CFICode: {prefix: O}}, {Product: EQUITY, SecurityType: OPT}]
      spread: [{SecurityType: MLEG}]
    families: {derivative: [option, spread]}
    also: [{SecurityType: LegSecurityType, CFICode: LegCFICode, Product: LegProduct}]
    by_entries: [spread]
"""
YES, NO, DOUBT = Truth.YES, Truth.NO, Truth.DOUBT


def rule(said: str, message: str = "D", more: str = "") -> str:
    return f"{KIND}{more}scopes: {{a:b: {{grants: [{{message: {message}, when: {{kind: {said}}}}}]}}}}\n"


def condition(said: str, message: str = "D", more: str = "") -> ClassCondition:
    (grant,) = build(rule(said, message, more)).grants
    (found,) = grant.conditions
    assert isinstance(found, ClassCondition)
    return found


def truth(found: ClassCondition, message: str) -> Truth:
    fields = Fields.parse(f"{message}|".replace("|", "\x01").encode() if message else b"")
    whole = found.truth(fields, {})
    values = dict(fields.pairs)
    if len(values) == len(fields.pairs):
        assert found.truth(fields, {}, values) is whole
    return whole


@pytest.mark.parametrize(
    ("message", "share", "option"),
    [
        ("167=CS", YES, NO),
        ("461=ESVUFR", YES, NO),
        ("460=5", YES, NO),
        ("167=CS|461=ESVUFR|460=5", YES, NO),
        ("167=OPT", NO, YES),
        ("167=OPT|460=5", NO, YES),
        ("167=CS|461=OCASPS", DOUBT, DOUBT),
        ("167=CORP", DOUBT, DOUBT),
        ("167=CS|461=DBFTFR", DOUBT, DOUBT),
        ("460=05", DOUBT, DOUBT),
        ("167=CS|167=CS", DOUBT, DOUBT),
        ("167=cs", DOUBT, DOUBT),
        ("167=MLEG", NO, NO),
        ("55=X", DOUBT, DOUBT),
    ],
)
def test_sources_must_agree(message: str, share: Truth, option: Truth) -> None:
    assert truth(condition("share"), message) is share
    assert truth(condition("option"), message) is option
    assert truth(condition("{not: share}"), message) is {YES: NO, NO: YES, DOUBT: DOUBT}[share]


def test_several_values() -> None:
    assert truth(condition("{in: [share, option]}"), "167=CS|461=OCASPS") is DOUBT
    assert truth(condition("{in: [share, option]}"), "167=OPT") is YES
    assert truth(condition("derivative"), "167=OPT") is YES
    assert truth(condition("{not: [derivative]}"), "167=OPT") is NO


def test_a_source_may_leave_several_values_open() -> None:
    spot, forward = (f"[{{SecurityType: {{in: [FOR, {own}]}}}}]" for own in ("FXSPOT", "FXFWD"))
    more = f"  wide: {{values: {{spot: {spot}, forward: {forward}}}}}\n"
    text = f"{KIND}{more}scopes: {{a:b: {{grants: [{{message: D, when: {{wide: %s}}}}]}}}}\n"
    for said, expected in (("spot", DOUBT), ("{in: [spot, forward]}", YES), ("{not: forward}", DOUBT)):
        found = build(text % said).grants[0].conditions[0]
        assert found.truth(Fields(((167, b"FOR"),)), {}) is expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("167=MLEG|555=2|600=A|609=OPT|600=B|609=OPT", YES),
        ("167=MLEG|555=2|600=A|609=OPT|600=B|608=OCASPS", YES),
        ("167=MLEG|555=2|600=A|609=OPT|600=B|609=CS", NO),
        ("167=MLEG|555=2|600=A|609=OPT|600=B", DOUBT),
        ("167=OPT|555=2|600=A|600=B", YES),
        ("167=CS|555=1|600=A|609=OPT", NO),
        ("555=1|600=A|609=OPT", YES),
        ("167=MLEG|555=2|600=A|609=OPT", DOUBT),
        ("167=MLEG", NO),
    ],
)
def test_each_leg_is_judged(message: str, expected: Truth) -> None:
    assert truth(condition("option", "AB"), message) is expected


def test_a_forbid_fires_on_any_leg() -> None:
    text = KIND + "scopes: {a:b: {grants: [{message: AB}]}}\nforbid: [{name: f, message: AB, when: {kind: share}}]\n"
    policy = build(text)
    assert ask(policy, "AB|167=MLEG|555=2|600=A|609=OPT|600=B|609=OPT").allowed
    assert not ask(policy, "AB|167=MLEG|555=2|600=A|609=OPT|600=B|609=CS").allowed
    assert not ask(policy, "AB|167=MLEG|555=2|600=A|609=OPT|600=B").allowed
    assert not ask(policy, "AB|555=2|600=A|609=OPT").allowed


def test_each_order_of_a_list_is_judged() -> None:
    found = condition("share", "E")
    assert truth(found, "73=2|11=A|167=CS|11=B|461=ESVUFR") is YES
    assert truth(found, "73=2|11=A|167=CS|11=B|167=OPT") is NO
    assert truth(found, "73=2|11=A|167=CS|11=B") is DOUBT


def test_what_holds_where_no_source_is_there() -> None:
    otherwise = "    otherwise: share\n"
    assert truth(condition("share", more=otherwise), "55=X") is YES
    assert truth(condition("share", "E", otherwise), "73=2|11=A|11=B|167=PS") is YES
    assert truth(condition("share", "AB", otherwise), "167=MLEG|555=1|600=A") is DOUBT
    by_version = "    otherwise: {FIX.4.0..FIX.4.2: share}\n"
    assert truth(condition("share", more=by_version), "55=X") is DOUBT


def test_alternatives_of_some_versions() -> None:
    older = KIND.replace("option: [{Sec", "option: [{when: {SecurityType: WAR}, versions: FIX.4.0..FIX.4.2}, {Sec")
    text = older + "scopes: {a:b: {grants: [{message: D, when: {kind: option}}]}}\n"
    assert not ask(build(text), "D|167=WAR").allowed
    assert ask(build(text.replace("Product: EQUITY}", "Product: EQUITY}"), head=HEAD42), "D|167=WAR").allowed


HEAD42 = "version: 1\nname: m\nfix: FIX.4.2\nsession: {identity: {}}\n"


def test_a_version_without_some_of_the_tags_takes_the_others() -> None:
    policy = build(rule("share"), head=HEAD42)
    assert policy.rules[Direction.INBOUND, "D"].vary == (167,)
    assert ask(policy, "D|167=CS").allowed
    assert not ask(policy, "D|167=OPT").allowed


def test_the_index_finds_a_grant_by_what_its_sources_must_be() -> None:
    found = condition("share")
    assert found.needed(forbids=False) == {167: {b"CS", b"PS", None}, 460: {b"5", None}}
    assert found.needed(forbids=True) == {}
    assert condition("share", "AB").needed(forbids=False)[167] == {b"CS", b"PS", b"MLEG", None}


def test_words_for_people() -> None:
    assert str(condition("share")) == "kind=share"
    assert str(condition("{not: share}")) == "kind!=share"
    assert str(condition("derivative")) == "kind one of option, spread"
    assert [name for _, name in condition("share").tags] == ["SecurityType", "CFICode", "Product"]


def policy_of(said: str) -> Policy:
    return build(rule(said))


def test_a_denial_shows_the_sources_that_are_there() -> None:
    reason = ask(policy_of("share"), "D|167=CS|461=OCASPS|55=X").reason
    assert reason == "`a:b` needs kind=share, the message has SecurityType=CS and CFICode=OCASPS"
    assert ask(policy_of("share"), "D|55=X").reason == "`a:b` needs kind=share, the message has no kind"


def test_a_forbid_says_that_it_cannot_be_told() -> None:
    text = KIND + "scopes: {a:b: {grants: [{message: D}]}}\nforbid: [{name: f, message: D, when: {kind: share}}]\n"
    assert "where kind=share; `kind` cannot be told" in ask(build(text), "D|55=X").reason


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("shre", "`shre` is no value of it (did you mean `share`?)"),
        ("{prefix: s}", "is one of named values, and cannot be tested by `prefix`"),
        ("{in: [share], not: option}", "takes one of `equals`, `in` and `not`"),
        ("{in: [share], occurrences: any}", "is one of named values, and cannot be tested by `occurrences`"),
    ],
)
def test_faults_of_a_condition(said: str, fault: str) -> None:
    (found,) = told(rule(said))
    assert found.endswith(fault)


def test_a_message_without_any_source_is_a_fault() -> None:
    (found,) = told(rule("share", "K"))
    assert found.endswith(
        "`ListCancelRequest` of FIX.4.4 has no tag that tells `kind`"
        " (leave the message out: `except: [ListCancelRequest]`)"
    )


def test_a_hint_counts_where_there_is_no_source() -> None:
    hints = "    hints: {option: [{StrikePrice: {present: true}}], spread: [{Symbol: {prefix: S-}}]}\n"
    hints += "    otherwise: share\n"
    assert truth(condition("option", more=hints), "55=X|202=5") is YES
    assert truth(condition("share", more=hints), "55=X|202=5") is NO
    assert truth(condition("share", more=hints), "55=X") is YES
    assert truth(condition("share", more=hints), "55=X|202=5|167=CS") is YES
    assert truth(condition("option", more=hints), "55=S-1|202=5") is DOUBT
    assert truth(condition("derivative", more=hints), "55=S-1|202=5") is YES
    with_legs = KIND.replace("Product: LegProduct}]", "Product: LegProduct, StrikePrice: LegStrikePrice}]")
    more = "    hints: {option: [{StrikePrice: {present: true}}]}\n    otherwise: share\n"
    rules = f"{with_legs}{more}scopes: {{a:b: {{grants: [{{message: AB, when: {{kind: option}}}}]}}}}\n"
    (grant,) = build(rules).grants
    assert grant.truth(Fields.parse(b"555=2\x01600=A\x01612=5\x01600=B\x01612=6\x01"), {}) is YES
    assert grant.truth(Fields.parse(b"555=2\x01600=A\x01612=5\x01600=B\x01"), {}) is NO


HINTS = "    hints: {option: [{StrikePrice: {present: true}}]}\n    otherwise: share\n    also: [%s]\n"
HINTED = KIND.replace("    also: [{SecurityType: LegSecurityType, CFICode: LegCFICode, Product: LegProduct}]\n", "")


def hinted(said: str, message: str) -> ClassCondition:
    also = "{SecurityType: LegSecurityType, StrikePrice: LegStrikePrice}"
    text = f"{HINTED}{HINTS % also}scopes: {{a:b: {{grants: [{{message: {message}, when: {{kind: {said}}}}}]}}}}\n"
    (found,) = build(text).grants[0].conditions
    assert isinstance(found, ClassCondition)
    return found


def test_a_hint_that_cannot_be_told_is_a_doubt() -> None:
    found = hinted("share", "D")
    for value, expected in ((b"5", NO), (b"", DOUBT)):
        fields = Fields(((202, value),))
        assert found.truth(fields, {}) is expected
        assert found.truth(fields, {}, dict(fields.pairs)) is expected


def test_a_hint_of_a_leg_counts_only_where_nothing_around_it_tells() -> None:
    found = hinted("option", "AB")
    assert truth(found, "555=1|600=A|612=5") is YES
    assert truth(found, "167=MLEG|555=2|600=A|612=5|600=B|612=5") is YES
    assert truth(found, "167=MLEG|555=2|600=A|612=5|600=B") is DOUBT
    assert truth(found, "167=CS|555=1|600=A|612=5") is NO


def test_what_an_attribute_is_called_is_not_in_the_digest() -> None:
    assert build(rule("share")).digest == build(rule("share").replace("kind:", "sort:")).digest
    assert build(rule("share")).digest != build(rule("option")).digest
