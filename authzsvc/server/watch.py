"""Noticing that files have changed: by what the file system says of them, asked now and then.

Asking works on every file system, through links and for files that an editor or a deployment puts in place of others,
where notifications do not. The directories of the files count too, as a file may come into one that is included whole.

Invariant: a change is noticed though it comes while the files are being read: what changed after the reading began
counts as not seen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

Print = tuple[int, ...] | None
"""What tells one state of a file from the next; None for a file that is not there."""

_UNSEEN: Print = ()
_CLOCK_GRAIN_NS = 20_000_000
"""The file system's clock may lag behind by this much."""


class Watch:
    """Files as they were when they were last read."""

    def __init__(self) -> None:
        self._seen: dict[Path, Print] = {}
        self._before: dict[Path, Print] = {}
        self._began_ns = 0

    @property
    def changed(self) -> bool:
        """Whether any of them is not as it was."""
        return any(_print(path) != seen for path, seen in self._seen.items())

    def begin(self) -> None:
        """Say that reading begins."""
        self._began_ns = time.time_ns()
        self._before = {path: _print(path) for path in self._seen}

    def end(self, files: Iterable[Path]) -> None:
        """Say that these files were read, since `begin`."""
        paths = {around for file in files for around in (file, file.parent)}
        self._seen = {path: self._before[path] if path in self._before else self._new(path) for path in paths}

    def _new(self, path: Path) -> Print:
        found = _print(path)
        settled = found is None or max(found) < self._began_ns - _CLOCK_GRAIN_NS
        return found if settled else _UNSEEN


def _print(path: Path) -> Print:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev
