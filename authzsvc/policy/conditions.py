"""Conditions on the fields of a message, compiled: numbers and bytes, no names to look up.

A condition holds only where it was found true. An absent tag, an absent claim, a group that is not what its count says:
none of them holds. Where a tag occurs several times, every occurrence must pass, wherever it stands, so that no
engine's choice of the first or the last one matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from authzsvc.fix.fields import Fields

Claims = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class OneOf:
    """`equals` and `in`: the value is one of these."""

    values: frozenset[bytes]

    def allowed(self, claims: Claims) -> frozenset[bytes]:
        """Give the values that pass, whatever the claims."""
        return self.values

    @property
    def meaning(self) -> tuple[str, ...]:
        """Give the test in words that sort."""
        return "in", *sorted(value.decode("latin-1") for value in self.values)

    def __str__(self) -> str:
        values = sorted(value.decode("latin-1") for value in self.values)
        return f"={values[0]}" if len(values) == 1 else f" one of {', '.join(values)}"


@dataclass(frozen=True, slots=True)
class InClaim:
    """`claim`: the value equals this claim of the token, or is in it where the claim is a list."""

    claim: str

    def allowed(self, claims: Claims) -> frozenset[bytes]:
        """Give the values that pass: the claim's; none where the token lacks it."""
        return frozenset(value.encode() for value in claim_values(claims, self.claim))

    @property
    def meaning(self) -> tuple[str, ...]:
        """Give the test in words that sort."""
        return "claim", self.claim

    def __str__(self) -> str:
        return f" in claim `{self.claim}`"


@dataclass(frozen=True, slots=True)
class Every:
    """`every`: a repeating group, each entry of which must carry the condition's tag.

    Looks at the count, the delimiters and the tag alone, in their order, because these are what a decision is
    remembered by: what stands between them must not matter.
    """

    count_tag: int
    delimiter: int
    """The first field of an entry."""
    name: str
    """The count field's name, for people."""

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

    @property
    def meaning(self) -> tuple[int, tuple[str, ...], tuple[int, ...]]:
        """Give what two conditions that mean the same have in common; sorts, and can be written as JSON."""
        return self.tag, self.test.meaning, (self.every.count_tag, self.every.delimiter) if self.every else ()

    def __str__(self) -> str:
        return f"{self.name}{self.test}" + (f" in each entry of {self.every.name}" if self.every else "")


def claim_values(claims: Claims, name: str) -> tuple[str, ...]:
    """Give the values of a claim as text: one for a string or whole number, each of a list; none for anything else."""
    claim = claims.get(name)
    items = claim if isinstance(claim, list | tuple) else (claim,)
    return tuple(str(item) for item in items if isinstance(item, str | int) and not isinstance(item, bool))
