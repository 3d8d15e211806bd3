"""One Check, from bytes to bytes: parse, verify, decide, record, answer.

Whatever goes wrong on the way is answered by `decide.unavailable`, so that no exception ever becomes a pass, and is
recorded like any other decision. The path is synchronous: nothing in it waits, so a decision cannot be overtaken.

Invariants: every Check that is answered is in the audit; while the audit cannot be written, everything is denied.
"""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from envoy.service.auth.v3.external_auth_pb2 import CheckRequest
from google.protobuf.message import DecodeError

from authzsvc import audit
from authzsvc.audit import AuditLog
from authzsvc.contract.request import Event, FixRequest, StockRequest, glimpse, parse
from authzsvc.contract.response import ID_LENGTH, encode
from authzsvc.decide import Stamp, decide, decide_stock, unavailable
from authzsvc.decision import Decision
from authzsvc.errors import ContractError, TokenError
from authzsvc.policy.engine import Policy
from authzsvc.server.metrics import ALLOW, DENY, SHADOW, Counts
from authzsvc.tokens.claims import Identity
from authzsvc.tokens.verifier import Verifier

AUDIT_UNAVAILABLE = "the audit log cannot be written"

_log = logging.getLogger(__name__)


def decision_ids() -> Iterator[str]:
    """Ids that no other decision has: a part that is this process's own, and a running number.

    They need not be hard to guess, and a random number for each would be a system call for each.
    """
    process = os.urandom(ID_LENGTH // 4).hex()
    for number in itertools.count(1):
        yield f"{process}{number:0{ID_LENGTH // 2}x}"


@dataclass(frozen=True, slots=True)
class _Judged:
    """A decision, and what is known of whom and what it is about."""

    request: FixRequest | StockRequest | None
    identity: Identity | None
    decision: Decision

    @property
    def labels(self) -> tuple[str, str]:
        """Verdict and event, as they are counted."""
        decision = self.decision
        verdict = SHADOW if decision.shadow else ALLOW if decision.allowed else DENY
        return verdict, self.request.event.value if self.request else ""


@dataclass(slots=True)
class Authorizer:
    """Answers Checks."""

    policy: Policy
    """The one in force: may be exchanged between two Checks, and each looks at it once."""
    verifier: Verifier
    audit: AuditLog
    max_age: int
    admitted: frozenset[str] = frozenset()
    clock: Callable[[], float] = time.time
    ids: Iterator[str] = field(default_factory=decision_ids)
    counts: Counts = field(default_factory=Counts)

    def check(self, raw: bytes) -> bytes:
        """A serialized `CheckRequest` → a serialized `CheckResponse`. Never raises for what a caller sent."""
        started = time.perf_counter_ns()
        policy = self.policy
        stamp = Stamp(next(self.ids), self.clock(), policy.digest)
        judged = self._judge(raw, policy, stamp)
        latency_us = (time.perf_counter_ns() - started) // 1000
        self.audit.append(
            audit.render(judged.request, judged.identity, judged.decision, now=stamp.now, latency_us=latency_us)
        )
        self.counts.decisions[judged.labels] += 1
        return encode(judged.decision, judged.identity)

    def _judge(self, raw: bytes, policy: Policy, stamp: Stamp) -> _Judged:
        try:
            check = CheckRequest.FromString(raw)
        except DecodeError:
            return _Judged(None, None, unavailable(None, "the request is not a CheckRequest", stamp))
        try:
            request = parse(check)
        except ContractError as error:
            odd = glimpse(check)
            return _Judged(odd, None, unavailable(odd.event, str(error), stamp))
        return self._decided(request, policy, stamp)

    def _decided(self, request: FixRequest | StockRequest, policy: Policy, stamp: Stamp) -> _Judged:
        """The decision, or the denial that stands for any failure on the way to it."""
        if not self.audit.available and request.event is not Event.REPORT:
            return _Judged(request, None, unavailable(request.event, AUDIT_UNAVAILABLE, stamp))
        identity = None
        try:
            if isinstance(request, StockRequest):
                return _Judged(request, None, decide_stock(request, self.admitted, stamp))
            holder = self._holder(request)
            identity = holder if isinstance(holder, Identity) else None
            decision = decide(request, holder, policy, now=stamp.now, max_age=self.max_age, decision_id=stamp.id)
        except Exception as error:
            _log.exception("a decision failed", extra={"decision_id": stamp.id})
            reason = f"the decision failed: {type(error).__name__}"
            return _Judged(request, identity, unavailable(request.event, reason, stamp))
        return _Judged(request, identity, decision)

    def _holder(self, request: FixRequest) -> Identity | TokenError:
        try:
            return self.verifier.verify(request.credential.secret if request.credential else None)
        except TokenError as error:
            return error

    async def answer(self, raw: bytes, _context: Any) -> bytes:  # noqa: ANN401 (grpc's context carries no useful type)
        """`check`, as `grpc.aio` calls it."""
        return self.check(raw)
