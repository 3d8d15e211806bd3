"""The wall of the shipped mapping: an account behind it is not shown, in whatever tag and however deep it stands."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from authzsvc.fix.dictionary import Branch
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy, Question

MAPPING = Path(__file__).parents[2] / "mappings" / "institutional.yaml"
WALL = frozenset(("walled-accounts", "walled-allocations"))
LIFTING = frozenset(("trade:view:walled", "trade:allocate:create", "trade:confirm:answer"))
NAMING = {1: None, 79: None, 671: None, 448: 452, 1117: 1119, 524: 538, 757: 759, 949: 951}
"""Tags that may name an account → the tag of the role beside it."""
CUSTOMER_ACCOUNT, POSITION_ACCOUNT, CLEARING_FIRM = b"24", b"38", b"4"
CLAIMS = {name: ["A1", "WALL-1"] for name in ("accounts", "firms", "clients", "traders", "desks")}

Pairs = tuple[tuple[int, bytes], ...]


@cache
def policy() -> Policy:
    return compile_mapping(MAPPING)


def kinds() -> list[str]:
    return sorted({forbid.msg_type for forbid in policy().forbids if forbid.name in WALL})


def messages(branch: Branch, account: bytes, role: bytes) -> Iterator[Pairs]:
    """Give a message for each place that can name an account, with nothing else in it."""
    for tag, beside in NAMING.items():
        if tag in branch.fields:
            yield ((tag, account), *(((beside, role),) if beside else ()))
    for group in branch.groups:
        for inner in messages(group, account, role):
            first = () if inner[0][0] == group.delimiter else ((group.delimiter, b"1"),)
            yield ((group.count_tag, b"1"), *first, *inner)


def shown(msg_type: str, pairs: Pairs) -> bool:
    """Whether somebody who holds every scope but those that lift the wall sees a message."""
    scopes = frozenset(policy().scopes) - LIFTING
    return policy().decide(Question(Direction.OUTBOUND, msg_type, Fields(pairs), scopes, CLAIMS)).allowed


@pytest.mark.parametrize("msg_type", kinds())
@pytest.mark.parametrize("role", [CUSTOMER_ACCOUNT, POSITION_ACCOUNT])
def test_nothing_behind_the_wall_is_shown(msg_type: str, role: bytes) -> None:
    found = list(messages(policy().dictionary.tree(msg_type), b"WALL-1", role))
    assert found, "or this shows nothing"
    assert [pairs for pairs in found if shown(msg_type, pairs)] == []


@pytest.mark.parametrize("msg_type", kinds())
def test_other_accounts_are_shown(msg_type: str) -> None:
    found = list(messages(policy().dictionary.tree(msg_type), b"A1", CUSTOMER_ACCOUNT))
    assert [pairs for pairs in found if not shown(msg_type, pairs)] == []


def test_a_firm_of_that_name_is_no_account() -> None:
    assert shown("8", ((453, b"1"), (448, b"WALL-1"), (452, CLEARING_FIRM)))
