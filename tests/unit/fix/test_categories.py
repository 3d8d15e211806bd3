"""Categories: every message of every version of the specification is in exactly one."""

from __future__ import annotations

from collections import Counter

import pytest

from authzsvc.fix.categories import CATEGORIES, OTHER, category_of
from authzsvc.fix.dictionary import VERSIONS, load


@pytest.mark.parametrize("version", VERSIONS)
def test_every_message_of_a_version_has_a_category(version: str) -> None:
    assert [msg_type for msg_type in load(version).msg_types if category_of(msg_type) == OTHER] == []


def test_no_message_is_in_two_categories() -> None:
    counts = Counter(msg_type for types in CATEGORIES.values() for msg_type in types)
    assert set(counts.values()) == {1}
    assert set(counts) == set(load("FIX.5.0SP2").msg_types)


def test_a_venues_own_message() -> None:
    assert category_of("U1") == OTHER
