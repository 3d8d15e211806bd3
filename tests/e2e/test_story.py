"""AlgoProvider's story under the shipped mapping: exactly its four scopes, an ordinary day, and a bad release."""

from __future__ import annotations

import pytest

from authzsvc.demo.algoprovider import SCOPES
from authzsvc.demo.stack import Stack, find_mapping
from tests.e2e.conftest import StartStack
from tests.e2e.rig import Rig


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Stack:
    """A gateway whose service has the shipped mapping."""
    return start_stack(mapping=find_mapping("institutional.yaml"))


async def test_algo_provider(rig: Rig) -> None:
    algo = await rig.log_on(*SCOPES)
    session = rig.session(algo)

    # Normal: a spread, and later its replacement.
    spread = algo.spread()
    assert (await rig.at_venue(spread, algo)).raw == spread.raw
    replacement = algo.replace(spread)
    assert (await rig.at_venue(replacement, algo)).raw == replacement.raw

    # Erroneous: a stock order.
    order = algo.stock_order()
    reject = await algo.reject_of(order)
    assert reject.type == "j"
    assert reject.get(58) == "Insufficient permissions"
    assert [reject.get(tag) for tag in (45, 372, 379, 380)] == [order.get(34), "D", order.get(11), "6"]
    instead = await rig.at_venue(order, algo)
    assert (instead.type, instead.seq) == ("1", order.seq)
    assert [message.type for message in session.received] == ["A", "AB", "G", "1"]

    # The session trades on.
    cancel = algo.cancel(spread)
    assert (await rig.at_venue(cancel, algo)).raw == cancel.raw
    subscription = algo.subscribe()
    assert (await rig.at_venue(subscription, algo)).raw == subscription.raw
    await algo.wait_for_type("W")
    await rig.assert_whole(algo)

    algo.logout()
    await algo.wait_for_type("5")
    await algo.closed()


async def test_each_step_is_audited(rig: Rig) -> None:
    algo = await rig.log_on(*SCOPES)
    spread, order = algo.spread(), algo.stock_order()
    await algo.reject_of(order)

    logon = await rig.event(algo.comp_id, event="logon")
    assert (logon["verdict"], logon["severity"]) == ("allow", "info")
    allowed = await rig.event(algo.comp_id, msg_type="AB", direction="inbound")
    assert (allowed["verdict"], allowed["scope"]) == ("allow", "order:create:option_multileg")
    assert (allowed["business_id"], allowed["msg_seq_num"]) == (spread.get(11), spread.seq)
    denied = await rig.event(algo.comp_id, msg_type="D")
    assert (denied["verdict"], denied["severity"]) == ("deny", "high")
    assert (denied["business_id"], denied["msg_seq_num"]) == (order.get(11), order.seq)
    assert "order:create:equity" in denied["missing_scopes"]
    assert denied["session"]["subject"] == algo.comp_id.lower()


async def test_reports_it_may_not_see_become_gap_fills(rig: Rig) -> None:
    algo = await rig.log_on(*SCOPES)
    algo.spread()
    gap = await algo.wait_for_type("4")
    report = rig.session(algo).sent[gap.seq]
    assert report.type == "8"
    assert (gap.get(123), gap.get(36)) == ("Y", str(report.seq + 1))
    withheld = await rig.event(algo.comp_id, direction="outbound", msg_type="8")
    assert withheld["verdict"] == "deny"
    assert "trade:view:own" in withheld["missing_scopes"]
    assert algo.of_type("8") == []


async def test_the_counters_say_so(rig: Rig) -> None:
    before = {name: rig.stat(name) for name in ("logons_allowed", "inbound_denied", "rejects_delivered")}
    algo = await rig.log_on(*SCOPES)
    await algo.reject_of(algo.stock_order())
    assert {name: rig.stat(name) - count for name, count in before.items()} == {
        "logons_allowed": 1,
        "inbound_denied": 1,
        "rejects_delivered": 1,
    }
