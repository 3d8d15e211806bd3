"""The digest covers every field of the language that changes a behaviour.

Each field of each model has two mappings here that differ in that field only. A new field of the language has no such
mappings, and the first test fails until somebody has decided whether the digest covers the field.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy import language
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy, Question
from authzsvc.policy.language import Part
from authzsvc.policy.value_tests import OneOf
from tests.unit.policy.building import HEAD, build

RULE = "scopes: {a:b: {grants: [{message: D, when: {%s}}]}}\n"
SCOPES = "scopes: {a:b: {grants: [{message: D}]}, a:b:c: {grants: [{message: F}]}}\n"
LISTS = "lists: {one: {values: [A]}, two: {values: [B]}}\n"
ROLES = "roles: {r: {%s}, s: {scopes: ['a:b:c']}}\n" + SCOPES
CUSTOM = "custom: {tags: {5001: {name: DeskCode%s}}}\n" + RULE % "5001: {present: true}"
GROUP = "custom: {groups: {453: {%s}}}\n" + SCOPES
FORBID = SCOPES + "forbid: [{name: f, message: D%s}]\n"
SESSION = "version: 1\nname: m\nfix: FIX.4.4\nsession: {identity: {}%s}\n"

TESTS = {
    "equals": ("A", "B"),
    "any_of": ("{in: [A, B]}", "{in: [A, C]}"),
    "none_of": ("{not: A}", "{not: B}"),
    "present": ("{not: A}", "{not: A, present: true}"),
    "absent": ("{absent: true}", "{present: true}"),
    "prefix": ("{prefix: A}", "{prefix: {claim: A}}"),
    "matches": ("{matches: A+}", "{matches: B+}"),
    "in_list": ("{in_list: one}", "{in_list: two}"),
    "not_in_list": ("{not_in_list: one}", "{not_in_list: two}"),
    "claim": ("{claim: accounts}", "{claim: desks}"),
    "not_claim": ("{not_claim: accounts}", "{not_claim: desks}"),
    "default": ("{equals: A}", "{equals: A, default: A}"),
}
"""Texts for a text field."""
RANGES = {
    "minimum": ("{min: 1, max: 9}", "{min: {claim: a}, max: 9}"),
    "maximum": ("{min: 1, max: 9}", "{min: 1, max: 8}"),
}
TIMES = {
    "after": ("{after: '08:00', before: '18:00'}", "{after: '09:00', before: '18:00'}"),
    "before": ("{after: '08:00', before: '18:00'}", "{after: '08:00', before: '17:00'}"),
    "days": ("{after: '08:00', days: [Mon]}", "{after: '08:00', days: [Tue]}"),
    "zone": ("{after: '08:00'}", "{after: '08:00', zone: Asia/Tokyo}"),
}
BY_TAG = {"Symbol": TESTS, "OrderQty": RANGES, "TransactTime": TIMES}
BY_TAG_IN_A_GROUP = {("D", "NoPartyIDs", "PartyID"): TESTS, ("D", "NoAllocs", "AllocQty"): RANGES,
                     ("AE", "NoTrdRegTimestamps", "TrdRegTimestamp"): TIMES}  # fmt: skip


def in_group(message: str, group: str, tag: str, said: str) -> str:
    return LISTS + (RULE % f"{group}: {{any_entry: {{{tag}: {said}}}}}").replace("message: D", f"message: {message}")


ATTRIBUTE = "attributes: {a_b: {%s}}\n" + RULE % "a_b: %s"
SET = "messages: {some: %s}\n" + SCOPES.replace("message: D", "message: some%s")
CLASSES = "{A: [{55: A}], B: [{55: B}]}"

MATTERS: dict[str, tuple[str, str]] = {
    **{
        f"Condition.{field}": (LISTS + RULE % f"{tag}: {one}", LISTS + RULE % f"{tag}: {other}")
        for tag, tests in BY_TAG.items()
        for field, (one, other) in tests.items()
    },
    **{
        f"EntryCondition.{field}": (in_group(message, group, tag, one), in_group(message, group, tag, other))
        for (message, group, tag), tests in BY_TAG_IN_A_GROUP.items()
        for field, (one, other) in tests.items()
    },
    "Condition.any_entry": (RULE % "453: {any_entry: {448: A}}", RULE % "453: {any_entry: {448: A, 452: 1}}"),
    "Condition.each_entry": (RULE % "453: {any_entry: {448: A}}", RULE % "453: {each_entry: {448: A}}"),
    "Condition.occurrences": (RULE % "55: A", RULE % "55: {equals: A, occurrences: any}"),
    "Condition.every": (RULE % "448: A", RULE % "448: {equals: A, every: NoPartyIDs}"),
    "Claimed.claim": (RULE % "38: {max: {claim: a}}", RULE % "38: {max: {claim: b}}"),
    "Grant.message": (RULE % "55: A", (RULE % "55: A").replace("D", "F")),
    "Grant.direction": (RULE % "55: A", (RULE % "55: A").replace("D,", "D, direction: outbound,")),
    "Grant.when": (RULE % "", RULE % "55: A"),
    "Scope.sensitive": (SCOPES, SCOPES.replace("a:b: {", "a:b: {sensitive: true, ")),
    "Scope.mode": (SCOPES, SCOPES.replace("a:b: {", "a:b: {mode: shadow, ")),
    "Scope.modifier": (
        SCOPES.replace("a:b:c", "m:n"),
        SCOPES.replace("a:b:c: {grants: [{message: F}]}", "m:n: {modifier: true}"),
    ),
    "Scope.grants": (SCOPES, SCOPES.replace("[{message: D}]", "[{message: D}, {message: G}]")),
    "Forbid.name": (FORBID % "", (FORBID % "").replace("name: f", "name: g")),
    "Forbid.message": (FORBID % "", (FORBID % "").replace("message: D}]\n", "message: [D, F]}]\n")),
    "Forbid.direction": (FORBID % "", FORBID % ", direction: outbound"),
    "Forbid.when": (FORBID % "", FORBID % ", when: {55: A}"),
    "Forbid.unless": (FORBID % "", FORBID % ", unless: ['a:b']"),
    "Forbid.wildcards_lift": (FORBID % ", unless: ['a:b']", FORBID % ", unless: ['a:b'], wildcards_lift: false"),
    "Role.scopes": (ROLES % "scopes: ['a:b']", ROLES % "scopes: ['a:b', 'a:b:c']"),
    "Role.roles": (ROLES % "scopes: ['a:b']", ROLES % "scopes: ['a:b'], roles: [s]"),
    "Rollout.mode": (SCOPES, SCOPES + "rollout: {mode: shadow}"),
    "Rollout.messages": (SCOPES, SCOPES + "rollout: {messages: {D: shadow}}"),
    "Rollout.senders": (SCOPES, SCOPES + "rollout: {senders: {ALGO: shadow}}"),
    "ValueList.values": (LISTS + RULE % "55: {in_list: one}", LISTS.replace("A", "C") + RULE % "55: {in_list: one}"),
    "ValueList.file": (
        "lists: {l: {file: a.txt}}\n" + RULE % "55: {in_list: l}",
        "lists: {l: {file: b.txt}}\n" + RULE % "55: {in_list: l}",
    ),
    "CustomTag.name": (CUSTOM % "", CUSTOM.replace("DeskCode", "Desk") % ""),
    "CustomTag.type": (CUSTOM % "", CUSTOM % ", type: INT"),
    "CustomTag.values": (CUSTOM % "", CUSTOM % ", values: {A: Alpha}"),
    "CustomMessage.name": (
        "custom: {messages: {U1: {name: DeskReport}}}\n" + SCOPES,
        "custom: {messages: {U1: {name: DeskOrder}}}\n" + SCOPES,
    ),
    "Custom.tags": ((RULE % "5001: A"), "custom: {tags: {5001: {name: DeskCode}}}\n" + (RULE % "5001: A")),
    "Custom.messages": (SCOPES, "custom: {messages: {U1: {name: DeskReport}}}\n" + SCOPES),
    "Custom.groups": (SCOPES, "custom: {groups: {453: {first: 452}}}\n" + SCOPES),
    "CustomGroup.first": (GROUP % "first: 452", GROUP % "first: 447"),
    "CustomGroup.fields": (GROUP % "first: 452", GROUP % "first: 452, fields: [1]"),
    "CustomGroup.messages": (GROUP % "first: 452", GROUP % "first: 452, messages: [D]"),
    "Fragment.include": ("include: [a.yaml]\n" + SCOPES, "include: [b.yaml]\n" + SCOPES),
    "Fragment.custom": (SCOPES, "custom: {tags: {5001: {name: DeskCode}}}\n" + SCOPES),
    "Fragment.scope_prefixes": (SCOPES, SCOPES + "scope_prefixes: true\n"),
    "Fragment.role_claim": (SCOPES, SCOPES + "role_claim: groups\n"),
    "Fragment.lists": (
        "lists: {l: {values: [A]}}\n" + RULE % "55: {in_list: l}",
        "lists: {l: {values: [A, B]}}\n" + RULE % "55: {in_list: l}",
    ),
    "Fragment.roles": (SCOPES, ROLES % "scopes: ['a:b']"),
    "Fragment.rollout": (SCOPES, SCOPES + "rollout: {mode: shadow}\n"),
    "Fragment.scopes": (SCOPES, SCOPES.replace("a:b:c", "a:b:d")),
    "Fragment.forbid": (SCOPES, FORBID % ""),
    "Grant.leaving_out": (SET % ("[D, G]", ""), SET % ("[D, G]", ", except: [G]")),
    "Forbid.leaving_out": (
        "messages: {some: [D, G]}\n" + (FORBID % "").replace("message: D}]\n", "message: some}]\n"),
        "messages: {some: [D, G]}\n" + (FORBID % "").replace("message: D}]\n", "message: some, except: [G]}]\n"),
    ),
    "Fragment.messages": (SET % ("[D]", ""), SET % ("[D, G]", "")),
    "Fragment.attributes": (ATTRIBUTE % ("sources: [55]", "A"), ATTRIBUTE % ("sources: [1]", "A")),
    "Attribute.override": (
        "include: [x.yaml]\nattributes: {x: {sources: [55], override: true}}\n" + RULE % "x: A",
        "include: [x.yaml]\nattributes: {y: {sources: [55], override: false}}\n" + RULE % "x: A",
    ),
    "Attribute.values": (
        ATTRIBUTE % (f"values: {CLASSES}", "A"),
        ATTRIBUTE % (f"values: {CLASSES.replace('55: A', '55: C')}", "A"),
    ),
    "Attribute.families": (
        ATTRIBUTE % (f"values: {CLASSES}, families: {{both: [A, B]}}", "both"),
        ATTRIBUTE % (f"values: {CLASSES}, families: {{both: [A]}}", "both"),
    ),
    "Attribute.also": (
        ATTRIBUTE % (f"values: {CLASSES}", "A"),
        ATTRIBUTE % (f"values: {CLASSES}, also: [{{55: 311}}]", "A"),
    ),
    "Attribute.by_entries": (
        ATTRIBUTE % (f"values: {CLASSES}", "A"),
        ATTRIBUTE % (f"values: {CLASSES}, by_entries: [A]", "A"),
    ),
    "Attribute.hints": (
        ATTRIBUTE % (f"values: {CLASSES}", "A"),
        ATTRIBUTE % (f"values: {CLASSES}, hints: {{A: [{{65: WI}}]}}", "A"),
    ),
    "Attribute.otherwise": (
        ATTRIBUTE % (f"values: {CLASSES}", "A"),
        ATTRIBUTE % (f"values: {CLASSES}, otherwise: A", "A"),
    ),
    "Attribute.sources": (ATTRIBUTE % ("sources: [55]", "A"), ATTRIBUTE % ("sources: [55, 48]", "A")),
    "Attribute.product": (
        "attributes: {q: {sources: [38]}, p: {sources: [44]}, a_b: {product: [q, p]}}\n" + RULE % "a_b: {max: 9}",
        "attributes: {q: {sources: [38]}, p: {sources: [44]}, a_b: {product: [q, q]}}\n" + RULE % "a_b: {max: 9}",
    ),
    "Attribute.ignore": (ATTRIBUTE % ("sources: [55]", "A"), ATTRIBUTE % ("sources: [55], ignore: [N]", "A")),
    "Attribute.fold": (
        "attributes: {a_b: {sources: [55]}}\n" + FORBID % ", when: {a_b: A}",
        "attributes: {a_b: {sources: [55], fold: true}}\n" + FORBID % ", when: {a_b: A}",
    ),
    "Attribute.default": (ATTRIBUTE % ("sources: [55]", "A"), ATTRIBUTE % ("sources: [55], default: A", "A")),
    "Alternative.when": (
        ATTRIBUTE % ("values: {A: [{55: A}]}", "A"),
        ATTRIBUTE % ("values: {A: [{55: A, 48: B}]}", "A"),
    ),
    "Alternative.versions": (
        ATTRIBUTE % ("values: {A: [{when: {55: A}}, {48: A}]}", "A"),
        ATTRIBUTE % ("values: {A: [{when: {55: A}, versions: FIX.4.2}, {48: A}]}", "A"),
    ),
    "AttributeSource.tag": (ATTRIBUTE % ("sources: [{tag: 55}]", "A"), ATTRIBUTE % ("sources: [{tag: 48}]", "A")),
    "AttributeSource.where": (
        ATTRIBUTE % ("sources: [48]", "A"),
        ATTRIBUTE % ("sources: [{tag: 48, with: {22: '4'}}]", "A"),
    ),
    "AttributeSource.versions": (
        ATTRIBUTE % ("sources: [55, 48]", "A"),
        ATTRIBUTE % ("sources: [55, {tag: 48, versions: FIX.4.2}]", "A"),
    ),
}
"""Model.field → two mappings that behave differently, and differ in this field alone."""

HEADS: dict[str, tuple[str, str]] = {
    "Mapping.version": (SESSION % ", outbound: open", (SESSION % ", outbound: open").replace("1", "2", 1)),
    "Session.outbound": (SESSION % ", outbound: open", SESSION % ", outbound: closed"),
    "Session.passes": (SESSION % ", outbound: closed", SESSION % ", outbound: closed, passes: [j]"),
    "Mapping.fix": (HEAD, HEAD.replace("FIX.4.4", "FIX.5.0SP2")),
    "Served.names": (HEAD, HEAD.replace("FIX.4.4", "{names: FIX.5.0SP2}")),
    "Served.serves": (HEAD, HEAD.replace("FIX.4.4", "{names: FIX.4.4, serves: [FIX.4.2, FIX.4.4]}")),
    "Session.identity": (HEAD, HEAD.replace("identity: {}", "identity: {SenderCompID: comp}")),
    "Session.exempt": (SESSION % "", SESSION % ", exempt: [News]"),
    "Session.risk_reducing": (SESSION % "", SESSION % ", risk_reducing: [F]"),
    "Fragment.session": (SESSION % "", SESSION % ", exempt: [News]"),
}
"""The same for what stands in the head of a mapping."""

NO_BEHAVIOR: dict[str, str] = {
    "Scope.description": "shown by `mapping matrix` alone",
    "Forbid.description": "shown by `mapping matrix` alone",
    "Role.description": "shown by nothing",
    "Attribute.description": "shown by nothing",
    "Fragment.description": "shown by nothing",
    "Mapping.name": "shown by metrics and tools; a signature covers it beside the digest",
}
"""Fields that the digest leaves out, each with the reason."""


def models(part: type[Part] = Part) -> Iterator[type[Part]]:
    for found in part.__subclasses__():
        yield found
        yield from models(found)


def fields() -> set[str]:
    """Every field of the language, under the model that defines it; a condition's also under `Condition`."""
    found = set()
    for model in models():
        if model.__module__ != language.__name__:
            continue
        own = model.model_fields if model is language.Condition else model.__annotations__
        found |= {f"{model.__name__}.{name}" for name in own if name in model.model_fields}
    return found


