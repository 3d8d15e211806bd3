"""Conditions as authors write them: what they come to, and the faults that they can have."""

from __future__ import annotations

import pytest

from tests.unit.policy.building import ask, build, told


def grant(when: str) -> str:
    return f"scopes: {{a:b: {{grants: [{{message: D, when: {{{when}}}}}]}}}}\n"


@pytest.mark.parametrize(
    ("when", "yes", "no"),
    [
        ("Symbol: {prefix: AB}", ["55=AB", "55=ABC"], ["", "55=A", "55=xAB", "55=ABC|55=A"]),
        ("Symbol: {matches: '[A-Z]{2}'}", ["55=AB"], ["", "55=A", "55=ABC", "55=AB\n", "55=AB|55=x"]),
        ("Symbol: {not: A}", ["55=B", "55=B|55=C"], ["", "55=A", "55=B|55=A"]),
        ("Symbol: {not: [A, B]}", ["55=C"], ["", "55=A", "55=B"]),
        ("Symbol: {present: true}", ["55=C", "55=C|55=D"], [""]),
        ("Symbol: {absent: true}", [""], ["55=C"]),
        ("Symbol: {equals: A, occurrences: any}", ["55=A", "55=B|55=A"], ["", "55=B"]),
        ("Symbol: {prefix: A, not: AB}", ["55=AC"], ["55=AB", "55=B", ""]),
        ("SecurityType: {equals: CommonStock, default: CS}", ["", "167=CS"], ["167=FUT", "167=CS|167=FUT"]),
        ("SecurityType: {not: Future, default: FUT}", ["167=CS"], ["", "167=FUT"]),
        ("OrderQty: {min: 1, max: '2.50'}", ["38=1", "38=2.5", "38=1.0"], ["", "38=0.9", "38=2.51", "38=x", "38=1e0"]),
        ("OrderQty: {max: 10}", ["38=10", "38=-5", "38=0"], ["38=11", "38=+1", "38=010", "38= 1", "38=1_0", "38=."]),
        ("OrderQty: {min: -1.5}", ["38=-1.5"], ["38=-1.6"]),
        (
            "TransactTime: {after: '08:00', before: 16:30:30}",
            ["60=20260101-08:00:00", "60=20260101-16:30:29.999999"],
            [
                "", "60=20260101-07:59:59.999", "60=20260101-16:30:30", "60=20261301-09:00:00", "60=9:00:00",
                "60=09:00", "60=09:00:00", "60=20260231-09:00:00", "60=20260101-09:00:00.5", "60=20260101-09:00:60",
            ],
        ),
        (
            "TransactTime: {after: 20260101-08:00}",
            ["60=20260101-08:00:00.000", "60=20260102-00:00:00"],
            ["60=20260101-07:59:59", "60=08:30:00"],
        ),
        ("TransactTime: {before: '23:59:60'}", ["60=20260101-23:59:59"], ["60=20260101-23:59:60"]),
        ("Account: {claim: accounts}", ["1=A", "1=7"], ["", "1=B", "1=A|1=B", "1=07"]),
        ("Account: {claim: desk.code}", ["1=X"], ["1=Y"]),
        ("Account: {claim: dotted.name}", ["1=Z"], ["1=X"]),
        ("Account: {claim: nothing}", [], ["1=A", ""]),
        ("NoPartyIDs: {any_entry: {PartyRole: 1, PartyID: A}}", ["453=2|448=B|452=3|448=A|452=1"], [
            "", "453=2|448=A|452=3|448=B|452=1", "453=1|448=A|452=1|448=A|452=1", "448=A|452=1",
            "453=1|448=A|452=1|452=1", "453=1|452=1|448=A", "453=1|448=A|452=1|453=1|448=A|452=1", "453=0",
            "453=01|448=A|452=1",
        ]),
        ("NoPartyIDs: {each_entry: {PartyRole: [1, 3]}}".replace("[1, 3]", "{in: [1, 3]}"), [
            "453=2|448=B|452=3|448=A|452=1", "453=1|448=B|452=3",
        ], ["", "453=0", "453=2|448=B|452=3|448=A", "453=1|448=B|452=4"]),
        ("NoPartyIDs: {any_entry: {PartyRole: {absent: true}, PartyID: A}}", ["453=1|448=A"], ["453=1|448=A|452=1"]),
        ("NoPartyIDs: {any_entry: {PartyRole: {equals: 1, default: 1}}}", ["453=1|448=A"], ["453=1|448=A|452=3"]),
        ("NoPartyIDs: {max: 1, any_entry: {PartyID: A}}", ["453=1|448=A"], ["453=2|448=A|448=B", ""]),
    ],
)  # fmt: skip
def test_what_a_grant_needs(when: str, yes: list[str], no: list[str]) -> None:
    policy = build(grant(when))
    claims = {"accounts": ["A", 7], "desk": {"code": "X"}, "dotted.name": "Z", "dotted": {"name": "X"}}
    assert [body for body in yes if not ask(policy, f"D|{body}".rstrip("|"), claims=claims).allowed] == []
    assert [body for body in no if ask(policy, f"D|{body}".rstrip("|"), claims=claims).allowed] == []


