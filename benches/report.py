"""From figures to the tables of a run. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from benches.aims import AIM_HEADINGS, aim_rows
from benches.results import Machine, Result
from benches.tables import markdown_table, screen_table
from benches.variants import INSTEAD, TITLES, Variant

METHOD = """\
Between client and venue: nothing; plain Envoy; the filter with traffic that needs no Check, with a decision asked \
for each message (`cache: {enabled: false}`; of those that came together in one Check, as shipped, and with \
`decisions.batch: 1` in a Check each), and with decisions that it keeps. 160-byte orders; the mixed day: orders, \
replaces, cancels, status requests and spreads of a desk under the institutional mapping, 48 symbols, some 600 \
different decisions, and reports that need one too. Ratio to `tcp_proxy` with the same messages, with two services to \
one; Envoy's processor time for a message; medians of interleaved rounds; latency is the round trip of a message and \
its report. Where a service is asked, it has a processor and all else another, and neither sleeps. Where none is, all \
parts are on one, and the ways take turns within a round, 200 round trips each, after 56 that do not count; what one \
adds is told by turns that are milliseconds apart: the median over all turns of the difference of their p50, or p99 \
(what the first trip of a turn adds, with cold caches, is in `build/bench.json`). OPA: its library in an ext_authz \
server that logs its decisions, with the Rego policy in `benches/opa`, behind our filter. QuickFIX: the C++ engine, \
acceptor to initiator, no store, no log, the application in Python. No heap allocation for a forwarded message: \
`envoy/core/tests/allocation.rs`."""

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


def screen_tables(machine: Machine, results: Sequence[Result], missing: Mapping[Variant, str]) -> tuple[Table, ...]:
    """The tables, for the screen."""
    return (
        screen_table(HEADINGS, figure_rows(results), caption=str(machine)),
        screen_table(INSTEAD_HEADINGS, instead_rows(results, missing)),
        screen_table(AIM_HEADINGS, aim_rows(results)),
    )
