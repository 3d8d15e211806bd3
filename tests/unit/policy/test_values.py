"""Attributes with several sources: every value counts, wherever the message has it."""

from __future__ import annotations

import pytest

from authzsvc.fix.fields import Fields
from authzsvc.policy.conditions import AnyCondition, Condition
from authzsvc.policy.truth import Truth
from authzsvc.policy.values import ValuesCondition
from tests.unit.policy.building import ask, build, told

ATTRIBUTES = """\
lists: {stopped: {values: [TGT, US01]}}
attributes:
  account: {sources: [Account, AllocAccount, {tag: PartyID, with: {PartyRole: {in: [24, 38]}}}]}
  party: {sources: [AllocAccount, {tag: Nested2PartyID, with: {Nested2PartyRole: {in: [24, 38]}}}]}
  name: {sources: [Symbol, SecurityID, UnderlyingSymbol, LegSymbol, LegSecurityID], ignore: ["[N/A]"], fold: true}
  isin: {sources: [{tag: SecurityID, with: {SecurityIDSource: "4"}}]}
  size: {sources: [OrderQty, LegQty]}
  only: {sources: [OrderQty]}
  filled: {sources: [Account, AllocAccount], default: A1}
"""
YES, NO, DOUBT = Truth.YES, Truth.NO, Truth.DOUBT
CLAIMS = {"accounts": ["A1", "A2"]}


def condition(said: str, message: str = "D", *, forbids: bool = False) -> AnyCondition:
    text = ATTRIBUTES + f"scopes: {{a:b: {{grants: [{{message: {message}, when: {{{'' if forbids else said}}}}}]}}}}\n"
    if forbids:
        text += f"forbid: [{{name: f, message: {message}, when: {{{said}}}}}]\n"
    policy = build(text)
    (rule,) = policy.forbids if forbids else policy.grants
    (found,) = rule.conditions
    return found


def truth(found: AnyCondition, message: str) -> Truth:
    pairs = [pair.partition("=") for pair in message.split("|")] if message else []
    fields = Fields(tuple((int(tag), value.encode()) for tag, _, value in pairs))
    whole = found.truth(fields, CLAIMS)
    values = dict(fields.pairs)
    if len(values) == len(fields.pairs):
        assert found.truth(fields, CLAIMS, values) is whole
    return whole


@pytest.mark.parametrize(
    ("message", "granted", "fires"),
    [
        ("1=A1", YES, YES),
        ("1=B9", NO, NO),
        ("1=A1|78=1|79=B9", NO, YES),
        ("1=A1|78=1|79=A2", YES, YES),
        ("78=2|79=A1|79=A2", YES, YES),
        ("453=1|448=A1|452=24", YES, YES),
        ("453=2|448=B9|452=1|448=A1|452=38", YES, YES),
        ("453=2|448=A1|452=1|448=B9|452=38", NO, NO),
        ("453=1|448=A1|452=1", DOUBT, DOUBT),
        ("1=A1|453=1|448=B9|452=24", NO, YES),
        ("453=1|448=A1", DOUBT, DOUBT),
        ("453=1|448=A1|452=024", DOUBT, DOUBT),
        ("453=2|448=A1|452=24", DOUBT, DOUBT),
        ("1=A1|1=B9", NO, YES),
        ("55=X", DOUBT, DOUBT),
        ("1=", DOUBT, DOUBT),
    ],
)
def test_every_value_counts(message: str, granted: Truth, fires: Truth) -> None:
    assert truth(condition("account: {claim: accounts}"), message) is granted
    assert truth(condition("account: {claim: accounts}", forbids=True), message) is fires


def test_each_order_of_a_list_must_have_a_value() -> None:
    found = condition("account: {claim: accounts}", "E")
    assert truth(found, "73=2|11=A|1=A1|11=B|1=A2") is YES
    assert truth(found, "73=2|11=A|1=A1|11=B|453=1|448=A2|452=24") is YES
    assert truth(found, "73=2|11=A|1=A1|11=B|78=1|79=A2") is YES
    assert truth(found, "73=2|11=A|1=A1|11=B|1=B9") is NO
    assert truth(found, "73=2|11=A|1=A1|11=B") is DOUBT
    assert truth(found, "73=2|11=A|1=A1|11=B|453=1|448=A2|452=1") is DOUBT


