"""What a venue adds to the dictionary."""

from __future__ import annotations

import pytest

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
