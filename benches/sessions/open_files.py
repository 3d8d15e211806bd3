"""How many files, sockets among them, a process may have open."""

from __future__ import annotations

import resource
from resource import RLIM_INFINITY

from authzsvc.errors import ToolError

Limits = tuple[int, int]
"""The one in force, and how far it may be raised."""


def raise_limit(needed: int) -> None:
    """Let ourselves, and the children we start, have as many open as the system lets us. Raises `ToolError`."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    after = raised(before, needed)
    if after != before:
        resource.setrlimit(resource.RLIMIT_NOFILE, after)


def raised(limits: Limits, needed: int) -> Limits:
    """The limits for so many: as they are where they suffice, else as high as they go. Raises `ToolError`."""
    soft, hard = limits
    if hard != RLIM_INFINITY and hard < needed:
        raise ToolError(f"a process may have {hard} files open and {needed} are needed (raise it: ulimit -Hn)")
    if soft != RLIM_INFINITY and soft < needed:
        return hard, hard
    return limits
