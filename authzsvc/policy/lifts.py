"""Forbids that a wildcard or a shorter scope lifts, because it covers a scope under the forbid's `unless`.

If a scope under that `unless` is written out in full beside the wildcard, the lift is meant, and is not reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from authzsvc.policy.claims import Claims
from authzsvc.policy.engine import Policy
from authzsvc.policy.reasons import shown
from authzsvc.policy.rules import Forbid
from authzsvc.policy.scopes import WILDCARD

_NAMED = 3

Lifted = Mapping[str, Collection[Forbid]]
"""Scope → the forbids that it lifts."""


class Lift(NamedTuple):
    """One scope of a token or of a role, and what it lifts."""

    scope: str
    """The scope as it is written: a wildcard or a shorter scope."""
    covered: str
    """The scope under `unless` that it covers."""
    forbids: tuple[str, ...]
    """The names of the forbids that it lifts."""

    def __str__(self) -> str:
        names = ", ".join(f"`{name}`" for name in self.forbids[:_NAMED])
        what = f"forbid{'s' if len(self.forbids) > 1 else ''} {names}{', …' if len(self.forbids) > _NAMED else ''}"
        return f"`{shown(self.scope)}` covers `{self.covered}`, which lifts the {what}"


def lifted(policy: Policy) -> Lifted:
    """Give the forbids that wildcards and shorter scopes lift, under each scope that lifts them, each name once."""
    found: dict[str, dict[str, Forbid]] = defaultdict(dict)
    for forbid in policy.forbids:
        for scope in forbid.unless if forbid.wildcards_lift else ():
            found[scope][forbid.name] = forbid
    return {scope: tuple(forbids.values()) for scope, forbids in found.items()}


def unseen(policy: Policy, scope: str, written: Collection[str], by_scope: Lifted) -> Iterator[Lift]:
    """Give the lifts of one scope that covers others. `written` has all scopes that are written out beside it."""
    for covered in sorted((policy.granter.defined.covered(scope) & by_scope.keys()) - {scope}):
        names = tuple(forbid.name for forbid in by_scope[covered] if not set(forbid.unless).intersection(written))
        if names:
            yield Lift(scope, covered, names)


def of_role(policy: Policy, name: str, by_scope: Lifted) -> Iterator[Lift]:
    """Give the lifts of a role's own scopes. Lifts by roles that it includes are reported for those roles."""
    written = _written(policy, (name,))
    for scope in policy.role_terms[name].written:
        yield from unseen(policy, scope, written, by_scope)


def of_token(policy: Policy, scopes: frozenset[str], claims: Claims) -> tuple[Lift, ...]:
    """Give the lifts of a token's own scopes, sorted."""
    wide = sorted(scopes if policy.granter.defined.prefixes else (scope for scope in scopes if WILDCARD in scope))
    if not wide:
        return ()
    known = policy.role_names(scopes, claims) & policy.role_terms.keys()
    written, by_scope = scopes | _written(policy, known), lifted(policy)
    return tuple(lift for scope in wide for lift in unseen(policy, scope, written, by_scope))


def _written(policy: Policy, roles: Iterable[str]) -> set[str]:
    """Give all scopes, as they are written, of these roles and of the roles that they include."""
    reached = {inner for name in roles for inner in policy.role_terms[name].reached}
    return {scope for name in reached for scope in policy.role_terms[name].written}
