"""A mapping's text, YAML or JSON, as plain data with the line of every key.

Both are read by one YAML parser, event by event, into dicts with text keys, lists and scalars. Only `null`, `true`,
`false` and decimal whole numbers are other than text, so `NO`, `1.50` and `0123` stay what they look like.

Invariants: a key stands once; nothing is larger than it looks (no aliases); depth and size are bounded; no tag makes an
object. Every fault has its file and line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import yaml

from authzsvc import files
from authzsvc.errors import Fault, MappingFaults
from authzsvc.policy.faults import MAX_FAULTS

Place = tuple[str | int, ...]
"""The way to a key: names in mappings, positions in lists."""

Data = dict[str, "Data"] | list["Data"] | str | int | bool | None

MAX_BYTES = 5_000_000
MAX_DEPTH = 32
MAX_NODES = 300_000
"""Values in one file, whatever they are."""
_MAX_WORDS = 300

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_WORDS: dict[str, Data] = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Source:
    """A file's data, and where each key of it stands."""

    file: str
    data: Data
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """Give the line of a key, or of the nearest key around it (1-based; 1 for the file as a whole)."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def fault(self, place: Place, text: str, hint: str = "") -> Fault:
        """Make the fault of a key."""
        return Fault(self.file, self.line(place), one_line(key_path(place)), one_line(text), one_line(hint))


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a file, and what stands there."""

    source: Source
    place: Place = ()

    def at(self, *steps: str | int) -> Spot:
        """Go further in."""
        return Spot(self.source, (*self.place, *steps))

    @property
    def data(self) -> Data:
        """What stands there; None where there is nothing."""
        found = self.source.data
        for step in self.place:
            if isinstance(found, dict) and isinstance(step, str):
                found = found.get(step)
            elif isinstance(found, list) and isinstance(step, int) and step < len(found):
                found = found[step]
            else:
                return None
        return found

    @property
    def line(self) -> int:
        """Its line, 1-based."""
        return self.source.line(self.place)

    def fault(self, text: str, hint: str = "") -> Fault:
        """Make a fault of it."""
        return self.source.fault(self.place, text, hint)

    def __str__(self) -> str:
        return f"{self.source.file}:{self.line}"


def one_line(text: str) -> str:
    """Make words that quote an author fit for one line."""
    plain = "".join(char if char.isprintable() else "?" for char in text)
    return plain if len(plain) <= _MAX_WORDS else plain[: _MAX_WORDS - 1] + "…"


def key_path(place: Place) -> str:
    """Write a place as people do: `scopes.order:cancel.grants[0].message`."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return "".join(parts).removeprefix(".")


def read(path: Path) -> Source:
    """Read a file. Raises `MappingFaults` for one that cannot be opened, is too large, or is no plain YAML or JSON."""
    try:
        raw = files.read(path, MAX_BYTES)
    except OSError as error:
        raise MappingFaults([Fault(str(path), 0, "", f"cannot be read: {files.problem(error)}")]) from None
    return parse(raw, str(path))


def parse(raw: bytes, file: str) -> Source:
    """Read a text. Raises `MappingFaults`: syntax faults stop the reading, all duplicate keys are told at once."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise MappingFaults([Fault(file, line, "", "is not UTF-8")]) from None
    if file.endswith(".json"):
        _check_json(text, file)
        text = text.replace("\t", " ")  # JSON may indent with tabs, and cannot have one in a string
    reader = _Reader(file, yaml.parse(text, Loader=_LOADER))
    try:
        data = reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        hint = "indent with spaces" if mark and _has_tab(text, mark.line) else ""
        problem = (error.problem or "cannot be read").replace("\t", "\\t")
        raise MappingFaults([Fault(file, mark.line + 1 if mark else 0, "", problem, hint)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise MappingFaults([Fault(file, line, "", "has a character that no text file should have")]) from None
    if reader.faults:
        raise MappingFaults(reader.faults)
    return Source(file, data, reader.lines)


def _check_json(text: str, file: str) -> None:
    """Hold a JSON file to JSON's own, stricter syntax."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise MappingFaults([Fault(file, error.lineno, "", error.msg[:1].lower() + error.msg[1:])]) from None
    except RecursionError:
        raise MappingFaults([Fault(file, 0, "", f"is nested deeper than {MAX_DEPTH} levels")]) from None


def _has_tab(text: str, line: int) -> bool:
    return any("\t" in found for found in text.splitlines()[line : line + 1])


@dataclass(slots=True)
class _Reader:
    """Turns the parser's events into data as they come; faults that leave the rest readable are gathered."""

    file: str
    events: Iterator[yaml.Event]
    faults: list[Fault] = field(default_factory=list)
    lines: dict[Place, int] = field(default_factory=dict)
    nodes: int = 0

    def document(self) -> Data:
        """Give the one document of the file; an empty file is null."""
        next(self.events)  # the start of the stream
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return None
        data = self._value(next(self.events), ())
        next(self.events)  # the end of the document
        after = next(self.events)
        if isinstance(after, yaml.DocumentStartEvent):
            self._stop(after, (), "a second document begins here", "one file holds one mapping")
        return data

    def _value(self, event: yaml.Event, place: Place) -> Data:
        if isinstance(event, yaml.AliasEvent):
            self._stop(event, place, f"the alias `*{event.anchor}` is not taken", "write the value out")
        if not isinstance(event, yaml.ScalarEvent | yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._stop(event, place, "a value is missing")
        if len(place) > MAX_DEPTH:
            self._stop(event, place[:4], f"is nested deeper than {MAX_DEPTH} levels")
        if event.tag not in (None, "!"):
            self._stop(event, place, f"the tag `{event.tag}` is not taken", "write a plain value")
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self._stop(event, place[:4], f"is the end of more than {MAX_NODES} values", "make it several files")
        self.lines.setdefault(place, _line(event))
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        return self._mapping(place) if isinstance(event, yaml.MappingStartEvent) else self._sequence(place)

    def _mapping(self, place: Place) -> dict[str, Data]:
        found: dict[str, Data] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._stop(event, place, "a key must be plain text")
            key, line = event.value, _line(event)
            inner = (*place, key)
            if key in found:
                text = f"is there twice, first on line {self.lines[inner]}"
                self.faults.append(Fault(self.file, line, one_line(key_path(inner)), text, "keep one of them"))
                if len(self.faults) == MAX_FAULTS:
                    raise MappingFaults(self.faults)
                self._skip()
                continue
            self.lines[inner] = line
            found[key] = self._value(next(self.events), inner)
        return found

    def _skip(self) -> None:
        """Read past one value."""
        depth = 0
        while True:
            event = next(self.events)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if not depth:
                return

    def _sequence(self, place: Place) -> list[Data]:
        found: list[Data] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            found.append(self._value(event, (*place, len(found))))
        return found

    def _stop(self, event: yaml.Event, place: Place, text: str, hint: str = "") -> NoReturn:
        raise MappingFaults(
            [*self.faults, Fault(self.file, _line(event), one_line(key_path(place)), one_line(text), hint)]
        )


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _scalar(event: yaml.ScalarEvent) -> Data:
    if event.style:  # quoted or a block: text
        return str(event.value)
    if event.value.lower() in _WORDS:
        return _WORDS[event.value.lower()]
    return int(event.value) if _INTEGER.fullmatch(event.value) else str(event.value)
