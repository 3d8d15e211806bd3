"""Faults of shape in plain words, and the parts that can still be read."""

from __future__ import annotations

from authzsvc.policy import shape
from authzsvc.policy.language import Grant, Session
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
    assert shape.part(Session, {"exempt": []}) is None
    assert shape.part(Grant, [1]) is None


def test_faults_say_where_and_what() -> None:
    found = shape.faults(parse(b"version: 1\nname: m\nfix: FIX.4.4\nsession: 7\nscopes: {a:b: []}\n", "m.yaml"))
    assert [str(fault) for fault in found] == [
        "m.yaml:4: `session` must be a mapping of keys to values",
        "m.yaml:5: `scopes.a:b` must be a mapping of keys to values",
    ]


def test_a_key_that_resembles_none_gets_the_list() -> None:
    (fault, *_) = shape.faults(parse(b"{version: 1, name: m, fix: f, session: {identity: {}, zzz: 1}}", "m.yaml"))
    assert fault.hint == "known here: `identity`, `exempt`, `risk_reducing`"


def test_a_child_of_what_is_no_mapping_is_nothing() -> None:
    assert shape.child({"a": {"b": 1}}, "a", "b") == 1
    assert shape.child({"a": [1]}, "a", "b") is None
    assert shape.child(None, "a") is None
