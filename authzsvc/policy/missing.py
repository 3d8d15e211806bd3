"""The missing scopes of a denial: each would, by itself, have had this very message allowed.

A scope is missing if the same question is allowed, and not only in shadow, once the session holds that scope in
addition. So it lifts every forbid that applies and, where no held scope grants the message, brings a scope that does.
Where it takes two scopes together, neither is missing: the denial's reason says what each part lacks.

Cheap where it can be: the grants that are not held are looked up by the values of the message, and only where some
scope lifts all forbids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from authzsvc.policy.granted import Plan
from authzsvc.policy.question import Question
from authzsvc.policy.rules import Forbid
from authzsvc.policy.scopes import Defined


def of_refusal(defined: Defined, granting: tuple[str, ...]) -> tuple[str, ...]:
    """Give the missing scopes of a message that no forbid applies to, sorted; `granting` are all scopes that have a
    grant for it, sorted."""
    return _sorted(defined.covering(granting)) if defined.prefixes else granting


def of_prohibition(
    defined: Defined, plan: Plan, firing: Sequence[Forbid], question: Question, *, granted: bool
) -> tuple[str, ...]:
    """Give the missing scopes of a message to which these forbids apply, sorted; `granted`: a held scope grants it, or
    none needs to."""
    lifting = frozenset.intersection(*(defined.covering(forbid.unless) for forbid in firing))
    if not lifting or granted:
        return _sorted(lifting)
    fields, claims = question.fields, question.claims
    would_grant = plan.lacking.every(fields, claims, dict(fields.pairs))
    return _sorted(lifting & defined.covering(plan.granting_scopes(would_grant)))


def _sorted(scopes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(scopes))
