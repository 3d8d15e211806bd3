from __future__ import annotations

import pytest

from authzsvc.errors import AdminError
from authzsvc.sessions.acts import MAX_REASON, MAX_VALUE, check_reason, check_selector
from authzsvc.sessions.restrictions import By, Selector


@pytest.mark.parametrize(
    "reason", ["", " ", "a\x01b", "a\nb", " a", "\u202e", "Ausfall für heute", "x" * (MAX_REASON + 1)]
)
def test_a_reason_that_cannot_stand_in_58(reason: str) -> None:
    with pytest.raises(AdminError, match="the reason"):
        check_reason(reason)


def test_the_longest_reason() -> None:
    check_reason("x" * MAX_REASON)


@pytest.mark.parametrize("by", [by for by in By if by is not By.ALL])
def test_a_selector_needs_a_printable_value(by: By) -> None:
    check_selector(Selector(by, "Händler 1"))
    for value in ("", "a\x01", "x" * (MAX_VALUE + 1)):
        with pytest.raises(AdminError, match=f"the {by}"):
            check_selector(Selector(by, value))


def test_all_takes_no_value() -> None:
    check_selector(Selector(By.ALL))
    with pytest.raises(AdminError, match="takes no value"):
        check_selector(Selector(By.ALL, "x"))
