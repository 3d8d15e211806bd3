"""The missing scopes of a denial: with any one of them in addition, this very message would have been allowed.

A scope is missing if the same message would be allowed, and not only in shadow, once the session held that scope in
addition. So a missing scope lifts every forbid that applies and, if no held scope grants the message, grants it or
brings a scope that does. If the message needs two more scopes together, neither is missing; the denial's reason then
says what stands in the way.

To save time, grants of scopes that are not held are looked up by the values of the message, and only if some scope
lifts all forbids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from authzsvc.policy.granted import Plan
from authzsvc.policy.question import Question
from authzsvc.policy.rules import Forbid
from authzsvc.policy.scopes import Defined


def of_refusal(defined: Defined, granting: tuple[str, ...]) -> tuple[str, ...]:
    """Give the missing scopes, sorted, of a message to which no forbid applies. `granting` has all scopes with a grant
    for the message, sorted."""
    return _sorted(defined.covering(granting)) if defined.prefixes else granting


def of_prohibition(
    defined: Defined, plan: Plan, firing: Sequence[Forbid], question: Question, *, granted: bool
) -> tuple[str, ...]:
    """Give the missing scopes, sorted, of a message to which these forbids apply. `granted` says that a held scope
    grants the message, or that it needs no grant."""
    lifting = frozenset.intersection(*(_lifting(defined, forbid) for forbid in firing))
    if not lifting or granted:
        return _sorted(lifting)
    fields, claims = question.fields, question.claims
    would_grant = plan.lacking.every(fields, claims, dict(fields.pairs))
    return _sorted(lifting & defined.covering(plan.granting_scopes(would_grant)))


def _lifting(defined: Defined, forbid: Forbid) -> frozenset[str]:
    """Give the scopes any one of which lifts a forbid."""
    return defined.covering(forbid.unless) if forbid.wildcards_lift else frozenset(forbid.unless)


def _sorted(scopes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(scopes))