@pytest.mark.parametrize(
    ("when", "fires", "passes"),
    [
        ("Symbol: A", ["55=A", "55=B|55=A"], ["", "55=B"]),
        ("Symbol: {equals: A, occurrences: every}", ["55=A", "55=A|55=A"], ["", "55=B|55=A"]),
        ("Symbol: {not: A}", ["", "55=B", "55=A|55=B"], ["55=A"]),
        ("Symbol: {not: A, present: true}", ["55=B"], ["", "55=A"]),
        ("Symbol: {not: A, default: A}", ["55=B"], ["", "55=A"]),
        ("Symbol: {matches: 'A+'}", ["55=AA", "55=\xff"], ["55=B", ""]),
        ("OrderQty: {min: 100}", ["38=100", "38=1e9", "38=1|38=x"], ["38=99", ""]),
        ("TransactTime: {before: '08:00'}", ["60=20260101-07:00:00", "60=soon"], ["60=20260101-08:00:00", ""]),
        ("TransactTime: {before: '20260101-08:00'}", ["60=07:00:00"], ["60=20260101-08:00:00"]),
        ("OrderQty: {min: {claim: limit}}", ["38=100", "38=1e9", "38=1|38=x"], ["38=99", ""]),
        ("OrderQty: {min: {claim: odd}}", ["38=100", "38=1"], [""]),
        ("Account: {prefix: {claim: blocked}}", ["1=A", "1=AB"], ["1=B", ""]),
        ("Account: {prefix: {claim: odd}}", ["1=A", "1=B"], [""]),
        ("TransactTime: {days: [Sat, Sun]}", ["60=20260103-07:00:00", "60=soon"], ["60=20260102-08:00:00", ""]),
        ("now: {after: '08:00'}", [""], []),
        ("Account: {claim: blocked}", ["1=A"], ["1=B", ""]),
        ("Account: {claim: nothing}", ["1=A", "1=B"], [""]),
        ("Account: {claim: odd}", ["1=A"], [""]),
        (
            "NoPartyIDs: {any_entry: {PartyID: A}}",
            ["453=1|448=A", "453=2|448=B", "448=B"],
            ["453=1|448=B", "", "453=0"],
        ),
        ("NoPartyIDs: {each_entry: {PartyID: A}}", ["453=1|448=A", "453=2|448=B"], ["453=2|448=A|448=B", "", "453=0"]),
        ("Symbol: {absent: true}", [""], ["55=A"]),
        ("Symbol: A, OrderQty: {min: 100}", ["55=A|38=x"], ["55=B|38=x", "55=A|38=1", "55=A"]),
    ],
)
def test_when_a_forbid_fires(when: str, fires: list[str], passes: list[str]) -> None:
    policy = build(grant("") + f"forbid: [{{name: f, message: D, when: {{{when}}}}}]\n")
    claims = {"blocked": ["A"], "odd": {"A": 1}, "limit": "100"}
    assert [body for body in fires if ask(policy, f"D|{body}".rstrip("|"), claims=claims).forbid != "f"] == []
    assert [body for body in passes if not ask(policy, f"D|{body}".rstrip("|"), claims=claims).allowed] == []


