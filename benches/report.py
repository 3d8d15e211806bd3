"""From samples to figures, tables and JSON. Pure.

Each round measures every variant once, one right after the other, so that what the machine does besides hits all alike;
a figure is the median over the rounds. Ratios are always value by baseline, and `BASELINES` says what that is: for the
gateway plain `tcp_proxy` with the same messages in the same run (for added microseconds: what they are added to).
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
    CHECK_ONE = "check_one"
    CHECK_TWO = "check_two"
    KEPT = "kept"
    MIXED = "tcp_proxy_mixed"
    WARM = "warm"
    OPA = "opa"
    OPA_KEPT = "opa_kept"
    QUICKFIX = "quickfix"


TITLES = {
    Variant.DIRECT: "nothing (load alone)",
    Variant.TCP_PROXY: "Envoy, `tcp_proxy`",
    Variant.NOCHECK: "filter, no Check",
    Variant.CHECK: "filter, Check, audit",
    Variant.CHECK_ONE: "filter, a Check a message, audit",
    Variant.CHECK_TWO: "filter, Check, audit, two services",
    Variant.KEPT: "filter, warm cache",
    Variant.MIXED: "mixed day: Envoy, `tcp_proxy`",
    Variant.WARM: "mixed day: filter, warm cache",
    Variant.OPA: "filter, Check by OPA, log",
    Variant.OPA_KEPT: "filter, OPA, warm cache",
    Variant.QUICKFIX: "QuickFIX bridge, checks in its application",
}

BASELINES = {
    Variant.DIRECT: Variant.TCP_PROXY,
    Variant.NOCHECK: Variant.TCP_PROXY,
    Variant.CHECK: Variant.TCP_PROXY,
    Variant.CHECK_ONE: Variant.TCP_PROXY,
    Variant.CHECK_TWO: Variant.CHECK,
    Variant.KEPT: Variant.TCP_PROXY,
    Variant.WARM: Variant.MIXED,
    Variant.OPA: Variant.CHECK_ONE,
    Variant.OPA_KEPT: Variant.KEPT,
    Variant.QUICKFIX: Variant.KEPT,
}
"""What each is held against; what people would use instead is held against the gateway."""

ADDS = (Variant.NOCHECK, Variant.CHECK, Variant.KEPT, Variant.WARM)
"""Those of which it is told what they add to plain Envoy's round trip."""
INSTEAD = (Variant.OPA, Variant.OPA_KEPT, Variant.QUICKFIX)
"""What people would use instead of the gateway; not everyone can build them."""


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
    """The figures of a run, of those variants that it had."""
    return tuple(result for variant in Variant if variant in rounds[0] for result in _results(rounds, variant))


def _results(rounds: Sequence[Round], variant: Variant) -> Iterator[Result]:
    yield _result(rounds, variant, "throughput", "messages/s", lambda sample: sample.throughput)
    for name, figure in (("p50", _p50), ("p99", _p99)):
        yield _result(rounds, variant, f"{name}_us", "us", figure)
        if variant in ADDS:
            yield _added(rounds, variant, f"{name}_added_us", figure)
    if any(samples[variant].envoy_cpu_us for samples in rounds):
        yield _result(rounds, variant, "envoy_cpu_us", "us", lambda sample: sample.envoy_cpu_us)
    if variant in (Variant.CHECK, Variant.CHECK_ONE, Variant.CHECK_TWO, Variant.OPA):
        yield _result(rounds, variant, "service_cpu_us", "us", lambda sample: sample.service_cpu_us)


def _p50(sample: Sample) -> float:
    return sample.p50_us


def _p99(sample: Sample) -> float:
    return sample.p99_us


def _result(rounds: Sequence[Round], variant: Variant, name: str, unit: str, figure: Figure) -> Result:
    value = median(figure(samples[variant]) for samples in rounds)
    against = BASELINES.get(variant)
    # Plain Envoy has nothing to be held against, and no decision service of its own.
    baseline = median(figure(samples[against]) for samples in rounds) if against else None
    return Result(f"{variant}_{name}", value, unit, baseline or None, value / baseline if baseline else None)


def _added(rounds: Sequence[Round], variant: Variant, name: str, figure: Figure) -> Result:
    """The median of the rounds' own differences: the machine drifts less within a round than over the run."""
    against = BASELINES[variant]
    value = median(figure(samples[variant]) - figure(samples[against]) for samples in rounds)
    baseline = median(figure(samples[against]) for samples in rounds)
    return Result(f"{variant}_{name}", value, "us", baseline, value / baseline)


def as_json(machine: Machine, results: Sequence[Result]) -> dict[str, Any]:
    """What `build/bench.json` holds."""
    return {"machine": asdict(machine), "results": [asdict(result) for result in results]}


