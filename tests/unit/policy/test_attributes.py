"""Conditions on attributes against a second opinion, which works on the structure that a message was made from.

The oracle shares nothing with the engine: it knows which values stand together because it made the message, and it has
the definitions as plain tables. A decision with the index is that of trying every rule.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.engine import Policy, Question
from authzsvc.policy.truth import Truth
from tests.unit.policy.building import build

YES, NO, DOUBT = Truth.YES, Truth.NO, Truth.DOUBT

ATTRIBUTES = """\
attributes:
  kind:
    values:
      share: [{SecurityType: {in: [CS, PS]}}, {CFICode: {prefix: E}}, {Product: EQUITY}]
      option: [{SecurityType: OPT}, {CFICode: {prefix: O}}, {Product: EQUITY, SecurityType: OPT}]
      spread: [{SecurityType: MLEG}]
    also: [{SecurityType: LegSecurityType, CFICode: LegCFICode, Product: LegProduct}]
    by_entries: [spread]
  who: {sources: [Account, {tag: PartyID, with: {PartyRole: 24}}]}
  name: {sources: [Symbol, SecurityID, LegSymbol, LegSecurityID], ignore: ["[N/A]"]}
  size: {sources: [OrderQty, LegQty]}
  price: {sources: [Price, LegPrice]}
  times: {sources: [ContractMultiplier], default: "1"}
  worth: {product: [size, price, times], sources: [CashOrderQty]}
