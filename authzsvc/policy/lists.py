"""Value lists: what a mapping keeps under a name of its own, written out or in a file with one value a line.

A file is UTF-8; blank lines and what follows a `#` at the beginning of a line, or after a space, do not count.
"""

from __future__ import annotations

import re
from pathlib import Path

from authzsvc import files
from authzsvc.errors import Fault
from authzsvc.policy import language
from authzsvc.policy.source import MAX_BYTES, Spot
from authzsvc.policy.terms import Said

MAX_VALUE_BYTES = 256

_COMMENT = re.compile(r"(?:^|\s)#.*")


def read(said: Said) -> dict[str, tuple[str, ...]]:
    """Give every list by its name; one that cannot be read is a fault, and empty."""
    found = {}
    for name, spot, part in said.parts(language.ValueList, "lists"):
        said.note("list", name, spot)
        found[name] = tuple(part.values) if part.values is not None else _from_file(said, spot.at("file"), part.file)
    return found


def _from_file(said: Said, spot: Spot, entry: str | None) -> tuple[str, ...]:
    path = said.files.resolve(spot, entry) if entry else None
    if path is None or entry is None or not said.files.take(spot, path):
        return ()
    try:
        raw = files.read(path, MAX_BYTES)
    except OSError as error:
        said.faults.append(spot.fault(f"`{entry}` cannot be read: {files.problem(error)}"))
        return ()
    return _values(raw, path, said.faults)


def _values(raw: bytes, path: Path, faults: list[Fault]) -> tuple[str, ...]:
    """Give the values of a file, in order, up to the first line that is none, which is a fault."""
    values = []
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            value = _value(line)
        except ValueError as error:
            trouble = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            faults.append(Fault(str(path), number, "", trouble))
            break
        if value:
            values.append(value)
    return tuple(values)


def _value(line: bytes) -> str:
    """Give the value of a line; empty where there is none. Raises `ValueError`."""
    value = _COMMENT.sub("", line.decode()).strip()
    if len(value.encode()) > MAX_VALUE_BYTES:
        raise ValueError(f"is longer than {MAX_VALUE_BYTES} bytes")
    if not value.isprintable():
        raise ValueError("has a character that no value should have")
    return value
