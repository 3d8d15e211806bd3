"""Roles: named bundles of scopes, which may include each other; a cycle is a fault.

What a role comes to is settled when the mapping is compiled: a set of scopes that the mapping defines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from authzsvc.fix.dictionary import did_you_mean
from authzsvc.policy import language
from authzsvc.policy.scopes import WILDCARD, Defined
from authzsvc.policy.source import Spot, key_path
from authzsvc.policy.terms import Said

MAX_ROLES = 1000
MAX_PATTERNS = 1000
"""Scopes with a wildcard, in all roles together."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role that a mapping defines."""

    name: str
    description: str = field(compare=False)
    scopes: frozenset[str]
    """All that it comes to."""
    named: frozenset[str] = field(compare=False)
    """Those of them that are written out, in it or in a role that it includes."""
    written: tuple[str, ...] = field(compare=False)
    """Its own scopes as the author wrote them, wildcards among them."""
    reached: frozenset[str] = field(compare=False)
    """All roles that it includes, itself among them."""
    file: str = field(compare=False)
    line: int = field(compare=False)


def read(said: Said, defined: Defined) -> dict[str, Role]:
    """Give every role. A role or scope that is not known, and a cycle, is a fault."""
    parts = {name: (spot, part) for name, spot, part in said.parts(language.Role, "roles")}
    if not _bounded(said, parts):
        return {}
    own = {name: _own_scopes(said, spot, part, defined) for name, (spot, part) in parts.items()}
    included = {name: list(_included(said, spot, part, parts)) for name, (spot, part) in parts.items()}
    found = {}
    for name, (spot, part) in parts.items():
        reached = frozenset(_reached(name, included))
        scopes = frozenset[str]().union(*(own[role] for role in reached))
        written = tuple(part.scopes)
        named = defined.scopes.intersection(scope for role in reached for scope in parts[role][1].scopes)
        found[name] = Role(name, part.description, scopes, named, written, reached, spot.source.file, spot.line)
        if name in _reached(name, included, strictly=True):
            said.faults.append(spot.fault(f"includes itself: {' → '.join(_cycle(name, included))}"))
    return found


def _bounded(said: Said, parts: Mapping[str, tuple[Spot, language.Role]]) -> bool:
    """Whether there are not so many that to settle them would take long."""
    patterns = sum(WILDCARD in scope for _, role in parts.values() for scope in role.scopes)
    for count, limit, what in ((len(parts), MAX_ROLES, "roles"), (patterns, MAX_PATTERNS, "wildcards in roles")):
        if count > limit:
            spot, _ = list(parts.values())[-1]
            said.faults.append(spot.fault(f"makes more than {limit} {what}"))
            return False
    return True


def _own_scopes(said: Said, spot: Spot, role: language.Role, defined: Defined) -> frozenset[str]:
    found: set[str] = set()
    for index, scope in enumerate(role.scopes):
        said.note(key_path(spot.place), scope, spot.at("scopes", index))
        covered = defined.covered(scope)
        found |= covered
        if not covered:
            near = did_you_mean(scope, defined.scopes).removeprefix("; ")
            said.faults.append(spot.at("scopes", index).fault(f"the mapping has no scope `{scope}`", near))
    return frozenset(found)


def _included(
    said: Said, spot: Spot, role: language.Role, parts: Mapping[str, tuple[Spot, language.Role]]
) -> Iterator[str]:
    for index, name in enumerate(role.roles):
        if name in parts:
            yield name
        else:
            near = did_you_mean(name, parts).removeprefix("; ")
            said.faults.append(spot.at("roles", index).fault(f"the mapping has no role `{name}`", near))


def _reached(name: str, included: Mapping[str, list[str]], *, strictly: bool = False) -> set[str]:
    """Give all roles that one leads to; `strictly`: itself only where it leads back."""
    seen: set[str] = set() if strictly else {name}
    ahead = list(included[name])
    while ahead:
        role = ahead.pop()
        if role not in seen:
            seen.add(role)
            ahead += included[role]
    return seen


def _cycle(name: str, included: Mapping[str, list[str]]) -> list[str]:
    """Give the shortest way from a role back to itself."""
    ways = [[name, role] for role in included[name]]
    seen: set[str] = set()
    for way in ways:  # grows while it is walked
        if way[-1] == name:
            return way
        if way[-1] not in seen:
            seen.add(way[-1])
            ways += [[*way, role] for role in included[way[-1]]]
    return [name, name]
