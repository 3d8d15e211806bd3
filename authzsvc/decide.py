"""The decision about one request: pure, on frozen types, with the time and the new decision's id handed in.

Order of the questions: is the token good, is the client who it says it is, does a scope permit the message, and does
the session's standing leave it that. The first "no" is the answer. This is also the one place that says what a failure
means: `unavailable` (380=4), never a pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from authzsvc.contract.request import WHOLE_BODY, Event, FixRequest, StockRequest
from authzsvc.decision import Action, Decision, LogonTerms, RejectReason, ServiceState
from authzsvc.errors import TokenError
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy import lifts
from authzsvc.policy.engine import Misnamed, Policy, Question, Verdict
from authzsvc.policy.lookup import SESSION_LEVEL
from authzsvc.standing import Ending, Limit
from authzsvc.tokens.claims import BAD_CREDENTIALS, Identity
from authzsvc.username import is_the_clients

INSUFFICIENT = "Insufficient permissions"
OTHER_TERMS = "the Check names terms that are not the service's: nothing was decided"
NOT_AVAILABLE = "Application not available"
NOT_ADMITTED = "Connection not admitted"
NO_HTTP = "A FIX gateway does not authorize HTTP"


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long a proxy may keep what is allowed, at most."""

    max_age: int = 0
    """Seconds; 0: not at all."""
    stale_if_error: int = 0
    """Seconds more, while no answer is to be had."""
    past_expiry: bool = False
    """A session's scopes hold to its end, whatever its token says of its own."""


NOT_KEPT = Keeping()

_TOLD = 3
"""The forbids that the token's wildcards lift, for the reason of its Logon."""

# An enum's members take longer to get at by their enum.
_FORWARD, _NO_REASON = Action.FORWARD, RejectReason.NONE

Ages = tuple[int, int]
"""`max_age` and `stale_if_error` of a decision."""


class Stamp(NamedTuple):
    """What the world adds to a decision."""

    id: str
    """The new decision's id."""
    now: float
    """Unix time."""
    policy: str
    """The digest of the mapping in force; empty while there is none."""


def decide(
    request: FixRequest,
    holder: Identity | TokenError,
    policy: Policy,
    stamp: Stamp,
    keeping: Keeping = NOT_KEPT,
    standing: Limit | Ending | None = None,
    state: ServiceState | None = None,
) -> Decision:
    """Decide about a FIX message or a session's event.

    `holder` is the token's holder, or the reason why there is none. `keeping` limits for how long the answer may be
    cached. `standing` says how restrictions or expiry limit the session; while they do, no answer may be cached.
    `state` is the service's state, with its terms; a message whose Check names other terms is not evaluated.
    """
    if isinstance(holder, TokenError):
        return _unauthenticated(request, holder, stamp)
    misnamed = policy.identify(request.party.client, holder.claims)
    if misnamed is not None:
        return _wrong_identity(request, misnamed, stamp)
    if isinstance(standing, Ending):
        return ended(request.event, standing, stamp)
    ages = (0, 0) if standing else _ages(holder, policy, stamp.now, keeping)
    if request.event is not Event.MESSAGE:
        welcome = _welcome(request, policy, holder, ages, state, stamp)
        is_logon = request.event is Event.LOGON
        return welcome._replace(username=is_logon and is_the_clients(request.fields, holder, policy))
    if state is not None and request.terms not in ("", WHOLE_BODY) and request.terms != state.terms.name:
        return _other_terms(state, stamp)
    decision = _by_policy(request, holder, policy, ages, stamp)
    if standing is not None:
        decision = _limited(request, policy, decision, standing, stamp)
    return decision if state is None else _made_in(state, decision)


def terms_of(policy: Policy, batch: int = 1) -> LogonTerms:
    """Returns the terms of a session under a mapping."""
    passes = policy.passes if policy.closed else None
    return LogonTerms(policy.guard_outbound, policy.exempt, policy.risk_reducing, policy.want_tags, batch, passes)


def decide_stock(request: StockRequest, admitted: frozenset[str], stamp: Stamp) -> Decision:
    """Answer one of Envoy's stock filters: connections by their certificate's name, HTTP never."""
    if request.event is Event.HTTP:
        return _denied(stamp, NO_HTTP, "plain HTTP is not authorized by a FIX gateway")
    if request.name and request.name in admitted:
        return _allowed(stamp, "the certificate's name is admitted by the settings")
    named = "a name that the settings do not admit" if request.name else "no name of the kind that it seems to be"
    if not request.principal:
        named = "no name"
    return _denied(stamp, NOT_ADMITTED, f"the connection's certificate has {named}")


def ended(event: Event, ending: Ending, stamp: Stamp) -> Decision:
    """The session ends, or does not begin; a renewal that is refused leaves the session as it was."""
    denied = _denied(stamp, ending.text, ending.reason)._replace(unauthenticated=ending.unauthenticated)
    if event is Event.RENEWAL and not ending.at_once:
        return denied
    return denied._replace(
        action=Action.DISCONNECT if ending.at_once else Action.LOGOUT,
        session_status=ending.session_status,
    )


def unavailable(event: Event | None, reason: str, stamp: Stamp) -> Decision:
    """The answer to every failure: denied, 380=4; a refused Logon also ends its session."""
    denied = _denied(stamp, NOT_AVAILABLE, reason, RejectReason.APPLICATION_NOT_AVAILABLE)
    return denied._replace(action=Action.LOGOUT) if event is Event.LOGON else denied


