"""Mappings by place: a path, or `git:REV:PATH` for the one of a commit.

Git itself gives the directory that holds the mapping, as it was at that commit, into a temporary directory, so that
includes and lists are found. `PATH` is read as git reads it: from the top of the repository, or from here where it
begins with `./`.

Invariants: nothing is written but in the temporary directory; faults name the place as it was asked for.
"""

from __future__ import annotations

import io
import posixpath
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from authzsvc.errors import MappingFaults, ToolError
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy

PREFIX = "git:"

_PATIENCE_S = 60
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
    top = _git(where, "rev-parse", "--show-toplevel").decode().strip()
    inside = _inside(name, _git(where, "rev-parse", "--show-prefix").decode().strip())
    commit = _git(where, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    with TemporaryDirectory(prefix="authzsvc-") as directory:
        folder = posixpath.dirname(inside) or "."
        _unpack(_git(where, "-C", top, "archive", "--format=tar", commit.decode().strip(), "--", folder), directory)
        yield Path(directory, inside)


def _asked(file: str, directory: Path, shown: str) -> str:
    """Name a file of the temporary directory as the person did who asked."""
    return shown + str(Path(file).relative_to(directory)) if Path(file).is_relative_to(directory) else file


def _inside(name: str, prefix: str) -> str:
    """Give a path from the top of the repository."""
    return posixpath.normpath(prefix + name if name.startswith(("./", "../")) else name)


def _unpack(archive: bytes, directory: str) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(directory, filter="data")


def _git(where: str, *arguments: str) -> bytes:
    """Run git. Raises `ToolError` with the first line of its complaint."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        raise ToolError(f"`{where}` needs git, which cannot be run (install it)") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        complaint = said.removeprefix("fatal: ") or "there is no such commit"
        raise ToolError(f"`{where}` cannot be had from git: {complaint} ({_HINT})")
    return done.stdout
