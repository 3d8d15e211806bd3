"""A compiled mapping, rule by rule, with the words and the places that people look for.

The one module of the workflow that knows how the engine keeps its rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from authzsvc.fix.direction import Direction
from authzsvc.policy.conditions import AnyCondition
from authzsvc.policy.engine import Policy
from authzsvc.policy.rules import Forbid, Grant, Rule
from authzsvc.policy.rules import lists_of as lists_of


class Kind(StrEnum):
    """What a rule does."""

    GRANT = "grant"
    FORBID = "forbid"


def kind_of(rule: Rule) -> Kind:
    """Whether it grants or forbids."""
    return Kind.GRANT if isinstance(rule, Grant) else Kind.FORBID


def name_of(rule: Rule) -> str:
    """Give the scope that grants, or the forbid's name."""
    return rule.scope if isinstance(rule, Grant) else rule.name


def unless_of(rule: Rule) -> tuple[str, ...]:
    """Give the scopes any one of which lifts a forbid."""
    return rule.unless if isinstance(rule, Forbid) else ()


def lifting_of(rule: Rule) -> str:
    """Give in words what lifts a forbid; empty where nothing does."""
    if not unless_of(rule):
        return ""
    widely = " (by wildcards too)" if isinstance(rule, Forbid) and rule.wildcards_lift else ""
    return f"unless {', '.join(unless_of(rule))}{widely}"


def place_of(rule: Rule) -> str:
    """Give `file:line`."""
    return f"{rule.file}:{rule.line}"


@dataclass(frozen=True, slots=True)
class Line:
    """A grant or a forbid, for one direction and MsgType."""

    rule: Rule
    label: str
    """The message's name."""
    description: str

    @property
    def kind(self) -> Kind:
        """Whether it grants or forbids."""
        return kind_of(self.rule)

    @property
    def name(self) -> str:
        """The scope that grants, or the forbid's name."""
        return name_of(self.rule)

    @property
    def unless(self) -> tuple[str, ...]:
        """Scopes any one of which lifts a forbid."""
        return unless_of(self.rule)

    @property
    def wildcards_lift(self) -> bool:
        """Whether a wildcard that covers such a scope lifts it too."""
        return isinstance(self.rule, Forbid) and self.rule.wildcards_lift

    @property
    def lifting(self) -> str:
        """What lifts a forbid, in words; empty where nothing does."""
        return lifting_of(self.rule)

    @property
    def id(self) -> str:
        """The rule's place in the mapping; the same for every MsgType of one forbid."""
        return self.rule.id

    @property
    def conditions(self) -> tuple[AnyCondition, ...]:
        """All must hold."""
        return self.rule.conditions

    @property
    def when(self) -> str:
        """The conditions in words; empty where there are none."""
        return " and ".join(map(str, self.conditions))

    @property
    def what(self) -> str:
        """The messages that it is about, as `NewOrderSingle inbound`."""
        return f"{self.label} {self.rule.direction}"

    @property
    def place(self) -> str:
        """`file:line`."""
        return place_of(self.rule)

    @property
    def key(self) -> tuple[Direction, str]:
        """What the rule is filed under."""
        return self.rule.direction, self.rule.msg_type


def all_lines(policy: Policy) -> tuple[Line, ...]:
    """Give every rule of a mapping, by direction and MsgType."""
    return tuple(line for direction, msg_type in policy.rules for line in lines_for(policy, direction, msg_type))


def lines_for(policy: Policy, direction: Direction, msg_type: str) -> Iterator[Line]:
    """Give the rules about one direction and MsgType, forbids first."""
    found = policy.rules.get((direction, msg_type))
    if found is None:
        return
    for forbid in found.forbids:
        yield Line(forbid, found.label, forbid.description)
    for grant in found.grants:
        yield Line(grant, found.label, policy.scope_terms[grant.scope].description)