def _limited(request: FixRequest, policy: Policy, decision: Decision, limit: Limit, stamp: Stamp) -> Decision:
    """Decide in a session that an operator has limited, or for a firm that one has limited. Messages that reduce risk
    pass if its scopes grant them, unless all is stopped, and messages that need no scope pass. The venue's reports pass
    too, because a trader who closes his positions must see them. No scope would have another message allowed, so none
    is missing."""
    if request.direction is Direction.OUTBOUND:
        return decision
    if request.msg_type in policy.risk_reducing and not limit.stops_all:
        return decision
    if not decision.allowed:
        return decision._replace(missing_scopes=())
    if request.msg_type in SESSION_LEVEL or request.msg_type in policy.exempt:
        return decision
    return _denied(stamp, limit.text, limit.reason)


def _ages(holder: Identity, policy: Policy, now: float, keeping: Keeping) -> Ages:
    """Whole seconds, together never past `exp`. Nothing is kept where claims bind ids that may differ from message to
    message: an answer about a message that no rule is about names no tags that it rests on."""
    if keeping.max_age <= 0 or not policy.ids_are_the_sessions:
        return 0, 0
    if keeping.past_expiry:
        return keeping.max_age, keeping.stale_if_error
    left = max(0, int(holder.expires_at - now))
    age = min(keeping.max_age, left)
    return age, min(keeping.stale_if_error, left - age)


def _within_window(ages: Ages, until: float | None, now: float) -> Ages:
    """Cut the ages so that no answer is used after the clock may have changed it."""
    if until is None:
        return ages
    left = max(0, int(until - now))
    age = min(ages[0], left)
    return age, min(ages[1], left - age) if age else 0


def _by_policy(request: FixRequest, holder: Identity, policy: Policy, ages: Ages, stamp: Stamp) -> Decision:
    party, fields = request.party, request.fields
    if policy.asks_header_ids:
        fields = Fields((*party.ids, *fields.pairs))
    verdict = policy.decide(
        Question(
            party.direction,
            request.msg_type,
            fields,
            holder.scopes,
            holder.claims,
            party.client.comp_id,
            stamp.now,
            party.begin_string,
        )
    )
    if verdict.allowed and not verdict.shadow:
        ages = _within_window(ages, policy.holds_until(party.direction, request.msg_type, stamp.now), stamp.now)
        return _allowed(stamp, verdict.reason, verdict.scope, verdict.vary, ages)
    return _refused(verdict, stamp)


def _refused(verdict: Verdict, stamp: Stamp) -> Decision:
    """A denial; in shadow its message passes, and the answer is not kept, so that each one is recorded."""
    denied = (
        _allowed(stamp, verdict.reason, vary=verdict.vary)
        if verdict.shadow
        else _denied(stamp, INSUFFICIENT, verdict.reason)
    )
    return denied._replace(
        missing_scopes=verdict.missing_scopes,
        vary=verdict.vary,
        shadow=verdict.shadow,
        rule=verdict.forbid or "",
    )


def _lifted(policy: Policy, holder: Identity) -> str:
    """Say which forbids the token's wildcards lift; empty if they lift none."""
    return "".join(f"; {lift}" for lift in lifts.of_token(policy, holder.scopes, holder.claims)[:_TOLD])


def _welcome(
    request: FixRequest, policy: Policy, holder: Identity, ages: Ages, state: ServiceState | None, stamp: Stamp
) -> Decision:
    terms = state.terms if state else terms_of(policy)
    unknown = policy.expand(holder.scopes, holder.claims).unknown
    lifted = _lifted(policy, holder) if request.event in (Event.LOGON, Event.RENEWAL) else ""
    welcome = _allowed(stamp, "the token and the identity hold" + lifted, ages=ages)
    return welcome._replace(terms=terms.for_proxy(names_terms=request.names_terms), unknown_scopes=unknown)


def _other_terms(state: ServiceState, stamp: Stamp) -> Decision:
    decision = _denied(stamp, "", OTHER_TERMS)._replace(action=Action.TERMS, terms=state.terms)
    return _made_in(state, decision)


def _made_in(state: ServiceState, decision: Decision) -> Decision:
    return decision._replace(etag=state.etag, revision=state.revision, terms_name=state.terms.name)


def acknowledged(request: FixRequest, stamp: Stamp) -> Decision:
    """A report asks for nothing; the audit records it as the denial that it tells of."""
    return _allowed(stamp, request.report)


def _unauthenticated(request: FixRequest, error: TokenError, stamp: Stamp) -> Decision:
    """A bad token ends the session, whether at its Logon or later; one that cannot be judged now denies the message."""
    if error.unavailable and request.event is not Event.LOGON:
        return _denied(stamp, error.text, error.reason, RejectReason.APPLICATION_NOT_AVAILABLE)
    return ended(request.event, Ending(error.text, error.reason, error.session_status, unauthenticated=True), stamp)


def _wrong_identity(request: FixRequest, misnamed: Misnamed, stamp: Stamp) -> Decision:
    """A good token in another's session: the session cannot go on, but the token is not the trouble."""
    return ended(request.event, Ending(f"{misnamed.id} is not the token's", misnamed.reason, BAD_CREDENTIALS), stamp)


def _allowed(
    stamp: Stamp, reason: str, scope: str | None = None, vary: tuple[int, ...] = (), ages: Ages = (0, 0)
) -> Decision:
    # By position, as there is one for each message: by name it would take twice as long.
    text, unauthenticated, session_status, missing_scopes, terms = "", False, None, (), None
    shadow, rule, etag, watch_s, unknown_scopes = False, "", "", 0, ()
    revision, terms_name = "", ""
    max_age, stale_if_error = ages
    fields = (
        True, _FORWARD, stamp.id, text, reason, unauthenticated, _NO_REASON, session_status, scope, missing_scopes,
        vary, stamp.policy, max_age, terms, shadow, rule, etag, watch_s, unknown_scopes, stale_if_error,
        False, revision, terms_name,
    )  # fmt: skip
    return Decision._make(fields)


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