def test_a_group_inside_a_group_may_stand_there_several_times() -> None:
    policy = build("scopes: {a:b: {grants: [{message: AE, when: {NoPartyIDs: {any_entry: {PartyID: A}}}}]}}\n")
    assert ask(policy, "AE|552=2|54=1|453=1|448=B|54=2|453=2|448=C|448=A").allowed
    assert not ask(policy, "AE|552=2|54=1|453=1|448=B|54=2|453=1|448=C|448=A").allowed


@pytest.mark.parametrize(
    ("when", "fault"),
    [
        (
            "Symbol: {matches: '(a'}",
            "Symbol.matches` is no regular expression that is safe: missing ): (a (RE2's syntax:",
        ),
        ("Symbol: {matches: '(?=a)'}", "safe: invalid perl operator: (?="),
        ("Symbol: {matches: '(a)\\1'}", "safe: invalid escape sequence: \\1"),
        ("Symbol: {matches: '((a{30}){30}){30}'}", "safe: invalid repetition size: {30}"),
        ("Symbol: {matches: '" + "(" * 999 + "'}", "is no regular expression that is safe"),
        ("Symbol: {matches: '" + "a" * 1001 + "'}", "Symbol.matches` is too long"),
        ("Symbol: {min: 1}", "Symbol` has `min` or `max`, and Symbol of type STRING is no number"),
        ("Side: {max: 1}", "and Side of type CHAR is no number"),
        ("TransactTime: {after: '08:00 Mars/Utopia'}", "TransactTime` there is no time zone `Mars/Utopia`"),
        ("TransactTime: {days: [Mon], zone: America}", "there is no time zone `America`"),
        ("TransactTime: {after: '08:00 Asia/Tokyo', zone: UTC}", "names several time zones: Asia/Tokyo, UTC"),
        ("TransactTime: {zone: UTC, present: true}", "has a `zone`, and neither `after` nor `before` nor `days`"),
        ("Account: {days: [Mon]}", "has `after`, `before` or `days`, and Account of type STRING is no UTC time"),
        ("now: A", "now` is the gateway's clock, which takes `after`, `before`, `days` and `zone` alone"),
        ("now: {after: '08:00', default: A}", "now` is the gateway's clock, which takes"),
        ("NoPartyIDs: {any_entry: {now: {after: '08:00'}}}", "gateway's clock, which stands in no entry of a group"),
        ("OrderQty: {max: {claim: q, of: x}}", "OrderQty.max.of` is not a key of the language (known here: `claim`)"),
        ("Side: {max: {claim: q}}", "and Side of type CHAR is no number"),
        ("OrderQty: {min: 2, max: 1}", "OrderQty.min` is more than `max`, so that nothing could pass"),
        ("OrderQty: {after: '08:00'}", "has `after`, `before` or `days`, and OrderQty of type QTY is no UTC time"),
        ("TransactTime: {after: '08:00', before: '08:00'}", "TransactTime.after` is not earlier than `before`"),
        ("TransactTime: {after: '22:00', before: '02:00'}", "(write two rules for hours on both sides of midnight)"),
        ("MDEntryTime: {after: 20260101-08:00}", "no field of `NewOrderSingle`"),
        ("Symbol: A, 55: B", "55` `Symbol` is there twice, by name and by number"),
        ("Symbol: {in_list: l}", "Symbol.in_list` the mapping has no list `l`"),
        ("Side: {not: Byu}", "Side.not[0]` FIX.4.4 has no value of Side `Byu` (did you mean `BUY`?)"),
        ("Side: {equals: 1, default: Z}", "Side.default` FIX.4.4 has no value of Side `Z`"),
        (
            "Symbol: {any_entry: {PartyID: A}}",
            "Symbol.any_entry` `Symbol` counts no repeating group of `NewOrderSingle`",
        ),
        ("NoPartyIDs: {any_entry: {Symbol: A}}", "the group of `NoPartyIDs` in `NewOrderSingle` has no `Symbol`"),
        ("NoPartyIDs: {any_entry: {PartyRole: Nope}}", "any_entry.PartyRole.equals` FIX.4.4 has no value of PartyRole"),
        ("NoPartyIDs: {any_entry: {448: A, PartyID: A}}", "`PartyID` is there twice, by name and by number"),
        ("NoPartyIDs: {any_entry: {448: {every: NoPartyIDs}}}", "448.every` is not a key of the language"),
        ("PartyID: {equals: A, every: NoLegs}", "every` `NoLegs` counts no repeating group of"),
    ],
)
def test_faults(when: str, fault: str) -> None:
    found = told(grant(when))
    assert any("scopes.a:b.grants[0].when." in line and fault in line for line in found), found


