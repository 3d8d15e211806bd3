"""The shipped mapping against messages as systems really send them, and its limits against messages that evade them.

The suites under `mappings/institutional/desk` hold whole messages of order management systems, execution management
systems and venues, for each role both ways. What is decided otherwise than their senders may expect stands in
`otherwise.test.yaml`, and `mappings/README.md` says why.
"""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy
from authzsvc.policy.question import Question, Verdict
from authzsvc.workflow import matrix, suites, tables
from authzsvc.workflow.matrix import By
from authzsvc.workflow.tables import Format

MAPPINGS = Path(__file__).parents[2] / "mappings"
DESK = MAPPINGS / "institutional" / "desk"
OTHERWISE = "otherwise.test.yaml"
BAR = 0.95

CLAIMS = {"accounts": ["A1", "HOUSE-1"]}
# A message of each kind that may trade, as `body` (before any group) and `entry` (in the innermost group): what a limit
# is about stands in the entry where the message has one.
KINDS = {
    "D": ("11=o|{}60=20261130-09:00:00|", None),
    "G": ("11=o|41=p|{}60=20261130-09:00:00|", None),
    "E": ("66=l|394=3|68=1|{}", "73=1|11=o|67=1|{}"),
    "s": ("548=x|549=1|550=0|{}", "552=1|{}"),
    "t": ("548=x|551=y|549=1|550=0|{}", "552=1|{}"),
    "AB": ("11=o|{}", "555=1|{}"),
    "AC": ("11=o|41=p|{}", "555=1|{}"),
    "AJ": ("693=r|117=q|694=1|{}", None),
    "S": ("117=q|{}132=10|133=11|134=5|135=5|", None),
    "i": ("117=q|{}", "296=1|302=s|304=1|295=1|299=e|{}132=10|133=11|134=5|135=5|"),
    "DJ": ("2423=m|{}", "2428=1|2429=1|2430=1|11=o|{}"),
    "AE": ("571=t|487=0|856=0|32=5|31=10|75=20261130|{}", None),
}
IN_LEGS = ("AB", "AC")
PLAIN = {"54": "1", "38": "5", "40": "2", "44": "10"}
OF_THE_LEG = {"600": "ACME", "609": "OPT", "624": "1", "623": "1"}
NO_SIDE = ("S", "i")


@cache
def policy() -> Policy:
    return compile_mapping(MAPPINGS / "institutional.yaml")


@cache
def readme() -> str:
    return (MAPPINGS / "README.md").read_text()


@cache
def names(file: str) -> list[str]:
    return [case.spec.name for case in suites.read(DESK / file).cases]


def test_nearly_all_messages_are_decided_as_their_senders_expect() -> None:
    others = names(OTHERWISE)
    every = [name for path in DESK.glob("*.test.yaml") for name in names(path.name)]
    assert len(every) > 200
    assert len(others) <= (1 - BAR) * len(every)


def test_each_other_one_is_argued() -> None:
    argued = re.findall(r"^\| ([A-Z][0-9]+) \|", readme(), re.MULTILINE)
    assert sorted(argued) == sorted(name.split()[0] for name in names(OTHERWISE))


def test_the_readme_says_what_each_role_can_do() -> None:
    """Made by `authzsvc mapping matrix mappings/institutional.yaml --by summary --format markdown`."""
    made = tables.write(matrix.table(policy(), By.SUMMARY), Format.MARKDOWN)
    rows = [line for line in made.splitlines() if line.startswith("|")]
    shown = [line for line in readme().partition("## Roles")[2].partition("\n## ")[0].splitlines() if line[:1] == "|"]
    assert shown == rows


def test_the_readme_s_limit_by_value_can_be_added(tmp_path: Path) -> None:
    (snippet,) = re.findall(r"```yaml\n(forbid:.*?)```", readme(), re.DOTALL)
    there = Path(shutil.copytree(MAPPINGS, tmp_path / "mappings"))
    (there / "institutional" / "value.yaml").write_text(snippet)
    limited = compile_mapping(there / "institutional.yaml")
    for price, allowed in (("400", True), ("600", False)):
        fields = Fields.parse(f"55=ACME|54=1|38=20000|40=2|44={price}|".replace("|", "\x01").encode())
        asked = Question(Direction.INBOUND, "D", fields, frozenset({"role:trader"}), CLAIMS)
        assert limited.decide(asked).allowed is allowed
        assert policy().decide(asked).allowed


