"""The places of a message: entries told apart, nested as FIX has it, and doubt where engines may read otherwise."""

from __future__ import annotations

import pytest

from authzsvc.fix.dictionary import load
from authzsvc.fix.fields import Fields
from authzsvc.policy import places
from authzsvc.policy.places import Level, Place
from authzsvc.policy.truth import DoubtError

FIX44 = load("FIX.4.4")


def fields(message: str) -> Fields:
    return Fields.parse(f"{message}|".replace("|", "\x01").encode())


def shown(place: Place) -> object:
    """A place as plain data: its values, and the entries of each group."""
    values = {tag: [value.decode() for value in found] for tag, found in place.values.items()}
    return (values, {level.count_tag: [shown(entry) for entry in entries] for level, entries in place.groups})


def read(msg_type: str, tags: set[int], message: str) -> object:
    return shown(places.read(places.level(FIX44, msg_type, tags), fields(message)))


def outline(level: Level) -> object:
    return (sorted(level.tags), {group.count_tag: outline(group) for group in level.groups})


def test_a_level_has_only_the_groups_that_hold_wanted_tags() -> None:
    level = places.level(FIX44, "E", {55, 448, 452})
    assert outline(level) == ([], {73: ([55], {453: ([448, 452], {})})})
    assert level.consulted == {73, 11, 55, 453, 448, 452}
    assert [inner.name for inner in level.every] == ["", "NoOrders", "NoPartyIDs"]


def test_a_tag_that_stands_at_several_levels() -> None:
    level = places.level(FIX44, "AB", {55, 600})
    assert outline(level) == ([55], {555: ([600], {})})
    assert level.grouped == {555, 600}


def test_entries_are_told_apart_by_the_first_field_of_the_group() -> None:
    message = "66=L|73=2|11=A|55=X|38=1|11=B|55=Y"
    assert read("E", {55}, message) == ({}, {73: [({11: ["A"], 55: ["X"]}, {}), ({11: ["B"], 55: ["Y"]}, {})]})


def test_groups_inside_of_entries() -> None:
    message = "73=2|11=A|453=2|448=P|452=1|448=Q|452=24|55=X|11=B|55=Y"
    parties: list[object] = [({448: ["P"], 452: ["1"]}, {}), ({448: ["Q"], 452: ["24"]}, {})]
    assert read("E", {55, 448, 452}, message) == (
        {},
        {73: [({11: ["A"], 55: ["X"]}, {453: parties}), ({11: ["B"], 55: ["Y"]}, {})]},
    )


def test_a_field_of_the_message_ends_the_groups_before_it() -> None:
    assert read("AB", {55, 600}, "555=1|600=L|55=X|54=1") == ({55: ["X"]}, {555: [({600: ["L"]}, {})]})


def test_a_field_of_the_message_that_is_there_twice_is_given_twice() -> None:
    assert read("D", {55}, "55=X|55=Y") == ({55: ["X", "Y"]}, {})


def test_tags_of_a_venue_may_stand_anywhere() -> None:
    message = "555=2|600=A|5001=V|600=B"
    assert read("AB", {600, 5001}, message) == ({5001: ["V"]}, {555: [({600: ["A"]}, {}), ({600: ["B"]}, {})]})


@pytest.mark.parametrize(
    "message",
    [
        "73=2|11=A|55=X",
        "73=1|11=A|55=X|11=B|55=Y",
        "73=0|11=A|55=X",
        "73=01|11=A|55=X",
        "73=|11=A|55=X",
        "55=X|73=1|11=A",
        "73=1|55=X|11=A",
        "73=1|11=A|55=X|55=Y",
        "73=1|11=A|55=X|73=1|11=B",
        "11=A|55=X",
    ],
)
def test_groups_that_engines_may_read_differently(message: str) -> None:
    pairs = tuple((int(pair.split("=")[0]), pair.split("=")[1].encode()) for pair in message.split("|"))
    with pytest.raises(DoubtError):
        places.read(places.level(FIX44, "E", {55}), Fields(pairs))


def test_an_empty_group_is_one_without_entries() -> None:
    assert read("E", {55}, "66=L|73=0") == ({}, {73: []})
