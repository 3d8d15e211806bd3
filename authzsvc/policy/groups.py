"""Entries of repeating groups: which values stand together in one entry.

An entry begins with the group's first field, its delimiter; a group has as many as its count field says. Where that
field is not there, because a venue's groups begin with another, entries are told apart if all are alike. Only the
count, the delimiter and the fields asked about are looked at, in their order, because these are what a decision is
remembered by: what stands between them must not matter. A group that is not what its count says, a field of it that
stands outside of any entry or twice in one, leave every question about it in doubt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from authzsvc.fix.fields import Fields
from authzsvc.policy.truth import DoubtError, Truth

Entry = dict[int, bytes]
"""Tag → value."""

_COUNT_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Repeating:
    """A repeating group of one message."""

    count_tag: int
    delimiter: int
    """The first field of an entry."""
    name: str
    """The count field's name, for people."""
    nested: bool = False
    """It stands inside another group, so there may be several of it."""

    @property
    def consulted(self) -> frozenset[int]:
        """The tags that tell entries apart."""
        return frozenset((self.count_tag, self.delimiter))

    @property
    def meaning(self) -> tuple[int, int, bool]:
        """Give what two groups that mean the same have in common."""
        return self.count_tag, self.delimiter, self.nested

    def entries(self, fields: Fields, tags: Iterable[int]) -> list[Entry]:
        """Give what stands in each entry under these tags. Raises `DoubtError` for a malformed group."""
        wanted = {*tags, self.count_tag, self.delimiter}
        blocks: list[tuple[bytes, list[tuple[int, bytes]]]] = []
        for tag, value in fields.pairs:
            if tag == self.count_tag:
                blocks.append((value, []))
            elif tag in wanted:
                if not blocks:
                    raise DoubtError(f"a field of {self.name} stands outside of any entry")
                blocks[-1][1].append((tag, value))
        if len(blocks) > 1 and not self.nested:
            raise DoubtError(f"{self.name} stands there more than once")
        return [entry for count, found in blocks for entry in self._split(count, found)]

    def _split(self, count: bytes, found: list[tuple[int, bytes]]) -> list[Entry]:
        """Split a group's fields into its entries, which are as many as its count says."""
        begins = [at for at, (tag, _) in enumerate(found) if tag == self.delimiter]
        if not begins and found:
            begins = _alike(count, found)
        if found and (not begins or begins[0] > 0):
            raise DoubtError(f"a field of {self.name} stands outside of any entry")
        if count != b"%d" % len(begins):
            raise DoubtError(f"{self.name} does not count its entries")
        entries = [found[begin:end] for begin, end in pairwise([*begins, len(found)])]
        if any(len(dict(entry)) < len(entry) for entry in entries):
            raise DoubtError(f"a field of {self.name} stands twice in one entry")
        return [dict(entry) for entry in entries]


def _alike(count: bytes, found: list[tuple[int, bytes]]) -> list[int]:
    """Give where the entries of a group begin whose first field is none that was asked about, or a venue's own.

    If each tag stands there as often as the group has entries, each entry has each tag once, because none stands twice
    in one: then there is only one way to tell the entries apart. Otherwise nothing is given.
    """
    number = int(count) if count.isdigit() and len(count) <= _COUNT_DIGITS else 0
    often = Counter(tag for tag, _ in found)
    if not number or any(times != number for times in often.values()):
        return []
    return list(range(0, len(found), len(often)))


@dataclass(frozen=True, slots=True)
class Every:
    """`every`: each entry of a group must carry the condition's tag."""

    group: Repeating

    def truth(self, fields: Fields, tag: int) -> Truth:
        """Whether there are entries and each has the tag."""
        try:
            entries = self.group.entries(fields, (tag,))
        except DoubtError:
            return Truth.DOUBT
        return Truth.YES if entries and all(tag in entry for entry in entries) else Truth.NO
