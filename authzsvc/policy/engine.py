"""The decision: may a session with these scopes send, or receive, this message?

A `Policy` is a compiled mapping: a lookup by (direction, MsgType) to the rules about such messages. Deciding is pure
and cheap: what a session's scopes and roles come to is settled once, and so is what that leaves of the rules about each
kind of message (`granted`); of these only the ones that could apply to the message's values are looked at (`index`).

Invariants: a forbid that applies, or cannot be evaluated, denies, whatever grants. What no rule grants is denied, but
for the session level, the exempt types, and outbound what the mapping lets every session see: in an open mapping, all
types that no grant names. A grant whose conditions cannot be evaluated does not hold. The verdict is the same for every
message of the same session, direction and type that is alike in the `vary` tags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from authzsvc.fix.dictionary import Dictionary
from authzsvc.fix.direction import Direction
from authzsvc.policy import missing, reasons
from authzsvc.policy.by_version import with_version
from authzsvc.policy.claims import Claims, claim_values
from authzsvc.policy.clock import with_clock
from authzsvc.policy.granted import Granted, Granter, Plan, RuleSet
from authzsvc.policy.lookup import HEADER_IDS, LOGON, SESSION_LEVEL
from authzsvc.policy.question import CompIds as CompIds
from authzsvc.policy.question import Misnamed as Misnamed
from authzsvc.policy.question import Question as Question
from authzsvc.policy.question import Verdict as Verdict
from authzsvc.policy.roles import Role
from authzsvc.policy.rules import Forbid, Grant, Mode
from authzsvc.policy.terms import Places, Rollout, Scope
from authzsvc.policy.trace import Trace, trace

_REMEMBERED_SESSIONS = 4096
_OF_THE_SESSION = frozenset({"comp_id", "target_comp_id"})


@dataclass(frozen=True)
class Policy:
    """A compiled mapping; made by `authzsvc.policy.compiler`, never changed."""

    version: int
    """Of the language that it is written in."""
    name: str
    description: str
    digest: str
    """SHA-256 in hex over what the mapping means (not how it is written)."""
    dictionary: Dictionary
    """Where its names are from, with what the mapping adds."""
    files: tuple[str, ...]
    """Every file that it was read from, the top one first."""
    identity: Mapping[str, str]
    """Field of `CompIds` → the claim that it is held against."""
    exempt: tuple[str, ...]
    """Inbound types that need no scope, besides the session level."""
    risk_reducing: tuple[str, ...]
    """Inbound types that an authenticated session may send when no decision is to be had."""
    closed: bool
    """Whether outbound messages are withheld that no scope grants, whatever their type."""
    passes: tuple[str, ...]
    """Outbound types that every session sees, where it is closed."""
    guard_outbound: tuple[str, ...]
    """Outbound types that some rule names; unless it is closed, no others are asked about."""
    want_tags: tuple[int, ...]
    """Every tag that any rule consults, the ids of the header aside, and the business ids for the audit."""
    granter: Granter
    scope_terms: Mapping[str, Scope]
    """Every scope that the mapping defines."""
    rollout: Rollout
    rules: Mapping[tuple[Direction, str], RuleSet]
    places: Places = field(default_factory=dict, repr=False, compare=False)
    """Where those parts of the mapping are written that do not hold their own place."""
    _granted: Callable[[frozenset[str], tuple[str, ...]], Granted] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Give this policy its own bounded memory of what scopes and roles come to."""
        object.__setattr__(self, "_granted", lru_cache(maxsize=_REMEMBERED_SESSIONS)(self.granter.grant))

    @property
    def fix(self) -> str:
        """The version whose dictionary its names are from."""
        return self.dictionary.version

    @property
    def scopes(self) -> frozenset[str]:
        """Every scope that the mapping defines."""
        return self.granter.defined.scopes

    @property
    def sensitive(self) -> frozenset[str]:
        """Those of them whose use deserves attention."""
        return frozenset(name for name, scope in self.scope_terms.items() if scope.sensitive)

    @property
    def role_terms(self) -> Mapping[str, Role]:
        """Every role that the mapping defines."""
        return self.granter.roles

    @property
    def roles(self) -> Mapping[str, frozenset[str]]:
        """Each role with all scopes that it comes to."""
        return {name: role.scopes for name, role in self.granter.roles.items()}

    @cached_property
    def ids_are_the_sessions(self) -> bool:
        """Whether the ids that are held against claims are the same in each message of a session (a proxy holds these
        to the Logon's)."""
        return self.identity.keys() <= _OF_THE_SESSION

    @cached_property
    def asks_header_ids(self) -> bool:
        """Whether any rule has a condition on an id of the message's header."""
        return any(not HEADER_IDS.isdisjoint(found.vary) for found in self.rules.values())

    @cached_property
    def has_scope_modes(self) -> bool:
        """Whether any scope has a rollout of its own."""
        return any(scope.mode is not None for scope in self.scope_terms.values())

    @property
    def grants(self) -> tuple[Grant, ...]:
        """Every grant, by direction, MsgType, scope."""
        return tuple(grant for found in self.rules.values() for grant in found.grants)

    @property
    def forbids(self) -> tuple[Forbid, ...]:
        """Every forbid, by direction, MsgType, name; one of several messages is there for each."""
        return tuple(forbid for found in self.rules.values() for forbid in found.forbids)

    def expand(self, scopes: frozenset[str], claims: Claims) -> Granted:
        """Give the mapping's scopes that a token's scopes and roles come to, and the token's that it does not know."""
        return self._granted(scopes, self.granter.named_roles(claims))

    def role_names(self, scopes: frozenset[str], claims: Claims) -> frozenset[str]:
        """Give the roles that a token names, by its claim or as `role:NAME`, whether the mapping knows them or not."""
        return self.granter.role_names(scopes, claims)

    def identify(self, comp_ids: CompIds, claims: Claims) -> Misnamed | None:
        """Hold the client's own ids against the claims: None, or which of them the token does not bear out.

        An id equals its claim, or is in it where the claim is a list. The CompIDs must be there; the other ids are
        held only in messages that carry them. A token that lacks the claim is refused.
        """
        for name, claim in self.identity.items():
            claimed = getattr(comp_ids, name)
            if claimed is None:
                continue
            allowed = claim_values(claims, claim)
            if claimed in allowed:
                continue
            word = reasons.ID_NAMES[name]
            if not allowed:
                return Misnamed(word, f"the token has no usable claim `{claim}` to hold the client's {word} against")
            return Misnamed(word, f"the client's {word} `{reasons.shown(claimed)}` is not in claim `{claim}`")
        return None

    def decide(self, question: Question) -> Verdict:
        """Decide one message: allowed only where no forbid applies, and a held scope has a grant that does."""
        key, fields, claims = (question.direction, question.msg_type), question.fields, question.claims
        granted = self._granted(question.scopes, self.granter.named_roles(claims))
        plan = granted.plans.get(key)
        if plan is None:
            if key not in self.rules:
                return self._without_rules(question)
            plan = granted.plan(key, self.rules[key])
        if plan.found.clocks:
            fields = with_clock(fields, question.now)
            question = question._replace(fields=fields)
        if plan.found.by_version:
            fields = with_version(fields, question.begin_string)
            question = question._replace(fields=fields)
        values = dict(fields.pairs)
        if plan.forbidding is not None and plan.forbidding.first(fields, claims, values) is not None:
            firing = plan.forbidding.every(fields, claims, values)
            else_granted = plan.found.unguarded or plan.granting.first(fields, claims, values)
            return self.prohibition(question, plan, firing, granted=else_granted is not None)
        grant = plan.granting.first(fields, claims, values)
        if grant is not None:
            return plan.found.granted[grant.scope]
        return plan.found.unguarded or self.refusal(question, plan, plan.lacking.every(fields, claims, values))

    def holds_until(self, direction: Direction, msg_type: str, now: float) -> float | None:
        """Give the Unix time until which the clock changes no verdict about such messages; None where no rule about
        them asks for the time."""
        found = self.rules.get((direction, msg_type))
        if found is None or not found.clocks:
            return None
        return min(window.next_change(now) for window in found.clocks)

    def trace(self, question: Question) -> Trace:
        """Decide one message and show every rule that was tried; slow, and never another verdict than `decide`'s."""
        return trace(self, question)

    def _without_rules(self, question: Question) -> Verdict:
        """Decide about a kind of message that no rule is about."""
        msg_type = question.msg_type
        if msg_type in SESSION_LEVEL:
            return _SESSION_LEVEL
        if question.direction is Direction.OUTBOUND and not self.closed:
            return _UNGUARDED
        if question.direction is Direction.OUTBOUND and (msg_type in self.passes or msg_type == LOGON):
            return _PASSES
        if question.direction is Direction.INBOUND and msg_type in self.exempt:
            return _EXEMPT
        reason = f"no scope of the mapping grants `{reasons.shown(msg_type)}` {question.direction}"
        return self._enforced(question, Verdict(False, None, (), reason, ()))

    def refusal(self, question: Question, plan: Plan, would_grant: Sequence[Grant]) -> Verdict:
        """Make the denial of a message that no held scope grants; `would_grant` are conditional grants not held."""
        granting = plan.granting_scopes(would_grant)
        lacking = missing.of_refusal(self.granter.defined, granting)
        reason = (
            reasons.conditions_failed(plan.needs, question, lacking)
            if plan.held
            else reasons.no_scope(plan.found.label, question.direction, lacking or plan.offers, sure=bool(lacking))
        )
        return self._enforced(question, Verdict(False, None, lacking, reason, plan.found.vary), granting)

    def prohibition(self, question: Question, plan: Plan, firing: Sequence[Forbid], *, granted: bool) -> Verdict:
        """Make the denial of a message to which these forbids apply. The decision names the first one; `granted` says
        that nothing but the forbids denies the message."""
        lacking = missing.of_prohibition(self.granter.defined, plan, firing, question, granted=granted)
        reason = reasons.forbidden(plan.found.label, question, firing, granted=granted)
        return self._enforced(question, Verdict(False, None, lacking, reason, plan.found.vary, forbid=firing[0].name))

    def _enforced(self, question: Question, denial: Verdict, would_grant: Iterable[str] = ()) -> Verdict:
        """Let a denial stand, or let its message pass in shadow."""
        if self._mode(question, would_grant) is Mode.ENFORCE:
            return denial
        return replace(denial, allowed=True, shadow=True, reason=reasons.in_shadow(denial.reason))

    def _mode(self, question: Question, would_grant: Iterable[str]) -> Mode:
        """Find what holds for a denial: an `enforce` that was said of sender, message or scope wins over a `shadow`.

        Of scopes, those count that would have granted the message, and all of them must agree on `shadow`.
        """
        rollout = self.rollout
        if not (rollout.senders or rollout.messages or self.has_scope_modes):
            return rollout.mode
        said = {rollout.senders.get(question.comp_id), rollout.messages.get(question.msg_type)}
        scopes = {self.scope_terms[scope].mode for scope in would_grant} if self.has_scope_modes else set()
        if Mode.ENFORCE in said or Mode.ENFORCE in scopes:
            return Mode.ENFORCE
        if Mode.SHADOW in said or scopes == {Mode.SHADOW}:
            return Mode.SHADOW
        return rollout.mode


_SESSION_LEVEL = Verdict(True, None, (), "session-level messages need no scope", ())
_EXEMPT = Verdict(True, None, (), "the mapping exempts this message", ())
_PASSES = Verdict(True, None, (), "the mapping lets every session see this message", ())
_UNGUARDED = Verdict(True, None, (), "the mapping names no such outbound message", ())
