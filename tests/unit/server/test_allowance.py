"""How many events are taken from callers that have proved nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from authzsvc.server.allowance import Allowance


def test_so_many_at_once_and_so_many_a_second() -> None:
    allowance = Allowance(burst=3, per_s=2)
    assert [allowance.take(100.0) for _ in range(5)] == [True, True, True, False, False]
    assert [allowance.take(101.0) for _ in range(3)] == [True, True, False]
    assert (allowance.take_left_out(), allowance.take_left_out()) == (3, 0)


def test_a_clock_that_runs_backwards_gives_nothing() -> None:
    allowance = Allowance(burst=1, per_s=1)
    assert allowance.take(100.0)
    assert not allowance.take(50.0)


@given(st.lists(st.floats(0, 3), max_size=200))
def test_never_more_than_its_size_and_its_rate(pauses: list[float]) -> None:
    allowance, now, taken = Allowance(burst=5, per_s=2), 0.0, 0
    for pause in pauses:
        now += pause
        taken += allowance.take(now)
        assert taken <= 5 + 2 * now + 1e-6