def test_orders_that_can_only_name_parties_need_not_name_any() -> None:
    found = condition("party: {claim: accounts}", "J")
    assert truth(found, "73=2|11=A|11=B|78=1|79=A1") is YES
    assert truth(found, "73=2|11=A|11=B|78=1|79=B9") is NO
    assert truth(found, "73=2|11=A|11=B") is DOUBT
    assert truth(found, "73=2|11=A|756=1|757=A1|759=24|11=B|756=1|757=A2|759=24|78=1|79=A1") is YES
    assert truth(found, "73=2|11=A|756=1|757=A1|759=24|11=B|756=1|757=B9|759=24|78=1|79=A1") is NO
    assert truth(found, "73=2|11=A|756=1|757=A1|759=24|11=B|78=1|79=A1") is DOUBT
    assert truth(found, "73=2|11=A|756=1|757=A1|759=1|11=B|78=1|79=A1") is YES
    assert truth(found, "73=1|11=A|756=1|757=A1|759=024|78=1|79=A1") is DOUBT


def test_an_entry_without_a_value_has_that_of_the_message() -> None:
    found = condition("name: X", "AB")
    assert truth(found, "55=X|555=2|600=X|600=X") is YES
    assert truth(found, "55=X|555=2|600=X|600=[N/A]") is YES
    assert truth(found, "55=[N/A]|555=2|600=X|600=[N/A]") is DOUBT
    assert truth(found, "55=[N/A]|555=2|600=X|600=X") is YES
    assert truth(found, "55=X|555=2|600=X|600=Y") is NO


def test_a_value_that_stands_for_another_is_none() -> None:
    found = condition("name: {in_list: stopped}", forbids=True)
    assert truth(found, "55=[N/A]|48=US01") is YES
    assert truth(found, "55=[N/A]|48=US02") is NO
    assert truth(found, "55=[N/A]") is DOUBT
    assert truth(found, "55=X|711=1|311=TGT") is YES


def test_a_forbid_may_fire_without_regard_to_case_and_blanks() -> None:
    found = condition("name: {in_list: stopped}", forbids=True)
    assert [truth(found, f"55={value}") for value in ("tgt", "TGT ", " Tgt", "TG T")] == [YES, YES, YES, NO]
    assert truth(condition("name: {in_list: stopped}"), "55=tgt") is NO


def test_a_tag_that_counts_only_beside_another() -> None:
    found = condition("isin: US01")
    assert truth(found, "48=US01|22=4") is YES
    assert truth(found, "48=US01|22=1") is DOUBT
    assert truth(found, "48=US02|22=4") is NO
    assert truth(found, "48=US01|22=4|48=US02|22=1") is DOUBT


def test_what_values_must_not_be() -> None:
    found = condition("account: {not: B9}")
    assert truth(found, "1=A1|78=1|79=A2") is YES
    assert truth(found, "1=A1|78=1|79=B9") is NO
    assert truth(found, "55=X") is DOUBT
    assert truth(condition("account: {not: B9, present: true}"), "55=X") is NO


def test_a_forbid_on_what_is_there_passes_over_sides_that_say_nothing() -> None:
    said = "account: {in_list: stopped, present: true}"
    forbidden, granted = condition(said, "AE", forbids=True), condition(said, "AE")
    assert truth(condition("account: {in_list: stopped}", "AE", forbids=True), "552=2|54=1|1=A1|54=2") is DOUBT
    assert [truth(forbidden, f"552=2|54=1|1={account}|54=2") for account in ("A1", "TGT")] == [NO, YES]
    assert truth(forbidden, "552=2|54=1|1=A1|54=2|453=1|448=TGT|452=024") is DOUBT
    assert truth(granted, "552=2|54=1|1=TGT|54=2") is NO
    assert truth(granted, "552=2|54=1|1=TGT|54=2|1=US01") is YES


def test_whether_there_is_any_value() -> None:
    present, absent = condition("account: {present: true}"), condition("account: {absent: true}")
    assert [truth(present, message) for message in ("1=A1", "55=X", "453=1|448=A|452=24")] == [YES, NO, YES]
    assert [truth(absent, message) for message in ("1=A1", "55=X", "453=1|448=A|452=24")] == [NO, YES, NO]
    assert truth(absent, "453=1|448=A|452=1") is YES
    assert truth(absent, "453=2|448=A|452=1") is DOUBT
    assert truth(absent, "1=") is DOUBT
    assert truth(condition("name: {absent: true}"), "55=[N/A]") is DOUBT


