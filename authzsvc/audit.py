"""`AuditEvent` lines: one line of JSON for each decision and each act of an operator, and one for what passed by
decisions that a proxy had at hand. Pure; `audit_log` writes them.

Invariants: a line is bounded, whatever a counterparty put into its fields, and no character in it steers a terminal
(`visible`); it holds no token, password or signature.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

from authzsvc.accounts import Count, Traffic
from authzsvc.contract.request import Event, FixRequest, StockRequest
from authzsvc.decision import Decision
from authzsvc.fix.fields import Fields
from authzsvc.floods import Flood
from authzsvc.sessions.acts import Act
from authzsvc.sessions.facts import SessionFacts
from authzsvc.tokens.claims import Identity
from authzsvc.visible import json_line

MAX_LINE = 4096
"""Bytes; a longer line is rendered again with its parts cut down."""
MAX_TEXT = 256
MAX_ITEMS = 32
MAX_COUNTS = 8
"""Counts in a line of traffic, so that none is cut away."""

BUSINESS_IDS = (11, 117, 131, 262, 390, 320, 571, 644, 710, 721, 37, 17)
"""ClOrdID, QuoteID, QuoteReqID, MDReqID, BidID, SecurityReqID, TradeReportID, RFQReqID, PosReqID, PosMaintRptID,
OrderID, ExecID: the first that is there names the business."""

REFRESH = "refresh"


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
    line = json_line(event)
    return line if len(line) <= MAX_LINE else json_line(_bounded(event))


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
    if word == Event.REPORT and identity is None:
        event["unproven"] = True
    return event


def render_admin(act: Act) -> bytes:
    """The line of what an operator did or was refused. Refusals, and what would not survive a restart, are `high`."""
    event: dict[str, object] = {
        "time": datetime.fromtimestamp(act.at, UTC),
        "decision_id": act.id,
        "event": "admin",
        "session": {"address": act.operator.address},
        "verdict": "deny" if act.refused else "allow",
        "severity": "high" if act.refused or act.not_kept or act.behind else "info",
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
            "behind": act.behind,
        },
    }
    return json_line(_bounded(event))


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
        **({"unproven": True} if known is None else {}),
    }
    about = {"connection": report.session, "resumed": traffic.resumed, "ended": report.ended}
    lines = []
    for start in range(0, len(traffic.counts), MAX_COUNTS):
        some = traffic.counts[start : start + MAX_COUNTS]
        event["traffic"] = {**about, "counts": [_count(count) for count in some]}
        lines.append(json_line(_bounded(event)))
    return b"".join(lines)


def render_flood(flood: Flood, decision_id: str) -> bytes:
    """Returns the line about what a listener refused before anybody was authenticated."""
    event: dict[str, object] = {
        "time": datetime.fromtimestamp(flood.at, UTC),
        "decision_id": decision_id,
        "event": "flood",
        "session": {"address": flood.host},
        "verdict": "deny",
        "severity": "high",
        "reason": f"refused before authentication: {flood.reason}",
        "mode": "enforce",
        "flood": {
            "listener": flood.listener,
            "reason": flood.reason,
            "count": flood.count,
            "since": datetime.fromtimestamp(flood.since, UTC),
        },
    }
    return json_line(_bounded(event))


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
