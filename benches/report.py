"""From samples to figures, tables and JSON. Pure.

Each round measures every variant once, one right after the other, so that what the machine does besides hits all alike;
a figure is the median over the rounds. Ratios are always value by baseline, and a baseline is plain `tcp_proxy`'s
figure of the same run (for added microseconds: what they are added to).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from statistics import median
from typing import Any

from rich.table import Table


class Variant(StrEnum):
    """What stands between the client and the venue."""

    DIRECT = "direct"
    TCP_PROXY = "tcp_proxy"
    NOCHECK = "nocheck"
    CHECK = "check"


TITLES = {
    Variant.DIRECT: "nothing (load alone)",
    Variant.TCP_PROXY: "Envoy, `tcp_proxy`",
    Variant.NOCHECK: "filter, no Check",
    Variant.CHECK: "filter, Check, audit",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """What one round found of one variant."""

    throughput: float
    """Messages a second at saturation, from the first byte sent until the venue has confirmed the last."""
    envoy_cpu_us: float
    """Processor time of Envoy for each of these messages."""
    service_cpu_us: float
    """Processor time of the decision service for each of these messages."""
    p50_us: float
    """Round trip of one message at a time."""
    p99_us: float


Round = Mapping[Variant, Sample]
Figure = Callable[[Sample], float]


@dataclass(frozen=True, slots=True)
class Result:
    """One figure, as `build/bench.json` has it."""

    name: str
    value: float
    unit: str
    baseline: float | None
    """What it is compared with, in the same unit: `tcp_proxy`'s figure unless said otherwise; absent where none is."""
    ratio: float | None
    """Value by baseline."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure should be."""

    result: str
    text: str
    reached: Callable[[Result], bool]


