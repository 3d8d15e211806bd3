"""What the service counts, and how Prometheus reads it.

A decision only increments a number in a dictionary. Names and labels are added when Prometheus scrapes (`scrape`).

Invariant: labels are few, and none is a text of a counterparty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from authzsvc.policy import warnings
from authzsvc.policy.warnings import Kind
from authzsvc.tokens import guessing

ALLOW, DENY, SHADOW, TERMS = "allow", "deny", "shadow", "terms"


class Reload(StrEnum):
    """What became of an attempt to take the mapping anew."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    """The files say the same as the mapping in force."""
    REFUSED = "refused"


class ListenerState(NamedTuple):
    """What a listener holds at the moment."""

    name: str
    connections: int
    half_open: int


@dataclass(slots=True)
class Counts:
    """The service's counters and what it says of its mapping; read and written without locks."""

    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(verdict, event) → how many."""
    reloads: Counter[Reload] = field(default_factory=Counter)
    cached: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(direction, MsgType, scope) → messages that passed by decisions that a proxy has kept."""
    odd_reports: int = 0
    """Reports of such messages, or numbers in them, that could not be read."""
    abandoned: Callable[[], int] = lambda: 0
    """How many Checks were given up by their callers while they waited for their turn."""
    unrecorded_reports: int = 0
    """Reports without a good credential that were counted here but not recorded."""
    key_sets: Callable[[], Iterable[tuple[str, bool, float | None]]] = tuple
    """Issuer, whether the last attempt to read its keys failed, and the seconds since they were last read."""
    lockouts: Callable[[], Mapping[guessing.Kind, int]] = dict
    """How many lock-outs of each kind hold."""
    lockouts_begun: Mapping[guessing.Kind, int] = field(default_factory=dict)
    live: Callable[[], tuple[int, int]] = lambda: (0, 0)
    """How many sessions live, and how many of them are watched."""
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(listener, reason) → what was refused before anybody was authenticated."""
    listeners: Callable[[], Iterable[ListenerState]] = tuple
    name: str = ""
    digest: str = ""
    commit: str = ""
    warnings: Mapping[Kind, int] = field(default_factory=lambda: warnings.count(()))
    """Where the mapping in force enforces less than it seems to say: kind → how many warnings."""
    stale: bool = False
    """The files on disk do not make a mapping that can be taken."""


class _Rendered(Collector):
    def __init__(self, counts: Counts) -> None:
        self.counts = counts

    def collect(self) -> Iterator[Metric]:
        """Give all metrics as they are now."""
        counts = self.counts
        decisions = CounterMetricFamily("authzsvc_decisions", "Checks answered.", labels=["verdict", "event"])
        for labels, count in sorted(counts.decisions.copy().items()):
            decisions.add_metric(labels, count)
        reloads = CounterMetricFamily(
            "authzsvc_mapping_reloads", "Attempts to take the mapping anew.", labels=["result"]
        )
        for result in Reload:
            reloads.add_metric([result], counts.reloads[result])
        cached = CounterMetricFamily(
            "authzsvc_cached_messages",
            "Messages that passed by decisions that a proxy has kept.",
            labels=["direction", "msg_type", "scope"],
        )
        for message, count in sorted(counts.cached.copy().items()):
            cached.add_metric(message, count)
        odd = CounterMetricFamily(
            "authzsvc_accounting_faults", "Reports of such messages that could not be read.", value=counts.odd_reports
        )
        abandoned = CounterMetricFamily(
            "authzsvc_checks_abandoned",
            "Checks given up by their callers while they waited for their turn.",
            value=counts.abandoned(),
        )
        unrecorded = CounterMetricFamily(
            "authzsvc_reports_unrecorded",
            "Reports without a good credential that were too many to be in the audit.",
            value=counts.unrecorded_reports,
        )
        held = counts.lockouts()
        lockouts = GaugeMetricFamily("authzsvc_lockouts", "Lock-outs that hold.", labels=["kind"])
        begun = CounterMetricFamily("authzsvc_lockouts_begun", "Lock-outs that there have been.", labels=["kind"])
        for kind in guessing.Kind:
            lockouts.add_metric([kind], held.get(kind, 0))
            begun.add_metric([kind], counts.lockouts_begun.get(kind, 0))
        info = GaugeMetricFamily("authzsvc_mapping_info", "The mapping in force.", labels=["name", "digest", "commit"])
        info.add_metric([counts.name, counts.digest, counts.commit], 1)
        stale = GaugeMetricFamily(
            "authzsvc_mapping_stale", "1 while the mapping's files cannot be taken.", value=float(counts.stale)
        )
        keys_stale = GaugeMetricFamily(
            "authzsvc_keys_stale", "1 while an issuer's keys cannot be read again.", labels=["issuer"]
        )
        keys_age = GaugeMetricFamily(
            "authzsvc_keys_age_seconds", "Seconds since an issuer's keys were read.", labels=["issuer"]
        )
        for issuer, is_stale, age_s in counts.key_sets():
            keys_stale.add_metric([issuer], float(is_stale))
            if age_s is not None:
                keys_age.add_metric([issuer], age_s)
        live, watched = counts.live()
        sessions = GaugeMetricFamily("authzsvc_sessions", "Sessions that live.", value=live)
        watches = GaugeMetricFamily("authzsvc_sessions_watched", "Those with a watch out.", value=watched)
        yield from (
            decisions,
            reloads,
            cached,
            odd,
            abandoned,
            unrecorded,
            lockouts,
            begun,
            info,
            stale,
            keys_stale,
            keys_age,
            sessions,
            watches,
        )
        yield self._warnings()
        yield from _of_listeners(self.counts)

    def _warnings(self) -> Metric:
        """Give how many warnings of each kind there are about the mapping."""
        found = GaugeMetricFamily("authzsvc_mapping_warnings", "Warnings about the mapping in force.", labels=["kind"])
        for kind, number in self.counts.warnings.items():
            found.add_metric([kind], number)
        return found


def _of_listeners(counts: Counts) -> Iterator[Metric]:
    refused = CounterMetricFamily(
        "authzsvc_listener_refused", "Refused before authentication.", labels=["listener", "reason"]
    )
    for labels, count in sorted(counts.refused.copy().items()):
        refused.add_metric(labels, count)
    connections = GaugeMetricFamily("authzsvc_listener_connections", "Open connections.", labels=["listener"])
    half_open = GaugeMetricFamily(
        "authzsvc_listener_half_open", "Streams without their first message.", labels=["listener"]
    )
    for state in counts.listeners():
        connections.add_metric([state.name], state.connections)
        half_open.add_metric([state.name], state.half_open)
    yield from (refused, connections, half_open)


def registry(counts: Counts) -> CollectorRegistry:
    """The registry that Prometheus' encoders read the counts from."""
    made = CollectorRegistry()
    made.register(_Rendered(counts))
    return made
