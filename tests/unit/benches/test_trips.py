"""What one way adds to another's round trips."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from benches.trips import Pair, Trips, added, first_added, percentile


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (1, 1), (50, 50), (50.5, 51), (99, 99), (99.1, 100), (100, 100)]
)
def test_a_percentile_is_one_of_the_values(percent: float, expected: float) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == expected


def test_a_percentile_of_one_value_is_that_value_and_of_none_there_is_none() -> None:
    assert percentile([7.5], 99) == 7.5
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


Cost = Callable[[int], float]
"""What a way adds to its trip of that number, in microseconds."""


def a_round(way: Cost, seed: int = 7, turns: int = 60) -> Pair:
    """A round of a way and its baseline on a machine that drifts by half, and takes itself away in one turn of five.

    The round trip is 40 µs, one in fifty 15 µs longer; noise is drawn for each of the two by itself.
    """
    drawn = random.Random(seed)

    def a_block(cost: Cost, turn: int) -> list[float]:
        drift = 1 + 0.5 * turn / turns
        away = range(50, 90) if drawn.random() < 0.2 else ()
        return [
            drift * (40 + drawn.gauss(0, 1) + (15 if at % 50 == 0 else 0) + cost(turn * 200 + at)) + 900 * (at in away)
            for at in range(200)
        ]

    blocks = [(a_block(way, turn), a_block(lambda _: 0.0, turn)) for turn in range(turns)]
    return Trips(tuple(block for block, _ in blocks)), Trips(tuple(block for _, block in blocks))


def rounds(way: Cost) -> list[Pair]:
    return [a_round(way, seed) for seed in range(9)]


def test_two_ways_alike_differ_by_nothing_though_the_machine_drifts() -> None:
    alike = rounds(lambda _: 0.0)
    assert added(alike, 50) == pytest.approx(0, abs=0.1)
    assert added(alike, 99) == pytest.approx(0, abs=0.5)


def test_what_each_trip_costs_more_is_found_in_the_middle_and_in_the_tail() -> None:
    # The machine is slower by a quarter in its middle.
    slower = rounds(lambda _: 2.0)
    assert added(slower, 50) == pytest.approx(2.5, abs=0.1)
    assert added(slower, 99) == pytest.approx(2.5, abs=0.6)


def test_what_two_in_a_hundred_trips_cost_more_is_found_in_the_tail() -> None:
    rarely = rounds(lambda number: 40.0 if number % 50 == 25 else 0.0)
    assert added(rarely, 50) == pytest.approx(0, abs=0.1)
    assert added(rarely, 99) == pytest.approx(31, abs=2)


def test_what_one_in_two_hundred_trips_costs_more_is_beyond_the_tail() -> None:
    assert added(rounds(lambda number: 40.0 if number % 200 == 25 else 0.0), 99) < 5


def test_a_turn_is_held_against_the_baseline_s_of_the_same_turn() -> None:
    pair = (Trips(((11.0,), (22.0,), (33.0,))), Trips(((10.0,), (20.0,), (30.0,))))
    assert added([pair], 50) == 2.0
    assert added([pair, (Trips(((9.0,), (9.0,))), Trips(((4.0,), (4.0,))))], 50) == 3.0


def test_ways_that_had_not_the_same_turns_are_not_held_against_each_other() -> None:
    with pytest.raises(ValueError, match="zip"):
        added([(Trips(((1.0,),)), Trips(((1.0,), (1.0,))))], 50)


def test_what_a_turn_begins_with_does_not_count_and_its_first_trip_is_told_by_itself() -> None:
    way = Trips.of_turns([[90.0, 50.0, 5.0, 6.0], [95.0, 50.0, 7.0, 8.0]], lead_in=2)
    baseline = Trips.of_turns([[80.0, 50.0, 5.0, 6.0], [80.0, 50.0, 7.0, 8.0]], lead_in=2)
    assert (way.blocks, way.firsts) == (([5.0, 6.0], [7.0, 8.0]), (90.0, 95.0))
    assert way.percentile(100) == 8.0
    assert first_added([(way, baseline)]) == 12.5
