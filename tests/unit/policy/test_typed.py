"""Values compared by their FIX data type: suites of tests as authors write them, in `typed/`."""

from __future__ import annotations

from pathlib import Path

import pytest

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.engine import Policy, Question
from authzsvc.workflow import diff, explain, matrix, running
from authzsvc.workflow.matrix import By
from tests.unit.policy.building import ask, build, told

SUITES = Path(__file__).parent / "typed"
GRANT = "scopes: {a:b: {grants: [{message: D, when: {%s}}]}}\n"
FORBID = "scopes: {a:b: {grants: [{message: D}]}}\nforbid: [{name: f, message: D, when: {%s}}]\n"


def test_suites() -> None:
    runs = running.run_all(SUITES)
    assert [len(run.results) for run in runs] == [31, 15]
    assert [result.case.spec.name for run in runs for result in run.results if not result.passed] == []


@pytest.mark.parametrize(
    ("when", "yes", "doubt", "no"),
    [
        ("Side: Buy", ["54=1"], ["54=12", "54=1 ", "54=\xff", "54=01"], ["54=2"]),
        ("Side: {not: Buy}", ["54=2"], ["54=12", "54= "], ["54=1"]),
        ("LocateReqd: Y", ["114=Y"], ["114=y", "114=YES", "114=1"], ["114=N"]),
        ("Price: {equals: '100.0'}", ["44=100", "44=100.0", "44=100.00"], ["44=0100", "44=1e2"], ["44=100.001"]),
        ("Price: '0.3'", ["44=0.3"], ["44=.3", "44=0.30000000000000001"], ["44=0.31", "44=0.30000000000000004"]),
        ("Price: {prefix: '10'}", ["44=100.0", "44=10"], ["44=+10"], ["44=1.0"]),
        ("Price: {matches: '[0-9]+'}", ["44=100.0"], ["44=1_0"], ["44=100.5"]),
        ("Price: {min: 0}", ["44=0", "44=0.0"], ["44=-0", "44=-0.0", "44=NaN"], ["44=-1"]),
        ("Product: 5", ["460=5"], ["460=05", "460= 5", "460=5.0", "460=2147483648", "460=\xd9\xa5"], ["460=4"]),
        ("Product: {min: 5}", ["460=5"], ["460=05", "460=99999999999"], ["460=4"]),
        ("ExecInst: {not: G}", ["18=1", "18=1 6"], ["18=1  6", "18=16"], ["18=G"]),
        ("ExecInst: {matches: '[0-9]'}", ["18=1", "18=1 6"], ["18= 1"], ["18=G"]),
        ("ExecInst: {prefix: '1'}", ["18=1"], ["18=1 "], ["18=6"]),
        ("ExpireDate: '20260228'", ["432=20260228"], ["432=20260231", "432=2026-02-28"], ["432=20260227"]),
        ("MaturityMonthYear: '202603'", ["200=202603"], ["200=202613", "200=202603w6"], ["200=20260301", "200=202604"]),
        (
            "ExpireTime: '20260102-08:00:00'",
            ["126=20260102-08:00:00", "126=20260102-08:00:00.000", "126=20260102-08:00:00.000000"],
            ["126=20260102-08:00:00.0", "126=20260102-08:00", "126=20260230-08:00:00", "126=20260102-08:00:60"],
            ["126=20260102-08:00:00.001"],
        ),
        ("NoPartyIDs: {min: 1}", ["453=1"], ["453=01", "453=-1"], ["453=0"]),
    ],
)
def test_a_doubt_is_a_no_to_a_grant_and_a_yes_to_a_forbid(
    when: str, yes: list[str], doubt: list[str], no: list[str]
) -> None:
    """Each value is tested by the index, which files equal values, and by other conditions."""
    grant, forbid = build(GRANT % when), build(FORBID % when)
    assert [body for body in yes if not ask(grant, f"D|{body}").allowed] == []
    assert [body for body in (*doubt, *no) if ask(grant, f"D|{body}").allowed] == []
    assert [body for body in (*yes, *doubt) if ask(forbid, f"D|{body}").forbid != "f"] == []
    assert [body for body in no if not ask(forbid, f"D|{body}").allowed] == []


