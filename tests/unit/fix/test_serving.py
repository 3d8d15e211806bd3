"""One dictionary for several versions: the names of one, and what the others have besides."""

from __future__ import annotations

import pytest

from authzsvc.errors import UnknownName
from authzsvc.fix.dictionary import VERSIONS, Branch, load
from authzsvc.fix.serving import serving

NEWEST = load("FIX.5.0SP2")
BOTH = serving("FIX.5.0SP2", ("FIX.4.2", "FIX.5.0SP2"))


def test_it_has_what_each_of_the_versions_has() -> None:
    for version in ("FIX.4.2", "FIX.5.0SP2"):
        own = load(version)
        for msg_type in own._messages:
            assert own.fields_of(msg_type) <= BOTH.fields_of(msg_type), (version, msg_type)


def test_the_version_that_gives_the_names_wins() -> None:
    assert BOTH.version == "FIX.5.0SP2"
    assert BOTH.serves == ("FIX.4.2", "FIX.5.0SP2")
    assert BOTH.tag_name(22) == "SecurityIDSource"
    assert BOTH.message_name("J") == "AllocationInstruction"
    assert [BOTH.data_type(tag) for tag in (1, 38, 18)] == [NEWEST.data_type(tag) for tag in (1, 38, 18)]


def test_what_only_the_older_version_has() -> None:
    assert 109 in BOTH.fields_of("D") - NEWEST.fields_of("D")
    assert BOTH.tag("ExecTransType") == 20
    assert BOTH.value(150, "2") == b"2"
    assert BOTH.value(167, "GOVT") == b"GOVT"


def assert_holds(one: Branch, both: Branch) -> None:
    assert (one.count_tag, one.delimiter) == (both.count_tag, both.delimiter)
    assert one.fields <= both.fields
    groups = {group.count_tag: group for group in both.groups}
    for group in one.groups:
        assert_holds(group, groups[group.count_tag])


@pytest.mark.parametrize("msg_type", ["D", "E", "J", "V", "i", "8", "R"])
def test_groups_are_those_of_the_names_with_the_fields_of_both(msg_type: str) -> None:
    assert_holds(NEWEST.tree(msg_type), BOTH.tree(msg_type))


def test_every_version_serves_every_other() -> None:
    for version in ("FIX.4.2", "FIX.5.0SP2"):
        found = serving(version, tuple(VERSIONS))
        assert found.serves == VERSIONS
        assert found.message("NewOrderSingle") == "D"
        assert found.tag("Symbol") == 55


def test_a_version_that_is_none() -> None:
    with pytest.raises(UnknownName):
        serving("FIX.4.9", ("FIX.4.4",))