AIMS = (
    Aim("nocheck_throughput", "at least 0.5 of tcp_proxy", lambda result: (result.ratio or 0) >= 0.5),
    Aim("nocheck_p50_added_us", "at most 3 µs", lambda result: result.value <= 3),
    Aim("check_throughput", "at least 10,000 a second", lambda result: result.value >= 10_000),
    Aim("check_p50_us", "under 600 µs", lambda result: result.value < 600),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the figures are from."""

    cpu: str
    cores: int
    kernel: str
    envoy: str
    python: str
    load: float
    """Runnable processes over the minute before the run: beyond some tenths, the machine was not ours alone."""

    def __str__(self) -> str:
        software = f"Envoy {self.envoy} with one worker, Python {self.python}, Linux {self.kernel}"
        return f"{self.cpu}, {self.cores} cores (load before the run {self.load:.1f}); {software}"


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that `percent` of all do not exceed. `ValueError` for none."""
    if not values:
        raise ValueError("no values, no percentile")
    rank = math.ceil(len(values) * percent / 100)
    return sorted(values)[max(rank, 1) - 1]


def summarize(rounds: Sequence[Round]) -> tuple[Result, ...]:
    """The figures of a run."""
    return tuple(result for variant in Variant for result in _results(rounds, variant))


def _results(rounds: Sequence[Round], variant: Variant) -> Iterator[Result]:
    has_envoy, has_filter = variant is not Variant.DIRECT, variant in (Variant.NOCHECK, Variant.CHECK)
    yield _result(rounds, variant, "throughput", "messages/s", lambda sample: sample.throughput)
    for name, figure in (("p50", _p50), ("p99", _p99)):
        yield _result(rounds, variant, f"{name}_us", "us", figure)
        if has_filter:
            yield _added(rounds, variant, f"{name}_added_us", figure)
    if has_envoy:
        yield _result(rounds, variant, "envoy_cpu_us", "us", lambda sample: sample.envoy_cpu_us)
    if variant is Variant.CHECK:
        yield _result(rounds, variant, "service_cpu_us", "us", lambda sample: sample.service_cpu_us)


def _p50(sample: Sample) -> float:
    return sample.p50_us


def _p99(sample: Sample) -> float:
    return sample.p99_us


def _result(rounds: Sequence[Round], variant: Variant, name: str, unit: str, figure: Figure) -> Result:
    value, plain = (median(figure(samples[which]) for samples in rounds) for which in (variant, Variant.TCP_PROXY))
    # Plain Envoy is its own baseline, and has no decision service to be compared with.
    baseline = plain if plain and variant is not Variant.TCP_PROXY else None
    return Result(f"{variant}_{name}", value, unit, baseline, value / baseline if baseline else None)


def _added(rounds: Sequence[Round], variant: Variant, name: str, figure: Figure) -> Result:
    """The median of the rounds' own differences: the machine drifts less within a round than over the run."""
    value = median(figure(samples[variant]) - figure(samples[Variant.TCP_PROXY]) for samples in rounds)
    baseline = median(figure(samples[Variant.TCP_PROXY]) for samples in rounds)
    return Result(f"{variant}_{name}", value, "us", baseline, value / baseline)


def as_json(machine: Machine, results: Sequence[Result]) -> dict[str, Any]:
    """What `build/bench.json` holds."""
    return {"machine": asdict(machine), "results": [asdict(result) for result in results]}


METHOD = """\
Between client and venue: nothing; plain Envoy; the filter with traffic that needs no Check; the filter with one Check \
per message. 160-byte messages; ratio to `tcp_proxy`; Envoy's processor time for a message; medians of interleaved \
rounds; latency with all parts on one processor."""

HEADINGS = ("Between", "messages/s", "ratio", "p50 µs", "p99 µs", "added p50", "Envoy CPU µs")


def figure_rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """A row a variant, in the order of `HEADINGS`."""
    named = {result.name: result for result in results}
    return [_figure_row(variant, named) for variant in Variant]


def _figure_row(variant: Variant, named: Mapping[str, Result]) -> tuple[str, ...]:
    throughput = named[f"{variant}_throughput"]
    added = named.get(f"{variant}_p50_added_us")
    cpu = named.get(f"{variant}_envoy_cpu_us")
    return (
        TITLES[variant],
        f"{throughput.value:,.0f}",
        "" if throughput.ratio is None else f"{throughput.ratio:.2g}",
        f"{named[f'{variant}_p50_us'].value:.1f}",
        f"{named[f'{variant}_p99_us'].value:.1f}",
        "" if added is None else f"{added.value:+.1f}",
        "" if cpu is None else f"{cpu.value:.2f}",
    )


AIM_HEADINGS = ("Figure", "aim", "measured", "reached")


def aim_rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """A row an aim, in the order of `AIM_HEADINGS`."""
    named = {result.name: result for result in results}
    return [(aim.result, aim.text, _measured(named[aim.result]), _yes(aim, named[aim.result])) for aim in AIMS]


def _measured(result: Result) -> str:
    if result.name == "nocheck_throughput":
        return f"{result.ratio or 0:.2f}"
    return f"{result.value:,.0f} a second" if result.unit == "messages/s" else f"{result.value:.1f} µs"


def _yes(aim: Aim, result: Result) -> str:
    return "yes" if aim.reached(result) else "no"


def markdown(machine: Machine, results: Sequence[Result]) -> str:
    """Both tables, for the README."""
    figures = markdown_table(HEADINGS, figure_rows(results))
    aims = markdown_table(AIM_HEADINGS, aim_rows(results))
    return f"{figures}\n\n{aims}\n\n{machine}. {METHOD}\n"


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Make one table, its first column on the left."""
    rule = ["---"] + ["---:"] * (len(headings) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in [headings, rule, *rows])


def screen_tables(machine: Machine, results: Sequence[Result]) -> tuple[Table, Table]:
    """Both tables, for the screen."""
    return (
        screen_table(HEADINGS, figure_rows(results), caption=str(machine)),
        screen_table(AIM_HEADINGS, aim_rows(results)),
    )


def screen_table(headings: Sequence[str], rows: Sequence[Sequence[str]], caption: str | None = None) -> Table:
    """Make one table, its first column on the left."""
    table = Table(caption=caption)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index else "left")
    for row in rows:
        table.add_row(*(cell.replace("`", "") for cell in row))
    return table