def test_each_field_of_the_language_is_covered_or_left_out_for_a_reason() -> None:
    known = MATTERS.keys() | HEADS.keys() | NO_BEHAVIOR.keys()
    assert fields() == known


def compiled(folder: Path, text: str) -> Policy:
    (folder / "a.txt").write_text("A\n")
    (folder / "b.txt").write_text("B\n")
    (folder / "a.yaml").write_text("rollout: {senders: {A: shadow}}\n")
    (folder / "b.yaml").write_text("rollout: {senders: {B: shadow}}\n")
    (folder / "x.yaml").write_text("attributes: {x: {sources: [1]}}\n")
    (folder / "m.yaml").write_text(text)
    return compile_mapping(folder / "m.yaml")


@pytest.mark.parametrize("field", MATTERS)
def test_a_change_of_a_field_changes_the_digest(field: str, tmp_path: Path) -> None:
    one, other = (compiled(tmp_path, HEAD + text).digest for text in MATTERS[field])
    assert one != other


@pytest.mark.parametrize("field", HEADS)
def test_a_change_of_the_head_changes_the_digest(field: str, tmp_path: Path) -> None:
    one, other = (compiled(tmp_path, head + FORBID % ", unless: ['a:b']").digest for head in HEADS[field])
    assert one != other


