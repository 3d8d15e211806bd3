"""What an authorization server must know of a mapping: the scopes, and which of them each role holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from authzsvc.policy.engine import Policy
from authzsvc.workflow.lines import all_lines


@dataclass(frozen=True, slots=True)
class Named:
    """A scope or a role."""

    name: str
    description: str
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class RoleProfile:
    """A role, with all that it comes to."""

    name: str
    description: str
    scopes: tuple[str, ...]
    """All scopes, those of included roles too, sorted; wildcards are resolved."""
    own: tuple[str, ...]
    """The scopes that no included role has."""
    roles: tuple[str, ...]
    """The roles that it includes and that none of these includes, sorted."""


@dataclass(frozen=True, slots=True)
class Profile:
    """All that a server is told."""

    name: str
    digest: str
    scopes: tuple[Named, ...]
    roles: tuple[RoleProfile, ...]


def of(policy: Policy) -> Profile:
    """Returns the profile of a mapping."""
    scopes = (
        Named(name, term.description or _granted(policy, name), term.sensitive)
        for name, term in sorted(policy.scope_terms.items())
    )
    return Profile(policy.name, policy.digest, tuple(scopes), tuple(_roles(policy)))


def _granted(policy: Policy, scope: str) -> str:
    """Returns what a scope grants, in words, for one without a description."""
    messages = dict.fromkeys(line.what for line in all_lines(policy) if line.name == scope and not line.unless)
    return ", ".join(messages)


def _roles(policy: Policy) -> Iterator[RoleProfile]:
    terms = policy.role_terms
    for name, role in sorted(terms.items()):
        inner = role.reached - {name}
        covered = frozenset[str]().union(*(terms[one].reached - {one} for one in inner))
        below = frozenset[str]().union(*(terms[one].scopes for one in inner))
        yield RoleProfile(
            name,
            role.description,
            tuple(sorted(role.scopes)),
            tuple(sorted(role.scopes - below)),
            tuple(sorted(inner - covered)),
        )
