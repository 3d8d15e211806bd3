"""The language's models: the forms that a condition can take."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from authzsvc.policy.language import Condition, EntryCondition, Grant, Mapping, known_keys, part_at


@pytest.mark.parametrize("written", ["CS", {"equals": "CS"}])
def test_the_short_form_is_equals(written: object) -> None:
    assert Condition.model_validate(written).equals == "CS"


def test_numbers_are_read_as_text() -> None:
    assert Condition.model_validate(1).equals == "1"
    assert Condition.model_validate({"in": [1, "2"]}).any_of == ["1", "2"]
    assert Grant.model_validate({"message": 8}).message == ["8"]


@pytest.mark.parametrize(
    "written",
    [None, True, {}, [], {"every": "NoLegs"}, {"default": "1"}, {"in": []}, {"equals": ""}, {"eq": "1"}],
)
def test_what_is_no_condition(written: object) -> None:
    with pytest.raises(ValidationError):
        Condition.model_validate(written)


def test_keys_are_told_as_authors_write_them() -> None:
    assert known_keys(EntryCondition)[:3] == ["equals", "in", "not"]
    assert known_keys(Condition)[-4:] == ["any_entry", "each_entry", "occurrences", "every"]


def test_the_part_around_a_key() -> None:
    assert part_at(("nmae",)) is Mapping
    assert part_at(("scopes", "order:cancel", "grants", 0, "mesage")) is Grant
    assert part_at(("a", "b")) is None
