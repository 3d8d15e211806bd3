"""Entries of repeating groups: what stands together, and which groups are no groups."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.fix.fields import Fields
from authzsvc.policy.groups import Every, Repeating
from authzsvc.policy.truth import DoubtError, Truth

PARTIES = Repeating(453, 448, "NoPartyIDs")
NESTED = Repeating(453, 448, "NoPartyIDs", nested=True)


def fields(text: str) -> Fields:
    return Fields.parse(text.replace("|", "\x01").encode())


def test_the_entries_of_a_group() -> None:
    found = PARTIES.entries(fields("11=x|453=2|448=A|447=D|452=1|448=B|58=t|"), (452, 447))
    assert found == [{448: b"A", 447: b"D", 452: b"1"}, {448: b"B"}]


def test_no_group_has_no_entries() -> None:
    assert PARTIES.entries(fields("11=x|"), (452,)) == []
    assert PARTIES.entries(fields("453=0|"), (452,)) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("453=1|", "does not count its entries"),
        ("453=3|448=A|448=B|", "does not count its entries"),
        ("453=02|448=A|448=B|", "does not count its entries"),
        ("453=x|", "does not count its entries"),
        ("448=A|", "outside of any entry"),
        ("452=1|453=1|448=A|", "outside of any entry"),
        ("453=1|452=1|448=A|", "outside of any entry"),
        ("453=1|448=A|452=1|452=3|", "twice in one entry"),
        ("453=1|448=A|453=1|448=B|", "stands there more than once"),
    ],
)
def test_what_is_no_group_leaves_a_doubt(text: str, why: str) -> None:
    with pytest.raises(DoubtError, match=why):
        PARTIES.entries(fields(text), (452,))


def test_a_nested_group_may_stand_there_several_times() -> None:
    text = "552=2|54=1|453=1|448=A|54=2|453=2|448=B|448=C|"
    assert NESTED.entries(fields(text), ()) == [{448: b"A"}, {448: b"B"}, {448: b"C"}]
    with pytest.raises(DoubtError, match="does not count"):
        NESTED.entries(fields(text.replace("453=1", "453=2")), ())


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("453=2|448=A|452=1|448=B|452=3|", Truth.YES),
        ("453=2|448=A|452=1|448=B|", Truth.NO),
        ("453=0|", Truth.NO),
        ("", Truth.NO),
        ("453=1|448=A|452=1|448=B|452=3|", Truth.DOUBT),
        ("452=1|", Truth.DOUBT),
    ],
)
def test_every_entry_has_the_tag(text: str, truth: Truth) -> None:
    assert Every(PARTIES).truth(fields(text), 452) is truth


@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=2), st.none() | st.just(b"1"))),
    st.lists(st.sampled_from([(11, b"x"), (58, b"y")]), max_size=3),
)
def test_what_a_group_was_made_of_is_what_is_found(
    made: list[tuple[bytes, bytes | None]], others: list[tuple[int, bytes]]
) -> None:
    pairs = [*others, (453, b"%d" % len(made))]
    for party, role in made:
        pairs += [(448, party), *others, *([(452, role)] if role else [])]
    expected = [{448: party} | ({452: role} if role else {}) for party, role in made]
    assert PARTIES.entries(Fields(tuple(pairs)), (452,)) == expected
