"""Faults of shape in plain words, and the parts that can still be read."""

from __future__ import annotations

import pytest

from authzsvc.policy import shape
from authzsvc.policy.language import Fragment, Grant, Mapping, Role
from authzsvc.policy.source import parse


def test_a_well_formed_part_is_given_whole() -> None:
    grant = shape.part(Grant, {"message": "D", "when": {"167": "CS"}})
    assert grant is not None
    assert grant.when["167"].equals == "CS"


def test_what_is_malformed_is_left_out_of_a_part() -> None:
    grant = shape.part(Grant, {"message": "D", "extra": 1, "when": {"167": {"in": [1, []]}, "40": "2"}})
    assert grant is not None
    assert list(grant.when) == ["40"]


def test_a_part_without_what_it_must_have_is_none() -> None:
    assert shape.part(Grant, {"when": {}}) is None
    assert shape.part(Role, {"description": "x"}) is None
    assert shape.part(Grant, [1]) is None


def test_faults_say_where_and_what() -> None:
    text = b"version: 1\nname: m\nfix: FIX.4.4\nsession: 7\nscopes: {a:b: []}\n"
    found = shape.faults(parse(text, "m.yaml"), Mapping)
    assert [str(fault) for fault in found] == [
        "m.yaml:4: `session` must be a mapping of keys to values",
        "m.yaml:5: `scopes.a:b` must be a mapping of keys to values",
    ]


def test_a_key_that_resembles_none_gets_the_list() -> None:
    text = b"{version: 1, name: m, fix: f, session: {identity: {}, zzz: 1}}"
    (fault,) = shape.faults(parse(text, "m.yaml"), Mapping)
    assert fault.hint == "known here: `identity`, `exempt`, `risk_reducing`, `outbound`, `passes`"


@pytest.mark.parametrize("key", ["version", "name", "fix"])
def test_an_included_file_has_no_head(key: str) -> None:
    (fault,) = shape.faults(parse(f"{key}: 1".encode(), "m.yaml"), Fragment)
    assert fault.hint == "it belongs in the mapping's top file"


WHEN = "scopes: {a:b: {grants: [{message: D, when: {55: %s}}]}}"


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (WHEN % "{min: 1e3}", ".when.55.min", "is no number (write it plainly, as `10` or `0.5`)"),
        (WHEN % "{max: +1}", ".when.55.max", "is no number"),
        (
            WHEN % "{after: '8:00'}",
            ".when.55.after",
            "is no time (`HH:MM`, `HH:MM:SS` or `YYYYMMDD-HH:MM:SS`, with a time zone",
        ),
        (WHEN % "{before: 20261301-08:00}", ".when.55.before", "is no time"),
        (WHEN % "{present: false}", ".when.55.present", "must be true (write `absent: true` for a tag"),
        (WHEN % "{absent: no}", ".when.55.absent", "must be true (write `present: true` for a tag"),
        (WHEN % "{absent: true, equals: X}", ".when.55", "takes nothing beside `absent`"),
        (WHEN % "{present: true, default: X}", ".when.55", "has a `default` that could never matter"),
        (WHEN % "{equals: X, occurrences: some}", ".when.55.occurrences", "must be `every` or `any`"),
        (WHEN % "{any_entry: {}}", ".when.55.any_entry", "must not be empty"),
        (WHEN % "{any_entry: {1: []}}", ".any_entry.1", "must be a value, or a mapping with one of `equals`"),
        (WHEN % "{any_entry: {1: {evry: X}}}", ".any_entry.1.evry", "is not a key of the language"),
        (WHEN % "{any_entry: {1: {equal: X}}}", ".any_entry.1.equal", "(did you mean `equals`?)"),
        (WHEN % "{in_list: a b}", ".when.55.in_list", "is no name (letters, digits, `_`, `.` and `-`)"),
        (
            "scopes: {role:x: {grants: [{message: D}]}}",
            "scopes.role:x",
            "begins with `role:`, which in a token names a",
        ),
        ("scopes: {a:b: {mode: off, grants: [{message: D}]}}", "scopes.a:b.mode", "must be `enforce` or `shadow`"),
        ("lists: {a b: {values: [A]}}", "lists.a b", "is no name"),
        ("roles: {'a ': {scopes: [a:b]}}", "roles.a ", "has a character that no name should have, or a blank"),
        ("roles: {a: {}}", "roles.a", "bundles nothing: it needs `scopes` or `roles`"),
        ("roles: {a: {scope: [a:b]}}", "roles.a.scope", "(did you mean `scopes`?)"),
        ("lists: {a: {}}", "lists.a", "takes either `file` or `values`"),
        ("lists: {a: {values: []}}", "lists.a.values", "must not be empty"),
        ("rollout: {mod: shadow}", "rollout.mod", "(did you mean `mode`?)"),
        ("rollout: {messages: {D: on}}", "rollout.messages.D", "must be `enforce` or `shadow`"),
        ("custom: {tags: {1: {name: X, vals: Y}}}", "custom.tags.1.vals", "(did you mean `values`?)"),
        ("custom: {messages: {U1: {name: X, type: Y}}}", "custom.messages.U1.type", "known here: `name`"),
        ("forbid: [{name: f}]", "forbid[0].message", "is missing"),
        ("forbid: [{name: f, message: []}]", "forbid[0].message", "must not be empty"),
        ("forbid: [{name: f, message: D, unles: [a:b]}]", "forbid[0].unles", "(did you mean `unless`?)"),
        ("forbid: {}", "forbid", "must be a list"),
        ("include: orders.yaml", "include", "must be a list"),
        ("scope_prefixes: perhaps", "scope_prefixes", "must be true or false"),
    ],
)
def test_the_second_form_in_plain_words(text: str, key: str, words: str) -> None:
    found = [str(fault) for fault in shape.faults(parse(text.encode(), "m.yaml"), Fragment)]
    assert len(found) == 1, found
    assert f"{key}` " in found[0]
    assert words in found[0]