@pytest.mark.parametrize(
    ("claim", "yes", "doubt", "no"),
    [
        (5, ["5"], ["05"], ["4"]),
        ("5", ["5"], ["05"], ["4"]),
        ([4, "5"], ["4", "5"], ["05"], ["6"]),
        (["05"], [], ["5", "05", "6"], []),
        (["05", 5], ["5"], ["6"], []),
        ([5.0], [], ["5", "6"], []),
        ([None, True, {}], [], ["01"], ["1", "5"]),
        ({"a": 5}, [], ["5"], []),
        (True, [], ["1"], []),
        ("five", [], ["5"], []),
    ],
)
def test_a_claim_is_compared_by_the_field_s_type(
    claim: object, yes: list[str], doubt: list[str], no: list[str]
) -> None:
    grant, forbid = build(GRANT % "Product: {claim: c}"), build(FORBID % "Product: {claim: c}")
    claims = {"c": claim}
    assert [value for value in yes if not ask(grant, f"D|460={value}", claims=claims).allowed] == []
    assert [value for value in (*doubt, *no) if ask(grant, f"D|460={value}", claims=claims).allowed] == []
    assert [value for value in (*yes, *doubt) if ask(forbid, f"D|460={value}", claims=claims).allowed] == []
    assert [value for value in no if not ask(forbid, f"D|460={value}", claims=claims).allowed] == []


def test_a_claim_of_a_price_and_of_codes() -> None:
    priced = build(GRANT % "Price: {claim: c}")
    assert ask(priced, "D|44=100", claims={"c": ["100.0"]}).allowed
    assert ask(priced, "D|44=100.50", claims={"c": "100.5"}).allowed
    codes = build(GRANT % "ExecInst: {claim: c}")
    assert ask(codes, "D|18=6 1", claims={"c": ["1", 6]}).allowed
    assert not ask(codes, "D|18=6 1", claims={"c": ["6"]}).allowed
    assert not ask(codes, "D|18=6 1", claims={"c": "6 1"}).allowed


@pytest.mark.parametrize(
    ("when", "fault"),
    [
        ("Product: '05'", "Product.equals` FIX.4.4 has no value of Product `05`"),
        ("NoPartyIDs: '05'", "NoPartyIDs.equals` `05` is no value of `NoPartyIDs`, which is of type NUMINGROUP"),
        ("OrderQty: {max: abc}", "OrderQty.max` is no number"),
        ("OrderQty: abc", "OrderQty.equals` `abc` is no value of `OrderQty`, which is of type QTY and has no named"),
        ("OrderQty: '+1'", "(write a number in its plain form, as `100`, `100.0` or `-0.5`)"),
        ("OrderQty: '0.30000000000000001'", "`0.30000000000000001` is no value of `OrderQty`"),
        ("Side: '12'", "Side.equals` FIX.4.4 has no value of Side `12`"),
        (
            "ExecInst: '1 G'",
            "ExecInst.equals` `1 G` is several values (a condition looks at each value by itself: write",
        ),
        ("ExecInst: {not: ['1 G']}", "ExecInst.not[0]` `1 G` is several values"),
        ("ExecInst: {in_list: l}", "ExecInst.in_list` `1 G` is several values"),
        ("ExecInst: {equals: '1', default: '1  G'}", "ExecInst.default` FIX.4.4 has no value of ExecInst `1  G`"),
        ("LocateReqd: 'true'", "LocateReqd.equals` FIX.4.4 has no value of LocateReqd `true`"),
        ("ExpireDate: '20260231'", "(write a day, as `20260102`)"),
        ("ExpireTime: '20260102-08:00'", "(write a moment in UTC, as `20260102-08:00:00` or with `.000`)"),
        ("ExpireTime: {after: 20260231-08:00}", "ExpireTime.after` names a day that the calendar does not have"),
        ("5001: '05'", "`05` is no value of `Own`, which is of type INT and has no named values (write a whole number"),
        ("5001: 2147483648", "`2147483648` is no value of `Own`"),
    ],
)
def test_values_of_the_mapping_that_the_tag_cannot_have(when: str, fault: str) -> None:
    lists = "lists: {l: {values: ['1 G']}}\ncustom: {tags: {5001: {name: Own, type: INT}}}\n"
    found = told(lists + GRANT % when)
    assert any(line.startswith("m.yaml:") and fault in line for line in found), found


