"""Who the client of a recorded session is."""

from __future__ import annotations

import pytest

from authzsvc.fix.dictionary import load
from authzsvc.workflow.parties import Parties, find
from authzsvc.workflow.recorded import Heading

FIX44 = load("FIX.4.4")


@pytest.mark.parametrize(
    ("counts", "client"),
    [
        ({("ALGO", "VENUE", "D"): 1}, "ALGO"),
        ({("VENUE", "ALGO", "8"): 1}, "ALGO"),
        ({("VENUE", "ALGO", "A"): 1, ("VENUE", "ALGO", "8"): 1}, "ALGO"),
        ({("ALGO", "VENUE", "8"): 1, ("ALGO", "VENUE", "D"): 2}, "ALGO"),
        ({("ALGO", "VENUE", "A"): 1, ("VENUE", "ALGO", "A"): 1, ("VENUE", "ALGO", "S"): 9}, "ALGO"),
        ({("VENUE", "ALGO", "0"): 9}, None),
        ({("VENUE", "ALGO", "S"): 9}, None),
    ],
)
def test_the_client_of_a_session(counts: dict[tuple[str, str, str], int], client: str | None) -> None:
    found = find({Heading(*kind): count for kind, count in counts.items()}, FIX44)
    assert found == (Parties(frozenset({client}), ()) if client else Parties(frozenset(), (("ALGO", "VENUE"),)))


def test_a_letter_that_is_another_message_in_the_version_tells_nothing() -> None:
    assert find({Heading("X", "Y", "DJ"): 1}, FIX44).clients == frozenset()
    assert find({Heading("X", "Y", "DJ"): 1}, load("FIX.5.0SP2")).clients == {"X"}


def test_several_sessions() -> None:
    counts = {Heading("A", "V", "D"): 1, Heading("V", "B", "8"): 1, Heading("V", "C", "0"): 1}
    assert find(counts, FIX44) == Parties(frozenset("AB"), (("C", "V"),))
