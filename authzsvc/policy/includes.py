"""The files of a mapping: the top one, and all that it includes, each read once.

Invariants: nothing outside the directory of the top file is read, links followed or not; reading ends, whatever
includes whatever; the number of files and their size together are bounded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from authzsvc.errors import Fault, MappingFaults
from authzsvc.policy import source
from authzsvc.policy.source import Source, Spot

MAX_FILES = 1000
MAX_TOTAL_BYTES = 20_000_000
MAX_DEPTH = 20
MAX_LISTED = 10_000
"""Names looked at in one directory."""

_SUFFIXES = (".yaml", ".yml", ".json")
_SUITES = (".test.yaml", ".test.yml", ".test.json")
_NOT_INCLUDED = "schema.json"
"""The language's own schema, which editors want beside the mappings."""


@dataclass(slots=True)
class Files:
    """The files that make a mapping; a file of values is one of them too."""

    top: Path
    faults: list[Fault]
    reader: Callable[[Path], Source] = source.read
    sources: list[Source] = field(default_factory=list)
    """In the order of their inclusion, the top file first."""
    read: dict[Path, Path] = field(default_factory=dict)
    """Where each file really is → as it was written."""
    _open: list[Path] = field(default_factory=list)
    _bytes: int = 0
    _full: bool = False

    def include(self, found: Source) -> None:
        """Take a file, and then what it includes."""
        path = Path(found.file)
        self._open.append(path.resolve())
        self.read[path.resolve()] = path
        self.sources.append(found)
        entries = Spot(found, ("include",))
        for index, entry in enumerate(entries.data if isinstance(entries.data, list) else ()):
            if isinstance(entry, str) and entry:
                self._entry(entries.at(index), entry)
        self._open.pop()

    def resolve(self, spot: Spot, entry: str) -> Path | None:
        """Give the path that is written in a file; a fault and None where it may not or cannot be read."""
        path = Path(spot.source.file).parent / entry
        trouble = "has a character that no path has" if "\0" in entry else self._trouble(path, entry)
        if trouble:
            self.faults.append(spot.fault(f"`{entry}` {trouble}"))
            return None
        return path

    def take(self, spot: Spot, path: Path) -> bool:
        """Count a file that is about to be read; False, and one fault, where there are too many or too large ones."""
        if self._full:
            return False
        self._bytes += path.stat().st_size
        self.read.setdefault(path.resolve(), path)
        self._full = len(self.read) > MAX_FILES or self._bytes > MAX_TOTAL_BYTES
        if self._full:
            limits = f"{MAX_FILES} files or {MAX_TOTAL_BYTES} bytes"
            self.faults.append(spot.fault(f"makes the mapping larger than {limits}"))
        return not self._full

    def _trouble(self, path: Path, entry: str) -> str:
        """Say why a path must not be read, before anything is read there."""
        if os.path.isabs(entry):
            return "is an absolute path: paths are relative to this file"
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "too many links"
            return f"cannot be read: {reason.lower()}"
        if not real.is_relative_to(self.top.resolve().parent):
            return "leaves the directory of the mapping"
        return "" if real.is_file() or real.is_dir() else "is no regular file"

    def _entry(self, spot: Spot, entry: str) -> None:
        path = self.resolve(spot, entry)
        if path is None:
            return
        if not path.is_dir():
            self._file(spot, path)
            return
        names = _included(path)
        if not names:
            self.faults.append(spot.fault(f"`{entry}` is a directory without mapping files"))
        for name in names:
            if self.resolve(spot, os.path.join(entry, name)):
                self._file(spot, path / name)

    def _file(self, spot: Spot, path: Path) -> None:
        real = path.resolve()
        if real in self._open:
            chain = " → ".join(found.name for found in [*self._open[self._open.index(real) :], real])
            self.faults.append(spot.fault(f"includes itself: {chain}"))
        elif real in self.read:
            self.faults.append(spot.fault(f"`{path.name}` is included twice", "include each file once"))
        elif len(self._open) > MAX_DEPTH:
            self.faults.append(spot.fault(f"is the end of a chain of more than {MAX_DEPTH} includes"))
        elif self.take(spot, path):
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            self.include(self.reader(path))
        except MappingFaults as error:
            self.faults += error.faults


def _included(directory: Path) -> list[str]:
    """Give the names of a directory's mapping files, sorted; none of one that cannot be listed."""
    try:
        names = [path.name for path in islice(directory.iterdir(), MAX_LISTED)]
    except OSError:
        return []
    return sorted(
        name
        for name in names
        if name.endswith(_SUFFIXES) and not name.endswith(_SUITES) and name != _NOT_INCLUDED and name[0] != "."
    )
