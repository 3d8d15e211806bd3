"""The decision about one request: pure, on frozen types, with the time and the new decision's id handed in.

Order of the questions: is the token good, is the client who it says it is, does a scope permit the message. The first
"no" is the answer. This is also the one place that says what a failure means: `unavailable` (380=4), never a pass.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from authzsvc.contract.request import Event, FixRequest, StockRequest
from authzsvc.decision import Action, Decision, LogonTerms, RejectReason
from authzsvc.errors import TokenError
from authzsvc.policy.engine import Misnamed, Policy, Question, Verdict
from authzsvc.tokens.claims import BAD_CREDENTIALS, Identity

INSUFFICIENT = "Insufficient permissions"
NOT_AVAILABLE = "Application not available"
NOT_ADMITTED = "Connection not admitted"
NO_HTTP = "A FIX gateway does not authorize HTTP"

_OF_THE_SESSION = frozenset({"comp_id"})
"""Ids that are the same in each message of a session (the proxy holds them to the Logon's)."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the world adds to a decision."""

    id: str
    """The new decision's id."""
    now: float
    """Unix time."""
    policy: str
    """The digest of the mapping in force; empty while there is none."""


def decide(
    request: FixRequest, holder: Identity | TokenError, policy: Policy, *, now: float, max_age: int, decision_id: str
) -> Decision:
    """Decide about a FIX message. `holder` is the token's, or why there is none; `max_age` caps how long it holds."""
    stamp = Stamp(decision_id, now, policy.digest)
    if request.event is Event.REPORT:
        return _acknowledged(request, stamp)
    if isinstance(holder, TokenError):
        return _unauthenticated(request, holder, stamp)
    misnamed = policy.identify(request.client, holder.claims)
    if misnamed is not None:
        return _wrong_identity(request, misnamed, stamp)
    age = _age(holder, policy, now, max_age)
    if request.event is Event.LOGON:
        return _welcome(policy, holder, age, stamp)
    return _by_policy(request, holder, policy, age, stamp)


def decide_stock(request: StockRequest, admitted: frozenset[str], stamp: Stamp) -> Decision:
    """Answer one of Envoy's stock filters: connections by their certificate's name, HTTP never."""
    if request.event is Event.HTTP:
        return _denied(stamp, NO_HTTP, "plain HTTP is not authorized by a FIX gateway")
    if request.principal and request.principal in admitted:
        return _allowed(stamp, "the certificate's name is admitted by the settings")
    named = "a name that the settings do not admit" if request.principal else "no name"
    return _denied(stamp, NOT_ADMITTED, f"the connection's certificate has {named}")


def unavailable(event: Event | None, reason: str, stamp: Stamp) -> Decision:
    """The answer to every failure: denied, 380=4; a refused Logon also ends its session."""
    denied = _denied(stamp, NOT_AVAILABLE, reason, RejectReason.APPLICATION_NOT_AVAILABLE)
    return replace(denied, action=Action.LOGOUT) if event is Event.LOGON else denied


def _age(holder: Identity, policy: Policy, now: float, max_age: int) -> int:
    """Whole seconds, never past `exp`. Ids that stand in single messages cannot be kept for: `vary` has no word for
    them."""
    if not policy.identity.keys() <= _OF_THE_SESSION:
        return 0
    return max(0, min(max_age, int(holder.expires_at - now)))


def _by_policy(request: FixRequest, holder: Identity, policy: Policy, age: int, stamp: Stamp) -> Decision:
    verdict = policy.decide(
        Question(
            request.direction,
            request.msg_type,
            request.fields,
            holder.scopes,
            holder.claims,
            request.client.comp_id,
        )
    )
    if verdict.allowed and not verdict.shadow:
        return _allowed(stamp, verdict.reason, verdict.scope, verdict.vary, age)
    return _refused(verdict, stamp)


def _refused(verdict: Verdict, stamp: Stamp) -> Decision:
    """A denial; in shadow its message passes, and the answer is not kept, so that each one is recorded."""
    denied = (
        _allowed(stamp, verdict.reason, vary=verdict.vary)
        if verdict.shadow
        else _denied(stamp, INSUFFICIENT, verdict.reason)
    )
    return replace(
        denied,
        missing_scopes=verdict.missing_scopes,
        vary=verdict.vary,
        shadow=verdict.shadow,
        rule=verdict.forbid or "",
    )


def _welcome(policy: Policy, holder: Identity, age: int, stamp: Stamp) -> Decision:
    terms = LogonTerms(policy.guard_outbound, policy.exempt, policy.risk_reducing, policy.want_tags)
    unknown = policy.expand(holder.scopes, holder.claims).unknown
    welcome = _allowed(stamp, "the token and the identity hold", age=age)
    return replace(welcome, terms=terms, unknown_scopes=unknown)


def _acknowledged(request: FixRequest, stamp: Stamp) -> Decision:
    """A report asks for nothing; the audit records it as the denial that it tells of."""
    return _allowed(stamp, request.report)


def _unauthenticated(request: FixRequest, error: TokenError, stamp: Stamp) -> Decision:
    """A bad token ends the session, whether at its Logon or later."""
    status = error.session_status if request.event is Event.LOGON else None
    denied = _denied(stamp, error.text, error.reason)
    return replace(denied, action=Action.LOGOUT, unauthenticated=True, session_status=status)


def _wrong_identity(request: FixRequest, misnamed: Misnamed, stamp: Stamp) -> Decision:
    """A good token in another's session: the session cannot go on, but the token is not the trouble."""
    status = BAD_CREDENTIALS if request.event is Event.LOGON else None
    denied = _denied(stamp, f"{misnamed.id} is not the token's", misnamed.reason)
    return replace(denied, action=Action.LOGOUT, session_status=status)


def _allowed(stamp: Stamp, reason: str, scope: str | None = None, vary: tuple[int, ...] = (), age: int = 0) -> Decision:
    return Decision(
        allowed=True,
        action=Action.FORWARD,
        id=stamp.id,
        text="",
        reason=reason,
        unauthenticated=False,
        reject_reason=RejectReason.NONE,
        session_status=None,
        scope=scope,
        missing_scopes=(),
        vary=vary,
        policy=stamp.policy,
        max_age=age,
        terms=None,
    )


def _denied(stamp: Stamp, text: str, reason: str, reject: RejectReason = RejectReason.NOT_AUTHORIZED) -> Decision:
    return Decision(
        allowed=False,
        action=Action.REJECT,
        id=stamp.id,
        text=text,
        reason=reason,
        unauthenticated=False,
        reject_reason=reject,
        session_status=None,
        scope=None,
        missing_scopes=(),
        vary=(),
        policy=stamp.policy,
        max_age=0,
        terms=None,
    )
