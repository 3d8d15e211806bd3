"""Opens a mapping by its place: a path, or `git:REV:PATH` for a mapping in a commit.

For a commit, the directory that holds the mapping is written to a temporary directory as it was at that commit
(`trees`), so that includes and lists are found. `PATH` is read as git reads it: from the top of the repository, or from
the current directory if it begins with `./`.

Invariants: nothing is written outside the temporary directory; faults name the place as the user gave it.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from authzsvc.errors import MappingFaults, ToolError
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy
from authzsvc.workflow import trees

PREFIX = "git:"

_HINT = "write it as `git:REV:PATH`, as in `git:main:mappings/desk.yaml`"


def compile_at(where: str) -> Policy:
    """Compile the mapping of a path or of a commit. Raises `MappingFaults`, and `ToolError` where git has no such."""
    with at(where) as path:
        try:
            return compile_mapping(path)
        except MappingFaults as error:
            shown = where.removesuffix(path.name)
            named = [replace(fault, file=_asked(fault.file, path.parent, shown)) for fault in error.faults]
            raise MappingFaults(named) from None


@contextmanager
def at(where: str) -> Iterator[Path]:
    """Give a mapping's path; that of a commit is gone afterwards. Raises `ToolError`."""
    if not where.startswith(PREFIX):
        yield Path(where)
        return
    revision, colon, name = where.removeprefix(PREFIX).rpartition(":")
    if not revision or not colon or not name:
        raise ToolError(f"`{where}` names no commit and path ({_HINT})")
    top = _told(where, "--show-toplevel")
    inside = _inside(name, _told(where, "--show-prefix"))
    commit = _told(where, "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    with TemporaryDirectory(prefix="authzsvc-") as directory:
        folder = posixpath.dirname(inside) or "."
        trees.extract(where, top, commit, folder, Path(directory))
        yield Path(directory, inside)


def _told(where: str, *arguments: str) -> str:
    """Returns what `git rev-parse` says, which may hold a path that is not UTF-8. Raises `ToolError`."""
    return os.fsdecode(trees.git(where, "rev-parse", *arguments)).removesuffix("\n")


def _asked(file: str, directory: Path, shown: str) -> str:
    """Name a file of the temporary directory as the person did who asked."""
    return shown + str(Path(file).relative_to(directory)) if Path(file).is_relative_to(directory) else file


def _inside(name: str, prefix: str) -> str:
    """Give a path from the top of the repository."""
    return posixpath.normpath(prefix + name if name.startswith(("./", "../")) else name)
