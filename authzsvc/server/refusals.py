"""What the listeners refuse before anybody has proved who they are: counted, logged and audited.

A refusal costs one increment. Log and audit get one line for each listener and reason: at the first refusal, and then
at most one in `PERIOD_S` with the number of refusals since the line before. So a flood fills neither.
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
"""Hosts that are told apart within a period."""

_log = logging.getLogger(__name__)


_TOLD_FROM: Mapping[Reason, int] = {Reason.ABANDONED: 1_000, Reason.METHOD: 100}
"""How many refusals within a period are worth a line; 1 unless named here. Calls are abandoned in ordinary operation,
too."""


@dataclass(slots=True)
class _Kept:
    since: float
    count: int = 0
    told_at: float = float("-inf")
    hosts: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Refusals:
    """Counts refusals, and tells of them within bounds."""

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
        """Whether one more refusal of this listener may have a line of its own in the audit; takes that line."""
        now = self.clock()
        left, at = self._lines.get(listener, (float(LINES_AT_ONCE), now))
        left = min(float(LINES_AT_ONCE), left + max(0.0, now - at) * LINES_PER_S)
        self._lines[listener] = (left - (left >= 1), now)
        return left >= 1

    def due(self, period_s: float = PERIOD_S) -> list[Flood]:
        """What is to be told now; each refusal is in one of them."""
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
        """Tell of refusals until cancelled, and then of those that are left."""
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
