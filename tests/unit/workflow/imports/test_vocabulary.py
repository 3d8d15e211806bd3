"""Names of scopes: what recorded messages are called, and what a name is taken to mean."""

from __future__ import annotations

import pytest

from authzsvc.fix.dictionary import load
from authzsvc.fix.direction import Direction
from authzsvc.policy.scopes import SEGMENTED
from authzsvc.workflow.imports.vocabulary import guess, name_of

FIX44 = load("FIX.4.4")


@pytest.mark.parametrize(
    ("scope", "meaning", "unread"),
    [
        ("order:create:equity", "D inbound SecurityType: {in: [CommonStock, PreferredStock]}", ()),
        ("order:create:limit", "D inbound OrdType: Limit", ()),
        ("order:cancel", "F inbound", ()),
        ("order:cancel:all", "F inbound, q inbound", ()),
        ("order:replace", "G inbound", ()),
        ("orders.write:x", "D inbound", ("x",)),
        ("order:create:option_multileg", "AB inbound SecurityType: Option", ()),
        ("marketdata:snapshot", "V inbound SubscriptionRequestType: Snapshot", ()),
        ("market-data:read:all", "V inbound", ("all",)),
        ("trade:view:own", "8 outbound Account: {claim: accounts}", ()),
        ("trading:read:dropcopy", "H inbound, 8 outbound", ("dropcopy",)),
        ("order:create:dma:desk7", "D inbound", ("dma", "desk7")),
        ("fix/order:create", "D inbound", ()),
        ("https://api.example/fix.orders.cancel", "F inbound", ()),
        ("profile:read", None, ()),
        ("order:frobnicate", None, ()),
        ("", None, ()),
    ],
)
def test_what_a_name_is_taken_to_mean(scope: str, meaning: str | None, unread: tuple[str, ...]) -> None:
    found = guess(FIX44, scope)
    if found is None:
        assert meaning is None
        return
    told = (
        " ".join((grant.msg_type, grant.direction, *(limit.written(FIX44) for limit in grant.limits)))
        for grant in found.grants
    )
    assert (", ".join(told), found.unread) == (meaning, unread)


def test_a_meaning_that_the_version_does_not_have() -> None:
    assert guess(load("FIX.4.2"), "order:create:multileg") is None
    assert guess(FIX44, "position:view:limit") is None  # a RequestForPositions has no OrdType


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.5.0SP2"])
@pytest.mark.parametrize("direction", Direction)
def test_every_message_has_a_name_that_is_a_scope(version: str, direction: Direction) -> None:
    dictionary = load(version)
    for msg_type in dictionary.msg_types:
        for split in (None, "CS", "F O/O"):
            assert SEGMENTED.fullmatch(name_of(dictionary, direction, msg_type, split))


def test_names_that_are_understood_again() -> None:
    for msg_type in ("D", "F", "G", "H", "S", "Z", "R", "AB", "8"):
        direction = Direction.OUTBOUND if msg_type == "8" else Direction.INBOUND
        found = guess(FIX44, name_of(FIX44, direction, msg_type, None))
        assert found is not None
        assert [grant.msg_type for grant in found.grants] == [msg_type]