@pytest.mark.parametrize("each", ["any_entry", "each_entry"])
def test_a_forbid_fires_on_any_code_in_an_entry_of_a_group(each: str) -> None:
    head = "version: 1\nname: m\nfix: FIX.5.0SP2\nsession: {identity: {}}\n"
    when = f"when: {{NoLegs: {{{each}: {{LegExecInst: G}}}}}}"
    forbid = build(
        f"scopes: {{a:b: {{grants: [{{message: AB}}]}}}}\nforbid: [{{name: f, message: AB, {when}}}]\n", head
    )
    grant = build(f"scopes: {{a:b: {{grants: [{{message: AB, {when}}}]}}}}\n", head)
    legs = "AB|555=1|600=A|1384="
    assert [ask(forbid, legs + codes).allowed for codes in ("1", "1 6", "1 G", "G 1", "G", "1  6")] == [
        True, True, False, False, False, False,
    ]  # fmt: skip
    assert [ask(grant, legs + codes).allowed for codes in ("G", "G G", "1 G", "G  G")] == [True, True, False, False]
    assert "LegExecInst=G in any of its values" in str(forbid.forbids[0].conditions[0])


def test_a_default_may_hold_several_values() -> None:
    policy = build(FORBID % "ExecInst: {equals: G, default: '1 G'}")
    assert ask(policy, "D").forbid == "f"
    assert ask(policy, "D|18=1").allowed
    grant = build(GRANT % "ExecInst: {in: ['1', G], default: '1 G'}")
    assert ask(grant, "D").allowed
    assert not ask(build(GRANT % "ExecInst: {equals: G, default: '1 G'}"), "D").allowed


@pytest.mark.parametrize("version", ["FIX.4.0", "FIX.4.1"])
def test_the_oldest_versions_call_all_text_char(version: str) -> None:
    head = f"version: 1\nname: m\nfix: {version}\nsession: {{identity: {{}}}}\n"
    assert ask(build(GRANT % "Symbol: ACME", head), "D|55=ACME").allowed
    assert not ask(build(GRANT % "Side: Buy", head), "D|54=12").allowed
    codes = build(FORBID % "ExecInst: {equals: '1', default: '6'}", head)
    assert [ask(codes, f"D|{body}").allowed for body in ("18=6", "18=6 1", "18=6  2", "38=1")] == [
        True, False, False, True,
    ]  # fmt: skip


def test_a_quantity_is_of_the_type_that_the_mapping_s_version_has() -> None:
    old = "version: 1\nname: m\nfix: FIX.4.1\nsession: {identity: {}}\n"
    assert not ask(build(GRANT % "OrderQty: 100", old), "D|38=100.0").allowed  # INT
    assert ask(build(GRANT % "OrderQty: 100"), "D|38=100.0").allowed  # QTY


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{name: Own, type: INTEGER}", "custom.tags.5001.type` FIX has no data type `INTEGER`"),
        ("{name: Own, type: FLOATS}", "FIX has no data type `FLOATS` (did you mean `FLOAT`?)"),
        ("{name: Own, type: INT, values: {'05': Five}}", "values.05` is not of type INT (write a whole number"),
        ("{name: Own, type: CHAR, values: {AB: Two}}", "values.AB` is not of type CHAR (write one character)"),
        ("{name: Own, type: MULTIPLECHARVALUE, values: {A B: Two}}", "values.A B` is not of type MULTIPLECHARVALUE"),
    ],
)
def test_faults_of_a_venue_s_own_types(text: str, fault: str) -> None:
    found = told(f"custom: {{tags: {{5001: {text}}}}}\n" + GRANT % "")
    assert any(fault in line for line in found), found


def test_the_type_is_part_of_the_meaning() -> None:
    def digest(type_: str, when: str) -> str:
        return build(f"custom: {{tags: {{5001: {{name: Own, type: {type_}}}}}}}\n" + GRANT % when).digest

    assert len({digest(type_, "Own: '5'") for type_ in ("STRING", "INT", "QTY", "CHAR", "MULTIPLECHARVALUE")}) == 5
    assert digest("INT", "Own: '5'") == digest("INT", "5001: 5")
    assert digest("QTY", "Own: '5.0'") == digest("QTY", "Own: 5")
    assert digest("INT", "Own: {claim: c}") != digest("STRING", "Own: {claim: c}")


