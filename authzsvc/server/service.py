"""One Check, from bytes to bytes: parse, judge, record, answer. Each message of a Check about several messages is
judged and recorded by itself.

Any error on the way is answered by `decide.unavailable`, so that no exception ever becomes an allowance, and is
recorded like any other decision. If no authorization server has to be asked, nothing on the path waits.

Invariants: every Check that is answered is in the audit, but for a watch that has nothing new to say, a refresh that
changes nothing, reports that nobody has proven, beyond a bound, and repeats of a report; while the audit cannot be
written, everything is denied, and no report is acknowledged.
"""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from envoy.service.auth.v3.external_auth_pb2 import CheckRequest
from google.protobuf.message import DecodeError

from authzsvc import audit
from authzsvc.audit import event_word
from authzsvc.audit_log import AuditLog
from authzsvc.contract.batch import split
from authzsvc.contract.kinds import Kinds, own_size
from authzsvc.contract.reading import glimpse, parse
from authzsvc.contract.request import Event, FixRequest, StockRequest
from authzsvc.contract.response import ID_LENGTH, encode
from authzsvc.contract.size import MAX_HEAD_BYTES, says_too_much
from authzsvc.decide import Stamp, decide_stock, unavailable
from authzsvc.decision import Action, Decision
from authzsvc.errors import ContractError
from authzsvc.policy.engine import Policy
from authzsvc.server.allowance import Allowance
from authzsvc.server.in_force import InForce
from authzsvc.server.judge import Judge, JudgeOne
from authzsvc.server.metrics import ALLOW, DENY, SHADOW, TERMS, Counts
from authzsvc.server.repeats import Repeats
from authzsvc.server.turns import SHORT, UNKNOWN, Turns, turn_name
from authzsvc.tokens.claims import Identity

TOO_MUCH = f"the request has more than {MAX_HEAD_BYTES} bytes besides its body, or is no CheckRequest"
AUDIT_UNAVAILABLE = "the audit log cannot be written"

UNPROVEN_BURST = 200
UNPROVEN_PER_S = 20
"""How many reports that anybody may have sent are recorded at once and a second. A client's violation before its Logon
is such a report."""

_log = logging.getLogger(__name__)


