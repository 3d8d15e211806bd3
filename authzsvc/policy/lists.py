"""Value lists: what a mapping keeps under a name of its own, written out or in a file with one value a line.

A file is UTF-8; blank lines and what follows a `#` at the beginning of a line, or after a space, do not count.
"""

from __future__ import annotations

import re
from pathlib import Path

from authzsvc.errors import Fault
from authzsvc.policy import language
from authzsvc.policy.source import MAX_BYTES, Spot
from authzsvc.policy.terms import Said

MAX_VALUE_BYTES = 256

_COMMENT = re.compile(r"(?:^|\s)#.*")


def read(said: Said) -> dict[str, tuple[str, ...]]:
    """Give every list that can be read, by its name."""
    found = {}
    for name, spot, part in said.parts(language.ValueList, "lists"):
        values = tuple(part.values) if part.values is not None else _from_file(said, spot.at("file"), part.file or "")
        if values is not None:
            found[name] = values
    return found


def _from_file(said: Said, spot: Spot, entry: str) -> tuple[str, ...] | None:
    path = said.files.resolve(spot, entry)
    if path is None or not said.files.take(spot, path):
        return None
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        said.faults.append(spot.fault(f"`{entry}` cannot be read: {(error.strerror or 'error').lower()}"))
        return None
    if len(raw) > MAX_BYTES:
        said.faults.append(spot.fault(f"`{entry}` is larger than {MAX_BYTES} bytes"))
        return None
    return _values(raw, path, said.faults)


def _values(raw: bytes, path: Path, faults: list[Fault]) -> tuple[str, ...] | None:
    """Give the values of a file, in order; the first line that is none is a fault."""
    values = []
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            value = _COMMENT.sub("", line.decode()).strip()
        except UnicodeDecodeError:
            faults.append(Fault(str(path), number, "", "is not UTF-8"))
            return None
        if len(value.encode()) > MAX_VALUE_BYTES:
            faults.append(Fault(str(path), number, "", f"is longer than {MAX_VALUE_BYTES} bytes"))
            return None
        if not value.isprintable():
            faults.append(Fault(str(path), number, "", "has a character that no value should have"))
            return None
        if value:
            values.append(value)
    return tuple(values)
