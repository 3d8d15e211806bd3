"""From trials to results and tables. Pure.

A result's baseline, where there is one, is the same figure without what is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from statistics import median

from benches.aims import AIM_HEADINGS, Aim
from benches.results import Machine, Result
from benches.sessions.crowd import Logons
from benches.sessions.storm import Storm
from benches.sessions.trials import Beside, Killed, Many
from benches.tables import markdown_table
from benches.trips import percentile

AIMS = (
    Aim("sessions_first_decision_p99_us", "under 2 ms", lambda result: result.value < 2_000),
    Aim("sessions_logons_s", "5,000 in under 30 s", lambda result: result.value < 30),
    Aim("sessions_logon_beside_slow_p99_us", "at most twice that without", lambda result: (result.ratio or inf) <= 2),
    Aim("sessions_kill_p99_ms", "under 250 ms", lambda result: result.value < 250),
    Aim("sessions_memory_mb", "under 300 MB", lambda result: result.value < 300),
    Aim("sessions_envoy_idle_kb", "under 24 KB above tcp_proxy", lambda result: result.value < 24),
)


def summarize(
    firsts: Sequence[Logons], many: Many, beside: Beside, killed: Killed, stormed: Storm
) -> tuple[Result, ...]:
    """The figures of a run."""
    return (
        *_first_decisions(firsts),
        *_logons(many),
        *_beside(beside),
        *_killed(killed),
        *_memory(many),
        *_stormed(stormed),
    )


def _first_decisions(rounds: Sequence[Logons]) -> list[Result]:
    """The medians over the rounds."""
    found = {rank: median(percentile(logons.firsts_us, rank) for logons in rounds) for rank in (50, 99)}
    return [_plain(f"sessions_first_decision_p{rank}_us", value, "us") for rank, value in found.items()]


def _logons(many: Many) -> list[Result]:
    logons = many.logons
    return [
        _plain("sessions_logons_s", logons.elapsed_s, "s"),
        _plain("sessions_logons_per_s", len(logons.logons_us) / logons.elapsed_s, "logons/s"),
        *(_plain(f"sessions_logon_p{rank}_us", percentile(logons.logons_us, rank), "us") for rank in (50, 99)),
    ]


def _beside(beside: Beside) -> list[Result]:
    ranks = {"p50": 50, "p99": 99, "max": 100}
    return [
        _compared(
            f"sessions_logon_beside_slow_{name}_us",
            percentile(beside.beside_us, rank),
            percentile(beside.alone_us, rank),
        )
        for name, rank in ranks.items()
    ]


def _killed(killed: Killed) -> list[Result]:
    """Sessions that were not refused count as never."""
    ends = killed.ends
    times = [*ends.refused_ms, *[inf] * ends.live]
    ranks = {"p50": 50, "p99": 99, "max": 100}
    return [
        _plain("sessions_killed", killed.hit, "sessions"),
        _plain("sessions_kill_cut", ends.cut, "sessions"),
        _plain("sessions_kill_call_ms", killed.call_ms, "ms"),
        *(_plain(f"sessions_kill_{name}_ms", percentile(times, rank), "ms") for name, rank in ranks.items()),
    ]


def _memory(many: Many) -> list[Result]:
    """With the sessions idle; beside it what it was without them."""
    most = max(many.after.service.now, many.idle.service.now)
    return [
        Result("sessions_memory_mb", most, "MB", many.before.service.now, most / many.before.service.now),
        _plain("sessions_memory_idle_mb", many.idle.service.now, "MB"),
        _plain("sessions_memory_peak_mb", many.idle.service.peak, "MB"),
        _plain("sessions_memory_envoy_mb", many.idle.envoy.now, "MB"),
    ]


def _stormed(stormed: Storm) -> list[Result]:
    """An idle session's memory is above that in plain Envoy, the baseline; sessions not refused count as never."""
    logons, ends, above = stormed.logons, stormed.ends, stormed.session_kb - stormed.plain_kb
    times = [*ends.refused_ms, *[inf] * ends.live]
    return [
        _plain("sessions_storm_per_s", len(logons.logons_us) / logons.elapsed_s, "logons/s"),
        *(_plain(f"sessions_storm_logon_p{rank}_us", percentile(logons.logons_us, rank), "us") for rank in (50, 99)),
        Result("sessions_envoy_idle_kb", above, "KB", stormed.plain_kb, above / stormed.plain_kb),
        _plain("sessions_flow_per_s", stormed.flow.per_s, "messages/s"),
        _plain("sessions_flow_envoy_us", stormed.flow.envoy_us, "us"),
        _plain("sessions_storm_kill_cut", ends.cut, "sessions"),
        *(_plain(f"sessions_storm_kill_p{rank}_ms", percentile(times, rank), "ms") for rank in (50, 99, 100)),
    ]


