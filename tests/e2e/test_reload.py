"""A mapping that changes under a live session: the session stays, and its next message is judged anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from authzsvc.demo.stack import Stack
from tests.e2e.rig import Rig, eventually

HEAD = """\
version: 1
name: changing
fix: FIX.5.0SP2
session:
  identity: {SenderCompID: fix_comp_id}
scopes:
  order:create:equity:
    grants:
      - message: NewOrderSingle
        when: {SecurityType: %s}
"""
NARROW, WIDE, BROKEN = HEAD % "Future", HEAD % "CommonStock", HEAD % "CommonStok"


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mapping") / "mapping.yaml"
    path.write_text(NARROW)
    return path


@pytest.fixture(scope="module")
def stack(start_stack: Callable[..., Stack], mapping: Path) -> Stack:
    return start_stack(mapping=mapping)


async def logged(rig: Rig, words: str) -> None:
    """Wait until the service says so."""
    await eventually(lambda: words in rig.stack.service_log.read_text(), words, 30)


async def test_the_sessions_next_order_is_judged_by_the_new_mapping_or_the_last_good_one(
    rig: Rig, mapping: Path
) -> None:
    client = await rig.log_on("order:create:equity")
    await client.reject_of(client.stock_order())

    mapping.write_text(WIDE)
    await logged(rig, "the mapping was replaced")
    order = client.stock_order()
    assert (await rig.at_venue(order, client)).raw == order.raw

    mapping.write_text(BROKEN)
    await logged(rig, "the mapping is refused")
    order = client.stock_order()
    assert (await rig.at_venue(order, client)).raw == order.raw
    assert "CommonStok" in rig.stack.service_log.read_text()

    assert [message.type for message in rig.session(client).received] == ["A", "1", "D", "D"]
    assert len(client.of_type("j")) == 1
    await rig.assert_whole(client)
