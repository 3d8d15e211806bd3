"""The examples of docs/mapping.md on attributes and sets of messages, held against what the engine decides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.engine import Policy, Question
from authzsvc.workflow import typed
from tests.unit.policy.building import build

GUIDE = (Path(__file__).parents[3] / "docs" / "mapping.md").read_text()


def section(name: str) -> str:
    return GUIDE.split(f"\n## {name}\n")[1].split("\n## ")[0]


def mapping(name: str) -> Policy:
    (text,) = re.findall(r"```yaml\n(.*?)```", section(name), re.DOTALL)
    return build(text)


ROWS = re.findall(r"^\| `(35=.*?)` \| (allow|deny) \|", section("Attributes"), re.MULTILINE)


@pytest.mark.parametrize(("message", "expected"), ROWS)
def test_a_message_of_the_table(message: str, expected: str) -> None:
    msg_type, fields = typed.read(message.replace("\\|", "|"))
    body = type(fields)(tuple(pair for pair in fields.pairs if pair[0] != typed.MSG_TYPE))
    policy = mapping("Attributes")
    verdict = policy.decide(Question(Direction.INBOUND, msg_type, body, policy.scopes, {"accounts": ["A1"]}))
    assert ("allow" if verdict.allowed else "deny") == expected


def test_there_is_a_table() -> None:
    assert len(ROWS) == 11


def test_the_sets_of_the_example() -> None:
    policy = mapping("Message sets")
    assert [grant.msg_type for grant in policy.grants] == ["AB", "D"]
    assert [forbid.msg_type for forbid in policy.forbids] == ["AB", "D", "E", "G"]


def test_the_versions_of_the_example() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", section("FIX versions"), re.DOTALL)
    policy = build(text, head="version: 1\nname: m\nsession: {identity: {}}\n")
    for begin_string, exec_type, expected in (("FIX.4.2", "2", True), ("FIX.4.4", "2", False), ("FIXT.1.1", "F", True)):
        fields = Fields(((150, exec_type.encode()),))
        question = Question(Direction.OUTBOUND, "8", fields, policy.scopes, {}, begin_string=begin_string)
        assert policy.decide(question).allowed is expected


@pytest.mark.parametrize("word", ["asset_class", "notional", "orders", "post_trade"])
def test_the_library_has_what_the_guide_says(word: str) -> None:
    library = (Path(__file__).parents[3] / "mappings" / "attributes" / "fix.yaml").read_text()
    assert re.search(rf"^  {word}:", library, re.MULTILINE)
    assert f"`{word}`" in section("Attributes") + section("Message sets")
