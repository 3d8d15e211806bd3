"""The shipped attributes and sets of messages: what real messages are told to be, in every FIX version."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from authzsvc.fix.dictionary import VERSIONS, Branch, Dictionary, load
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.fix.flow import OPENING_RISK
from authzsvc.policy.compiler import compile_source
from authzsvc.policy.engine import Policy, Question
from authzsvc.policy.schema import schema
from authzsvc.policy.source import parse
from authzsvc.workflow import typed

MAPPINGS = Path(__file__).parents[2] / "mappings"
LIBRARY = yaml.safe_load((MAPPINGS / "attributes" / "fix.yaml").read_text())
CLASSES = sorted(LIBRARY["attributes"]["asset_class"]["values"])
SIDES = sorted(LIBRARY["attributes"]["side"]["values"])
HEAD = "version: 1\nname: m\nfix: {}\ninclude: [attributes/fix.yaml]\nsession: {{identity: {{}}}}\n"
CLAIMS = {"accounts": ["A1"], "clients": ["FUND-7"], "firms": ["FIRM-1"], "traders": ["JANE"]}


@cache
def policy(text: str, fix: str = "FIX.5.0SP2") -> Policy:
    """A mapping beside the library, of which no file is written."""
    return compile_source(parse((HEAD.format(fix) + text).encode(), str(MAPPINGS / "m.yaml")))


def allows(compiled: Policy, message: str, direction: Direction = Direction.INBOUND) -> bool:
    msg_type, fields = typed.read(message)
    body = Fields(tuple(pair for pair in fields.pairs if pair[0] not in compiled.dictionary.envelope))
    return compiled.decide(Question(direction, msg_type, body, frozenset(compiled.scopes), CLAIMS)).allowed


def granted(message: str, said: str, fix: str = "FIX.5.0SP2") -> bool:
    msg_type, _ = typed.read(message)
    return allows(policy(f"scopes: {{a:b: {{grants: [{{message: {msg_type}, when: {{{said}}}}}]}}}}\n", fix), message)


def told(message: str, attribute: str, values: list[str], fix: str = "FIX.5.0SP2") -> list[str]:
    """The values of an attribute that a grant may ask for, of these."""
    return [value for value in values if granted(message, f"{attribute}: {value}", fix)]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("35=D|55=ACME|167=CS", ["equity"]),
        ("35=D|55=ACME|167=CS|460=5|461=ESVUFR", ["equity"]),
        ("35=D|55=SPY|167=ETF", ["equity"]),
        ("35=D|55=VOD|461=ESVUFR", ["equity"]),
        ("35=D|55=SPY|461=CEOGES", ["equity"]),
        ("35=D|55=X|460=5", ["equity"]),
        ("35=D|55=X|461=CIOGES", ["fund"]),
        ("35=D|55=X|167=MF|460=5", ["fund"]),
        ("35=D|55=AAPL|167=OPT|460=5", ["option"]),
        ("35=D|55=SPX|461=OCEICS", ["option"]),
        ("35=D|55=ES|461=OCEFCS", ["future_option"]),
        ("35=D|55=ES|167=OOF", ["future_option"]),
        ("35=D|55=ESH7|167=FUT|460=7", ["future"]),
        ("35=D|55=ESH7|461=FFICSX", ["future"]),
        ("35=D|55=EUR/USD|167=FXSPOT|460=4", ["fx_spot"]),
        ("35=D|55=EUR/USD|167=FOR", []),
        ("35=D|55=EUR/USD|460=4", []),
        ("35=D|55=T|167=TBOND|460=6", ["bond_treasury"]),
        ("35=D|55=T|460=6", []),
        ("35=D|55=T|167=UST", ["bond_treasury"]),
        ("35=D|55=B|167=EUSOV|460=6", ["bond_government"]),
        ("35=D|55=B|167=TBOND|461=DBFTFR", ["bond_treasury"]),
        ("35=D|55=B|167=CB|460=3|461=DCFTFR", ["bond_convertible"]),
        ("35=D|55=B|167=CORP|460=6", []),
        ("35=D|55=M|167=CP|460=9", ["money_market"]),
        ("35=D|55=ES|167=MLEG|460=5", ["multileg"]),
        ("35=D|55=X|167=CS|461=OCASPS", []),
        ("35=D|55=X|167=cs", []),
        ("35=D|55=X", ["equity"]),
        ("35=D|55=EUR/USD|54=1", []),
        ("35=AB|167=MLEG|460=5|555=2|600=A|609=OPT|600=A|608=OPASPS", ["option"]),
        ("35=AB|167=MLEG|555=2|600=A|609=OPT|600=A|609=CS", []),
        ("35=AB|167=FXSWAP|555=2|600=E|609=FXSPOT|600=E|609=FXFWD", []),
        ("35=AB|167=CS", ["equity"]),
        ("35=E|73=2|11=a|67=1|55=A|167=CS|11=b|67=2|55=B|461=ESVUFR", ["equity"]),
        ("35=E|73=2|11=a|67=1|55=A|167=CS|11=b|67=2|55=B|167=FUT", []),
    ],
)
def test_asset_classes(message: str, expected: list[str]) -> None:
    assert told(message, "asset_class", CLASSES) == expected


@pytest.mark.parametrize(
    ("message", "family"),
    [
        ("35=D|55=EUR/USD|167=FOR", "fx"),
        ("35=D|55=EUR/USD|460=4", "fx"),
        ("35=AB|167=FXSWAP|555=2|600=E|609=FXSPOT|600=E|609=FXFWD", "fx"),
        ("35=D|55=T|460=6", "government"),
        ("35=D|55=T|461=DBFTFR", "bond"),
        ("35=D|55=O|461=OC", "derivative"),
        ("35=D|55=I|167=IRS|461=SRCCSP", "swap"),
    ],
)
def test_families_of_asset_classes(message: str, family: str) -> None:
    families = LIBRARY["attributes"]["asset_class"]["families"]
    assert family in told(message, "asset_class", list(families))


def test_an_order_without_security_type_is_for_shares_in_every_version() -> None:
    for version in VERSIONS:
        assert told("35=D|55=IBM|54=1", "asset_class", ["equity", "fx"], version) == ["equity"]
    assert told("35=D|55=EUR/USD|167=FOR", "asset_class", ["equity", "fx"], "FIX.4.2") == ["fx"]


def test_one_mapping_for_all_versions() -> None:
    served = "{names: FIX.5.0SP2, serves: FIX.4.0..FIX.5.0SP2}"
    scope = "scopes: {a:b: {grants: [{message: D, when: {firm: {claim: firms}, client: {claim: clients}}}]}}\n"
    compiled = policy(scope, served)
    for begin_string, expected in (("FIX.4.2", True), ("FIX.4.4", False), ("FIXT.1.1", False)):
        _, fields = typed.read("35=D|109=FUND-7|439=FIRM-1|55=IBM|54=1")
        question = Question(Direction.INBOUND, "D", fields, compiled.scopes, CLAIMS, begin_string=begin_string)
        assert compiled.decide(question).allowed is expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("35=D|54=1", ["buy"]),
        ("35=D|54=4", ["sell"]),
        ("35=D|54=6", ["sell_short"]),
        ("35=D|54=A", ["sell_short"]),
        ("35=s|552=2|54=1|11=a|54=3|11=b", ["buy"]),
        ("35=s|552=2|54=1|11=a|54=5|11=b", []),
        ("35=AB|54=B|555=2|600=A|624=1|600=B|624=1", ["buy"]),
        ("35=AB|54=1|555=1|600=A|624=5", []),
    ],
)
def test_sides(message: str, expected: list[str]) -> None:
    assert told(message, "side", SIDES) == expected


@pytest.mark.parametrize(
    ("message", "said", "expected"),
    [
        ("35=D|1=A1", "account: {claim: accounts}", True),
        ("35=8|453=1|448=A1|447=D|452=24", "account: {claim: accounts}", True),
        ("35=8|453=1|448=A1|447=D|452=1", "account: {claim: accounts}", False),
        ("35=8|1=A1|453=1|448=B9|447=D|452=38", "account: {claim: accounts}", False),
        ("35=J|78=2|79=A1|80=5|79=B9|80=5", "account: {claim: accounts}", False),
        ("35=AE|552=1|54=1|1=A1", "account: {claim: accounts}", True),
        ("35=AE|552=2|54=1|1=A1|54=2", "account: {claim: accounts}", False),
        ("35=D|453=1|448=FUND-7|447=D|452=3", "client: {claim: clients}", True),
        ("35=8|453=2|448=FIRM-1|447=D|452=1|448=FIRM-9|447=D|452=17", "firm: {claim: firms}", True),
        ("35=AE|1116=1|1117=FIRM-1|1118=D|1119=4|552=1|54=1", "firm: {claim: firms}", True),
        ("35=8|453=2|448=FIRM-1|447=D|452=1|448=CLR|447=D|452=4", "executing_firm: {claim: firms}", True),
        ("35=8|453=2|448=FIRM-9|447=D|452=1|448=FIRM-1|447=D|452=4", "executing_firm: {claim: firms}", False),
        ("35=8|453=2|448=FIRM-1|452=4|802=1|523=X|803=4|448=FIRM-9|452=1", "clearing_firm: {claim: firms}", True),
        ("35=8|453=1|448=EQ-LDN|447=D|452=76", "desk: EQ-LDN", True),
        ("35=8|37=V1|55=IBM", "owner: {absent: true}", True),
        ("35=8|37=V1|453=2|448=FIRM-9|447=D|452=17|448=CLR|447=D|452=4", "owner: {absent: true}", True),
        ("35=8|37=V1|453=1|448=BOB|447=D|452=36", "owner: {absent: true}", False),
        ("35=8|37=V1|453=1|448=BOB|447=D", "owner: {absent: true}", False),
        ("35=8|37=V1|1=B9", "owner: {absent: true}", False),
        ("35=8|37=V1|78=1|79=B9", "owner: {absent: true}", False),
        ("35=8|150=F", "execution: trade", True),
        ("35=8|150=G", "execution: correction", True),
        ("35=8|150=H", "execution: cancel", True),
        ("35=8|150=1", "execution: fill", True),
        ("35=8|150=0", "execution: other", True),
        ("35=8|150=0", "execution: fill", False),
        ("35=8|39=2", "execution: fill", False),
        ("35=D|453=1|448=JANE|447=D|452=36", "trader: {claim: traders}", True),
        ("35=D|55=ZZ", "symbol: {prefix: ZZ}", True),
        ("35=D|55=[N/A]|48=X", "symbol: {prefix: ZZ}", False),
        ("35=D|38=10", "quantity: {max: 10}", True),
        ("35=i|296=1|302=s|295=1|299=e|134=11|135=1", "quantity: {max: 10}", False),
        ("35=D|38=10|44=10|231=50", "notional: {max: 5000}", True),
        ("35=D|38=10|44=10|231=51", "notional: {max: 5000}", False),
        ("35=D|152=5000", "notional: {max: 5000}", True),
        ("35=D|38=10|40=1", "notional: {max: 5000}", False),
    ],
)
def test_other_attributes(message: str, said: str, *, expected: bool) -> None:
    assert granted(message, said) is expected


def test_the_client_of_an_old_order() -> None:
    assert granted("35=D|109=FUND-7", "client: {claim: clients}", "FIX.4.2")


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ("35=8|20=0|150=2", "trade"),
        ("35=8|20=3|150=1", "trade"),
        ("35=8|20=1|150=1", "cancel"),
        ("35=8|20=1|150=0", "cancel"),
        ("35=8|20=2|150=2", "correction"),
        ("35=8|20=0|150=0", "other"),
    ],
)
def test_what_an_old_report_tells(message: str, value: str) -> None:
    assert told(message, "execution", ["trade", "correction", "cancel", "other"], "FIX.4.2") == [value]


def test_the_sets_of_every_version() -> None:
    for version in VERSIONS:
        text = "scopes: {a:b: {grants: [{message: News}]}}\n"
        names = load(version).message_names
        assert policy(text, version).fix == version
        assert "NewOrderSingle" in names
    orders = policy("scopes: {a:b: {grants: [{message: orders}]}}\n")
    types = {"D", "G", "E", "s", "t", "AB", "AC", "AJ", "i", "S", "DJ", "AE"}
    assert {msg_type for _, msg_type in orders.rules} == types
    old = policy("scopes: {a:b: {grants: [{message: orders}]}}\n", "FIX.4.2")
    assert {msg_type for _, msg_type in old.rules} == {"D", "G", "E", "i", "S"}


def test_every_message_that_opens_risk_is_in_orders_but_one_without_fields() -> None:
    members = {load("FIX.5.0SP2").message(name) for name in LIBRARY["messages"]["orders"]}
    assert OPENING_RISK.keys() - members == {"L"}  # ListExecute names a list alone


def test_the_library_is_valid_for_editors() -> None:
    head = {"version": 1, "name": "m", "fix": "FIX.4.4"}
    assert [error.message for error in Draft202012Validator(schema()).iter_errors(LIBRARY | head)] == []


# No message of the set `orders` gets past a forbid on an instrument by another way to name it.

STOPPED = "TGTCORP"
ORDERS = sorted(load("FIX.5.0SP2").message(name) for name in LIBRARY["messages"]["orders"])
NAMES = [load("FIX.5.0SP2").tag(name) for name in LIBRARY["attributes"]["instrument"]["sources"]]
RESTRICTED = """\
lists: {restricted: {values: [TGTCORP, US8765]}}
scopes: {a:b: {grants: [{message: orders}]}}
forbid: [{name: restricted, message: orders, when: {instrument: {in_list: restricted}}}]
"""


def ways(branch: Branch, tag: int) -> list[tuple[Branch, ...]]:
    """Every way into the groups of a message that leads to a tag."""
    here: list[tuple[Branch, ...]] = [()] if tag in branch.fields else []
    return here + [(group, *way) for group in branch.groups for way in ways(group, tag)]


def placed(dictionary: Dictionary, msg_type: str, tag: int, value: str, which: int) -> list[tuple[int, str]] | None:
    """A field of a message, in the groups that it stands in, each with one entry; None where it has no such field."""
    found = ways(dictionary.tree(msg_type), tag)
    if not found:
        return None
    pairs: list[tuple[int, str]] = []
    for group in found[which % len(found)]:
        pairs.append((group.count_tag, "1"))
        if group.delimiter != tag:
            pairs.append((group.delimiter, "[N/A]" if group.delimiter in NAMES else "1"))
    return [*pairs, (tag, value)]


def decided(msg_type: str, pairs: list[tuple[int, str]]) -> bool:
    fields = Fields(tuple((tag, value.encode()) for tag, value in pairs))
    return policy(RESTRICTED).decide(Question(Direction.INBOUND, msg_type, fields, frozenset(("a:b",)), {})).allowed


@pytest.mark.parametrize("msg_type", ORDERS)
def test_the_plain_form_is_stopped_and_another_instrument_is_not(msg_type: str) -> None:
    dictionary = load("FIX.5.0SP2")
    for value, expected in ((STOPPED, False), ("ACME", True)):
        pairs = placed(dictionary, msg_type, 55, value, 0)
        assert pairs is not None
        assert decided(msg_type, pairs) is expected


@given(
    st.sampled_from(ORDERS),
    st.sampled_from(NAMES),
    st.integers(0, 9),
    st.sampled_from([STOPPED, "US8765", "tgtcorp", "TGTCORP ", " us8765"]),
    st.sampled_from([None, "ACME", "[N/A]"]),
    st.lists(st.tuples(st.sampled_from([22, 65, 107, 167, 461, 460, 54, 38]), st.sampled_from(["X", "4"])), max_size=3),
)
@settings(max_examples=300)
def test_no_other_way_to_name_an_instrument_gets_past(
    msg_type: str, tag: int, which: int, value: str, symbol: str | None, more: list[tuple[int, str]]
) -> None:
    """Whatever the symbol says, whatever else is there: a stopped name under any tag that the message has for names."""
    dictionary = load("FIX.5.0SP2")
    named = placed(dictionary, msg_type, tag, value, which)
    if named is None:
        return
    own = dictionary.tree(msg_type).fields
    pairs = [pair for pair in dict(more).items() if pair[0] in own and pair[0] != tag]
    if symbol is not None and 55 in own and tag != 55:
        pairs.append((55, symbol))
    assert not decided(msg_type, [*pairs, *named])


@given(st.sampled_from(ORDERS), st.sampled_from(["[N/A]", ""]), st.booleans())
def test_an_order_that_names_no_instrument_is_stopped(msg_type: str, symbol: str, there: bool) -> None:
    pairs = placed(load("FIX.5.0SP2"), msg_type, 55, symbol, 0) if there else [(60, "20261130-09:00:00")]
    assert not decided(msg_type, pairs or [])
