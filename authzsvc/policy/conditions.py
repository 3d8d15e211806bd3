"""Conditions on the fields of a message, compiled: numbers and bytes, no names to look up.

A condition holds only where it was found true. An absent tag, an absent claim, a group that is not what its count says:
none of them holds. Where a tag occurs several times, every occurrence must pass, wherever it stands, so that no
engine's choice of the first or the last one matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from authzsvc.fix.fields import Fields

Claims = Mapping[str, object]


class Test(Protocol):
    """What every value of the condition's tag must pass."""

    def allowed(self, claims: Claims) -> frozenset[bytes]:
        """Give the values that pass, for a token with these claims."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """`equals` and `in`: the value is one of these."""

    values: frozenset[bytes]

    def allowed(self, claims: Claims) -> frozenset[bytes]:
        """Give the values themselves; the claims do not matter."""
        return self.values


@dataclass(frozen=True, slots=True)
class InClaim:
    """`claim`: the value equals this claim of the token, or is in it where the claim is a list."""

    claim: str

    def allowed(self, claims: Claims) -> frozenset[bytes]:
        """Give the claim's values; none where the token lacks the claim."""
        return frozenset(value.encode() for value in claim_values(claims, self.claim))


@dataclass(frozen=True, slots=True)
class Every:
    """`every`: a repeating group, each entry of which must carry the condition's tag.

    Looks at the count, the delimiters and the tag alone, in their order, because these are what a decision is remembered
    by: what stands between them must not matter.
    """

    count_tag: int
    delimiter: int

    def complete(self, fields: Fields, tag: int) -> bool:
        """Whether the group stands there once, with as many entries as it counts, and `tag` in each, nowhere else."""
        seen = [pair for pair in fields.pairs if pair[0] in (self.count_tag, self.delimiter, tag)]
        if not seen or seen[0][0] != self.count_tag:
            return False
        entries: list[bool] = []
        for number, _ in seen[1:]:
            if number == self.count_tag:
                return False
            if number == self.delimiter:
                entries.append(number == tag)
            elif entries:
                entries[-1] = True
            else:
                return False
        return bool(entries) and all(entries) and seen[0][1] == b"%d" % len(entries)


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of a rule's `when`."""

    tag: int
    name: str
    """The tag's name, for people."""
    test: OneOf | InClaim
    every: Every | None = None

    def holds(self, fields: Fields, claims: Claims) -> bool:
        """Whether the tag is there and every occurrence of it passes."""
        values = fields.all(self.tag)
        if not values:
            return False
        if not self.test.allowed(claims).issuperset(values):
            return False
        return self.every is None or self.every.complete(fields, self.tag)

    @property
    def consulted(self) -> frozenset[int]:
        """The body tags that the answer rests on."""
        if self.every is None:
            return frozenset((self.tag,))
        return frozenset((self.tag, self.every.count_tag, self.every.delimiter))


def claim_values(claims: Claims, name: str) -> tuple[str, ...]:
    """Give the values of a claim as text: one for a string or whole number, each of a list; none for anything else."""
    claim = claims.get(name)
    items = claim if isinstance(claim, list | tuple) else (claim,)
    return tuple(str(item) for item in items if isinstance(item, str | int) and not isinstance(item, bool))