DESCRIBED = """\
version: 1
name: m
description: {0}
fix: FIX.4.4
session: {{identity: {{}}}}
roles: {{r: {{description: {0}, scopes: ['a:b']}}}}
scopes: {{a:b: {{description: {0}, grants: [{{message: D}}]}}}}
forbid: [{{name: f, description: {0}, message: F}}]
"""


def test_descriptions_names_comments_and_layout_do_not_count() -> None:
    plain = build(DESCRIBED.format("one"), head="").digest
    assert build(DESCRIBED.format("two"), head="").digest == plain
    assert build(DESCRIBED.format("one").replace("name: m", "name: n"), head="").digest == plain
    assert build("# words\n" + DESCRIBED.format("one").replace("\n", "\n\n"), head="").digest == plain


WORDS = st.text(st.characters(codec="ascii", exclude_categories=["Cs"]), min_size=1, max_size=4)


@given(st.frozensets(WORDS, max_size=5), st.frozensets(WORDS, max_size=5), st.booleans(), st.booleans())
def test_lists_with_the_same_meaning_hold_the_same_values(
    one: frozenset[str], other: frozenset[str], long: bool, other_long: bool
) -> None:
    """Values with any character, and lists long enough to be told by their digest."""
    filler = frozenset(b"filler-%d" % number for number in range(70))
    values = [
        frozenset(word.encode() for word in words) | (filler if padded else frozenset())
        for words, padded in ((one, long), (other, other_long))
    ]
    meanings = [OneOf(found).meaning for found in values]
    assert (meanings[0] == meanings[1]) == (values[0] == values[1])


