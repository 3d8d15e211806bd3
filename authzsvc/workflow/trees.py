"""Writes the files of a commit into a directory: as git stores them, without its filters, and within bounds.

Files are written first and links last, so that nothing is written through a link. A file that is too large for a
mapping gets its size but not its content, so that its reader reports that it is too large. Submodules are left out.

Invariants: nothing is written outside the directory, whatever names a tree has; no link leads out of it; the number of
files, their total size and the time that git may take are bounded.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from authzsvc.errors import ToolError
from authzsvc.policy.source import MAX_BYTES, one_line

PATIENCE_S = 60
MAX_FILES = 50_000
MAX_TOTAL_BYTES = 200_000_000
_LINK = b"120000"
_OWN = "give the mappings a directory of their own"
_NAMED = "write it as `git:REV:PATH`, as in `git:main:mappings/desk.yaml`"


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    id: bytes
    size: int
    is_link: bool


def extract(where: str, top: str, commit: str, folder: str, directory: Path) -> None:
    """Writes the files of a commit's folder into a directory, under their paths from the top of the repository.

    `where` is what was asked for, for people. Raises `ToolError`.
    """
    entries = _entries(where, top, commit, folder)
    try:
        links = _write(where, top, entries, directory)
        for path, target in links:
            path.symlink_to(os.fsdecode(target))
    except (OSError, ValueError) as error:  # for example, a name that no file can have
        reason = (
            error.strerror if isinstance(error, OSError) and error.strerror else "it has a name that no file can have"
        )
        raise ToolError(f"`{where}` cannot be read: {reason.lower()}") from None
    inside = os.path.realpath(directory)
    for path, _ in links:
        if not Path(os.path.realpath(path)).is_relative_to(inside):
            name = one_line(str(path.relative_to(directory)))
            raise ToolError(f"`{where}` cannot be read: its link `{name}` leads out of the repository (take it out)")


def git(where: str, *arguments: str) -> bytes:
    """Runs git and returns what it prints. Raises `ToolError` with the first line of its complaint."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, timeout=PATIENCE_S, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        raise ToolError(f"`{where}` needs git, which cannot be run (install it)") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise _not_had(where, said.removeprefix("fatal: ") or "there is no such commit")
    return done.stdout


def _not_had(where: str, complaint: str) -> ToolError:
    return ToolError(f"`{where}` cannot be had from git: {complaint} ({_NAMED})")


def _entries(where: str, top: str, commit: str, folder: str) -> list[_Entry]:
    """Lists the files and links of a folder. Raises `ToolError` for none, and for too many or too large ones."""
    place = [] if folder == "." else [folder]
    listed = git(where, "-C", top, "ls-tree", "-r", "-l", "-z", "--full-tree", commit, "--", *place)
    entries = [_entry(line) for line in listed.split(b"\0") if line and line.split(b" ", 2)[1] == b"blob"]
    if not entries:
        raise _not_had(where, f"the commit has no directory `{folder}`")
    if len(entries) > MAX_FILES or sum(entry.size for entry in entries if entry.size <= MAX_BYTES) > MAX_TOTAL_BYTES:
        limits = f"{MAX_FILES} files or {MAX_TOTAL_BYTES} bytes"
        raise ToolError(f"`{where}` cannot be read: `{folder}` has more than {limits} ({_OWN})")
    for entry in entries:
        if any(part in ("", ".", "..") for part in entry.path.split("/")):
            raise ToolError(f"`{where}` cannot be read: its name `{one_line(entry.path)}` leads out of the repository")
    return entries


def _entry(line: bytes) -> _Entry:
    """Reads `MODE blob ID SIZE<tab>PATH`."""
    facts, _, path = line.partition(b"\t")
    mode, _, id_, size = facts.split()
    # Git writes another word for a blob that it does not have; reading the blob fails then.
    return _Entry(os.fsdecode(path), id_, int(size) if size.isdigit() else 0, mode == _LINK)


def _write(where: str, top: str, entries: Sequence[_Entry], directory: Path) -> list[tuple[Path, bytes]]:
    """Writes all files, and returns where links go, with what they lead to."""
    read = [entry for entry in entries if entry.size <= MAX_BYTES]
    links = []
    with _contents(top, read) as output:
        for entry in entries:
            path = directory / entry.path
            path.parent.mkdir(parents=True, exist_ok=True)
            content = _content(output, where) if entry.size <= MAX_BYTES else b""
            if entry.is_link:
                links.append((path, content))
            else:
                path.write_bytes(content)
            if entry.size > MAX_BYTES:
                os.truncate(path, entry.size)
    return links


@contextmanager
def _contents(top: str, entries: Sequence[_Entry]) -> Iterator[IO[bytes]]:
    """Yields the contents of these entries, which git prints one after the other."""
    with TemporaryFile() as ids:
        ids.writelines(entry.id + b"\n" for entry in entries)
        ids.seek(0)
        command = ["git", "-C", top, "cat-file", "--batch"]
        with subprocess.Popen(command, stdin=ids, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            deadline = threading.Timer(PATIENCE_S, process.kill)
            deadline.start()
            try:
                yield process.stdout
            finally:
                deadline.cancel()
                process.kill()


def _content(output: IO[bytes], where: str) -> bytes:
    """Reads one content: `ID blob SIZE`, a line feed, the content, a line feed."""
    facts = output.readline(1000).split()
    size = int(facts[2]) if len(facts) == 3 and facts[2].isdigit() else -1
    content = output.read(size) if 0 <= size <= MAX_BYTES else b""
    if len(content) != size or output.read(1) != b"\n":
        raise ToolError(f"`{where}` cannot be read: git did not give all of it (is the repository whole?)")
    return content
