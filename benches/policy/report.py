"""From times to results and tables. Pure.

A result's baseline is what it is compared with: for `policy_vs_…`, whose value is that engine's time, it is ours; for
`policy_scaling`, whose value is the time under the large mapping, the time under the small one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benches.aims import Aim
from benches.results import Result

OURS = "authzsvc"


@dataclass(frozen=True, slots=True)
class Times:
    """One engine's microseconds a decision."""

    day: float
    """Over the whole day."""
    allowed: float
    """Over what is allowed of it."""
    denied: float
    """Over what is denied of it."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """One kind of question under two sizes of mapping, in microseconds a decision."""

    kind: str
    small: float
    large: float

    @property
    def ratio(self) -> float:
        """How many times as long it takes under the large one."""
        return self.large / self.small


AIMS = (
    *(
        Aim(f"policy_vs_{rival}", "at least 10 times ours", lambda result: (result.ratio or 0) >= 10)
        for rival in ("casbin", "cedarpy", "regopy")
    ),
    Aim("policy_scaling", "at most 1.5 times", lambda result: (result.ratio or 0) <= 1.5),
    Aim("policy_load_s", "under 2 s", lambda result: result.value < 2),
    Aim("replay_throughput", "at least 50,000 a second", lambda result: result.value >= 50_000),
)


def summarize(engines: Mapping[str, Times], sizes: Sequence[Sizes], load_s: float, replay: float) -> tuple[Result, ...]:
    """Make the results of a run, from the engines, the kinds of question, seconds to load and messages a second."""
    ours = engines[OURS].day
    worst = max(sizes, key=lambda found: found.ratio)
    rivals = [
        Result(f"policy_vs_{name}", times.day, "us", ours, times.day / ours)
        for name, times in engines.items()
        if name != OURS
    ]
    return (
        Result("policy_decision_us", ours, "us", None, None),
        *rivals,
        Result("policy_scaling", worst.large, "us", worst.small, worst.ratio),
        Result("policy_load_s", load_s, "s", None, None),
        Result("replay_throughput", replay, "messages/s", None, None),
    )


ENGINE_HEADINGS = ("Engine", "µs a decision", "ratio to ours", "µs, allowed", "µs, denied")


def engine_rows(engines: Mapping[str, Times]) -> list[tuple[str, ...]]:
    """A row an engine, in the order of `ENGINE_HEADINGS`."""
    ours = engines[OURS].day
    return [
        (name, f"{times.day:.2f}", f"{times.day / ours:.1f}", f"{times.allowed:.2f}", f"{times.denied:.2f}")
        for name, times in engines.items()
    ]


SIZE_HEADINGS = ("Question", "µs, small", "µs, large", "ratio")


def size_rows(sizes: Sequence[Sizes]) -> list[tuple[str, ...]]:
    """A row a kind of question, in the order of `SIZE_HEADINGS`."""
    return [(found.kind, f"{found.small:.2f}", f"{found.large:.2f}", f"{found.ratio:.2f}") for found in sizes]


def aim_rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """A row an aim, in the order of the gateway's `AIM_HEADINGS`."""
    named = {result.name: result for result in results}
    measured = [(aim, named[aim.result]) for aim in AIMS]
    return [(aim.result, aim.text, _shown(found), "yes" if aim.reached(found) else "no") for aim, found in measured]


def _shown(result: Result) -> str:
    if result.ratio is not None:
        return f"{result.ratio:.2f}"
    return f"{result.value:.2f} s" if result.unit == "s" else f"{result.value:,.0f} a second"
