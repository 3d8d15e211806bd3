"""The mappings of any size: as many scopes and rules as was said, and questions of the kind that was said."""

from __future__ import annotations

from pathlib import Path

import pytest

from authzsvc.fix.direction import Direction
from authzsvc.policy.compiler import compile_mapping
from benches.policy.sizes import mapping_text, questions


@pytest.mark.parametrize(("scopes", "rules"), [(10, 10), (200, 40)])
def test_a_mapping_has_its_size_and_the_questions_get_the_verdicts_of_their_kind(
    tmp_path: Path, scopes: int, rules: int
) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(mapping_text(scopes, rules))
    policy = compile_mapping(path)
    assert len(policy.scopes) == scopes
    assert len(policy.rules[Direction.INBOUND, "D"].grants) == rules
    for kind, asked in questions(rules).items():
        assert asked
        assert {policy.decide(question).allowed for question in asked} == {kind == "allowed"}


def test_the_order_that_needs_a_scope_not_held_would_be_allowed_with_it(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(mapping_text(10, 10))
    (question,) = questions(10)["scope not held"]
    (missing,) = compile_mapping(path).decide(question).missing_scopes
    assert missing not in question.scopes
