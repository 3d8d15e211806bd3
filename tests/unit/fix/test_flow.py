"""The tables of directions name messages of the dictionary, and none that may go in both directions."""

from __future__ import annotations

import pytest

from authzsvc.fix import flow
from authzsvc.fix.dictionary import load
from authzsvc.fix.direction import Direction

NEWEST = load("FIX.5.0SP2")


@pytest.mark.parametrize("table", [flow.SENT_BY_CLIENTS, flow.SENT_BY_VENUES, flow.OPENING_RISK])
def test_every_message_stands_under_its_name(table: dict[str, str]) -> None:
    assert {msg_type: NEWEST.message_name(msg_type) for msg_type in table} == table


def test_no_message_goes_one_way_and_the_other() -> None:
    assert not flow.SENT_BY_CLIENTS.keys() & flow.SENT_BY_VENUES.keys()
    assert not flow.OPENING_RISK.keys() & flow.SENT_BY_VENUES.keys()


@pytest.mark.parametrize("version", ["FIX.4.0", "FIX.4.2", "FIX.4.4", "FIX.5.0SP2"])
def test_orders_and_reports_in_every_version(version: str) -> None:
    dictionary = load(version)
    assert [flow.only_direction(dictionary, kind) for kind in "DFG"] == [Direction.INBOUND] * 3
    assert [flow.only_direction(dictionary, kind) for kind in "89"] == [Direction.OUTBOUND] * 2
    assert flow.opens_risk(dictionary, "D")
    assert not any(flow.opens_risk(dictionary, kind) for kind in "FHq89")


@pytest.mark.parametrize("msg_type", ["R", "S", "Z", "i", "AE", "AJ", "J", "P", "AS", "AK", "AP", "B", "j", "A", "zz"])
def test_what_may_go_both_ways_is_in_neither_table(msg_type: str) -> None:
    assert flow.only_direction(NEWEST, msg_type) is None


@pytest.mark.parametrize(("version", "msg_type"), [("FIX.4.3", "AC"), ("FIX.5.0", "BN")])
def test_a_name_that_a_version_writes_out_at_greater_length(version: str, msg_type: str) -> None:
    assert flow.only_direction(load(version), msg_type) is Direction.INBOUND


def test_a_venues_own_message_of_the_same_letters_is_another() -> None:
    own = load("FIX.4.2").with_custom({}, {"BN": "BlockNotice", "BZ": "BulkOrder", "DJ": "Digest"})
    assert [flow.only_direction(own, kind) for kind in ("BN", "BZ", "DJ")] == [None] * 3
    assert not flow.opens_risk(own, "DJ")