def test_a_long_list_is_not_mistaken_for_others() -> None:
    filler = frozenset(b"filler-%d" % number for number in range(70))
    assert OneOf(filler | {b"A", b"B"}).meaning != OneOf(filler | {b"A\x01B"}).meaning
    shown = OneOf(filler).meaning
    for start in range(len(shown)):
        assert OneOf(frozenset(word.encode() for word in shown[start:])).meaning != shown


LEAVES = st.sampled_from(["A", "B", "C"])
CONDITIONS = st.one_of(
    LEAVES.map(lambda value: f"{{equals: {value}}}"),
    st.sets(LEAVES, min_size=1).map(lambda values: f"{{in: [{', '.join(sorted(values))}]}}"),
    LEAVES.map(lambda value: f"{{not: {value}}}"),
    st.just("{present: true}"),
    st.just("{absent: true}"),
    LEAVES.map(lambda value: f"{{equals: {value}, default: A}}"),
    LEAVES.map(lambda value: f"{{equals: {value}, occurrences: any}}"),
)


@st.composite
def mappings(draw: Any) -> str:  # noqa: ANN401 (hypothesis' own)
    rule = draw(CONDITIONS)
    forbid = draw(st.none() | CONDITIONS)
    text = f"scopes: {{a:b: {{grants: [{{message: D, when: {{55: {rule}}}}}]}}, a:c: {{grants: [{{message: F}}]}}}}\n"
    if forbid is not None:
        unless = draw(st.sampled_from(["", ", unless: ['a:c']"]))
        text += f"forbid: [{{name: f, message: D, when: {{1: {forbid}}}{unless}}}]\n"
    text += draw(st.sampled_from(["", "rollout: {mode: shadow}\n", "scope_prefixes: true\n", "role_claim: x\n"]))
    return str(text)


