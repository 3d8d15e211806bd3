"""The places of a message: its fields outside of groups, and each entry of each repeating group, nested as FIX has it.

An attribute asks what is said in *each* place: of each order of a list, of each leg. Only the tags that it asks about
are looked at, and the count and the first field of the groups that hold them, because a decision is remembered by
these: what stands between them must not matter.

Invariant: a field that stands where no place can have it, a group that is not what its count says or that is there
twice, and a field that stands twice in one entry raise `DoubtError`: engines read such a message differently.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial

from authzsvc.fix.dictionary import Branch, Dictionary
from authzsvc.fix.fields import Fields
from authzsvc.policy.truth import DoubtError

_REMEMBERED = 8
"""Messages whose places are remembered, because several rules ask for them."""


@dataclass(frozen=True)
class Level:
    """Where wanted fields can stand: in the message itself, or in the entries of one group."""

    count_tag: int
    """0 for the message itself."""
    delimiter: int
    name: str
    """The count field's name, for people."""
    tags: frozenset[int]
    """The wanted tags that stand here."""
    groups: tuple[Level, ...]
    """The groups here that hold wanted tags, or whose inner groups do."""
    anywhere: frozenset[int] = frozenset()
    """Those of the tags that may stand between the entries of a group too: a venue's own."""

    @cached_property
    def consulted(self) -> frozenset[int]:
        """The tags that `read` looks at."""
        own = self.tags | {self.count_tag, self.delimiter} if self.count_tag else self.tags
        return own.union(*(group.consulted for group in self.groups))

    @cached_property
    def grouped(self) -> frozenset[int]:
        """The tags by which entries of the groups here can be there."""
        return frozenset[int]().union(*(group.consulted for group in self.groups))

    @cached_property
    def read(self) -> Callable[[Fields], Place]:
        """Gives the places of a message, of the latest few ones without reading them anew. Raises `DoubtError`."""
        return lru_cache(maxsize=_REMEMBERED)(partial(read, self))

    @property
    def every(self) -> Iterator[Level]:
        """Give this level and all levels inside."""
        yield self
        for group in self.groups:
            yield from group.every

    @property
    def meaning(self) -> tuple[object, ...]:
        """Give what two levels that mean the same have in common."""
        return self.count_tag, self.delimiter, sorted(self.tags), [group.meaning for group in self.groups]


@dataclass(slots=True)
class Place:
    """The wanted fields of the message itself, or of one entry."""

    level: Level
    values: dict[int, list[bytes]] = field(default_factory=dict)
    groups: list[tuple[Level, list[Place]]] = field(default_factory=list)
    """The groups here, with their entries."""

    @property
    def entries(self) -> Iterator[Place]:
        """Give the entries of all groups here."""
        for _, entries in self.groups:
            yield from entries


@dataclass(slots=True)
class _Open:
    """A group that is being read; the message itself is one of one entry."""

    level: Level
    count: bytes
    entries: list[Place]


def level(dictionary: Dictionary, msg_type: str, tags: Collection[int]) -> Level:
    """Give where these tags can stand in a message. Those of the header, and those that may stand anywhere, stand in
    the message itself."""
    tree = dictionary.tree(msg_type)
    anywhere = frozenset(tag for tag in tags if dictionary.stands_anywhere(tag) or not dictionary.fields_of(msg_type))
    found = _level(dictionary, tree, frozenset(tags))
    header = dictionary.envelope.intersection(tags)
    return Level(0, 0, "", found.tags | anywhere | header, found.groups, anywhere)


def _level(dictionary: Dictionary, branch: Branch, tags: frozenset[int]) -> Level:
    inner = (_level(dictionary, group, tags) for group in branch.groups)
    groups = tuple(group for group in inner if group.tags or group.groups)
    name = dictionary.tag_name(branch.count_tag) if branch.count_tag else ""
    return Level(branch.count_tag, branch.delimiter, name, branch.fields & tags, groups)


def read(top: Level, fields: Fields) -> Place:
    """Give the places of a message. Raises `DoubtError` where engines may read them differently."""
    whole = Place(top)
    stack = [_Open(top, b"1", [whole])]
    wanted = top.consulted
    for tag, value in fields.pairs:
        if tag in wanted:
            _put(stack, tag, value)
    _close(stack, 0)
    return whole


def _put(stack: list[_Open], tag: int, value: bytes) -> None:
    """Put a field into the innermost place that can have it."""
    for depth in range(len(stack) - 1, -1, -1):
        here = stack[depth]
        if depth and tag == here.level.delimiter:
            _close(stack, depth)
            here.entries.append(Place(here.level, {tag: [value]}))
            return
        if not here.entries:
            continue
        place = here.entries[-1]
        if tag in here.level.tags:
            if tag not in here.level.anywhere:
                _close(stack, depth)
            if depth and tag in place.values:
                raise DoubtError(f"a field of {here.level.name} stands twice in one entry")
            place.values.setdefault(tag, []).append(value)
            return
        group = next((group for group in here.level.groups if group.count_tag == tag), None)
        if group is not None:
            _close(stack, depth)
            if any(found.count_tag == tag for found, _ in place.groups):
                raise DoubtError(f"{group.name} stands there more than once")
            stack.append(_Open(group, value, []))
            place.groups.append((group, stack[-1].entries))
            return
    raise DoubtError("a field of a group stands outside of any entry")


def _close(stack: list[_Open], depth: int) -> None:
    """Leave the groups inside of this depth: each must have as many entries as it counts."""
    while len(stack) > depth + 1:
        done = stack.pop()
        if done.count != b"%d" % len(done.entries):
            raise DoubtError(f"{done.level.name} does not count its entries")
