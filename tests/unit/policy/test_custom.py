"""What a venue adds to the dictionary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy.building import ask, build, told

CUSTOM = (
    "custom:\n"
    "  tags: {5001: {name: DeskCode, values: {A: Alpha}}, 5002: {name: DeskLimit, type: QTY}, 900001: {name: Hm}}\n"
    "  messages: {U1: {name: DeskReport}, 8x: {name: Odd}}\n"
)


def test_a_venue_s_own_names_are_names() -> None:
    policy = build(
        CUSTOM
        + "scopes: {a:b: {grants: [{message: DeskReport, when: {DeskCode: Alpha, DeskLimit: {max: 5}, Account: X}}]}}"
    )
    assert ask(policy, "U1|5001=A|5002=5|1=X").allowed
    assert not ask(policy, "U1|5001=B|5002=5|1=X").allowed
    assert policy.dictionary.message_name("U1") == "DeskReport"
    assert str(policy.grants[0].conditions[1]) == "DeskCode=A"


def test_a_venue_s_own_tag_stands_in_any_message_and_group() -> None:
    policy = build(
        CUSTOM + "scopes: {a:b: {grants: [{message: D, when: {Hm: X, NoPartyIDs: {any_entry: {DeskCode: Alpha}}}}]}}"
    )
    assert ask(policy, "D|900001=X|453=1|448=P|5001=A").allowed


def test_names_are_no_part_of_the_meaning() -> None:
    scope = "scopes: {a:b: {grants: [{message: %s, when: {%s: A}}]}}"
    assert build(CUSTOM + scope % ("DeskReport", "DeskCode")).digest == build(CUSTOM + scope % ("U1", "5001")).digest


@pytest.mark.parametrize(
    ("custom", "fault"),
    [
        ("tags: {55: {name: X}}", "custom.tags.55` is `Symbol` in FIX.4.4 already (leave it out)"),
        ("tags: {0: {name: X}}", "custom.tags.0` is no tag (a number from 1 to 999999)"),
        ("tags: {x: {name: X}}", "custom.tags.x` is no tag"),
        ("tags: {1402: {name: X}}", "custom.tags.1402` is a secret"),
        ("tags: {5001: {name: symbol}}", "custom.tags.5001.name` the name `symbol` is taken already"),
        ("tags: {5001: {name: X}, 5002: {name: x}}", "custom.tags.5002.name` the name `x` is taken already"),
        ("messages: {D: {name: X}}", "custom.messages.D` is a message of FIX.4.4 already"),
        ("messages: {U-1: {name: X}}", "custom.messages.U-1` is no MsgType (letters and digits, at most 8)"),
        ("messages: {U1: {name: Logon}}", "custom.messages.U1.name` the name `Logon` is taken already"),
        (
            "tags: {5001: {name: DeskCode, values: {A: Alpha}}}",
            "when.5001.equals` FIX.4.4 has no value of DeskCode `Z`",
        ),
    ],
)
def test_faults(custom: str, fault: str) -> None:
    found = told(f"custom: {{{custom}}}\nscopes: {{a:b: {{grants: [{{message: D, when: {{5001: Z}}}}]}}}}\n")
    assert any(fault in told for told in found), found


def test_the_standard_s_tags_keep_to_their_messages() -> None:
    (fault,) = told(CUSTOM + "scopes: {a:b: {grants: [{message: F, when: {Price: 1}}]}}")
    assert "is no field of `OrderCancelRequest`" in fault


LMAX = (
    "custom: {groups: {NoRelatedSym: {first: SecurityID, messages: [V]}}}\n"
    "scopes:\n"
    "  a:b: {grants: [{message: V, when: {NoRelatedSym: {each_entry: {48: {in: [4001, 4002]}, 22: 8}}}}]}\n"
    "  a:c: {grants: [{message: V, when: {48: {in: [4001, 4002], every: NoRelatedSym}}}]}\n"
    "  a:d: {grants: [{message: R, when: {NoRelatedSym: {each_entry: {48: '4001'}}}}]}\n"
)


@pytest.mark.parametrize("scope", ["a:b", "a:c"])
def test_a_standard_group_that_begins_with_another_field(scope: str) -> None:
    policy = build(LMAX)
    assert ask(policy, "V|262=r|146=2|48=4001|22=8|48=4002|22=8", scope).allowed
    assert not ask(policy, "V|262=r|146=2|48=4001|22=8|48=4003|22=8", scope).allowed
    assert not ask(policy, "V|262=r|146=2|48=4001|22=8", scope).allowed
    assert ask(policy, "V|262=r|146=1|22=8|48=4001", scope).allowed is (scope == "a:c")  # which does not look at 22


def test_in_the_named_messages_alone() -> None:
    policy = build(LMAX)
    assert not ask(policy, "R|131=r|146=1|48=4001", "a:d").allowed
    assert ask(policy, "R|131=r|146=1|55=X|48=4001", "a:d").allowed


OWN = (
    "custom:\n"
    "  tags: {5100: {name: NoDesks, type: NUMINGROUP}, 5101: {name: Desk}, 5102: {name: Role, type: INT}}\n"
    "  messages: {U7: {name: DeskOrder}}\n"
    "  groups: {NoDesks: {first: Desk, fields: [Role]}}\n"
    "scopes:\n"
    "  a:b: {grants: [{message: D, when: {NoPartyIDs: {%s: {448: A, 452: 1}}}}]}\n"
    "  c:d: {grants: [{message: U7, when: {NoDesks: {%s: {Desk: A, Role: 1}}}}]}\n"
    "  e:f: {grants: [{message: D, when: {NoDesks: {%s: {Desk: A, Role: 1}}}}]}\n"
)
POLICIES = {key: build(OWN % (key, key, key)) for key in ("any_entry", "each_entry")}
PAIRS = st.lists(
    st.tuples(st.sampled_from([453, 448, 452, 55]), st.sampled_from(["A", "B", "1", "2", "01"])), max_size=7
)


@given(st.sampled_from(sorted(POLICIES)), PAIRS)
def test_a_group_of_the_venue_s_own_is_read_as_one_of_the_standard_s(key: str, pairs: list[tuple[int, str]]) -> None:
    own = {453: 5100, 448: 5101, 452: 5102, 55: 55}
    standard = ask(POLICIES[key], "|".join(["D", *(f"{tag}={value}" for tag, value in pairs)]), "a:b").allowed
    for msg_type, scope in (("U7", "c:d"), ("D", "e:f")):
        message = "|".join([msg_type, *(f"{own[tag]}={value}" for tag, value in pairs)])
        assert ask(POLICIES[key], message, scope).allowed is standard


@pytest.mark.parametrize(
    ("groups", "fault"),
    [
        ("{NoSuch: {first: 55}}", "custom.groups.NoSuch` FIX.4.4 has no field `NoSuch`"),
        ("{453: {first: Nope}}", "custom.groups.453.first` FIX.4.4 has no field `Nope`"),
        ("{453: {first: 448, fields: [Nope]}}", "custom.groups.453.fields[0]` FIX.4.4 has no field `Nope`"),
        ("{453: {first: 448, messages: [Nope]}}", "custom.groups.453.messages[0]` FIX.4.4 has no message `Nope`"),
        ("{453: {first: 448}, NoPartyIDs: {first: 452}}", "NoPartyIDs` `NoPartyIDs` is there twice"),
        ("{453: {first: 453}}", "custom.groups.453` counts its own entries"),
        ("{453: {first: 554}}", "custom.groups.453` has a field that is a secret"),
        ("{453: {frist: 448}}", "custom.groups.453.frist` is not a key of the language (did you mean `first`?)"),
    ],
)
def test_faults_of_groups(groups: str, fault: str) -> None:
    found = told(f"custom: {{groups: {groups}}}\nscopes: {{a:b: {{grants: [{{message: D}}]}}}}\n")
    assert any(fault in line for line in found), found
