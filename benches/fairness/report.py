"""From trials to results and tables. Pure.

A result's baseline is the same figure of a desk that trades alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benches.aims import AIM_HEADINGS, Aim
from benches.fairness.trial import Outcome
from benches.results import Machine, Result
from benches.tables import markdown_table
from benches.trips import percentile

ALONE, REPLAYS, ORDERS = "alone", "replays", "orders"
"""The trials: nobody else, beside a flood of denied replays, beside one of denied orders."""
FLOODS = (REPLAYS, ORDERS)

AIMS = tuple(
    aim
    for flood in FLOODS
    for aim in (
        Aim(f"fairness_{flood}_decided", "at least 95 %", lambda result: result.value >= 95),
        Aim(f"fairness_{flood}_unavailable", "none", lambda result: result.value == 0),
    )
)

HEADINGS = ("A desk at 10 orders a second", "alone", "beside denied replays", "beside denied orders")

METHOD = """\
A desk sends 10 permitted orders a second, each of which needs a Check. Three sessions of another client send orders \
as fast as the gateway takes them, each with 900 entries in a group that six rules look through, and all of them \
denied: replays (43=Y) in one trial, new orders in the other. An order is decided when its report or its reject has \
come back; 380=4 says that no decision was to be had within 500 ms. All settings are the defaults, but for the cache, \
which is off."""


def summarize(outcomes: Mapping[str, Outcome]) -> tuple[Result, ...]:
    """The figures of a run: `outcomes` has all three trials."""
    alone = dict.fromkeys(FLOODS, outcomes[ALONE].answers.took_ms)
    return tuple(
        result for name, outcome in outcomes.items() for result in _results(name, outcome, alone.get(name, ()))
    )


def _results(name: str, outcome: Outcome, alone: Sequence[float]) -> list[Result]:
    answers, begin = outcome.answers, f"fairness_{name}"
    return [
        Result(f"{begin}_decided", answers.decided * 100, "%", None, None),
        Result(f"{begin}_unavailable", answers.unavailable, "orders", None, None),
        *(_latency(f"{begin}_p{rank}_ms", answers.took_ms, alone, rank) for rank in (50, 99)),
        *([Result(f"{begin}_flood", outcome.flooded_per_s, "messages/s", None, None)] if name in FLOODS else []),
    ]


def _latency(name: str, took_ms: Sequence[float], alone: Sequence[float], rank: int) -> Result:
    value = percentile(took_ms, rank) if took_ms else float("inf")
    baseline = percentile(alone, rank) if alone else None
    return Result(name, value, "ms", baseline, value / baseline if baseline else None)


def figure_rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """The figures in words, in the order of `HEADINGS`."""
    value = {result.name: result.value for result in results}

    def row(words: str, figure: str, shape: str) -> tuple[str, ...]:
        cells = (value.get(f"fairness_{trial}_{figure}") for trial in (ALONE, *FLOODS))
        return (words, *("" if cell is None else format(cell, shape) for cell in cells))

    return [
        row("orders decided, %", "decided", ".1f"),
        row("orders denied with 380=4", "unavailable", ".0f"),
        row("round trip, p50, ms", "p50_ms", ".1f"),
        row("round trip, p99, ms", "p99_ms", ".1f"),
        row("messages of the flood, a second", "flood", ",.0f"),
    ]


def aim_rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """A row an aim, in the order of `AIM_HEADINGS`."""
    named = {result.name: result for result in results}
    measured = [(aim, named[aim.result]) for aim in AIMS]
    return [
        (aim.result, aim.text, f"{found.value:.1f} {found.unit}", "yes" if aim.reached(found) else "no")
        for aim, found in measured
    ]


def markdown(machine: Machine, results: Sequence[Result]) -> str:
    """Both tables, for the README."""
    figures = markdown_table(HEADINGS, figure_rows(results))
    aims = markdown_table(AIM_HEADINGS, aim_rows(results))
    return f"{figures}\n\n{aims}\n\n{machine}. {METHOD}\n"