def decide(msg_type: str, body: str, scopes: frozenset[str] | None = None) -> Verdict:
    fields = Fields.parse(body.replace("|", "\x01").encode(), may_be_empty=True)
    return policy().decide(Question(Direction.INBOUND, msg_type, fields, scopes or granting(), CLAIMS))


@cache
def granting() -> frozenset[str]:
    """Every scope that grants something, except those that lift a forbid on what may trade."""
    lifting = {scope for forbid in policy().forbids for scope in forbid.unless}
    return frozenset(policy().scopes) - lifting


def message(msg_type: str, outer: dict[str, str], entry: dict[str, str]) -> str:
    """Write a message of a kind; without a group, all fields stand in its body."""
    body, group = KINDS[msg_type]
    if group is None:
        return body.format(written(outer | entry))
    return body.format(written(outer)) + group.format(written(entry))


def written(fields: dict[str, str]) -> str:
    return "".join(f"{tag}={value}|" for tag, value in fields.items())


def whole(msg_type: str, more: dict[str, str]) -> str:
    """Write an ordinary order of a kind, with or instead of whose fields stand these."""
    plain = {tag: value for tag, value in ({"55": "ACME"} | PLAIN).items() if msg_type not in NO_SIDE or tag == "55"}
    if msg_type == "AE":
        plain = {"55": "ACME", "552": "1", "54": "1"}
    if msg_type in IN_LEGS:
        return message(msg_type, plain | more, OF_THE_LEG)
    in_entry = {"55", "48", "22", "454", "455", "456", "107", "711", "311", "309", "305", "65"}
    if msg_type in ("s", "t"):
        outer = {tag: value for tag, value in (plain | more).items() if tag in in_entry | {"40", "44", "114", "207"}}
        return message(msg_type, outer, {tag: value for tag, value in (plain | more).items() if tag not in outer})
    return message(msg_type, {}, plain | more)


@pytest.mark.parametrize("msg_type", KINDS)
def test_an_ordinary_message_of_each_kind_passes(msg_type: str) -> None:
    assert decide(msg_type, whole(msg_type, {})).allowed


RESTRICTED = st.sampled_from(
    [
        {"55": "TGTCORP"},
        {"55": "tgtcorp"},
        {"55": " TGTCORP"},
        {"55": "TGTCORP "},
        {"55": "[N/A]", "48": "TGT0000011", "22": "4"},
        {"55": "ACME", "48": "TGT0000011", "22": "4"},
        {"55": "OTHR", "48": "TGTCORP", "22": "8"},
        {"55": "TGTCORP", "65": "WI"},
        {"55": "OTHR", "454": "1", "455": "TGT0000011", "456": "4"},
        {"55": "OTHR", "107": "TGTCORP"},
        {"55": "OTHR", "711": "1", "311": "TGTCORP"},
        {"55": "OTHR", "711": "1", "311": "OTHR", "309": "TGT0000011", "305": "4"},
        {"55": ""},
    ]
)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(KINDS)), RESTRICTED)
def test_a_restricted_name_passes_by_no_identifier(msg_type: str, identified: dict[str, str]) -> None:
    assume(all(policy().dictionary.has_field(msg_type, int(tag)) for tag in identified))
    assert not decide(msg_type, whole(msg_type, identified)).allowed


@settings(deadline=None)
@given(
    st.sampled_from(IN_LEGS),
    st.sampled_from([{"600": "TGTCORP"}, {"602": "TGT0000011", "603": "4"}, {"620": "TGTCORP"}]),
)
def test_nor_in_a_leg(msg_type: str, leg: dict[str, str]) -> None:
    assert not decide(msg_type, message(msg_type, {"55": "ACME"} | PLAIN, OF_THE_LEG | leg)).allowed


@pytest.mark.parametrize("msg_type", [kind for kind in KINDS if kind not in IN_LEGS])
def test_nor_where_the_symbol_says_to_look_elsewhere_and_nothing_is_there(msg_type: str) -> None:
    """Legs that are identified say enough, so that a spread needs no symbol of its own."""
    assert not decide(msg_type, whole(msg_type, {"55": "[N/A]"})).allowed


