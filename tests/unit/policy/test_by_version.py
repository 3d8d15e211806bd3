"""One mapping for sessions of several FIX versions: what means something else in each is told by BeginString."""

from __future__ import annotations

import pytest

from authzsvc.fix.dictionary import load
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.by_version import VersionedCondition
from authzsvc.policy.engine import Policy, Question
from tests.unit.policy.building import build, told

HEAD = "version: 1\nname: m\nfix: {names: FIX.5.0SP2, serves: [FIX.4.2, FIX.4.4, FIX.5.0SP1, FIX.5.0SP2]}\n"
HEAD += "session: {identity: {}}\n"
KIND = """\
attributes:
  kind:
    values:
      share: [{SecurityType: CS}]
      fill:
        - {when: {ExecType: {in: ["1", "2"]}}, versions: FIX.4.2}
        - {when: {ExecType: F}, versions: FIX.4.4..FIX.5.0SP2}
    otherwise: {FIX.4.0..FIX.4.2: share}
  who: {sources: [{tag: ClientID, versions: FIX.4.2}, {tag: Account, versions: FIX.4.4..FIX.5.0SP2}]}
"""
GRANT = KIND + "scopes: {a:b: {grants: [{message: %s, direction: %s, when: {%s}}]}}\n"


def ask(policy: Policy, begin_string: str, message: str, direction: Direction = Direction.INBOUND) -> bool:
    msg_type, _, body = message.partition("|")
    fields = Fields.parse(f"{body}|".replace("|", "\x01").encode() if body else b"")
    scopes = frozenset(("a:b",))
    question = Question(direction, msg_type, fields, scopes, {}, begin_string=begin_string)
    verdict = policy.decide(question)
    assert policy.trace(question).verdict == verdict
    return verdict.allowed


@pytest.mark.parametrize(
    ("begin_string", "share"),
    [
        ("FIX.4.2", True),
        ("FIX.4.4", False),
        ("FIXT.1.1", False),
        ("", False),
        ("FIX.4.1", False),
        ("FIX.4.3", False),
        ("anything", False),
    ],
)
def test_what_holds_without_a_source_is_told_by_the_session(begin_string: str, *, share: bool) -> None:
    policy = build(GRANT % ("D", "inbound", "kind: share"), head=HEAD)
    assert ask(policy, begin_string, "D|55=IBM") is share
    assert ask(policy, begin_string, "D|55=IBM|167=CS") is (begin_string not in ("FIX.4.1", "FIX.4.3", "anything"))


def test_values_that_mean_the_same_in_different_versions() -> None:
    policy = build(GRANT % ("8", "outbound", "kind: fill"), head=HEAD)
    for begin_string, exec_type, expected in (
        ("FIX.4.2", "2", True),
        ("FIX.4.2", "F", False),
        ("FIX.4.4", "F", True),
        ("FIX.4.4", "2", False),
        ("FIXT.1.1", "F", True),
    ):
        assert ask(policy, begin_string, f"8|150={exec_type}", Direction.OUTBOUND) is expected


def test_tags_of_an_older_version() -> None:
    policy = build(GRANT % ("D", "inbound", "who: A"), head=HEAD)
    assert ask(policy, "FIX.4.2", "D|109=A")
    assert not ask(policy, "FIX.4.2", "D|1=A")
    assert ask(policy, "FIX.4.4", "D|1=A")
    assert not ask(policy, "FIX.4.4", "D|109=A")
    assert policy.rules[Direction.INBOUND, "D"].vary == (1, 109)


def test_a_forbid_fires_where_the_version_is_not_served() -> None:
    text = KIND + "scopes: {a:b: {grants: [{message: D}]}}\nforbid: [{name: f, message: D, when: {kind: fill}}]\n"
    policy = build(text.replace("ExecType: {in", "Side: {in").replace("ExecType: F", "Side: '5'"), head=HEAD)
    assert ask(policy, "FIX.4.2", "D|54=5|167=CS") is False  # contradicts itself
    assert ask(policy, "FIX.4.4", "D|54=2|167=CS") is False
    assert ask(policy, "FIX.4.4", "D|167=CS") is True
    assert ask(policy, "FIX.4.3", "D|167=CS") is False


