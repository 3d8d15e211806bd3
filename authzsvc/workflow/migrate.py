"""Rewrites a mapping for the newest version of the language, so that it decides what it decided before.

Only what the newer version reads otherwise is written into the text: comments, order and layout stay. Version 2 differs
from version 1 in this:

- a wildcard lifts no forbid, unless the forbid says `wildcards_lift: true`.

Invariant: the rewritten mapping compiles to the digest of the old one, or nothing is handed out. Each rewritten file
keeps its meaning under version 1 too, until the top file names the new version; so the top file is the last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from authzsvc import files
from authzsvc.errors import Fault, MappingFaults
from authzsvc.policy import source
from authzsvc.policy.compiler import compile_mapping, compile_source
from authzsvc.policy.source import MAX_BYTES, Source

NEWEST = 2

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that was written into a file so that it keeps its meaning."""

    line: int
    """Where it was written, in the old text."""
    text: str


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A file of a mapping, in the newest version of the language."""

    path: Path
    raw: bytes
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class _Edit:
    """Text that takes the place of a part of a file."""

    start: int
    end: int
    text: str
    note: Note


def migrate(path: Path) -> tuple[Rewritten, ...]:
    """Give the files of a mapping that change, the top file last; none for a mapping of the newest version.

    Raises `MappingFaults` for a mapping that does not compile, and for one that cannot be rewritten.
    """
    policy = compile_mapping(path)
    if policy.version == NEWEST:
        return ()
    mappings = [Path(file) for file in policy.files if file.endswith((".yaml", ".yml", ".json"))]
    found = [_rewritten(file, is_top=file == path) for file in (*(file for file in mappings if file != path), path)]
    changed = tuple(one for one in found if one.notes)
    texts = {one.path.resolve(): one.raw for one in changed}
    if _digest(path, texts) != policy.digest:
        raise MappingFaults([Fault(str(path), 1, "version", "cannot be rewritten by a program", "rewrite it by hand")])
    return changed


def _digest(path: Path, texts: Mapping[Path, bytes]) -> str:
    """Give the digest of a mapping some of whose files have other texts; empty where it does not compile."""
    try:
        return compile_source(_parsed(path, texts), lambda inner: _parsed(inner, texts)).digest
    except MappingFaults:
        return ""


def _parsed(path: Path, texts: Mapping[Path, bytes]) -> Source:
    raw = texts.get(path.resolve())
    return source.read(path) if raw is None else source.parse(raw, str(path))


def _rewritten(path: Path, *, is_top: bool) -> Rewritten:
    text = files.read(path, MAX_BYTES).decode()
    bare = text.removeprefix(_BOM)
    root = yaml.compose(bare, Loader=yaml.SafeLoader)  # the pure one, whose marks count characters
    edits = sorted(_edits(bare, root, as_json=path.suffix == ".json", is_top=is_top), key=lambda edit: edit.start)
    for edit in reversed(edits):
        bare = bare[: edit.start] + edit.text + bare[edit.end :]
    whole = (_BOM if text.startswith(_BOM) else "") + bare
    return Rewritten(path, whole.encode(), tuple(edit.note for edit in edits))


def _edits(text: str, root: yaml.Node | None, *, as_json: bool, is_top: bool) -> Iterator[_Edit]:
    top = _keys(root)
    if is_top and "version" in top:
        _, value = top["version"]
        note = Note(value.start_mark.line + 1, f"version {NEWEST} of the language")
        yield _Edit(value.start_mark.index, value.end_mark.index, str(NEWEST), note)
    forbids = top["forbid"][1] if "forbid" in top else None
    for forbid in forbids.value if isinstance(forbids, yaml.SequenceNode) else ():
        keys = _keys(forbid)
        if "unless" in keys and keys["unless"][1].value and "wildcards_lift" not in keys:
            said = f"wildcards lift the forbid `{keys['name'][1].value}`, as before"
            yield _before(text, forbid, keys["unless"][0], "wildcards_lift", "true", said, as_json=as_json)


def _keys(node: yaml.Node | None) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Give the keys of a YAML mapping, each with its node and that of its value."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return {str(key.value): (key, value) for key, value in pairs}


def _before(text: str, parent: yaml.Node, key: yaml.Node, name: str, value: str, said: str, *, as_json: bool) -> _Edit:
    """Write a key before another one, in the layout of the YAML mapping that they stand in."""
    mark = key.start_mark
    pair = f'"{name}": {value}' if as_json else f"{name}: {value}"
    newline = "\r\n" if "\r\n" in text else "\n"
    behind = ", " if isinstance(parent, yaml.MappingNode) and parent.flow_style else newline + " " * mark.column
    return _Edit(mark.index, mark.index, pair + behind, Note(mark.line + 1, said))