MESSAGES = [
    Fields(tuple((tag, value.encode()) for tag, values in ((55, one), (1, other)) for value in values))
    for one in ((), ("A",), ("B",), ("A", "B"))
    for other in ((), ("A",), ("C",))
]


def behavior(policy: Policy) -> list[object]:
    """Everything observable that these mappings do."""
    claims = {"x": ["seen"], "roles": ["other"]}
    told: list[object] = [policy.role_names(frozenset(), claims), policy.want_tags, policy.guard_outbound]
    for scopes in (frozenset({"a:b"}), frozenset({"a:b", "a:c"}), frozenset({"a:c"})):
        for message in MESSAGES:
            verdict = policy.decide(Question(Direction.INBOUND, "D", message, scopes, claims))
            told.append((verdict.allowed, verdict.scope, verdict.missing_scopes, verdict.vary, verdict.shadow))
    return told


@given(mappings(), mappings())
def test_mappings_with_one_digest_behave_alike(one: str, other: str) -> None:
    first, second = build(one), build(other)
    assert first.digest != second.digest or behavior(first) == behavior(second)


OLD = """\
scope_prefixes: true
lists: {l: {values: [EVIL, WORSE]}}
roles: {r: {scopes: ['a:*']}}
scopes:
  a:b: {sensitive: true, grants: [{message: D, when: {55: {not_in_list: l}, 38: {min: 1}, 453: {any_entry: {448: A}}}}]}
  a:c: {mode: shadow, grants: [{message: 8, direction: outbound, when: {1: {claim: accounts}}}]}
forbid:
  - {name: f, message: [D, G], when: {60: {after: '08:00'}}, unless: ['a:c']}
"""


def test_the_digest_of_a_mapping_of_version_1_stays() -> None:
    """A signature of such a mapping outlives what is added to the language."""
    assert build(OLD).digest == "94d66fd17c965e81e6fc91705be4e4b878b3677c1189147d41cf6bf7ede2e861"
