"""The bench's day: what every engine is given, and what the mapping makes of it."""

from __future__ import annotations

from authzsvc.fix.direction import Direction
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Question
from benches.load import ROOT
from benches.policy.day import ALGO_PROVIDER, CONSULTED, DAY, SCOPES

POLICY = compile_mapping(ROOT / "benches/policy/mapping.yaml")


def test_the_mapping_gives_every_message_the_verdict_that_it_should_have() -> None:
    said = [
        POLICY.decide(Question(Direction.INBOUND, message.msg_type, message.fields, ALGO_PROVIDER, {})).allowed
        for message in DAY
    ]
    assert said == [message.allowed for message in DAY]
    assert {True, False} == set(said)


def test_the_policy_knows_these_scopes_and_looks_at_these_tags() -> None:
    assert POLICY.scopes == SCOPES
    assert {tag for rules in POLICY.rules.values() for tag in rules.vary} == CONSULTED


def test_every_kind_of_message_that_the_policy_knows_is_in_the_day() -> None:
    assert {message.msg_type for message in DAY} == {msg_type for _, msg_type in POLICY.rules}


def test_other_engines_get_every_value_of_a_repeated_tag_in_order() -> None:
    mixed = next(message for message in DAY if message.fields.all(167) == [b"OPT", b"CS"])
    assert mixed.values == {"167": ("OPT", "CS"), "263": ("2",), "264": ("1",)}
