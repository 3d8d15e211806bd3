"""The rules of a mapping in numbers: grants and forbids, for one direction and MsgType each.

A grant applies only where each of its conditions was found true. A forbid applies unless one of them was found false:
one that cannot be evaluated denies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.conditions import AnyCondition, Claims, Single
from authzsvc.policy.truth import Truth
from authzsvc.policy.value_tests import OneOf


class Mode(StrEnum):
    """Whether a denial is carried out, or only recorded."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Grant:
    """One message that a scope grants."""

    id: str
    """Its place in the mapping: `scopes.order:cancel.grants[0]`."""
    file: str = field(compare=False)
    line: int = field(compare=False)
    scope: str
    direction: Direction
    msg_type: str
    conditions: tuple[AnyCondition, ...]

    def truth(self, fields: Fields, claims: Claims) -> Truth:
        """Whether all conditions hold; it grants only on a yes."""
        return all_of(self.conditions, fields, claims)

    @property
    def meaning(self) -> tuple[Any, ...]:
        """What two grants that mean the same have in common; sorts, and can be written as JSON."""
        return self.direction, self.msg_type, self.scope, tuple(condition.meaning for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Forbid:
    """One message that is denied whatever grants it. A forbid of several messages is several of these, with one id."""

    id: str
    """`forbid.restricted-list`."""
    file: str = field(compare=False)
    line: int = field(compare=False)
    name: str
    description: str = field(compare=False)
    direction: Direction
    msg_type: str
    conditions: tuple[AnyCondition, ...]
    unless: tuple[str, ...]
    """Scopes any one of which lifts it, sorted."""
    wildcards_lift: bool = False
    """Whether a wildcard or a shorter scope that covers one of them lifts it too."""

    def truth(self, fields: Fields, claims: Claims) -> Truth:
        """Whether all conditions hold; it denies on anything but a no."""
        return all_of(self.conditions, fields, claims)

    @property
    def meaning(self) -> tuple[Any, ...]:
        """What two forbids that mean the same have in common; sorts, and can be written as JSON."""
        conditions = tuple(condition.meaning for condition in self.conditions)
        written_out = ("written out",) if self.unless and not self.wildcards_lift else ()
        return self.direction, self.msg_type, self.name, self.unless, conditions, *written_out


Rule = Grant | Forbid


def all_of(conditions: Iterable[AnyCondition], fields: Fields, claims: Claims, single: Single | None = None) -> Truth:
    """Whether all of these hold: a no where any does not, else a doubt where any is in doubt."""
    found = Truth.YES
    for condition in conditions:
        truth = condition.truth(fields, claims, single)
        if truth is Truth.NO:
            return truth
        if truth is Truth.DOUBT:
            found = truth
    return found


def lists_of(conditions: Iterable[AnyCondition]) -> Iterator[OneOf]:
    """Give every test against a value list in these conditions."""
    for condition in conditions:
        yield from condition.lists
