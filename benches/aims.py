"""What the figures should be. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benches.results import Result


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure should be."""

    result: str
    text: str
    reached: Callable[[Result], bool]
    by_ratio: bool = False
    """The aim is about the ratio."""


AIMS = (
    Aim("nocheck_throughput", "at least 0.5 of tcp_proxy", lambda result: (result.ratio or 0) >= 0.5, by_ratio=True),
    Aim("nocheck_p50_added_us", "at most 3 µs", lambda result: result.value <= 3),
    Aim("warm_throughput", "at least 0.6 of tcp_proxy", lambda result: (result.ratio or 0) >= 0.6, by_ratio=True),
    Aim("warm_p50_added_us", "at most 1.5 µs", lambda result: result.value <= 1.5),
    Aim("warm_p99_added_us", "at most 5 µs", lambda result: result.value <= 5),
    Aim("check_throughput", "at least 18,000 a second", lambda result: result.value >= 18_000),
    Aim("check_p50_us", "under 450 µs", lambda result: result.value < 450),
    Aim(
        "check_two_throughput",
        "at least 1.7 of one service, where there are cores",
        lambda result: (result.ratio or 0) >= 1.7,
        by_ratio=True,
    ),
    Aim("opa_throughput", "gateway ahead, each Check for Check", lambda result: (result.ratio or 0) < 1, by_ratio=True),
    Aim("opa_p50_us", "gateway ahead, each Check for Check", lambda result: (result.ratio or 0) > 1, by_ratio=True),
    Aim("quickfix_throughput", "gateway ahead, as it is set", lambda result: (result.ratio or 0) < 1, by_ratio=True),
    Aim("quickfix_p50_us", "gateway ahead, as it is set", lambda result: (result.ratio or 0) > 1, by_ratio=True),
)


AIM_HEADINGS = ("Figure", "aim", "measured", "reached")


def aim_rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """A row an aim whose figure was measured, in the order of `AIM_HEADINGS`."""
    named = {result.name: result for result in results}
    aims = [(aim, named[aim.result]) for aim in AIMS if aim.result in named]
    return [(aim.result, aim.text, _measured(aim, found), "yes" if aim.reached(found) else "no") for aim, found in aims]


def _measured(aim: Aim, result: Result) -> str:
    if aim.by_ratio:
        return f"{result.ratio or 0:.2f}"
    return f"{result.value:,.0f} a second" if result.unit == "messages/s" else f"{result.value:.1f} µs"
