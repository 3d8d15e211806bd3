"""Rewrites a mapping for the newest version of the language, so that it decides what it decided before.

Only what the newer version reads otherwise is written into the text: comments, order and layout stay. Version 2 differs
from version 1 in this:

- a wildcard lifts no forbid, unless the forbid says `wildcards_lift: true`;
- `session.outbound` must be said; it was `open`.

Invariant: the rewritten mapping compiles to the digest of the old one, or nothing is handed out. Each rewritten file
keeps its meaning under version 1 too, until the top file names the new version; so the top file is the last one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from authzsvc import files
from authzsvc.errors import Fault, MappingFaults
from authzsvc.policy import source
from authzsvc.policy.compiler import compile_mapping, compile_source
from authzsvc.policy.source import MAX_BYTES, Source, Spot
from authzsvc.policy.terms import NEWEST as NEWEST

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
    opening = _where_outbound_is_said(mappings)
    found = [_rewritten(file, file == path, file == opening) for file in (*(f for f in mappings if f != path), path)]
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


def _where_outbound_is_said(mappings: Iterable[Path]) -> Path | None:
    """Give the file that `session.outbound` goes into, which is where the identity is said; None where it is said."""
    said = {file: Spot(source.read(file), ("session",)).data for file in mappings}
    sessions = {file: session for file, session in said.items() if isinstance(session, dict)}
    if any("outbound" in session for session in sessions.values()):
        return None
    return next((file for file, session in sessions.items() if "identity" in session), None)


def _rewritten(path: Path, is_top: bool, is_opening: bool) -> Rewritten:
    text = files.read(path, MAX_BYTES).decode()
    bare = text.removeprefix(_BOM)
    root = yaml.compose(bare, Loader=yaml.SafeLoader)  # the pure one, whose marks count characters
    as_json = path.suffix == ".json"
    found = [*_edits(bare, root, as_json=as_json, is_top=is_top)]
    if is_opening:
        found.append(_opening(bare, root, as_json=as_json))
    edits = sorted(found, key=lambda edit: edit.start)
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


def _opening(text: str, root: yaml.Node | None, *, as_json: bool) -> _Edit:
    _, session = _keys(root)["session"]
    said = "outbound messages that no grant names pass, as before"
    value = '"open"' if as_json else "open"
    return _before(text, session, _keys(session)["identity"][0], "outbound", value, said, as_json=as_json)


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
