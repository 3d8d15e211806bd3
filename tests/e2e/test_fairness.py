"""One client's flood costs another client none of its orders, through the real Envoy and the real service.

Three sessions of one client send orders as fast as the gateway takes them, each with a group of 900 entries that six
rules look through before the order is denied. Each order of a desk needs a Check. The machine may make answers slow,
but the flood must not keep any from coming.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Cache, Check
from benches.fairness.trial import Plan, run

DECIDED = 0.95
"""The least share of the desk's orders that must be decided."""
TIMEOUT_MS = 2_000
"""Of a Check. A flood that is not held back fills whatever time there is."""


@pytest.mark.parametrize("replay", [True, False], ids=["replays", "new orders"])
async def test_a_desk_keeps_trading_beside_a_flood(tmp_path: Path, replay: bool) -> None:
    settings = FilterSettings(check=Check(timeout_ms=TIMEOUT_MS), cache=Cache(enabled=False))
    outcome = await run(tmp_path / "stack", Plan(orders=60, replay=replay, settings=settings))
    answers = outcome.answers
    assert answers.unavailable == 0
    assert answers.denied == 0
    assert answers.decided >= DECIDED, f"{len(answers.took_ms)} of {answers.sent} orders were decided"
    assert outcome.flooded_per_s > 0, "the flood goes on, at its own pace"