def test_over_fixt_all_served_versions_must_agree() -> None:
    text = KIND.replace("{FIX.4.0..FIX.4.2: share}", "{FIX.5.0SP1: share}")
    rule = "scopes: {a:b: {grants: [{message: D, when: {kind: share}}]}}\n"
    assert not ask(build(text + rule, head=HEAD), "FIXT.1.1", "D|55=IBM")
    assert ask(build(text + rule, head=HEAD), "FIXT.1.1", "D|167=CS")


def test_versions_of_fixt_that_contradict_each_other_are_a_doubt() -> None:
    one, other = "{when: {SecurityType: CS}, versions: FIX.5.0SP1}", "{when: {SecurityType: CS}, versions: FIX.5.0SP2}"
    kind = f"attributes: {{kind: {{values: {{share: [{one}], fund: [{other}]}}}}}}\n"
    for value in ("share", "fund"):
        forbid = f"forbid: [{{name: f, message: D, when: {{kind: {value}}}}}]\n"
        assert not ask(
            build(kind + "scopes: {a:b: {grants: [{message: D}]}}\n" + forbid, head=HEAD), "FIXT.1.1", "D|167=CS"
        )
        grant = f"scopes: {{a:b: {{grants: [{{message: D, when: {{kind: {value}}}}}]}}}}\n"
        assert not ask(build(kind + grant, head=HEAD), "FIXT.1.1", "D|167=CS")


def test_what_is_the_same_in_all_versions_is_no_matter_of_versions() -> None:
    plain = KIND.replace("    otherwise: {FIX.4.0..FIX.4.2: share}\n", "")
    policy = build(plain + "scopes: {a:b: {grants: [{message: D, when: {kind: share}}]}}\n", head=HEAD)
    assert not policy.rules[Direction.INBOUND, "D"].by_version
    (condition,) = build(GRANT % ("D", "inbound", "kind: share"), head=HEAD).grants[0].conditions
    assert isinstance(condition, VersionedCondition)
    assert (str(condition), condition.name) == ("kind=share", "kind")
    assert condition.needed(forbids=False) == {167: {b"CS", None}}


def test_conditions_on_tags_of_any_served_version() -> None:
    text = "scopes: {a:b: {grants: [{message: '8', direction: outbound, when: {ExecTransType: New, IDSource: '4'}}]}}\n"
    (found,) = told(text, head=HEAD)
    assert "FIX.5.0SP2 has no field `IDSource`" in found
    policy = build(text.replace("IDSource", "SecurityIDSource"), head=HEAD)
    assert ask(policy, "FIX.4.2", "8|20=0|22=4", Direction.OUTBOUND)


def test_the_digest_covers_the_versions() -> None:
    rule = "scopes: {a:b: {grants: [{message: D}]}}\n"
    one = build(rule, head=HEAD).digest
    assert one != build(rule, head=HEAD.replace("FIX.4.2, ", "")).digest
    assert one == build(rule, head=HEAD.replace("FIX.5.0SP1, FIX.5.0SP2", "FIX.5.0SP1..FIX.5.0SP2")).digest
    alone = "version: 1\nname: m\nfix: {}\nsession: {{identity: {{}}}}\n"
    plain, served = alone.format("FIX.4.4"), alone.format("{names: FIX.4.4}")
    assert build(rule, head=plain).digest == build(rule, head=served).digest


@pytest.mark.parametrize(
    ("fix", "fault"),
    [
        ("{names: FIX.4.9}", "`fix.names` there is no dictionary for `FIX.4.9`"),
        ("{names: FIX.4.4, serves: [FIX.4.9]}", "`fix.serves` `FIX.4.9` is no FIX version"),
        ("{serves: [FIX.4.4]}", "`fix.names` is missing"),
        ("{names: FIX.4.4, servs: [FIX.4.4]}", "`fix.servs` is not a key of the language (did you mean `serves`?)"),
        ("[FIX.4.4]", "must be"),
        ("FIX.4.9", "`fix` there is no dictionary for `FIX.4.9`"),
    ],
)
def test_faults(fix: str, fault: str) -> None:
    head = f"version: 1\nname: m\nfix: {fix}\nsession: {{identity: {{}}}}\n"
    found = told("scopes: {a:b: {grants: [{message: D}]}}\n", head=head)
    assert fault in found[0]


def test_the_version_of_the_names_counts_where_none_is_told() -> None:
    old = HEAD.replace("names: FIX.5.0SP2", "names: FIX.4.2")
    policy = build(GRANT % ("D", "inbound", "kind: share"), head=old)
    assert ask(policy, "", "D|55=IBM")
    assert policy.fix == load("FIX.4.2").version
