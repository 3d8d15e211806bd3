"""Entries of repeating groups: which values stand together in one entry.

An entry begins with the group's first field, its delimiter; a group has as many as its count field says. Only the
count, the delimiter and the fields asked about are looked at, in their order, because these are what a decision is
remembered by: what stands between them must not matter. A group that is not what its count says, a field of it that
stands outside of any entry or twice in one, leave every question about it in doubt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from authzsvc.fix.fields import Fields
from authzsvc.policy.truth import DoubtError, Truth

Entry = dict[int, bytes]
"""Tag → value."""


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
        blocks: list[tuple[bytes, list[Entry]]] = []
        for tag, value in fields.pairs:
            if tag not in wanted:
                continue
            if tag == self.count_tag:
                blocks.append((value, []))
            else:
                self._put(blocks, tag, value)
        if len(blocks) > 1 and not self.nested:
            raise DoubtError(f"{self.name} stands there more than once")
        if any(count != b"%d" % len(entries) for count, entries in blocks):
            raise DoubtError(f"{self.name} does not count its entries")
        return [entry for _, entries in blocks for entry in entries]

    def _put(self, blocks: list[tuple[bytes, list[Entry]]], tag: int, value: bytes) -> None:
        """Put a field into its entry."""
        entries = blocks[-1][1] if blocks else []
        if tag == self.delimiter and blocks:
            entries.append({tag: value})
        elif not entries or tag in entries[-1]:
            raise DoubtError(f"a field of {self.name} stands {'twice in one' if entries else 'outside of any'} entry")
        else:
            entries[-1][tag] = value


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