METHOD = """\
Between client and venue: nothing; plain Envoy; the filter with traffic that needs no Check, with a decision asked \
for each message (`cache: {enabled: false}`; of those that came together in one Check, as shipped, and with \
`decisions.batch: 1` in a Check each), and with decisions that it keeps. 160-byte orders; the mixed day: orders, \
replaces, cancels, status requests and spreads of a desk under the institutional mapping, 48 symbols, some 600 \
different decisions, and reports that need one too. Ratio to `tcp_proxy` with the same messages, with two services to \
one; Envoy's processor time for a message; medians of interleaved rounds; latency is the round trip of a message and \
its report, all parts on one processor. OPA: its library in an ext_authz server that logs its decisions, with the \
Rego policy in `benches/opa`, behind our filter. QuickFIX: the C++ engine, acceptor to initiator, no store, no log, \
the application in Python. No heap allocation for a forwarded message: `envoy/core/tests/allocation.rs`."""

ENOUGH_CORES = 5
"""For the client, the venue, Envoy and two services."""

HEADINGS = ("Between", "messages/s", "ratio", "p50 µs", "p99 µs", "added p50", "added p99", "Envoy CPU µs")


def figure_rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """A row a variant of the gateway and plain Envoy, in the order of `HEADINGS`."""
    named = {result.name: result for result in results}
    measured = (variant for variant in Variant if f"{variant}_throughput" in named)
    return [_figure_row(variant, named) for variant in measured if variant not in INSTEAD]


def _figure_row(variant: Variant, named: Mapping[str, Result]) -> tuple[str, ...]:
    throughput = named[f"{variant}_throughput"]
    added = [named.get(f"{variant}_{name}_added_us") for name in ("p50", "p99")]
    cpu = named.get(f"{variant}_envoy_cpu_us")
    return (
        TITLES[variant],
        f"{throughput.value:,.0f}",
        "" if throughput.ratio is None else f"{throughput.ratio:.2g}",
        f"{named[f'{variant}_p50_us'].value:.1f}",
        f"{named[f'{variant}_p99_us'].value:.1f}",
        *("" if result is None else f"{result.value:+.1f}" for result in added),
        "" if cpu is None else f"{cpu.value:.2f}",
    )


INSTEAD_HEADINGS = (
    "Orders alike, checked by",
    "messages/s",
    "p50 µs",
    "p99 µs",
    "gateway's messages/s",
    "gateway's p50",
)


def instead_rows(results: Sequence[Result], missing: Mapping[Variant, str]) -> list[tuple[str, ...]]:
    """The gateway, and what people would use instead, in the order of `INSTEAD_HEADINGS`; why some is `missing`.

    The last two columns: so many times this row's, the gateway's like for like (one Check a message, cache for cache).
    """
    named = {result.name: result for result in results}
    rows = [_instead_row(variant, named) for variant in (Variant.CHECK, Variant.CHECK_ONE, Variant.KEPT)]
    for variant in INSTEAD:
        if f"{variant}_throughput" in named:
            rows.append(_instead_row(variant, named))
        else:
            rows.append((TITLES[variant], missing.get(variant, "not measured"), "", "", "", ""))
    return rows


def _instead_row(variant: Variant, named: Mapping[str, Result]) -> tuple[str, ...]:
    found = [named[f"{variant}_{name}"] for name in ("throughput", "p50_us", "p99_us")]
    times = [_times(result) if variant in INSTEAD else "" for result in found[:2]]
    return (TITLES[variant], f"{found[0].value:,.0f}", *(f"{result.value:.1f}" for result in found[1:]), *times)


def _times(result: Result) -> str:
    times = 1 / result.ratio if result.ratio else 0.0
    return f"{times:.2f} times" if times < 10 else f"{times:,.0f} times"


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


def markdown(machine: Machine, results: Sequence[Result], missing: Mapping[Variant, str]) -> str:
    """The tables, for the README."""
    tables = (
        markdown_table(HEADINGS, figure_rows(results)),
        markdown_table(INSTEAD_HEADINGS, instead_rows(results, missing)),
        markdown_table(AIM_HEADINGS, aim_rows(results)),
    )
    return "\n\n".join(tables) + f"\n\n{machine}. {METHOD}{_cores(machine)}\n"


def _cores(machine: Machine) -> str:
    """What the machine is too small for."""
    if machine.cores >= ENOUGH_CORES:
        return ""
    return f" With {machine.cores} cores, the load, Envoy and one service fill the machine: a second cannot double it."


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Make one table, its first column on the left."""
    rule = ["---"] + ["---:"] * (len(headings) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in [headings, rule, *rows])


def screen_tables(machine: Machine, results: Sequence[Result], missing: Mapping[Variant, str]) -> tuple[Table, ...]:
    """The tables, for the screen."""
    return (
        screen_table(HEADINGS, figure_rows(results), caption=str(machine)),
        screen_table(INSTEAD_HEADINGS, instead_rows(results, missing)),
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
