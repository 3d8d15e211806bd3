"""Contestants timed against each other in interleaved rounds.

In every round each of them does the same work once, one right after the other and in turning order, so that what the
machine does besides hits all alike. A figure is the median of the rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any


@dataclass(frozen=True, slots=True)
class Contestant:
    """Something that decides, and what it is to decide, in the form that it takes."""

    decide: Callable[[Any], object]
    asked: tuple[Any, ...]
    times: int
    """How often it decides all of them in one round."""


def race(contestants: Mapping[str, Contestant], rounds: int) -> dict[str, float]:
    """Give each one's time for a decision: microseconds, the mean within a round, the median over the rounds."""
    for contestant in contestants.values():
        microseconds(contestant)  # what is settled on first use is settled here
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    for _ in range(rounds):
        for name in order:
            taken[name].append(microseconds(contestants[name]))
        order = [*order[1:], order[0]]
    return {name: median(found) for name, found in taken.items()}


def microseconds(contestant: Contestant) -> float:
    """Time one round of one contestant: microseconds a decision. The loop around the call is in it, as for all."""
    decide, asked = contestant.decide, contestant.asked
    begin = perf_counter()
    for _ in range(contestant.times):
        for each in asked:
            decide(each)
    return (perf_counter() - begin) * 1e6 / (contestant.times * len(asked))
