"""The decision: may a session with these scopes send, or receive, this message?

A `Policy` is a compiled mapping: a lookup by (direction, MsgType) to the rules that grant such messages. Deciding is
pure and cheap: one lookup for the scopes (each set of scopes is resolved once), one for the rules, then their
conditions; the verdict of a grant is made beforehand.

Invariants: what no rule grants is denied, but for the session level, the exempt types, and outbound types that no rule
names. A rule whose conditions cannot be evaluated does not hold. The verdict is the same for every message of the
same session, direction and type that is alike in the `vary` tags.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy import reasons
from authzsvc.policy.conditions import Claims, Condition, claim_values
from authzsvc.policy.scopes import resolve

SESSION_LEVEL = frozenset("012345")
"""Heartbeat, TestRequest, ResendRequest, Reject, SequenceReset, Logout: a session cannot live without them."""

_REMEMBERED_SCOPE_SETS = 4096


@dataclass(frozen=True, slots=True)
class Question:
    """One message of one session."""

    direction: Direction
    msg_type: str
    """MsgType (35)."""
    fields: Fields
    """Its body fields, or those that `Policy.want_tags` asks for."""
    scopes: frozenset[str]
    claims: Claims


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, and what it rests on."""

    allowed: bool
    scope: str | None
    """What granted it; None on a denial, or where no scope is needed."""
    missing_scopes: tuple[str, ...]
    """Scopes not held, any of which would have granted this message; where none would, those that grant its type."""
    reason: str
    """One line, lower case, for the audit."""
    vary: tuple[int, ...]
    """The body tags that any rule of this direction and type consults, sorted."""


@dataclass(frozen=True, slots=True)
class CompIds:
    """How the client is named in a message: sender ids of an inbound one, target ids of an outbound one."""

    comp_id: str
    """Inbound 49, outbound 56."""
    sub_id: str | None = None
    """Inbound 50, outbound 57."""
    location_id: str | None = None
    """Inbound 142, outbound 143."""
    on_behalf_of: str | None = None
    """Inbound 115, outbound 128."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a scope's `grants`, for the direction and type that it is filed under."""

    scope: str
    conditions: tuple[Condition, ...]
    verdict: Verdict = field(compare=False)
    """The answer where this rule grants."""

    def holds(self, question: Question) -> bool:
        """Whether all conditions hold; one that cannot be evaluated does not."""
        try:
            return all(condition.holds(question.fields, question.claims) for condition in self.conditions)
        except Exception:  # whatever went wrong, it must not grant
            return False


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules for one direction and MsgType, in the order in which they are tried: that of their scopes' names."""

    label: str
    """The message's name."""
    rules: tuple[Rule, ...]
    vary: tuple[int, ...]


@dataclass(frozen=True)
class Policy:
    """A compiled mapping; made by `authzsvc.policy.compiler`, never changed."""

    name: str
    digest: str
    """SHA-256 in hex over what the mapping means (not how it is written)."""
    fix: str
    """The version whose dictionary its names are from."""
    identity: Mapping[str, str]
    """Field of `CompIds` → the claim that it is held against."""
    exempt: tuple[str, ...]
    """Inbound types that need no scope, besides the session level."""
    risk_reducing: tuple[str, ...]
    """Inbound types that an authenticated session may send when no decision is to be had."""
    guard_outbound: tuple[str, ...]
    """Outbound types that some rule names; no others are asked about."""
    want_tags: tuple[int, ...]
    """Every body tag that any rule consults, and the business ids for the audit."""
    scopes: frozenset[str]
    """Every scope that the mapping defines."""
    sensitive: frozenset[str]
    """Those of them whose use deserves attention."""
    rules: Mapping[tuple[Direction, str], RuleSet]
    _held: Callable[[frozenset[str]], frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Give this policy its own bounded memory of what each set of scopes covers."""
        remembered = lru_cache(maxsize=_REMEMBERED_SCOPE_SETS)(lambda scopes: resolve(scopes, self.scopes))
        object.__setattr__(self, "_held", remembered)

    def identify(self, comp_ids: CompIds, claims: Claims) -> str | None:
        """Hold the client's own ids against the claims: None, or why the session's identity is refused.

        An id equals its claim, or is in it where the claim is a list. The CompID must be there; the other ids are
        held only in messages that carry them. A token that lacks the claim is refused.
        """
        for name, claim in self.identity.items():
            claimed = getattr(comp_ids, name)
            if claimed is None:
                continue
            allowed = claim_values(claims, claim)
            if not allowed:
                return f"the token has no usable claim `{claim}` to hold the client's {reasons.ID_NAMES[name]} against"
            if claimed not in allowed:
                return f"the client's {reasons.ID_NAMES[name]} `{reasons.shown(claimed)}` is not in claim `{claim}`"
        return None

    def decide(self, question: Question) -> Verdict:
        """Decide one message: allowed only where a held scope has a rule whose conditions all hold."""
        direction, msg_type = question.direction, question.msg_type
        if msg_type in SESSION_LEVEL:
            return _SESSION_LEVEL
        if direction is Direction.INBOUND and msg_type in self.exempt:
            return _EXEMPT
        found = self.rules.get((direction, msg_type))
        if found is None:
            return _UNGUARDED if direction is Direction.OUTBOUND else self._unknown(msg_type)
        held = self._held(question.scopes)
        for rule in found.rules:
            if rule.scope in held and rule.holds(question):
                return rule.verdict
        return self._denied(question, found, held)

    def _unknown(self, msg_type: str) -> Verdict:
        return Verdict(False, None, (), f"no scope of the mapping grants `{reasons.shown(msg_type)}` inbound", ())

    def _denied(self, question: Question, found: RuleSet, held: frozenset[str]) -> Verdict:
        lacking = [rule for rule in found.rules if rule.scope not in held]
        would_grant = [rule for rule in lacking if rule.holds(question)]
        missing = tuple(sorted({rule.scope for rule in would_grant or lacking}))
        failed = [rule for rule in found.rules if rule.scope in held]
        reason = (
            reasons.conditions_failed(failed, question, missing if would_grant else ())
            if failed
            else reasons.no_scope(found.label, question.direction, missing, sure=bool(would_grant))
        )
        return Verdict(False, None, missing, reason, found.vary)


_SESSION_LEVEL = Verdict(True, None, (), "session-level messages need no scope", ())
_EXEMPT = Verdict(True, None, (), "the mapping exempts this message", ())
_UNGUARDED = Verdict(True, None, (), "the mapping names no such outbound message", ())
