"""The round trips of a way, and what one way adds to another's. Pure.

What the gateway adds is a thirtieth of a round trip, and a machine that is not ours alone strays by more than that
from one second to the next. So the ways take turns, each with a short *block* of round trips, and a block is held
against the other way's block of the same turn: milliseconds away, with the same messages. What slows the machine down
is in both, and goes out of the difference; where it is in one only (the processor was taken away in the middle of it),
that difference is an outlier, and a median over the turns does not care for outliers. What the way itself costs is in
each of its blocks, and stays.

What a turn begins with is in no block: its first trips find the caches full of other ways, and being one in a hundred
of all they would be the p99. The first of all is told by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median


@dataclass(frozen=True, slots=True)
class Trips:
    """Of one way in one round, in microseconds, in the order of the turns."""

    blocks: tuple[Sequence[float], ...]
    """A block a turn; one that is as long as the round, for a way that was measured alone."""
    firsts: tuple[float, ...] = ()
    """The first trip of each turn, which is in no block."""

    @classmethod
    def of_turns(cls, turns: Sequence[Sequence[float]], lead_in: int) -> Trips:
        """Of turns, each of which begins with so many trips that do not count."""
        return cls(tuple(turn[lead_in:] for turn in turns), tuple(turn[0] for turn in turns))

    def percentile(self, percent: float) -> float:
        """Of all. Raises `ValueError` where there are none."""
        return percentile(list(chain.from_iterable(self.blocks)), percent)


Pair = tuple[Trips, Trips]
"""Of the way and of its baseline, of the same round."""


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that `percent` of all do not exceed. `ValueError` for none."""
    if not values:
        raise ValueError("no values, no percentile")
    rank = math.ceil(len(values) * percent / 100)
    return sorted(values)[max(rank, 1) - 1]


def added(pairs: Sequence[Pair], percent: float) -> float:
    """What a way adds: the median, over all turns of all rounds, of the difference between the two blocks' percentile.

    For the p50: what each trip takes longer, or more than half of them. For the p99: what more than one in a hundred
    take longer. The p99 of a whole round would be what the machine did in its worst moments, to one way or to the other
    by chance, and would hide the way's own tail; that of a turn is the tail that a way has at any time. A cost that
    comes in bursts and leaves most of the turns out is not in it, but in the way's own p99, which is of all its trips.

    Two plain Envoys held against each other differ by up to 0.2 µs in the p50, from one start of the two to the next by
    another amount: what is due to the processes themselves no number of turns takes away.
    """
    turns = (zip(way.blocks, baseline.blocks, strict=True) for way, baseline in pairs)
    return median(
        percentile(way, percent) - percentile(baseline, percent) for way, baseline in chain.from_iterable(turns)
    )


def first_added(pairs: Sequence[Pair]) -> float:
    """The median difference of the first trips of each turn: what a message costs that finds the caches cold."""
    firsts = (zip(way.firsts, baseline.firsts, strict=True) for way, baseline in pairs)
    return median(way - baseline for way, baseline in chain.from_iterable(firsts))