def _plain(name: str, value: float, unit: str) -> Result:
    return Result(name, value, unit, None, None)


def _compared(name: str, value: float, baseline: float) -> Result:
    return Result(name, value, "us", baseline, value / baseline)


HEADINGS = ("Sessions", "measured")

METHOD = """\
Each trial on parts of its own, through Envoy: keys and session store on files, audit on, a token for each session. A \
first decision is the round trip of a session's first order, sent as soon as its Logon is answered, through to the \
venue and back with its report (medians of three rounds); a Logon is from connecting to its answer, the venue's. \
Logons come one after another and all sessions stay. Slow introspection takes 2 s, for 32 Logons at any moment. Kill: \
from the return of the call until the session has ended at the client, by the Logout in its message's place, from the \
venue and back; each sends a message at once and then every 100 ms. Memory is resident memory with all watches out; \
thousands of bytes, for an idle session, against as many connections through Envoy without the filter."""


def figure_rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """The figures in words, in the order of `HEADINGS`."""
    at = {result.name: result for result in results}
    value = {name: result.value for name, result in at.items()}
    alone = {name: result.baseline or 0.0 for name, result in at.items()}
    first, slow = "sessions_first_decision", "sessions_logon_beside_slow"
    return [
        ("first decision after Logon, p50 / p99", _ms(value, f"{first}_p50_us", f"{first}_p99_us")),
        ("Logon, p50 / p99", _ms(value, "sessions_logon_p50_us", "sessions_logon_p99_us")),
        ("Logons in a row", f"{value['sessions_logons_per_s']:,.0f} a second"),
        ("Logon alone, p50 / p99 / longest", _ms(alone, f"{slow}_p50_us", f"{slow}_p99_us", f"{slow}_max_us")),
        ("Logon beside slow introspection, the same", _ms(value, f"{slow}_p50_us", f"{slow}_p99_us", f"{slow}_max_us")),
        ("kill, the call itself", f"{value['sessions_kill_call_ms']:,.0f} ms for {value['sessions_killed']:,.0f}"),
        ("kill, the connection ended before its Logout was read", f"{value['sessions_kill_cut']:,.0f}"),
        (
            "kill, return to first refusal, p50 / p99 / last",
            " / ".join(f"{value[f'sessions_kill_{name}_ms']:,.1f}" for name in ("p50", "p99", "max")) + " ms",
        ),
        (
            "service's memory, before / with the sessions / peak",
            f"{alone['sessions_memory_mb']:,.0f} / {value['sessions_memory_mb']:,.0f} /"
            f" {value['sessions_memory_peak_mb']:,.0f} MB",
        ),
        ("Envoy's memory with the sessions", f"{value['sessions_memory_envoy_mb']:,.0f} MB"),
        (
            "Envoy's memory for an idle session: `tcp_proxy` / the filter above it",
            f"{alone['sessions_envoy_idle_kb']:.1f} / {value['sessions_envoy_idle_kb']:.1f} KB",
        ),
        ("all log on at once", f"{value['sessions_storm_per_s']:,.0f} a second"),
        ("Logon then, p50 / p99", _ms(value, "sessions_storm_logon_p50_us", "sessions_storm_logon_p99_us")),
        (
            "all trade, an order a second each",
            f"{value['sessions_flow_per_s']:,.0f} a second, {value['sessions_flow_envoy_us']:.1f} µs of Envoy's each",
        ),
        (
            "all killed at once, p50 / p99 / last",
            " / ".join(f"{value[f'sessions_storm_kill_p{rank}_ms']:,.1f}" for rank in (50, 99, 100)) + " ms",
        ),
    ]  # fmt: skip


def _ms(values: dict[str, float], *names: str) -> str:
    return " / ".join(f"{values[name] / 1000:.2f}" for name in names) + " ms"


def aim_rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """A row an aim, in the order of the gateway's `AIM_HEADINGS`."""
    named = {result.name: result for result in results}
    measured = [(aim, named[aim.result]) for aim in AIMS]
    return [(aim.result, aim.text, _shown(found), "yes" if aim.reached(found) else "no") for aim, found in measured]


def _shown(result: Result) -> str:
    if result.unit == "us":
        shown = f"{result.value / 1000:.2f} ms"
        return shown if result.ratio is None else f"{shown}, {result.ratio:.2f} times"
    return f"{result.value:,.1f} {result.unit}"


def markdown(machine: Machine, results: Sequence[Result]) -> str:
    """Both tables, for the README."""
    figures = markdown_table(HEADINGS, figure_rows(results))
    aims = markdown_table(AIM_HEADINGS, aim_rows(results))
    return f"{figures}\n\n{aims}\n\n{machine}. {METHOD}\n"
