"""Scopes and their wildcards: which scopes of a mapping the scopes of a token cover.

A scope is two or more segments joined by colons. In a token's scope a segment may be `*`, which stands for any one
segment; the number of segments must be equal, and at least one segment must be named, so that no scope covers all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

WILDCARD = "*"

SCOPE_SHAPE = re.compile(r"[A-Za-z0-9_.-]+(?::[A-Za-z0-9_.-]+)+")
"""A scope as a mapping may define it: `resource:action[:qualifier…]`, no wildcard."""


def covers(held: str, defined: str) -> bool:
    """Whether a token's scope covers a scope that the mapping defines."""
    if held == defined:
        return True
    mine, theirs = held.split(":"), defined.split(":")
    return (
        len(mine) == len(theirs)
        and any(segment != WILDCARD for segment in mine)
        and all(segment in (WILDCARD, other) for segment, other in zip(mine, theirs, strict=True))
    )


def resolve(held: Iterable[str], defined: frozenset[str]) -> frozenset[str]:
    """Give the defined scopes that any held one covers; held ones that the mapping does not know give nothing."""
    plain = {scope for scope in held if WILDCARD not in scope}
    patterns = [scope for scope in held if WILDCARD in scope]
    return frozenset(plain & defined) | {scope for scope in defined if any(covers(p, scope) for p in patterns)}
