"""Counts, logs and audits what the listeners refuse before anybody has proved who they are.

A refusal costs one increment. Log and audit get a line for each listener and reason at the first refusal, and then at
most one line in `PERIOD_S`, with the number of refusals since the previous line. So a flood fills neither.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from authzsvc.floods import Flood, Reason

PERIOD_S = 10.0
LOOK_S = 0.5
LINES_AT_ONCE = 30
LINES_PER_S = 1.0
MAX_HOSTS = 64
"""How many hosts are counted separately within a period."""

_log = logging.getLogger(__name__)


_TOLD_FROM: Mapping[Reason, int] = {Reason.ABANDONED: 1_000, Reason.METHOD: 100}
"""From how many refusals within a period on there is a line; 1 for other reasons. Callers also abandon calls in
ordinary operation."""


@dataclass(slots=True)
class _Kept:
    since: float
    count: int = 0
    told_at: float = float("-inf")
    hosts: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Refusals:
    """Counts refusals, and reports them in a bounded number of lines."""

    tell: Callable[[Flood], None]
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(listener, reason) → refusals since the start."""
    clock: Callable[[], float] = time.time
    _kept: dict[tuple[str, Reason], _Kept] = field(default_factory=dict)
    _lines: dict[str, tuple[float, float]] = field(default_factory=dict)

    def note(self, listener: str, reason: Reason, host: str = "", count: int = 1) -> None:
        """Count refusals."""
        self.counts[listener, reason] += count
        kept = self._kept.get((listener, reason))
        if kept is None:
            kept = self._kept[listener, reason] = _Kept(self.clock())
        if kept.count == 0:
            kept.since = self.clock()
        kept.count += count
        if host in kept.hosts or len(kept.hosts) < MAX_HOSTS:
            kept.hosts[host] += count

    def has_line(self, listener: str) -> bool:
        """Whether one more refusal of this listener may have a line of its own in the audit. Counts that line if so."""
        now = self.clock()
        left, at = self._lines.get(listener, (float(LINES_AT_ONCE), now))
        left = min(float(LINES_AT_ONCE), left + max(0.0, now - at) * LINES_PER_S)
        self._lines[listener] = (left - (left >= 1), now)
        return left >= 1

    def due(self, period_s: float = PERIOD_S) -> list[Flood]:
        """Returns the lines that are due. Each refusal is counted in one line."""
        now = self.clock()
        found = []
        for (listener, reason), kept in self._kept.items():
            if kept.count == 0 or now - kept.told_at < period_s:
                continue
            if kept.count >= _TOLD_FROM.get(reason, 1):
                host = kept.hosts.most_common(1)[0][0] if kept.hosts else ""
                found.append(Flood(listener, reason, kept.count, host, kept.since, now))
                kept.told_at = now
            elif now - kept.since < period_s:
                continue
            kept.count = 0
            kept.hosts.clear()
        return found

    async def run(self) -> None:
        """Report refusals until cancelled, and then the remaining ones."""
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                self._tell(self.due())
        finally:
            self._tell(self.due(0.0))

    def _tell(self, floods: list[Flood]) -> None:
        for flood in floods:
            facts = {"listener": flood.listener, "why": flood.reason.value, "count": flood.count, "host": flood.host}
            _log.warning("refused before authentication", extra=facts)
            self.tell(flood)