def test_a_denial_names_the_value_in_doubt() -> None:
    verdict = ask(build(FORBID % "Product: 5"), "D|460=05")
    assert verdict.reason == (
        "`f` forbids `NewOrderSingle` inbound where Product=5; Product=05 is in doubt, for it is not a whole number of "
        "32 bits in its plain form, as `5` or `-1`"
    )
    assert "in doubt" not in ask(build(FORBID % "Product: 5"), "D|460=5").reason
    assert "in doubt" not in ask(build(FORBID % "Product: {present: true}"), "D|460=05").reason


def test_an_explanation_says_why_a_value_is_in_doubt() -> None:
    policy = build(FORBID % "Side: Buy")
    question = Question(Direction.INBOUND, "D", Fields(((54, b"12"),)), frozenset({"a:b"}), {})
    lines = explain.report(explain.explain(policy, question))
    assert "  doubt  Side=1 (the message has 12; 12 is not one character)" in lines


def test_the_matrix_says_which_of_several_values_count() -> None:
    whens = [
        "ExecInst: {in: ['1', G], default: '0'}",
        "ExecInst: {equals: G, occurrences: every}",
        "ExecInst: {present: true}",
    ]
    rows = [matrix.table(build(FORBID % when), By.SCOPE).rows[-1][4] for when in whens]
    assert rows == [
        "ExecInst one of 1, G in any of its values (else 0)",
        "ExecInst=G in each of its values",
        "ExecInst present",
    ]
    granted = matrix.table(build(GRANT % "ExecInst: G"), By.SCOPE).rows[0][4]
    assert granted == "ExecInst=G in each of its values"


def test_a_difference_says_that_a_type_changed() -> None:
    def own(type_: str) -> Policy:
        return build(f"custom: {{tags: {{5001: {{name: Own, type: {type_}}}}}}}\n" + GRANT % "Own: '5'")

    def changes(old: Policy, new: Policy) -> list[str]:
        return [change.text for change in diff.compare(old, new) if change.subject.kind == "scope"]

    assert changes(own("STRING"), own("INT")) == ["NewOrderSingle inbound: when Own=5, comparing Own as integer"]
    assert changes(own("INT"), own("STRING")) == ["NewOrderSingle inbound: when Own=5, comparing Own as text"]
    assert diff.compare(own("INT"), own("INT")) == ()


@pytest.mark.parametrize(
    ("when", "body"),
    [
        ("Side: Buy", "54=|"),
        ("Side: {not: Buy}", "54=|"),
        ("Side: {in: [Buy, Sell]}", "54=|"),
        ("Side: {present: true}", "54=|"),
        ("Side: {absent: true}", "54=|"),
        ("Symbol: ACME", "55=|"),
        ("Symbol: {not: ACME}", "55=|"),
        ("Symbol: {matches: '.*'}", "55=|"),
        ("Symbol: {present: true}", "55=|"),
        ("Symbol: {absent: true}", "55=|"),
        ("Price: {min: 0}", "44=|"),
        ("ExecInst: {not: G}", "18=|"),
        ("Symbol: ACME, Side: Buy", "55=ACME|54=|"),
        ("Symbol: ACME, Side: Buy", "55=|54=1|"),
        ("NoPartyIDs: {any_entry: {PartyID: X}}", "453=1|448=|447=D|452=1|"),
    ],
)
def test_a_field_without_a_value_is_a_doubt(when: str, body: str) -> None:
    """To some engines it is not there: neither may a grant rest on it, nor a forbid be got round by it."""
    fields = Fields.parse(body.replace("|", "\x01").encode(), may_be_empty=True)
    question = Question(Direction.INBOUND, "D", fields, frozenset({"a:b"}), {})
    assert not build(GRANT % when).decide(question).allowed
    assert not build(FORBID % when).decide(question).allowed


def test_a_field_without_a_value_that_no_condition_is_about_is_of_no_account() -> None:
    fields = Fields.parse(b"54=1\x0155=\x0158=\x01", may_be_empty=True)
    question = Question(Direction.INBOUND, "D", fields, frozenset({"a:b"}), {})
    assert build(GRANT % "Side: Buy").decide(question).allowed
    assert build(FORBID % "Side: Sell").decide(question).allowed