def decision_ids() -> Iterator[str]:
    """Ids that no other decision has: a part that is this process's own, and a running number.

    They need not be hard to guess, and a random number for each would be a system call for each.
    """
    process, digits = os.urandom(ID_LENGTH // 4).hex(), ID_LENGTH // 2
    for number in itertools.count(1):
        yield process + f"{number:x}".rjust(digits, "0")


class _Judged(NamedTuple):
    """A decision, and what is known of whom and what it is about."""

    request: FixRequest | StockRequest | None
    identity: Identity | None
    decision: Decision

    @property
    def labels(self) -> tuple[str, str]:
        """Verdict and event, as they are counted."""
        decision = self.decision
        if decision.action is Action.TERMS:
            return TERMS, event_word(self.request)
        verdict = SHADOW if decision.shadow else ALLOW if decision.allowed else DENY
        return verdict, event_word(self.request)

    @property
    def is_silent(self) -> bool:
        """Whether this is nothing for the audit: a watch that has nothing new to say, a decision that goes on to
        hold (its message has passed before, and is in the accounts), or a Check that will be sent again."""
        request, decision = self.request, self.decision
        if decision.action is Action.TERMS:
            return True
        if not isinstance(request, FixRequest) or not decision.allowed:
            return False
        if request.event is Event.WATCH:
            return decision.etag == request.etag
        return request.refresh and not decision.shadow

    def with_note(self, left_out: int) -> _Judged:
        """Returns the same, with the number of earlier reports that were not recorded in its reason."""
        if not left_out:
            return self
        reason = f"{left_out} reports before this one were not recorded; {self.decision.reason}"
        return self._replace(decision=self.decision._replace(reason=reason))

    @property
    def is_report(self) -> bool:
        """Whether a proxy tells what it did alone."""
        return self.request is not None and self.request.event is Event.REPORT

    @property
    def is_unproven_report(self) -> bool:
        """Whether anybody may have sent it: a report that came without a good credential for its CompID."""
        return self.is_report and self.identity is None


@dataclass(slots=True)
class Authorizer:
    """Answers Checks."""

    in_force: InForce
    judge: Judge
    audit: AuditLog
    admitted: frozenset[str] = frozenset()
    clock: Callable[[], float] = time.time
    ids: Iterator[str] = field(default_factory=decision_ids)
    counts: Counts = field(default_factory=Counts)
    kinds: Kinds = field(default_factory=Kinds)
    turns: Turns = field(default_factory=Turns)
    unproven: Allowance = field(default_factory=lambda: Allowance(burst=UNPROVEN_BURST, per_s=UNPROVEN_PER_S))
    """Bounds the reports that nobody has proved."""
    repeats: Repeats = field(default_factory=Repeats)

    @property
    def policy(self) -> Policy:
        """The mapping in force."""
        return self.in_force.policy

    async def answer(self, raw: bytes, _context: Any) -> bytes:  # noqa: ANN401 (grpc's context carries no useful type)
        """A serialized `CheckRequest` → a serialized `CheckResponse`. Never raises for what a caller sent."""
        started = time.perf_counter_ns()
        size = own_size(raw)
        if self.turns.must_wait(size):
            await self.turns.wait(self._whose(raw), size)
        stamp = self._stamp()
        read = self._read(raw, stamp)
        if isinstance(read, _Judged):
            judged = read
        elif len(read) == 1:
            judged = await self._decided(read[0], stamp, self.judge.judge)
        else:
            return await self._several(read, stamp, started)
        if not (judged.is_report and self._is_done_with(judged, raw)):
            self._note(judged, stamp, started)
        return encode(judged.decision, judged.identity)

    def _is_done_with(self, report: _Judged, raw: bytes) -> bool:
        """Whether nothing is to be recorded of a report: it will come again, or it is recorded already."""
        return not report.decision.allowed or self.repeats.is_repeat(raw)

    async def _several(self, requests: Sequence[FixRequest | StockRequest], stamp: Stamp, started: int) -> bytes:
        """Messages of one Check, each judged as if asked about alone, up to the first that is not allowed."""
        judge, allowed = self.judge.of_one_holder(), 0
        for request in requests:
            judged = await self._decided(request, stamp, judge)
            self._note(judged, stamp, started)
            if not judged.decision.allowed:
                break
            allowed += 1
            stamp = self._stamp()
        return encode(judged.decision, judged.identity, allowed)

    def _whose(self, raw: bytes) -> str:
        """Returns the name under which a Check waits for its turn. A long Check is not read to find its name."""
        request: FixRequest | StockRequest | None = self.kinds.kind_of(raw)
        try:
            if request is None and own_size(raw) <= SHORT:
                request = parse(CheckRequest.FromString(raw))
        except (ContractError, DecodeError):
            return UNKNOWN
        if not isinstance(request, FixRequest):
            return UNKNOWN
        holder = self.judge.holders.known(request)
        return turn_name(request, holder.identity if holder else None)

    def _stamp(self) -> Stamp:
        return Stamp(next(self.ids), self.clock(), self.in_force.policy.digest)

    def _note(self, judged: _Judged, stamp: Stamp, started: int) -> None:
        """Record a decision, and count it."""
        request = judged.request
        self.counts.decisions[judged.labels] += 1
        if judged.is_unproven_report:
            if not self.unproven.take(time.monotonic()):
                self._leave_out()
                return
            judged = judged.with_note(self.unproven.take_left_out())
        if not judged.is_silent:
            # A watch was asked long before.
            now = self.clock() if request is not None and request.event is Event.WATCH else stamp.now
            latency_us = (time.perf_counter_ns() - started) // 1000
            self.audit.append(audit.render(request, judged.identity, judged.decision, now=now, latency_us=latency_us))

    def _leave_out(self) -> None:
        """Count a report that is not recorded. The next recorded one says how many were not."""
        self.counts.unrecorded_reports += 1
        if self.unproven.left_out == 1:
            _log.warning("reports without a good credential are too many to be recorded; some are only counted")

    def _read(self, raw: bytes, stamp: Stamp) -> Sequence[FixRequest | StockRequest] | _Judged:
        """What is asked about, or the denial of what cannot be read."""
        if says_too_much(raw):
            return _Judged(None, None, unavailable(None, TOO_MUCH, stamp))
        request: FixRequest | StockRequest | None = self.kinds.read(raw)
        try:
            if request is None:
                request = parse(CheckRequest.FromString(raw))
                self.kinds.note(raw, request)
            return split(request) if isinstance(request, FixRequest) else (request,)
        except DecodeError:
            return _Judged(None, None, unavailable(None, "the request is not a CheckRequest", stamp))
        except ContractError as error:
            odd = glimpse(CheckRequest.FromString(raw))
            return _Judged(odd, None, unavailable(odd.event, str(error), stamp))

    async def _decided(self, request: FixRequest | StockRequest, stamp: Stamp, judge: JudgeOne) -> _Judged:
        """The decision, or the denial that stands for any failure on the way to it."""
        if not self.audit.available and request.event is not Event.WATCH:
            return _Judged(request, None, unavailable(request.event, AUDIT_UNAVAILABLE, stamp))
        try:
            if isinstance(request, StockRequest):
                return _Judged(request, None, decide_stock(request, self.admitted, stamp))
            decision, identity = await judge(request, stamp)
        except Exception as error:
            _log.exception("a decision failed", extra={"decision_id": stamp.id})
            reason = f"the decision failed: {type(error).__name__}"
            return _Judged(request, None, unavailable(request.event, reason, stamp))
        return _Judged(request, identity, decision)