def test_a_default_stands_in_where_no_source_is_there() -> None:
    assert truth(condition("filled: {claim: accounts}"), "55=X") is YES
    assert truth(condition("filled: {claim: accounts, default: B9}"), "55=X") is NO
    assert truth(condition("filled: {claim: accounts}"), "1=B9") is NO
    assert truth(condition("filled: A1", "K"), "66=L") is YES
    assert truth(condition("filled: A2", "K"), "66=L") is NO


def test_values_are_compared_by_the_type_of_their_tag() -> None:
    found = condition("size: {max: 100}", "AB")
    assert truth(found, "38=100.0") is YES
    assert truth(found, "38=100|555=1|600=A|687=101") is NO
    assert truth(found, "38=0100") is DOUBT


def test_occurrences_say_otherwise() -> None:
    found = condition("account: {equals: A1, occurrences: any}")
    assert truth(found, "1=A1|78=1|79=B9") is YES


def test_an_odd_claim_is_a_doubt() -> None:
    found = condition("account: {claim: nothing}")
    assert truth(found, "1=A1") is DOUBT


def test_ids_of_the_header_are_sources() -> None:
    attributes = "attributes: {owner: {sources: [OnBehalfOfCompID, {tag: PartyID, with: {PartyRole: 3}}]}}\n"
    text = attributes + "scopes: {a:b: {grants: [{message: %s, when: {owner: {claim: accounts}}}]}}\n"
    (found,) = build(text % "D").grants[0].conditions
    assert [truth(found, message) for message in ("115=A1", "115=B9", "55=X")] == [YES, NO, DOUBT]
    assert truth(found, "453=1|448=B9|452=3|115=A1") is NO
    assert found.consulted == {115, 453, 448, 452}
    (alone,) = build(text % "K").grants[0].conditions
    assert isinstance(alone, Condition)
    assert alone.tag == 115


def test_one_source_is_a_condition_on_its_tag() -> None:
    found = condition("only: {max: 5}")
    assert isinstance(found, Condition)
    assert (found.tag, str(found), found.id) == (38, "only (OrderQty)<=5", "scopes.a:b.grants[0].when.only")
    assert truth(found, "55=X") is DOUBT
    assert isinstance(condition("account: {claim: accounts}"), ValuesCondition)


def test_the_index_knows_that_an_absent_attribute_is_a_doubt() -> None:
    text = ATTRIBUTES + "scopes: {a:b: {grants: [{message: D}]}}\nforbid: [{name: f, message: D, when: {only: 5}}]\n"
    policy = build(text)
    assert not ask(policy, "D|55=X").allowed
    assert not ask(policy, "D|38=5.0").allowed
    assert ask(policy, "D|38=6").allowed


def test_words_for_people() -> None:
    found = condition("account: {claim: accounts}")
    assert str(found) == "account in claim `accounts`"
    assert [name for _, name in found.tags] == ["Account", "AllocAccount", "PartyID", "PartyRole"]
    assert str(condition("account: {present: true}")) == "account present"
    assert str(condition("account: {absent: true}")) == "no account"


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("account: {equals: A, every: NoPartyIDs}", "is several tags', and cannot be tested by `every`"),
        ("account: {any_entry: {448: A}}", "is several tags', and cannot be tested by `any_entry`"),
        ("account: {max: 5}", "has `min` or `max`, and Account of type STRING is no number"),
        ("account: {in_list: none}", "the mapping has no list `none`"),
        ("size: {in: [x]}", "is no value of `OrderQty`"),
    ],
)
def test_faults_of_a_condition(said: str, fault: str) -> None:
    found = told(ATTRIBUTES + f"scopes: {{a:b: {{grants: [{{message: D, when: {{{said}}}}}]}}}}\n")
    assert fault in found[0]
    assert len(found) == 1


def test_a_message_without_any_source_is_a_fault() -> None:
    (found,) = told(ATTRIBUTES + "scopes: {a:b: {grants: [{message: K, when: {account: A}}]}}\n")
    assert "`ListCancelRequest` of FIX.4.4 has no tag that tells `account`" in found
