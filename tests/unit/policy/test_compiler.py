"""The compiler: hostile mappings, each fault with its file, line and key; and what the digest stands for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from authzsvc.errors import MappingFaults
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.compiler import compile_mapping, compile_source
from authzsvc.policy.engine import Policy, Question
from authzsvc.policy.source import parse

HEAD = """version: 1
name: m
fix: FIX.4.4
session: {identity: {SenderCompID: comp}}
scopes:
"""  # five lines: what follows begins on line 6

GOOD = HEAD + "  order:cancel: {grants: [{message: F}]}\n"


def build(text: str) -> Policy:
    return compile_source(parse(text.encode(), "m.yaml"))


def faults(text: str) -> list[str]:
    with pytest.raises(MappingFaults) as caught:
        build(text)
    return [str(fault) for fault in caught.value.faults]


def grant(written: str) -> str:
    """Give a mapping whose one grant, on line 8, is `written`."""
    return f"{HEAD}  order:x:\n    grants:\n      - {written}\n"


GRANT = "m.yaml:8: `scopes.order:x.grants[0]"


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        (
            "{message: NewOrderSingel}",
            ".message` FIX.4.4 has no message `NewOrderSingel` (did you mean `NewOrderSingle`?)",
        ),
        ("{mesage: D}", ".message` is missing"),
        ("{message: D, drection: inbound}", ".drection` is not a key of the language (did you mean `direction`?)"),
        ("{message: D, direction: up}", ".direction` must be `inbound` or `outbound`"),
        ("{message: 0}", ".message` `0` is of the session level, which needs no scope (leave it out)"),
        ("{message: Logon}", ".message` a Logon is decided by its token, not by a scope (leave it out)"),
        ("{message: D, when: []}", ".when` must be a mapping of tags to conditions"),
        (
            "{message: D, when: {SecurtyType: CS}}",
            ".when.SecurtyType` FIX.4.4 has no field `SecurtyType` (did you mean",
        ),
        ("{message: D, when: {0167: CS}}", ".when.0167` FIX.4.4 has no field `0167`"),
        (
            "{message: D, when: {167: ComonStock}}",
            ".when.167.equals` FIX.4.4 has no value of SecurityType `ComonStock`",
        ),
        ("{message: D, when: {167: {in: [CS, XX]}}}", ".when.167.in[1]` FIX.4.4 has no value of SecurityType `XX`"),
        (
            "{message: V, when: {264: TopOfBook}}",
            ".when.264.equals` `TopOfBook` is no value of `MarketDepth`, which is of type INT",
        ),
        (
            "{message: D, when: {167: {occurrences: any}}}",
            ".when.167` takes at least one test: `equals`, `in`, `not`,",
        ),
        (
            "{message: D, when: {167: {equls: CS}}}",
            ".when.167.equls` is not a key of the language (did you mean `equals`?)",
        ),
        ("{message: D, when: {167: ~}}", ".when.167` must be a value, or a mapping with one of"),
        ("{message: D, when: {167: {in: []}}}", ".when.167.in` must not be empty"),
        (
            "{message: D, when: {SendingTime: X}}",
            ".when.SendingTime` is a header or trailer field (conditions are",
        ),
        (
            "{message: D, when: {CheckSum: X}}",
            ".when.CheckSum` is a header or trailer field (conditions are",
        ),
        ("{message: BE, when: {Password: X}}", ".when.Password` is a secret"),
        ("{message: F, when: {Price: 1}}", ".when.Price` is no field of `OrderCancelRequest` in FIX.4.4"),
        (
            "{message: V, when: {167: {equals: OPT, every: NoLgs}}}",
            ".when.167.every` FIX.4.4 has no field `NoLgs` (did you",
        ),
        (
            "{message: D, when: {167: {equals: CS, every: 146}}}",
            ".when.167.every` `146` counts no repeating group of `New",
        ),
        (
            "{message: D, when: {167: {equals: CS, every: 453}}}",
            ".when.167.every` the group of `NoPartyIDs` in `NewOrderSingle`",
        ),
        ("7", "` must be a mapping of keys to values"),
    ],
)
def test_a_fault_in_a_grant_has_its_line_and_key(written: str, fault: str) -> None:
    assert any(found.startswith(GRANT + fault) for found in faults(grant(written))), faults(grant(written))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "m.yaml:1: is no mapping: it has no keys"),
        ("- a\n", "m.yaml:1: is no mapping"),
        (GOOD.replace("version: 1", "version: 3"), "m.yaml:1: `version` must be 1 or 2"),
        (GOOD.replace("name: m\n", ""), "m.yaml:1: `name` is missing"),
        (GOOD.replace("name: m", "name: 'a\tb'"), "m.yaml:2: `name` must match"),
        (GOOD.replace("4.4", "4.5"), "m.yaml:3: `fix` there is no dictionary for `FIX.4.5` (did you mean"),
        (GOOD.replace("FIX.4.4", "4.4"), "m.yaml:3: `fix` there is no dictionary for `4.4`"),
        (GOOD.replace("FIX.4.4", "44"), "m.yaml:3: `fix` must be"),
        (
            GOOD.replace("{identity: {SenderCompID: comp}}", "{}"),
            "m.yaml:4: `session.identity` is missing (an explicit",
        ),
        (GOOD.replace("SenderCompID", "SenderComp"), "m.yaml:4: `session.identity.SenderComp` FIX.4.4 has no field"),
        (GOOD.replace("SenderCompID", "ClOrdID"), "m.yaml:4: `session.identity.ClOrdID` does not identify a client"),
        (GOOD.replace("SenderCompID: comp", "SenderCompID: []"), "m.yaml:4: `session.identity.SenderCompID` must be"),
        (
            GOOD.replace("comp}}", "comp}, exempt: [Nws]}"),
            "m.yaml:4: `session.exempt[0]` FIX.4.4 has no message `Nws` (did you mean `News`?)",
        ),
        (
            GOOD.replace("comp}}", "comp}, exempt: [A]}"),
            "m.yaml:4: `session.exempt[0]` a Logon is decided by its token",
        ),
        (GOOD.replace("comp}}", "comp}, exempt: [F]}"), "m.yaml:6: `scopes.order:cancel.grants[0].message` is exempt"),
        (GOOD.replace("comp}}", "comp}, risk_reducing: [X9]}"), "m.yaml:4: `session.risk_reducing[0]` FIX.4.4 has no"),
        (
            GOOD.replace("comp}}", "comp}, exmpt: []}"),
            "m.yaml:4: `session.exmpt` is not a key of the language (did you",
        ),
        (GOOD.replace("order:cancel", "'order cancel'"), "m.yaml:6: `scopes.order cancel` is no scope"),
        (GOOD.replace("order:cancel", "'order:*'"), "m.yaml:6: `scopes.order:*` has a segment `*`, which in"),
        (GOOD.replace("{message: F}", ""), "m.yaml:6: `scopes.order:cancel.grants` must not be empty"),
        (
            GOOD.replace("{grants", "{sensitive: maybe, grants"),
            "m.yaml:6: `scopes.order:cancel.sensitive` must be true",
        ),
        (GOOD + "nme: x\n", "m.yaml:7: `nme` is not a key of the language (did you mean `name`?)"),
        (HEAD + "  {}\n", "m.yaml:5: `scopes` must not be empty"),
    ],
)
def test_a_fault_elsewhere_has_its_line_and_key(text: str, fault: str) -> None:
    assert any(found.startswith(fault) for found in faults(text)), faults(text)


def test_every_fault_is_told_at_once_in_the_order_of_the_file() -> None:
    text = """version: 3
