"""The receiving end of Envoy's gRPC access log (`AccessLogService`): messages that passed without a Check of their own.

Reports of all connections come mixed, on streams that live as long as Envoy's workers. The audit and the metrics get
what is new in them. When the service drains, it ends a stream once no report has come for a moment; Envoy opens another
with its next report.

A report about a session that is not known here (another service let it in, or its name is made up) is recorded as
unproven, and the number of such reports is bounded. A report that was left out loses nothing: the session's next report
has its numbers too, because they run from the connection's beginning.

Invariants: labels of metrics are the mapping's own words; a stream that sends nonsense harms neither others nor Checks,
and takes no room from the accounts of sessions that are known.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from envoy.service.accesslog.v3 import als_pb2
from google.protobuf.message import DecodeError

from authzsvc.accounts import OTHER, Ledger, Traffic
from authzsvc.audit import render_traffic
from authzsvc.audit_log import AuditLog
from authzsvc.contract.traffic import Kind, read
from authzsvc.policy.engine import Policy
from authzsvc.server.allowance import Allowance
from authzsvc.server.in_force import InForce
from authzsvc.server.live import LiveSessions
from authzsvc.server.metrics import Counts
from authzsvc.sessions.facts import SessionFacts

SERVICE = "envoy.service.accesslog.v3.AccessLogService"
METHOD = "StreamAccessLogs"
NO_SCOPE = "-"

_LAST_LOOK_S = 0.1
_LAST_LOOKS = 10
"""What is on its way when the service drains is taken: so often at most, so long each time."""
_AT_ONCE = 100
"""Reports that are taken before others get their turn."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Accounting:
    """Takes reports."""

    in_force: InForce
    live: LiveSessions
    audit: AuditLog
    counts: Counts
    ids: Iterator[str]
    clock: Callable[[], float] = time.time
    unknown: Allowance = field(default_factory=lambda: Allowance(burst=5_000, per_s=500))
    """Bounds reports about sessions that are not known here, because anybody can make up names of sessions."""
    ledger: Ledger = field(init=False)
    _drained: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Begin to count now."""
        self.ledger = Ledger(self.clock())

    async def stream(self, requests: AsyncIterator[bytes], _context: Any) -> bytes:  # noqa: ANN401 (grpc's own)
        """Take serialized `StreamAccessLogsMessage`s until there are no more, or the service drains."""
        drained = asyncio.ensure_future(self._drained.wait())
        looks = _LAST_LOOKS
        try:
            while looks > 0 and (raw := await _next(requests, drained)) is not None:
                await self.take(raw)
                looks -= self._drained.is_set()
        finally:
            drained.cancel()
        answer: bytes = als_pb2.StreamAccessLogsResponse().SerializeToString()
        return answer

    def drain(self) -> None:
        """Have all streams end."""
        self._drained.set()

    async def take(self, raw: bytes) -> None:
        """Take the reports of one message; what cannot be read is counted and passed over."""
        try:
            message = als_pb2.StreamAccessLogsMessage.FromString(raw)
        except DecodeError:
            self._odd("it is no StreamAccessLogsMessage")
            return
        for number, entry in enumerate(message.tcp_logs.log_entry, 1):
            try:
                self._take(entry)
            except Exception as error:
                _log.exception("a report was not counted")
                self._odd(type(error).__name__)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _take(self, entry: Any) -> None:  # noqa: ANN401 (the stubs of xds-protos carry no types)
        report = read(entry)
        if report is None:
            return
        if report.odd:
            self._odd("numbers or names in it are none")
        now = self.clock()
        known = self.live.recall(report.session)
        if known is None and not self.unknown.take(time.monotonic()):
            self._odd("too many are about sessions that are not known")
            return
        traffic = self.ledger.take(report, now, known=known is not None)
        if traffic is not None:
            self._record(traffic, known, now)

    def _record(self, traffic: Traffic, known: SessionFacts | None, now: float) -> None:
        policy = self.in_force.policy
        for count in traffic.counts:
            if count.count:
                self.counts.cached[_labels(policy, count.kind)] += count.count
        self.audit.append(render_traffic(traffic, known, policy.digest, next(self.ids), now))

    def _odd(self, reason: str) -> None:
        if self.counts.odd_reports == 0:
            _log.warning(
                "a report of passed messages cannot be read; further ones are only counted", extra={"why": reason}
            )
        self.counts.odd_reports += 1


def _labels(policy: Policy, kind: Kind | None) -> tuple[str, str, str]:
    """A kind in words of the mapping's; what it does not know is one word."""
    if kind is None:
        return OTHER, OTHER, OTHER
    msg_type = (
        kind.msg_type if (kind.direction, kind.msg_type) in policy.rules or kind.msg_type in policy.exempt else OTHER
    )
    scope = kind.scope if kind.scope == NO_SCOPE or kind.scope in policy.scopes else OTHER
    return kind.direction.value, msg_type, scope


async def _next(requests: AsyncIterator[bytes], drained: asyncio.Future[Any]) -> bytes | None:
    """What comes next; None when that is nothing, be it only for a moment once the service drains."""
    coming = asyncio.ensure_future(anext(requests, None))
    try:
        await asyncio.wait((coming, drained), return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            await asyncio.wait((coming,), timeout=_LAST_LOOK_S)
        return coming.result() if coming.done() else None
    finally:
        coming.cancel()