@pytest.mark.parametrize("said", ["{after: 20260101-08:00}", "{after: '08:00 Asia/Tokyo'}", "{days: [Mon]}"])
def test_a_day_is_not_asked_of_a_time_of_day(said: str) -> None:
    (fault,) = told(f"scopes: {{a:b: {{grants: [{{message: X, direction: outbound, when: {{273: {said}}}}}]}}}}")
    assert "names a day or a time zone, and MDEntryTime of type UTCTIMEONLY tells no day" in fault


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Symbol: A", "55: {in: [A]}"),
        ("Symbol: A", "Symbol: {equals: A, present: true}"),
        ("OrderQty: {min: 1.50}", "38: {min: '1.5'}"),
        ("TransactTime: {after: '08:00'}", "60: {after: 08:00:00}"),
        ("Symbol: {equals: A, occurrences: every}", "Symbol: A"),
        ("NoPartyIDs: {any_entry: {448: A, 452: 1}}", "453: {any_entry: {PartyRole: ExecutingFirm, PartyID: A}}"),
        ("Side: {not: Buy}", "Side: {not: [1]}"),
    ],
)
def test_the_same_meaning_has_the_same_digest(one: str, other: str) -> None:
    assert build(grant(one)).digest == build(grant(other)).digest


WHENS = [
    "",
    "Symbol: A",
    "Symbol: {not: A}",
    "Symbol: {not: A, present: true}",
    "Symbol: {prefix: A}",
    "Symbol: {matches: A}",
    "Symbol: {claim: A}",
    "Symbol: {present: true}",
    "Symbol: {absent: true}",
    "Symbol: {equals: A, default: A}",
    "Symbol: {equals: A, default: B}",
    "Symbol: {equals: A, occurrences: any}",
    "OrderQty: {min: 1}",
    "OrderQty: {max: 1}",
    "OrderQty: {min: 1, max: 1}",
    "TransactTime: {after: '08:00'}",
    "TransactTime: {before: '08:00'}",
    "NoPartyIDs: {any_entry: {448: A}}",
    "NoPartyIDs: {each_entry: {448: A}}",
    "448: {equals: A, every: 453}",
    "448: A",
]


def test_every_other_meaning_has_another() -> None:
    assert len({build(grant(when)).digest for when in WHENS}) == len(WHENS)


def test_every_condition_reads_as_it_means() -> None:
    assert [" and ".join(map(str, build(grant(when)).grants[0].conditions)) for when in WHENS] == [
        "",
        "Symbol=A",
        "Symbol!=A",
        "Symbol!=A",
        "Symbol beginning with A",
        "Symbol matching `A`",
        "Symbol in claim `A`",
        "Symbol present",
        "no Symbol",
        "Symbol=A (else A)",
        "Symbol=A (else B)",
        "Symbol=A in some occurrence",
        "OrderQty>=1",
        "OrderQty<=1",
        "OrderQty>=1 and <=1",
        "TransactTime not before 08:00:00",
        "TransactTime before 08:00:00",
        "NoPartyIDs with an entry of PartyID=A",
        "NoPartyIDs with each entry of PartyID=A",
        "PartyID=A in each entry of NoPartyIDs",
        "PartyID=A",
    ]
