"""The missing scopes of a denial: each would, by itself, have had this very message allowed.

A scope is missing if the same question is allowed, and not only in shadow, once the session holds that scope in
addition. So it lifts every forbid that applies and, where no held scope grants the message, brings a scope that does.
Where it takes two scopes together, neither is missing: the denial's reason says what each part lacks.

Cheap where it can be: a message that is forbidden is held only against the grants of the scopes that lift all forbids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from authzsvc.policy.granted import RuleSet
from authzsvc.policy.question import Question
from authzsvc.policy.rules import Forbid
from authzsvc.policy.scopes import Defined
from authzsvc.policy.truth import Truth


def of_refusal(defined: Defined, granting: Iterable[str]) -> tuple[str, ...]:
    """Give the missing scopes of a message that no forbid applies to, sorted; `granting` are all scopes that have a
    grant for it."""
    return tuple(sorted(defined.covering(granting)))


def of_prohibition(
    defined: Defined, found: RuleSet, firing: Sequence[Forbid], question: Question, *, granted: bool
) -> tuple[str, ...]:
    """Give the missing scopes of a message to which these forbids apply, sorted; `granted`: a held scope grants it, or
    none needs to."""
    lifting = frozenset.intersection(*(defined.covering(forbid.unless) for forbid in firing))
    return tuple(
        sorted(lifting if granted else (scope for scope in lifting if _grants(defined, found, scope, question)))
    )


def _grants(defined: Defined, found: RuleSet, scope: str, question: Question) -> bool:
    """Whether a scope brings one that grants the message."""
    grants = (grant for covered in defined.covered(scope) for grant in found.grants_of(covered))
    return any(grant.truth(question.fields, question.claims) is Truth.YES for grant in grants)