@pytest.mark.parametrize("msg_type", KINDS)
def test_nor_without_any_identifier(msg_type: str) -> None:
    bare = re.sub(r"\b(55|600)=ACME\|", "", whole(msg_type, {}))
    assert not decide(msg_type, bare).allowed


@pytest.mark.parametrize("msg_type", [kind for kind in KINDS if kind not in ("i",)])
@pytest.mark.parametrize("twice", ["55=ACME|55=TGTCORP|", "55=TGTCORP|55=ACME|"])
def test_nor_beside_another(msg_type: str, twice: str) -> None:
    assert not decide(msg_type, whole(msg_type, {}).replace("55=ACME|", twice, 1)).allowed


ACCOUNTS = st.sampled_from(
    [
        {"1": "{}"},
        {"453": "1", "448": "{}", "447": "D", "452": "24"},
        {"453": "1", "448": "{}", "447": "D", "452": "38"},
        {"1": "A1", "453": "2", "448": "X", "447": "D", "452": "1|448={}|447=D|452=24"},
        {"1": "A1", "453": "1", "448": "{}", "447": "D", "452": "24"},
    ]
)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(set(KINDS) - {"AE", "DJ"})), ACCOUNTS, st.sampled_from(["HOUSE-1", "HOUSE-2", "B9"]))
def test_a_house_account_and_one_of_another_pass_by_no_field(msg_type: str, said: dict[str, str], account: str) -> None:
    """Where a message has no account at all, the venue takes the one that it keeps for the session."""
    order = {tag: value.format(account) for tag, value in said.items()}
    text = whole(msg_type, {})
    body = written(order)
    first = text.index("55=ACME|") if msg_type not in (*IN_LEGS, "i") else text.index("|") + 1
    if msg_type == "i":
        assert not decide(msg_type, f"117=q|{body}{text.removeprefix('117=q|')}").allowed
        return
    if msg_type in ("s", "t"):
        first = text.index("54=1|") + len("54=1|")
    assert not decide(msg_type, text[:first] + body + text[first:]).allowed


@settings(deadline=None)
@given(
    st.sampled_from(["D", "G", "E", "s", "t", "AB", "AC", "AJ", "DJ"]),
    st.sampled_from(["5", "6", "9", "A", "05", "", "55"]),
)
def test_no_short_sale_passes_by_any_way_to_write_its_side(msg_type: str, side: str) -> None:
    assert not decide(msg_type, whole(msg_type, {"54": side, "114": "N"})).allowed


@settings(deadline=None)
@given(st.sampled_from(IN_LEGS), st.sampled_from(["5", "6", "9", "A"]))
def test_nor_of_a_leg(msg_type: str, side: str) -> None:
    assert not decide(msg_type, message(msg_type, {"55": "ACME"} | PLAIN, OF_THE_LEG | {"624": side})).allowed


SIZES = st.sampled_from(
    ["100000", "100000.0", "100000.00", "0100000", "1e5", "+100000", " 100000", "100001", "99999999999"]
)


@settings(deadline=None)
@given(st.sampled_from(["D", "G", "E", "s", "t", "AB", "AC", "AJ", "DJ"]), SIZES)
def test_no_block_passes_by_any_way_to_write_its_size(msg_type: str, size: str) -> None:
    assert not decide(msg_type, whole(msg_type, {"38": size})).allowed


@settings(deadline=None)
@given(
    st.sampled_from(["D", "G", "E", "s", "t", "AJ", "DJ"]),
    st.sampled_from(
        [
            {},
            {"167": "CS"},
            {"167": "ETF"},
            {"461": "ESVUFR"},
            {"460": "5"},
            {"167": "CS", "461": "OCASPS"},
            {"167": "cs"},
        ]
    ),
)
def test_no_block_passes_by_what_it_is_called(msg_type: str, called: dict[str, str]) -> None:
    if msg_type in ("s", "t"):
        text = whole(msg_type, {"38": "100000"}).replace("55=ACME|", "55=ACME|" + written(called))
    else:
        text = whole(msg_type, {"38": "100000"} | called)
    assert not decide(msg_type, text).allowed
