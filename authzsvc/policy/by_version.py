"""Conditions that mean something else in other FIX versions: of one mapping that serves sessions of several.

The version is the session's BeginString (8), which is the same in all of its messages. Where a rule asks for it, the
message that is decided gets one more field, under a tag that no message can have. FIXT 1.1 does not tell which version
of 5.0 a message is of: there a condition holds if it holds in each of those that the mapping serves. A version that is
not served leaves it in doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authzsvc.fix.data_types import DataType
from authzsvc.fix.fields import Fields
from authzsvc.policy.conditions import AnyCondition, Claims, Single, Tag
from authzsvc.policy.truth import Truth
from authzsvc.policy.value_tests import OneOf

TAG = -1
BEGIN_STRING = 8
BY_VERSION = 1_000_004
"""Begins the meaning of these conditions; those on a tag begin with the tag, which is less."""

_FIXT = b"FIXT.1.1"
_OVER_FIXT = "FIX.5"


def with_version(fields: Fields, begin_string: str) -> Fields:
    """Give a message's fields and the BeginString of its session; empty for one that nobody told."""
    return Fields((*fields.pairs, (TAG, begin_string.encode("ascii", "replace"))))


def begin_string_of(fields: Fields) -> str:
    """Give the BeginString of a message that was typed or recorded; empty where it has none."""
    return (fields.first(BEGIN_STRING) or b"").decode("ascii", "replace")


@dataclass(frozen=True, slots=True)
class VersionedCondition:
    """One line of a rule's `when`, with what it comes to in each version."""

    first: AnyCondition
    """What it comes to in the newest version where anything tells it, to be shown to people."""
    names: str
    """The version that counts where nobody told one."""
    variants: Mapping[str, AnyCondition | None]
    """Version → what it comes to; None where nothing tells it."""

    def truth(self, fields: Fields, claims: Claims, single: Single | None = None) -> Truth:
        """Whether it holds for a message of its session's version."""
        told = fields.first(TAG) if single is None else single.get(TAG)
        if told == _FIXT:
            truths = {
                self._in(version, fields, claims, single) for version in self.variants if version.startswith(_OVER_FIXT)
            }
            return truths.pop() if len(truths) == 1 else Truth.DOUBT
        return self._in((told or b"").decode("ascii", "replace") or self.names, fields, claims, single)

    def _in(self, version: str, fields: Fields, claims: Claims, single: Single | None) -> Truth:
        variant = self.variants.get(version)
        return Truth.DOUBT if variant is None else variant.truth(fields, claims, single)

    @property
    def _known(self) -> tuple[AnyCondition, ...]:
        return tuple(variant for variant in self.variants.values() if variant is not None)

    @property
    def id(self) -> str:
        """Its place in the mapping."""
        return self.first.id

    @property
    def name(self) -> str:
        """The attribute's name."""
        return self.first.name

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The tags whose values it looks at in any version."""
        return tuple(dict.fromkeys(tag for variant in self._known for tag in variant.tags))

    @property
    def types(self) -> Mapping[int, DataType]:
        """How the values of these tags are compared."""
        return {tag: type_ for variant in self._known for tag, type_ in variant.types.items()}

    @property
    def lists(self) -> tuple[OneOf, ...]:
        """Every test against a value list."""
        return tuple(dict.fromkeys(test for variant in self._known for test in variant.lists))

    @property
    def consulted(self) -> frozenset[int]:
        """The body tags that the answer rests on. The version is not among them: it is the session's."""
        return frozenset[int]().union(*(variant.consulted for variant in self._known))

    @property
    def meaning(self) -> tuple[Any, ...]:
        """Give what two conditions that mean the same have in common; can be written as JSON."""
        variants = sorted(self.variants.items())
        told = [[version, [] if variant is None else [variant.meaning]] for version, variant in variants]
        return BY_VERSION, self.names, repr(told)

    def in_doubt(self, tag: int, value: bytes) -> bool:
        """Whether a value of the tag cannot be tested in any version."""
        return all(variant.in_doubt(tag, value) for variant in self._known)

    def needed(self, *, forbids: bool) -> Mapping[int, frozenset[bytes | None]]:
        """Give the values without which a rule applies in no version."""
        if forbids:  # one fires where its version is not served
            return {}
        first, *others = (variant.needed(forbids=forbids) for variant in self._known)
        tags = set(first).intersection(*others)
        return {tag: first[tag].union(*(other[tag] for other in others)) for tag in tags}

    def __str__(self) -> str:
        return str(self.first)