"""
CLAIMS = {"accounts": ["A1", "A2"]}


@dataclass
class Node:
    """What stands together: the message itself, or one entry of a group."""

    values: dict[int, str]
    groups: dict[int, list[Node]] = field(default_factory=dict)

    @property
    def inner(self) -> list[Node]:
        return [node for tag, nodes in self.groups.items() if tag != 453 for node in nodes]

    @property
    def pairs(self) -> list[tuple[int, bytes]]:
        found = [(tag, value.encode()) for tag, value in self.values.items()]
        for tag, nodes in self.groups.items():
            found.append((tag, str(len(nodes)).encode()))
            found += [pair for node in nodes for pair in node.pairs]
        return found


def optional(draw: Any, *tags: tuple[int, list[str]]) -> dict[int, str]:  # noqa: ANN401 (hypothesis' own)
    return {tag: draw(st.sampled_from(values)) for tag, values in tags if draw(st.booleans())}


def kinds(first: int, second: int, third: int) -> list[tuple[int, list[str]]]:
    return [(first, ["CS", "PS", "OPT", "MLEG", "CORP"]), (second, ["ES", "OC", "DB"]), (third, ["5", "6", "05"])]


NAMES = ["X", "Y", "[N/A]"]
AMOUNTS = ["1", "2.5", "10", "1000", "01"]


def parties(draw: Any) -> list[Node]:  # noqa: ANN401
    count = draw(st.integers(0, 2))
    return [
        Node({448: draw(st.sampled_from(["A1", "B9"]))} | optional(draw, (452, ["24", "1", "024"])))
        for _ in range(count)
    ]


@st.composite
def orders(draw: Any, *, first: dict[int, str]) -> Node:  # noqa: ANN401
    own = optional(draw, (1, ["A1", "A2", "B9"]), *kinds(167, 461, 460), (55, NAMES), (48, NAMES))
    own |= optional(draw, (38, AMOUNTS), (44, AMOUNTS), (152, AMOUNTS), (231, ["1", "100"]))
    node = Node(first | own)
    if draw(st.booleans()):
        node.groups[453] = parties(draw)
    return node


@st.composite
def legs(draw: Any) -> Node:  # noqa: ANN401
    first = {600: draw(st.sampled_from(NAMES))}
    return Node(first | optional(draw, *kinds(609, 608, 607), (602, NAMES), (687, AMOUNTS), (566, AMOUNTS)))


@st.composite
def messages(draw: Any) -> tuple[str, Node]:  # noqa: ANN401
    kind = draw(st.sampled_from(["D", "E", "AB"]))
    if kind == "E":
        return "E", Node({66: "L"}, {73: draw(st.lists(orders(first={11: "C"}), max_size=3))})
    node = draw(orders(first={11: "C"}))
    if kind == "AB" and draw(st.booleans()):
        node.groups[555] = draw(st.lists(legs(), max_size=3))
    return kind, node


class Undecided(Exception):
    """The definition leaves open what holds."""


RENAMED = {609: 167, 608: 461, 607: 460}


def candidates(node: Node) -> set[str] | None:
    """What all sources of a node leave open; None where it has none."""
    there = {RENAMED.get(tag, tag): value for tag, value in node.values.items()}
    found: list[set[str]] = []
    if 167 in there:
        table = {"CS": "share", "PS": "share", "OPT": "option", "MLEG": "spread"}
        leg = 609 in node.values
        found.append({table[there[167]]} if there[167] in table else set())
        assert leg or 167 in node.values
    if 461 in there:
        found.append({"E": {"share"}, "O": {"option"}}.get(there[461][0], set()))
    if 460 in there:
        of_option = {"option"} if there.get(167) == "OPT" else set()
        found.append({"share"} | of_option if there[460] == "5" else set())
    return set.intersection(*found) if found else None


def judged(node: Node, around: set[str]) -> list[set[str]]:
    own = candidates(node)
    inner = node.inner
    if not inner:
        return [around if own is None else own]
    if own == {"spread"}:
        return [found for one in inner for found in judged(one, set())]
    here = [] if own is None else [own]
    return here + [found for one in inner for found in judged(one, around if own is None else own)]


def is_kind(node: Node, wanted: set[str], *, negative: bool, forbids: bool) -> Truth:
    truths = []
    for found in judged(node, set()):
        truth = DOUBT if not found else YES if found <= wanted else DOUBT if found & wanted else NO
        truths.append({YES: NO, NO: YES, DOUBT: DOUBT}[truth] if negative else truth)
    return (max if forbids else min)(truths)


def accounts(node: Node) -> tuple[list[str], bool]:
    """The accounts of a node alone, and whether it is in doubt that there are more."""
    found = [node.values[1]] if 1 in node.values else []
    doubtful = False
    for party in node.groups.get(453, []):
        if party.values.get(452) == "24":
            found.append(party.values[448])
        doubtful = doubtful or party.values.get(452) == "024"
    return found, doubtful


def names(node: Node) -> tuple[list[str], bool]:
    return [node.values[tag] for tag in (55, 48, 600, 602) if node.values.get(tag, "[N/A]") != "[N/A]"], False


def gathered(node: Node, own: Any, *, around: bool) -> tuple[list[str], bool, bool]:  # noqa: ANN401
    """All values, whether there may be more, and whether each node has one of its own, of its inner or of around."""
    mine, doubtful = own(node)
    shown = around or bool(mine)
    inner = [gathered(one, own, around=shown) for one in node.inner]
    complete = shown or (bool(inner) and all(one[2] for one in inner))
    values = mine + [value for one in inner for value in one[0]]
    return values, doubtful or any(one[1] for one in inner), complete


def values_pass(node: Node, own: Any, wanted: set[str], *, forbids: bool) -> Truth:  # noqa: ANN401
    values, doubtful, complete = gathered(node, own, around=False)
    truths = [YES if value in wanted else NO for value in values]
    if doubtful or not complete:
        truths.append(DOUBT)
    return (max if forbids else min)(truths)


def number(text: str) -> Decimal:
    if text.startswith("0"):
        raise Undecided
    return Decimal(text)


def amounts(node: Node, size: list[str], price: list[str], times: list[str]) -> tuple[list[Decimal | None], bool]:
    """Every amount (None: it cannot be told), and whether each node has one, its own or of its inner."""
    values = node.values
    own = [values[tag] for tag in (38, 687) if tag in values]
    price = [values[tag] for tag in (44, 566) if tag in values] or price
    times = [values[231]] if 231 in values else times
    found: list[Decimal | None] = [number(values[152])] if 152 in values else []
    if own:
        told = [number(own[0]) * number(one) * number(two) for one in price for two in times or ["1"]]
        found += told or [None]
    inner = [amounts(one, own or size, price, times) for one in node.inner]
    complete = bool(found) or (bool(inner) and all(one[1] for one in inner))
    return found + [amount for one in inner for amount in one[0]], complete


def every_number(node: Node) -> list[str]:
    tags = (38, 44, 152, 231, 687, 566)
    return [node.values[tag] for tag in tags if tag in node.values] + [
        one for inner in node.inner for one in every_number(inner)
    ]


def worth_at_most(node: Node, limit: int, *, forbids: bool) -> Truth:
    found, complete = amounts(node, [], [], [])
    truths = [DOUBT if amount is None else YES if amount <= limit else NO for amount in found]
    if not complete:
        truths.append(DOUBT)
    return (max if forbids else min)(truths)


ASKED = {
    "kind: share": lambda node, forbids: is_kind(node, {"share"}, negative=False, forbids=forbids),
    "kind: {in: [share, option]}": lambda node, forbids: is_kind(
        node, {"share", "option"}, negative=False, forbids=forbids
    ),
    "kind: {not: option}": lambda node, forbids: is_kind(node, {"option"}, negative=True, forbids=forbids),
    "who: {claim: accounts}": lambda node, forbids: values_pass(node, accounts, {"A1", "A2"}, forbids=forbids),
    "name: X": lambda node, forbids: values_pass(node, names, {"X"}, forbids=forbids),
    "name: {in: [X, Y]}": lambda node, forbids: values_pass(node, names, {"X", "Y"}, forbids=forbids),
    "worth: {max: 1000}": lambda node, forbids: worth_at_most(node, 1000, forbids=forbids),
}


@cache
def policy(asked: str, message: str, *, forbids: bool) -> Policy:
    grant, forbid = ("", asked) if forbids else (asked, "")
    text = ATTRIBUTES + f"scopes: {{a:b: {{grants: [{{message: {message}, when: {{{grant}}}}}]}}}}\n"
    return build(text + (f"forbid: [{{name: f, message: {message}, when: {{{forbid}}}}}]\n" if forbids else ""))


@given(messages(), st.sampled_from(sorted(ASKED)), st.booleans())
@settings(max_examples=500)
def test_a_condition_holds_where_its_definition_says_so(made: tuple[str, Node], asked: str, forbids: bool) -> None:
    msg_type, node = made
    compiled = policy(asked, msg_type, forbids=forbids)
    (rule,) = compiled.forbids if forbids else compiled.grants
    (condition,) = rule.conditions
    fields = Fields(tuple(node.pairs))
    found = condition.truth(fields, CLAIMS)
    try:
        expected = ASKED[asked](node, forbids)
    except Undecided:
        # A number in doubt leaves the whole in doubt, or the others decide: never the opposite of what they say.
        assert found is not (NO if forbids else YES)
        return
    if asked.startswith("worth") and any(one.startswith("0") for one in every_number(node)):
        assert found in (expected, DOUBT)
    else:
        assert found is expected
    values = dict(fields.pairs)
    if len(values) == len(fields.pairs):
        assert condition.truth(fields, CLAIMS, values) is found
    verdict = compiled.decide(Question(Direction.INBOUND, msg_type, fields, frozenset(("a:b",)), CLAIMS))
    assert verdict.allowed is (found is NO if forbids else found is YES)


RULES = [
    "",
    "kind: share",
    "kind: option",
    "{kind: {not: share}, 38: 10}",
    "who: {claim: accounts}",
    "size: 10",
    "55: X",
]


@cache
def many(grants: tuple[str, ...], forbids: tuple[str, ...], message: str) -> Policy:
    def when(said: str) -> str:
        return said if said.startswith("{") else f"{{{said}}}"

    scopes = ", ".join(
        f"s:n{index}: {{grants: [{{message: {message}, when: {when(said)}}}]}}" for index, said in enumerate(grants)
    )
    rules = ", ".join(
        f"{{name: f{index}, message: {message}, when: {when(said)}}}" for index, said in enumerate(forbids)
    )
    return build(f"{ATTRIBUTES}scopes: {{{scopes}}}\nforbid: [{rules}]\n")


@given(
    messages(),
    st.lists(st.sampled_from(RULES), min_size=1, max_size=4).map(tuple),
    st.lists(st.sampled_from(RULES[1:]), max_size=2).map(tuple),
    st.sets(st.sampled_from(["s:n0", "s:n1", "s:n2", "s:n3"])),
)
@settings(max_examples=300)
def test_the_index_decides_as_trying_every_rule_does(
    made: tuple[str, Node], grants: tuple[str, ...], forbids: tuple[str, ...], held: set[str]
) -> None:
    msg_type, node = made
    compiled = many(grants, forbids, msg_type)
    question = Question(Direction.INBOUND, msg_type, Fields(tuple(node.pairs)), frozenset(held), CLAIMS)
    assert compiled.decide(question) == compiled.trace(question).verdict


@given(messages(), st.sampled_from(sorted(ASKED)), st.data())
def test_only_the_tags_of_vary_count(made: tuple[str, Node], asked: str, data: st.DataObject) -> None:
    """A message without its other fields, as the proxy sends it, is decided alike."""
    msg_type, node = made
    forbids = data.draw(st.booleans())
    compiled = policy(asked, msg_type, forbids=forbids)
    whole = Fields(tuple(node.pairs))
    vary = set(compiled.rules[Direction.INBOUND, msg_type].vary)
    sent = Fields(tuple(pair for pair in whole.pairs if pair[0] in vary))
    scopes = frozenset(("a:b",))
    verdicts = [
        compiled.decide(Question(Direction.INBOUND, msg_type, fields, scopes, CLAIMS)) for fields in (whole, sent)
    ]
    assert verdicts[0] == verdicts[1]