fix: FIX.4.4
session: {identity: {Sender: x}, exempt: [Nope]}
scopes:
  role:order:
    grants: [{message: D}]
  order:create:x:
    grants:
      - {message: D, when: {SecurityTyp: CS, OrdType: Lmit}}
      - {message: NoSuch, extra: 1}
      - {message: D, when: {Sid: 1}}
extra: 1
"""
    found = faults(text)
    assert [line.split(" ")[0:2] for line in found] == [
        ["m.yaml:1:", "`version`"],
        ["m.yaml:1:", "`name`"],
        ["m.yaml:3:", "`session.identity.Sender`"],
        ["m.yaml:3:", "`session.exempt[0]`"],
        ["m.yaml:5:", "`scopes.role:order`"],
        ["m.yaml:9:", "`scopes.order:create:x.grants[0].when.SecurityTyp`"],
        ["m.yaml:9:", "`scopes.order:create:x.grants[0].when.OrdType.equals`"],
        ["m.yaml:10:", "`scopes.order:create:x.grants[1].extra`"],
        ["m.yaml:10:", "`scopes.order:create:x.grants[1].message`"],
        ["m.yaml:11:", "`scopes.order:create:x.grants[2].when.Sid`"],
        ["m.yaml:12:", "`extra`"],
    ]


def test_a_fault_is_data_too(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(grant("{message: Nope}"))
    with pytest.raises(MappingFaults) as caught:
        compile_mapping(path)
    (fault,) = caught.value.faults
    assert (fault.file, fault.line, fault.key) == (str(path), 8, "scopes.order:x.grants[0].message")


def test_an_explicit_empty_identity_binds_nothing() -> None:
    assert build(GOOD.replace("{SenderCompID: comp}", "{}")).identity == {}


def test_yaml_and_json_mean_the_same(tmp_path: Path) -> None:
    document = {
        "version": 1,
        "name": "m",
        "fix": "FIX.4.4",
        "session": {"identity": {"SenderCompID": "comp"}},
        "scopes": {"order:cancel": {"grants": [{"message": "F"}]}},
    }
    path = tmp_path / "m.json"
    path.write_text(json.dumps(document, indent="\t"))
    assert compile_mapping(path).digest == build(GOOD).digest


SAME = [
    grant("{message: NewOrderSingle, when: {SecurityType: CommonStock, OrdType: Limit}}"),
    grant("{message: D, direction: inbound, when: {40: 2, 167: {equals: CS}}}"),
    grant("{when: {40: {in: ['2']}, SECURITY_TYPE: common_stock}, message: D}"),
    "# a comment\n" + grant("{message: D, when: {40: LIMIT, 167: CS}}").replace("name: m", "name: other"),
]


@pytest.mark.parametrize("text", SAME)
def test_the_digest_is_of_the_meaning(text: str) -> None:
    assert build(text).digest == build(SAME[0]).digest


@pytest.mark.parametrize(
    "written",
    [
        "{message: D, when: {SecurityType: CS}}",
        "{message: D, when: {SecurityType: CS, OrdType: Market}}",
        "{message: D, direction: outbound, when: {SecurityType: CS, OrdType: Limit}}",
        "{message: D, when: {SecurityType: CS, OrdType: {claim: '2'}}}",
        "{message: G, when: {SecurityType: CS, OrdType: Limit}}",
    ],
)
def test_another_meaning_has_another_digest(written: str) -> None:
    assert build(grant(written)).digest != build(SAME[0]).digest


@pytest.mark.parametrize(
    ("old", "new"),
    [("comp}", "other}"), ("comp}}", "comp}, exempt: [News]}"), ("comp}}", "comp}, risk_reducing: [F]}")],
)
def test_the_session_is_part_of_the_meaning(old: str, new: str) -> None:
    assert build(GOOD.replace(old, new)).digest != build(GOOD).digest


def test_user_defined_fields_can_be_consulted() -> None:
    policy = build(grant("{message: D, when: {9001: A}}"))
    assert 9001 in policy.want_tags
    question = Question(Direction.INBOUND, "D", Fields(((9001, b"A"),)), frozenset({"order:x"}), {})
    assert policy.decide(question).allowed


def test_a_mapping_of_hundreds_of_scopes() -> None:
    scopes = "".join(
        f"  order:create:s{n}: {{grants: [{{message: D, when: {{Account: A{n}}}}}]}}\n" for n in range(500)
    )
    policy = build(HEAD + scopes)
    assert len(policy.scopes) == 500
    question = Question(Direction.INBOUND, "D", Fields(((1, b"A499"),)), frozenset({"order:create:s499"}), {})
    assert policy.decide(question).scope == "order:create:s499"
