"""The accounts of messages that passed without a Check of their own: cumulative reports → differences. Pure.

Each connection's report says how many messages passed since it began. The ledger remembers what it was told last and
gives the difference, so that reports may be repeated, lost or overtaken by others. It remembers a bounded number of
connections for a bounded time. Of one that it may have known before (because it began before the service did, or before
some other that had to be forgotten) it cannot tell how much was counted already; then it counts nothing up to now, says
so, and goes on from there. (A connection's reports come on one stream: none that was overtaken comes to a service that
was started since.) The totals stand beside the differences, so that whoever reads the audit misses nothing.

Invariants: no message is counted twice, nor any difference negative; time and memory are bounded, whatever is reported.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from dataclasses import dataclass, field

from authzsvc.contract.traffic import Kind, TrafficReport

FORGET_S = 900.0
"""How long a connection is remembered after its last report: far longer than reports can be on their way. Envoy repeats
those of live connections every few seconds."""
MAX_CONNECTIONS = 100_000
MAX_KINDS = 1024
"""Kinds of messages of a connection that are told apart; the rest is counted together."""
MAX_NUMBERS = 1_000_000
"""Numbers remembered in all."""
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Count:
    """Messages of one kind."""

    kind: Kind | None
    """None: of all those that are not told apart."""
    count: int
    """How many more than were counted before."""
    total: int
    """How many since the connection began."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is new in a report."""

    report: TrafficReport
    counts: tuple[Count, ...]
    resumed: bool
    """The connection may have been counted before: its totals are where counting goes on from."""


@dataclass(slots=True)
class _Account:
    """What was told of a connection."""

    began_at: float
    seen_at: float
    ended: bool = False
    totals: dict[str, int] = field(default_factory=dict)


class Ledger:
    """Remembers what was counted."""

    def __init__(self, began_at: float) -> None:
        """`began_at`: the Unix time of now; connections that began earlier may have been counted by another ledger."""
        self._horizon = began_at
        """Connections that began up to here may have been known once, and are no more."""
        self._accounts: OrderedDict[str, _Account] = OrderedDict()
        """The one that was reported on the longest time ago first."""
        self._unknown: OrderedDict[str, None] = OrderedDict()
        """Those among them of sessions that were never known, in the same order: they make room for others."""
        self._numbers = 0

    def __len__(self) -> int:
        return len(self._accounts)

    @property
    def numbers(self) -> int:
        """How many numbers it remembers."""
        return self._numbers

    def take(self, report: TrafficReport, now: float, *, known: bool = True) -> Traffic | None:
        """Note a report; returns what is new in it, or None where nothing is. `now` is Unix time; `known` says whether
        the service knows the session that the report is about."""
        account = self._accounts.get(report.session)
        resumed = False
        if known:
            self._unknown.pop(report.session, None)
        elif account is None or report.session in self._unknown:
            self._unknown[report.session] = None
            self._unknown.move_to_end(report.session)
        if account is None:
            began_at = min(report.began_at, now)
            resumed = began_at <= self._horizon and bool(report.totals)
            account = self._accounts[report.session] = _Account(began_at, now)
        account.seen_at = max(account.seen_at, now)
        account.ended = account.ended or report.ended
        self._accounts.move_to_end(report.session)
        counts = tuple(self._news(account, report, resumed))
        self.forget(now)
        return Traffic(report, counts, resumed) if counts else None

    def _news(self, account: _Account, report: TrafficReport, resumed: bool) -> list[Count]:
        totals = account.totals
        news = []
        for key, total in sorted(_told_apart(totals, report)):
            before = totals.get(key, 0)
            if total <= before:
                continue  # repeated, or overtaken by a later report
            if before == 0:
                self._numbers += 1
            totals[sys.intern(key)] = total
            count = 0 if resumed else total - before
            news.append(Count(None if key == OTHER else Kind.of(key), count, total))
        return news

    def forget(self, now: float) -> None:
        """Drop what has not been reported on for long, and what is too much."""
        while self._accounts:
            too_many = len(self._accounts) > MAX_CONNECTIONS or self._numbers > MAX_NUMBERS
            session = next(iter((too_many and self._unknown) or self._accounts))
            account = self._accounts[session]
            if not too_many and now - account.seen_at < FORGET_S:
                return
            del self._accounts[session]
            self._unknown.pop(session, None)
            self._numbers -= len(account.totals)
            if too_many or not account.ended:
                self._horizon = max(self._horizon, account.began_at)


def _told_apart(known: dict[str, int], report: TrafficReport) -> list[tuple[str, int]]:
    """The report's totals; of kinds beyond `MAX_KINDS` their sum. What is told apart once is so for good, so that the
    sum never shrinks."""
    room = 0 if OTHER in known else MAX_KINDS - len(known)
    if len(report.totals) <= room:
        return list(report.totals.items())
    apart, rest = [], 0
    for key, total in report.totals.items():
        if key in known:
            apart.append((key, total))
        elif room > 0 and total > 0:
            room -= 1
            apart.append((key, total))
        else:
            rest += total
    return [*apart, (OTHER, rest)]
