"""The pairs of length and data fields."""

from __future__ import annotations

from authzsvc.fix.data_fields import DATA_OF_LENGTH


def test_most_data_fields_follow_their_length_fields() -> None:
    assert DATA_OF_LENGTH[95] == 96
    assert DATA_OF_LENGTH[354] == 355
    assert len(DATA_OF_LENGTH) == 83


def test_no_data_field_has_two_lengths_and_none_is_a_length() -> None:
    data = list(DATA_OF_LENGTH.values())
    assert len(set(data)) == len(data)
    assert not set(data) & set(DATA_OF_LENGTH)
