"""How many files, sockets among them, a process may have open."""

from __future__ import annotations

import resource

from authzsvc.errors import ToolError


def raise_limit(needed: int) -> None:
    """Let ourselves, and the children we start, have as many open as the system lets us. Raises `ToolError`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ToolError(f"a process may have {hard} files open and {needed} are needed (raise it: ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
