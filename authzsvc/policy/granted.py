"""What the scopes and roles of a session come to, and what that leaves of the rules about one kind of message.

Both are settled when they are first asked for and then remembered, so that a decision does not grow with the number of
scopes or rules that a mapping has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from authzsvc.fix.direction import Direction
from authzsvc.policy.claims import Claims, claim_at, claim_values
from authzsvc.policy.index import Index, build
from authzsvc.policy.question import Verdict
from authzsvc.policy.reasons import Needs, needs
from authzsvc.policy.roles import Role
from authzsvc.policy.rules import Forbid, Grant
from authzsvc.policy.scopes import ROLE_PREFIX, Defined, resolve
from authzsvc.policy.truth import Truth
from authzsvc.policy.windows import InTime


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules for one direction and MsgType, in the order in which they are tried: that of their scopes' names."""

    label: str
    """The message's name."""
    grants: tuple[Grant, ...]
    forbids: tuple[Forbid, ...]
    vary: tuple[int, ...]
    """Every body tag that any of them consults, sorted."""
    granted: Mapping[str, Verdict] = field(repr=False)
    """Scope → the answer where it grants, made beforehand."""
    unguarded: Verdict | None = None
    """The answer where no forbid applies, for outbound messages that are about forbids alone."""
    clocks: tuple[InTime, ...] = ()
    """Every window in which one of them holds the gateway's clock."""
    by_version: bool = False
    """Whether one of them asks for the session's FIX version."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The rules about one kind of message, as a session's scopes leave them."""

    found: RuleSet
    held: tuple[Grant, ...]
    """Grants whose scope is held."""
    needs: Needs
    """What they need, in words."""
    granting: Index[Grant]
    """The same, filed."""
    lacking: Index[Grant]
    """Grants whose scope is not held, and which have conditions."""
    always: tuple[str, ...]
    """Scopes not held that grant any such message, sorted."""
    offers: tuple[str, ...]
    """Scopes not held that grant some such message, sorted."""
    forbidding: Index[Forbid] | None
    """Forbids that no held scope lifts, if there are any."""

    def granting_scopes(self, would_grant: Sequence[Grant]) -> tuple[str, ...]:
        """Give the scopes not held that grant a message, sorted: those of these grants, and those that always do."""
        granting = {grant.scope for grant in would_grant}
        return tuple(sorted(granting.union(self.always))) if granting else self.always


@dataclass(frozen=True, slots=True)
class Granted:
    """What a session's scopes and roles come to."""

    scopes: frozenset[str]
    """Scopes of the mapping that are held."""
    named: frozenset[str]
    """Those of them that the token or a role of it writes out, without a wildcard and not by a prefix."""
    unknown: tuple[str, ...]
    """Scopes of the token that the mapping does not know, sorted; they grant nothing."""
    plans: dict[tuple[Direction, str], Plan] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was settled already."""

    def plan(self, key: tuple[Direction, str], found: RuleSet) -> Plan:
        """Settle what is left of the rules about one kind of message."""
        plan = self.plans[key] = _plan(found, self)
        return plan

    def lifting(self, forbid: Forbid) -> tuple[str, ...]:
        """Give the held scopes that lift a forbid."""
        held = self.scopes if forbid.wildcards_lift else self.named
        return tuple(scope for scope in forbid.unless if scope in held)


@dataclass(frozen=True, slots=True)
class Granter:
    """Turns a token's scopes and claims into what they grant."""

    defined: Defined
    roles: Mapping[str, Role]
    role_claim: str

    def named_roles(self, claims: Claims) -> tuple[str, ...]:
        """Give the roles of the mapping that the claims name."""
        if not self.roles or claim_at(claims, self.role_claim) is None:
            return ()
        return tuple(name for name in claim_values(claims, self.role_claim) if name in self.roles)

    def role_names(self, scopes: frozenset[str], claims: Claims) -> frozenset[str]:
        """Give every role that the token names."""
        by_scope = {scope.removeprefix(ROLE_PREFIX) for scope in scopes if _names_role(scope)}
        return frozenset(claim_values(claims, self.role_claim)).union(by_scope)

    def grant(self, scopes: frozenset[str], roles: tuple[str, ...]) -> Granted:
        """Resolve scopes, with `role:NAME` among them, and roles."""
        by_scope = {scope for scope in scopes if scope.removeprefix(ROLE_PREFIX) in self.roles and _names_role(scope)}
        named = {scope.removeprefix(ROLE_PREFIX) for scope in by_scope}.union(roles)
        held, unknown = resolve(scopes - by_scope, self.defined)
        written = self.defined.scopes & scopes
        return Granted(
            scopes=held.union(*(self.roles[name].scopes for name in named)),
            named=written.union(*(self.roles[name].named for name in named)),
            unknown=unknown,
        )


def _names_role(scope: str) -> bool:
    return scope.startswith(ROLE_PREFIX)


def _plan(found: RuleSet, granted: Granted) -> Plan:
    scopes = granted.scopes
    forbids = [forbid for forbid in found.forbids if not granted.lifting(forbid)]
    held = tuple(grant for grant in found.grants if grant.scope in scopes)
    lacking = [grant for grant in found.grants if grant.scope not in scopes]
    return Plan(
        found=found,
        held=held,
        needs=needs(held),
        granting=build(held, Truth.YES),
        lacking=build([grant for grant in lacking if grant.conditions], Truth.YES),
        always=tuple(sorted({grant.scope for grant in lacking if not grant.conditions})),
        offers=tuple(sorted({grant.scope for grant in lacking})),
        forbidding=build(forbids, Truth.DOUBT) if forbids else None,
    )
