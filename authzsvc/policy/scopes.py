"""Scopes and their wildcards: which scopes of a mapping the scopes of a token cover.

A scope is any scope-token of RFC 6749, 3.3. Wildcards and prefixes are of scopes in the colon-separated shape only: two
or more segments joined by colons. In a token's scope of that shape a segment may be `*`, which stands for any one
segment; at least one segment must be named, so that no scope covers all. The number of segments must be equal, unless
the mapping lets a shorter scope cover longer ones. Every other scope covers itself alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

WILDCARD = "*"
ROLE_PREFIX = "role:"
"""A scope `role:NAME` of a token names a role."""

SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""A scope as an authorization server may name it: printable ASCII, no blank, no `"`, no backslash."""

SEGMENTED = re.compile(r"[A-Za-z0-9_.-]+(?::[A-Za-z0-9_.-]+)+")
"""A scope that wildcards and prefixes may cover: `resource:action[:qualifier…]`."""

_PATTERN = re.compile(r"(?:[A-Za-z0-9_.-]+|\*)(?::(?:[A-Za-z0-9_.-]+|\*))+")
"""A scope that may cover others."""

_NONE: frozenset[str] = frozenset()


def covers(held: str, defined: str, *, prefixes: bool = False) -> bool:
    """Whether a token's scope covers a scope that the mapping defines; `prefixes`: a shorter one covers longer ones."""
    if held == defined:
        return True
    if not (_PATTERN.fullmatch(held) and SEGMENTED.fullmatch(defined)):
        return False
    mine, theirs = held.split(":"), defined.split(":")
    if prefixes:
        theirs = theirs[: len(mine)]
    return (
        len(mine) == len(theirs)
        and any(segment != WILDCARD for segment in mine)
        and all(segment in (WILDCARD, other) for segment, other in zip(mine, theirs, strict=True))
    )


@dataclass(frozen=True, slots=True)
class Defined:
    """The scopes that a mapping defines, made ready to be looked up."""

    scopes: frozenset[str]
    prefixes: bool = False
    """A shorter scope covers longer ones, by whole segments."""
    _longer: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    _covering: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    """Scope → the defined scopes that cover it, where shorter ones do."""

    def __post_init__(self) -> None:
        """File the scopes under what covers them without a wildcard, and the other way round."""
        longer: dict[str, set[str]] = defaultdict(set)
        for scope in self.scopes:
            for shorter in self._shorter(scope):
                longer[shorter].add(scope)
        object.__setattr__(self, "_longer", {prefix: frozenset(found) for prefix, found in longer.items()})
        wide = self.scopes if self.prefixes else _NONE
        covering = {scope: self.scopes.intersection(self._shorter(scope)) for scope in wide}
        object.__setattr__(self, "_covering", covering)

    def covered(self, held: str) -> frozenset[str]:
        """Give the scopes that one of a token's covers; none where the mapping does not know it."""
        if WILDCARD not in held or not _PATTERN.fullmatch(held):
            return self._longer.get(held, _NONE)
        segments = held.split(":")
        if all(segment == WILDCARD for segment in segments):
            return _NONE
        found = ":".join("[^:]+" if segment == WILDCARD else re.escape(segment) for segment in segments)
        matches = re.compile(found + ("(?::.+)?" if self.prefixes else "")).fullmatch
        return frozenset(scope for scope in self.scopes if matches(scope) and SEGMENTED.fullmatch(scope))

    def covering(self, scopes: Iterable[str]) -> frozenset[str]:
        """Give the defined scopes that cover one of these, without wildcards."""
        if not self.prefixes:
            return self.scopes.intersection(scopes)
        return _NONE.union(*(self._covering.get(scope, _NONE) for scope in scopes))

    def _shorter(self, scope: str) -> Iterator[str]:
        """Give what covers a scope without a wildcard: the scope itself; its prefixes, where the mapping says so."""
        segments = scope.split(":") if self.prefixes and SEGMENTED.fullmatch(scope) else ()
        for length in range(2, len(segments)):
            yield ":".join(segments[:length])
        yield scope


def resolve(held: Iterable[str], defined: Defined) -> tuple[frozenset[str], tuple[str, ...]]:
    """Give the defined scopes that the held ones cover, and the held ones that cover none, sorted."""
    covered = {scope: defined.covered(scope) for scope in held}
    unknown = sorted(scope for scope, found in covered.items() if not found)
    return _NONE.union(*covered.values()), tuple(unknown)
