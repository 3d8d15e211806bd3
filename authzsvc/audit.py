"""`AuditEvent` lines: one line of JSON for each decision and each act of an operator, and one for what passed by
decisions that a proxy had at hand, to a file or to standard output.

Lines are rendered where the decision is made, and written by a thread of their own: at latest 50 ms later, and at the
end. A line that could not be written is kept and tried again; meanwhile the log is not `available` and the service
denies, so nothing passes unrecorded. A file that was moved away (rotation) is opened anew.

Invariants: a line is bounded, whatever a counterparty put into its fields; it holds no token, password or signature;
lines are never interleaved nor torn, because one thread writes them.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections import deque
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import orjson

from authzsvc.accounts import Count, Traffic
from authzsvc.contract.request import Event, FixRequest, StockRequest
from authzsvc.decision import Decision
from authzsvc.errors import ToolError
from authzsvc.fix.fields import Fields
from authzsvc.sessions.acts import Act
from authzsvc.sessions.facts import SessionFacts
from authzsvc.tokens.claims import Identity

FLUSH_S = 0.04
MAX_LINE = 4096
"""Bytes; a longer line is rendered again with its parts cut down."""
MAX_TEXT = 256
MAX_ITEMS = 32
MAX_COUNTS = 8
"""Counts in a line of traffic, so that none is cut away."""
MAX_PENDING = 200_000
"""Lines kept while they cannot be written; what comes beyond is counted in the log. All of it is denials, because the
log is not available from half of this on."""
CLOSE_S = 5.0
"""How long the end waits for a writer that is stuck."""

BUSINESS_IDS = (11, 117, 131, 262, 390, 320, 571, 644, 710, 721, 37, 17)
"""ClOrdID, QuoteID, QuoteReqID, MDReqID, BidID, SecurityReqID, TradeReportID, RFQReqID, PosReqID, PosMaintRptID,
OrderID, ExecID: the first that is there names the business."""

STANDARD_OUTPUT = "-"
REFRESH = "refresh"

_FORMAT = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z

_log = logging.getLogger(__name__)


def render(
    request: FixRequest | StockRequest | None,
    identity: Identity | None,
    decision: Decision,
    *,
    now: float,
    latency_us: int,
) -> bytes:
    """One line, with its newline. `request` is None when not even a CheckRequest could be read."""
    event = _event(request, identity, decision, now, min(max(latency_us, 0), 2**32 - 1))
    line = orjson.dumps(event, option=_FORMAT)
    return line if len(line) <= MAX_LINE else orjson.dumps(_bounded(event), option=_FORMAT)


def _event(
    request: FixRequest | StockRequest | None,
    identity: Identity | None,
    decision: Decision,
    now: float,
    latency_us: int,
) -> dict[str, object]:
    word = event_word(request)
    denied = decision.shadow or not decision.allowed or word == Event.REPORT
    event: dict[str, object] = {"time": datetime.fromtimestamp(now, UTC), "decision_id": decision.id, "event": word}
    _add_request(event, request, identity)
    event["verdict"] = "deny" if denied else "allow"
    event["severity"] = "high" if denied and not decision.shadow else "info"
    event["scope"] = decision.scope or ""
    event["missing_scopes"] = decision.missing_scopes
    event["reason"] = decision.reason if word != REFRESH else f"refresh: {decision.reason}"
    event["policy"] = decision.policy
    event["latency_us"] = latency_us
    event["mode"] = "shadow" if decision.shadow else "enforce"
    event["rule"] = decision.rule
    event["unknown_scopes"] = decision.unknown_scopes
    return event


def render_admin(act: Act) -> bytes:
    """The line of what an operator did or was refused. Refusals, and what would not survive a restart, are `high`."""
    event: dict[str, object] = {
        "time": datetime.fromtimestamp(act.at, UTC),
        "decision_id": act.id,
        "event": "admin",
        "session": {"address": act.operator.address},
        "verdict": "deny" if act.refused else "allow",
        "severity": "high" if act.refused or act.not_kept else "info",
        "reason": act.refused or act.reason,
        "admin": {
            "action": act.action,
            "operator": act.operator.name,
            "claimed": act.operator.claimed,
            "by": act.by,
            "value": act.value,
            "mode": act.mode,
            "issuer": act.issuer,
            "targets": act.targets,
            "hit": act.hit,
            "not_kept": act.not_kept,
        },
    }
    return orjson.dumps(_bounded(event), option=_FORMAT)


def render_traffic(traffic: Traffic, known: SessionFacts | None, policy: str, decision_id: str, now: float) -> bytes:
    """Lines of messages that passed without a Check of their own, `MAX_COUNTS` counts in each. `known` is the session,
    where it is still known whose it is."""
    report = traffic.report
    event: dict[str, object] = {
        "time": datetime.fromtimestamp(now, UTC),
        "decision_id": decision_id,
        "event": "traffic",
        "session": {
            "begin_string": report.begin_string,
            "sender_comp_id": report.sender,
            "target_comp_id": report.target,
            "subject": known.identity.subject if known else "",
            "client_id": known.identity.client_id if known else "",
            "address": report.address,
            "principal": known.principal if known else "",
        },
        "context": known.context if known else {},
        "verdict": "allow",
        "severity": "info",
        "policy": policy,
        "mode": "enforce",
    }
    about = {"connection": report.session, "resumed": traffic.resumed, "ended": report.ended}
    lines = []
    for start in range(0, len(traffic.counts), MAX_COUNTS):
        some = traffic.counts[start : start + MAX_COUNTS]
        event["traffic"] = {**about, "counts": [_count(count) for count in some]}
        lines.append(orjson.dumps(_bounded(event), option=_FORMAT))
    return b"".join(lines)


def _count(count: Count) -> dict[str, object]:
    kind = count.kind
    named = {"direction": kind.direction.value, "msg_type": kind.msg_type, "scope": kind.scope} if kind else {}
    return {**named, "count": count.count, "total": count.total}


def event_word(request: FixRequest | StockRequest | None) -> str:
    """What a request is called in the audit and the metrics; a `REFRESH` is about a message that has passed already."""
    if request is None:
        return ""
    return REFRESH if isinstance(request, FixRequest) and request.refresh else request.event


def _add_request(
    event: dict[str, object], request: FixRequest | StockRequest | None, identity: Identity | None
) -> None:
    if request is None:
        return
    subject, client_id = (identity.subject, identity.client_id) if identity else ("", "")
    event["request_id"] = request.id
    if isinstance(request, StockRequest):
        event["session"] = {
            "subject": subject,
            "client_id": client_id,
            "address": request.address,
            "principal": request.principal,
        }
        event["context"] = request.context
        return
    party = request.party
    event["session"] = {
        "subject": subject,
        "client_id": client_id,
        "address": party.address,
        "principal": party.principal,
        "begin_string": party.begin_string,
        "sender_comp_id": party.sender,
        "target_comp_id": party.target,
    }
    event["context"] = party.context
    event["direction"] = party.direction
    event["msg_type"] = request.msg_type
    event["msg_seq_num"] = request.seq
    event["poss_dup"] = request.poss_dup
    tag, event["business_id"] = _business_id(request.fields)
    event["business_id_tag"] = tag


def _business_id(fields: Fields) -> tuple[int, str]:
    """The tag and value of the first of `BUSINESS_IDS`; bytes that are no UTF-8 are shown escaped."""
    if not fields.pairs:
        return 0, ""
    first = dict(reversed(fields.pairs))
    for tag in BUSINESS_IDS:
        value = first.get(tag)
        if value is not None:
            return tag, value[: MAX_TEXT * 4].decode("utf-8", "backslashreplace")
    return 0, ""


def _bounded(value: object) -> object:
    """The same, with texts cut to `MAX_TEXT` and collections to `MAX_ITEMS`."""
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else value[: MAX_TEXT - 1] + "…"
    if isinstance(value, dict):
        return {_bounded(name): _bounded(inner) for name, inner in islice(value.items(), MAX_ITEMS)}
    if isinstance(value, list | tuple):
        return [_bounded(inner) for inner in value[:MAX_ITEMS]]
    return value


class AuditLog:
    """Writes lines in the background, in order."""

    def __init__(self, path: str) -> None:
        """Open `path`, or standard output for `-`. Raises `ToolError` when that is not possible."""
        self._failed = False
        self._path = None if path == STANDARD_OUTPUT else Path(path)
        self._descriptor = -1
        self._pending: deque[bytes] = deque()
        self._unwritten = b""
        self._dropped = 0
        self._wake = threading.Event()
        self._closing = threading.Event()
        try:
            self._open()
        except OSError as error:
            raise ToolError(f"cannot write the audit log `{path}`: {error.strerror}") from None
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    @property
    def available(self) -> bool:
        """Whether what is appended now will be written: the last write did not fail, and the writer keeps up."""
        return not self._failed and len(self._pending) < MAX_PENDING // 2

    def append(self, line: bytes) -> None:
        """Hand over a line; returns at once."""
        if len(self._pending) >= MAX_PENDING:
            self._dropped += 1
            return
        self._pending.append(line)
        if not self._wake.is_set():
            self._wake.set()

    def close(self) -> None:
        """Write what is left, and close."""
        self._closing.set()
        self._wake.set()
        self._thread.join(CLOSE_S)
        left = len(self._pending) + (1 if self._unwritten else 0)
        if left or self._dropped:
            _log.error("audit lines lost at shutdown", extra={"lines": left + self._dropped})
        if self._path is not None and self._descriptor >= 0 and not self._thread.is_alive():
            os.close(self._descriptor)
            self._descriptor = -1

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._closing.wait(FLUSH_S)
            self._wake.clear()
            self._flush()
        self._flush()

    def _flush(self) -> None:
        """Write all that is pending; on a failure keep the rest, and come back."""
        try:
            self._reopen_if_moved()
            while self._unwritten or self._pending:
                if not self._unwritten:
                    self._unwritten = b"".join(self._pending.popleft() for _ in range(min(len(self._pending), 1000)))
                self._unwritten = self._unwritten[os.write(self._descriptor, self._unwritten) :]
        except OSError as error:
            self._note_failure(error)
        else:
            self._note_success()

    def _note_failure(self, error: OSError) -> None:
        if not self._failed:
            _log.error("audit log cannot be written; everything is denied", extra={"reason": error.strerror})
        self._failed = True
        self._wake.set()

    def _note_success(self) -> None:
        if self._failed:
            _log.warning("audit log is written again", extra={"dropped": self._dropped})
            self._failed, self._dropped = False, 0

    def _open(self) -> None:
        if self._path is None:
            self._descriptor = 1
            return
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _reopen_if_moved(self) -> None:
        if self._path is None:
            return
        if self._descriptor >= 0:
            mine = os.fstat(self._descriptor)
            if not stat.S_ISREG(mine.st_mode) or self._is_at_path(mine):
                return
            os.close(self._descriptor)
            self._descriptor = -1
        self._open()

    def _is_at_path(self, mine: os.stat_result) -> bool:
        try:
            return os.path.samestat(mine, os.stat(str(self._path)))
        except FileNotFoundError:
            return False
