"""Products of values that stand together: the notional of an order, of each order of a list, each leg, each quote."""

from __future__ import annotations

import pytest

from authzsvc.fix.fields import Fields
from authzsvc.policy.products import ProductCondition
from authzsvc.policy.truth import Truth
from tests.unit.policy.building import build, told

ATTRIBUTES = """\
attributes:
  size: {sources: [OrderQty, LegQty, BidSize, OfferSize]}
  price: {sources: [Price, LegPrice, BidPx, OfferPx]}
  times: {sources: [ContractMultiplier], default: "1"}
  worth: {product: [size, price, times], sources: [CashOrderQty]}
"""
YES, NO, DOUBT = Truth.YES, Truth.NO, Truth.DOUBT


def condition(said: str, message: str = "D", *, forbids: bool = False) -> ProductCondition:
    when = "" if forbids else f"worth: {said}"
    text = ATTRIBUTES + f"scopes: {{a:b: {{grants: [{{message: {message}, when: {{{when}}}}}]}}}}\n"
    if forbids:
        text += f"forbid: [{{name: f, message: {message}, when: {{worth: {said}}}}}]\n"
    policy = build(text)
    (rule,) = policy.forbids if forbids else policy.grants
    (found,) = rule.conditions
    assert isinstance(found, ProductCondition)
    return found


def truth(found: ProductCondition, message: str) -> Truth:
    fields = Fields.parse(f"{message}|".replace("|", "\x01").encode() if message else b"")
    whole = found.truth(fields, {})
    values = dict(fields.pairs)
    if len(values) == len(fields.pairs):
        assert found.truth(fields, {}, values) is whole
    return whole


@pytest.mark.parametrize(
    ("message", "granted", "fires"),
    [
        ("38=100|44=10", YES, NO),
        ("38=100|44=10.01", NO, YES),
        ("38=100|44=1|231=10", YES, NO),
        ("38=100|44=1|231=11", NO, YES),
        ("152=1000", YES, NO),
        ("152=1000.01", NO, YES),
        ("152=5|38=100|44=11", NO, YES),
        ("38=100", DOUBT, DOUBT),
        ("44=10", DOUBT, DOUBT),
        ("38=0100|44=1", DOUBT, DOUBT),
        ("38=100|44=1|231=x", DOUBT, DOUBT),
        ("38=100|38=2000|44=1", NO, YES),
        ("38=3|44=333.333333333333", YES, NO),
        ("38=300000000000001|44=0.000000000000001", YES, NO),
    ],
)
def test_an_amount(message: str, granted: Truth, fires: Truth) -> None:
    assert truth(condition("{max: 1000}"), message) is granted
    assert truth(condition("{min: 1000.001}", forbids=True), message) is fires


def test_each_order_of_a_list_has_its_own() -> None:
    found = condition("{max: 1000}", "E")
    assert truth(found, "73=2|11=A|38=10|44=10|11=B|38=1|44=1000") is YES
    assert truth(found, "73=2|11=A|38=10|44=10|11=B|38=10|44=1000") is NO
    assert truth(found, "73=2|11=A|38=10|44=10|11=B|38=10") is DOUBT
    assert truth(found, "73=2|11=A|38=10|44=10|11=B") is DOUBT
    assert truth(found, "73=2|11=A|38=10|44=10") is DOUBT


def test_a_side_of_a_cross_has_the_price_of_the_message() -> None:
    found = condition("{max: 1000}", "s")
    assert truth(found, "552=2|54=1|38=10|54=2|38=10|44=100") is YES
    assert truth(found, "552=2|54=1|38=10|54=2|38=11|44=100") is NO
    assert truth(found, "552=2|54=1|38=10|54=2|38=11") is DOUBT


def test_every_pair_of_several_values_counts() -> None:
    found = condition("{max: 1000}", "S")
    assert truth(found, "132=9|133=10|134=100|135=100") is YES
    assert truth(found, "132=9|133=11|134=100|135=100") is NO


def test_a_message_that_has_only_the_amount_itself() -> None:
    text = ATTRIBUTES + "scopes: {a:b: {grants: [{message: %s, when: {worth: {max: 1}}}]}}\n"
    (found,) = build(text % "F").grants[0].conditions
    assert found.consulted == {38, 152} or found.consulted == {152}
    (fault,) = told(text % "K")
    assert "`ListCancelRequest` of FIX.4.4 has no tag that tells `worth`" in fault


def test_words_for_people() -> None:
    found = condition("{max: 1000}")
    assert str(found) == "worth<=1000"
    assert [name for _, name in found.tags] == ["OrderQty", "Price", "ContractMultiplier", "CashOrderQty"]
    assert found.in_doubt(38, b"0100")
    assert not found.in_doubt(38, b"100")


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("worth: 5", "is a product, and cannot be tested by `equals`"),
        ("worth: {max: 5, present: true}", "is a product, and cannot be tested by `present`"),
        ("worth: {min: 5, max: 4}", "is more than `max`"),
    ],
)
def test_faults_of_a_condition(said: str, fault: str) -> None:
    (found,) = told(ATTRIBUTES + f"scopes: {{a:b: {{grants: [{{message: D, when: {{{said}}}}}]}}}}\n")
    assert fault in found


@pytest.mark.parametrize(
    ("attribute", "fault"),
    [
        (
            "{product: [size, prce]}",
            "the mapping has no attribute `prce` (did you mean `price`?)",
        ),
        ("{product: [size, worth]}", "`worth` has no values of its own to multiply (name one with `sources`)"),
        ("{product: [size]}", "must not be empty"),
        ("{product: [size, price], fold: true}", "has `fold`, which does not go with `product`"),
    ],
)
def test_faults_of_a_definition(attribute: str, fault: str) -> None:
    found = told(ATTRIBUTES + f"  a: {attribute}\nscopes: {{a:b: {{grants: [{{message: D}}]}}}}\n")
    assert fault in found[0]
