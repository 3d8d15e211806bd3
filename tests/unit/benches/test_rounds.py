"""How much is measured."""

from __future__ import annotations

import pytest

from benches.rounds import LEAD_IN, SATURATE, TURNS
from benches.variants import BY_TURNS, Variant

DAY = 816
"""Messages until the mixed day begins anew."""


@pytest.mark.parametrize("ways", [len(BY_TURNS), len(BY_TURNS) - 1])
def test_each_way_is_as_often_behind_each_other_with_and_without_opa(ways: int) -> None:
    assert TURNS.turns % (2 * ways) == 0


def test_every_decision_of_the_mixed_day_has_been_met_before_the_first_turn() -> None:
    assert TURNS.warmup >= DAY
    assert TURNS.block - LEAD_IN == 200


def test_every_variant_s_throughput_is_measured() -> None:
    assert set(SATURATE) == set(Variant)
