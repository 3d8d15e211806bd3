"""A table of permissions as CSV: a row for each message that a role may send or receive, and under which conditions.

    role,message,conditions,allow
    trader,NewOrderSingle,SecurityType=CS; OrderQty<=1000,yes
    trader,OrderCancelRequest,,yes
    *,NewOrderSingle,Symbol=EVIL,no

Columns are found by their headers, in any order and case (`HEADERS`); a header that names a FIX tag is a column of
conditions on it. What no row allows is denied. A row that says no, for every role (`*`), becomes a forbid.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from authzsvc import files
from authzsvc.errors import Fault, MappingFaults, ToolError, UnknownName
from authzsvc.fix import flow
from authzsvc.fix.dictionary import Dictionary, did_you_mean, load
from authzsvc.fix.direction import Direction
from authzsvc.policy.lookup import LOGON, SESSION_LEVEL
from authzsvc.policy.source import one_line
from authzsvc.workflow.imports import wording
from authzsvc.workflow.imports.draft import Draft, DraftForbid, DraftGrant, DraftRole, DraftScope
from authzsvc.workflow.imports.learn import IDENTITY_CLAIM, unused
from authzsvc.workflow.imports.limits import Limit, OneOf
from authzsvc.workflow.imports.names import is_role, is_scope
from authzsvc.workflow.imports.vocabulary import SECURITY_TYPE, name_of, slug
from authzsvc.workflow.imports.wording import WordingError

MAX_BYTES = 20_000_000
MAX_FAULTS = 100

HEADERS: Mapping[str, tuple[str, ...]] = {
    "role": ("role", "roles", "client", "user", "group", "profile", "desk", "key", "apikey", "entitlement"),
    "message": ("message", "messages", "msgtype", "messagetype", "type", "35", "request"),
    "direction": ("direction", "way"),
    "conditions": ("conditions", "condition", "when", "where", "restrictions", "restriction", "limits"),
    "allow": ("allow", "allowed", "access", "permission", "permitted", "enabled", "granted"),
    "scope": ("scope", "scopes"),
    "description": ("description", "note", "notes", "comment", "comments", "remark", "remarks"),
}
"""Column → the headers that it may have, without blanks, dashes and underscores, in lower case."""

_YES = ("yes", "y", "true", "1", "x", "allow", "allowed", "permit", "permitted", "✓", "✔")
_NO = ("no", "n", "false", "0", "-", "deny", "denied", "forbid", "forbidden", "")
_EVERYBODY = ("*", "all", "everybody", "everyone")
_INBOUND = ("", "in", "inbound", "send", "sends", "tovenue", "clienttovenue")
_OUTBOUND = ("out", "outbound", "receive", "receives", "fromvenue", "venuetoclient")
_ANY = ("", "*", "any", "all")


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was read: one message of one role."""

    line: int
    role: str
    """`*` for everybody."""
    msg_type: str
    direction: Direction
    limits: tuple[Limit, ...]
    allow: bool
    scope: str
    description: str

    @property
    def key(self) -> tuple[str, Direction]:
        """What kind of message it is about."""
        return self.msg_type, self.direction


@dataclass(slots=True)
class _Reader:
    """Reads the rows of one table, and gathers their faults."""

    file: str
    dictionary: Dictionary
    columns: dict[str, int] = field(default_factory=dict)
    tags: dict[str, int] = field(default_factory=dict)
    """Header that names a tag → its place."""
    faults: list[Fault] = field(default_factory=list)

    def fault(self, line: int, key: str, text: str, hint: str = "") -> None:
        """Adds a fault."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(self.file, line, one_line(key), one_line(text), one_line(hint)))

    def headers(self, line: int, cells: list[str]) -> None:
        """Finds the columns."""
        for place, cell in enumerate(cells):
            column = _column(cell)
            if column in self.columns:
                self.fault(line, cell, f"is a second column of `{column}`", "leave one out")
            elif column is not None:
                self.columns[column] = place
            elif cell.strip():
                self._tag_column(line, cell.strip(), place)
        for column in ("role", "message"):
            if column not in self.columns:
                names = ", ".join(f"`{name}`" for name in HEADERS[column])
                self.fault(line, "", f"the table has no column `{column}`", f"its header may be one of {names}")

    def _tag_column(self, line: int, cell: str, place: int) -> None:
        try:
            self.dictionary.tag(cell)
        except UnknownName:
            known = [name for names in HEADERS.values() for name in names]
            near = did_you_mean(cell, known).removeprefix("; ")
            self.fault(line, cell, f"is neither a known header nor a field of {self.dictionary.version}", near)
            return
        self.tags[cell] = place

    def rows(self, line: int, cells: list[str]) -> Iterator[Row]:
        """Gives the rows of one line: one for each of its roles and messages."""
        before = len(self.faults)
        told = {column: _cell(cells, place) for column, place in self.columns.items()}
        roles = [role.strip() for role in re.split(r"[,;|]", told["role"]) if role.strip()]
        messages = [word.strip() for word in re.split(r"[,;/|]", told["message"]) if word.strip()]
        for column, found in (("role", roles), ("message", messages)):
            if not found:
                self.fault(line, column, "is empty", f"every row names a {column}")
        for role in roles:
            if not is_role(role):
                self.fault(line, "role", f"`{role}` cannot name a role", "at most 200 printable characters")
        if told.get("scope") and not is_scope(told["scope"]):
            self.fault(line, "scope", f"`{told['scope']}` cannot name a scope", "write `resource:action`")
        allow = self._allow(line, told.get("allow"))
        for word in messages:
            msg_type = self._message(line, word)
            direction = None if msg_type is None else self._direction(line, told.get("direction"), msg_type)
            if msg_type is None or direction is None:
                continue
            limits = self._limits(line, msg_type, told.get("conditions", ""), cells)
            if len(self.faults) > before:
                continue
            for role in roles:
                name = "*" if role.lower() in _EVERYBODY else role
                scope, description = told.get("scope", ""), told.get("description", "")
                yield Row(line, name, msg_type, direction, limits, bool(allow), scope, description)

    def _allow(self, line: int, cell: str | None) -> bool | None:
        if cell is None or cell.lower() in _YES:
            return True
        if cell.lower() not in _NO:
            self.fault(line, "allow", f"`{cell}` is neither yes nor no", "write `yes` or `no`")
            return None
        return False

    def _message(self, line: int, word: str) -> str | None:
        try:
            msg_type = self.dictionary.message(word)
        except UnknownName as error:
            text, _, hint = str(error).partition("; ")
            self.fault(line, "message", text, hint)
            return None
        if msg_type in SESSION_LEVEL or msg_type == LOGON:
            self.fault(line, "message", f"`{word}` is of the session level, which needs no scope", "leave the row out")
            return None
        return msg_type

    def _direction(self, line: int, cell: str | None, msg_type: str) -> Direction | None:
        if cell is None:
            return flow.only_direction(self.dictionary, msg_type) or Direction.INBOUND
        plain = re.sub(r"[\s_-]", "", cell.lower())
        if plain in _OUTBOUND:
            return Direction.OUTBOUND
        if plain in _INBOUND:
            return Direction.INBOUND if plain else self._direction(line, None, msg_type)
        self.fault(line, "direction", f"`{cell}` is no direction", "write `inbound` or `outbound`")
        return None

    def _limits(self, line: int, msg_type: str, conditions: str, cells: list[str]) -> tuple[Limit, ...]:
        key = "conditions"
        try:
            found = [] if conditions.lower() in _ANY else [*wording.read(self.dictionary, msg_type, conditions)]
            for key, place in self.tags.items():
                cell = _cell(cells, place)
                if cell.lower() not in _ANY:
                    found.append(wording.test_of(self.dictionary, msg_type, key, cell))
            return wording.merged(iter(found))
        except WordingError as error:
            self.fault(line, key, str(error), error.hint)
            return ()


def _cell(cells: list[str], place: int) -> str:
    return cells[place].strip() if place < len(cells) else ""


def _column(header: str) -> str | None:
    plain = re.sub(r"[\s_-]", "", header.lower())
    return next((column for column, names in HEADERS.items() if plain in names), None)


def read(path: Path, fix: str) -> list[Row]:
    """Reads a table. Raises `MappingFaults` with every fault: file, line, column and mend; `ToolError`."""
    try:
        dictionary = load(fix)
    except UnknownName as error:
        raise ToolError(str(error)) from None
    reader = _Reader(str(path), dictionary)
    lines = _lines(path)
    found: list[Row] = []
    header = next(lines, None)
    if header is None:
        raise MappingFaults(
            [Fault(str(path), 1, "", "the table is empty", "begin with `role,message,conditions,allow`")]
        )
    reader.headers(*header)
    if not reader.faults:
        for line, cells in lines:
            found += reader.rows(line, cells)
        _check(reader, found)
    if reader.faults:
        raise MappingFaults(reader.faults)
    return found


def _check(reader: _Reader, rows: list[Row]) -> None:
    """Tells of rows that say no to a part of what other rows of the role allow: a role has no forbids of its own."""
    allowed = {(row.role, row.key): row.line for row in reversed(rows) if row.allow}
    if not allowed and not reader.faults:
        reader.fault(1, "", "the table allows nothing", "write `yes` under `allow`")
    for row in rows:
        line = allowed.get((row.role, row.key))
        if not row.allow and row.role != "*" and line is not None:
            hint = f"write the opposite as a condition of line {line} (`Tag!=value`), or the role `*` to deny it to all"
            reader.fault(row.line, "allow", f"denies a part of what line {line} allows to `{row.role}`", hint)
        if row.allow and row.role == "*":
            reader.fault(row.line, "role", "`*` may only be denied something", "name the roles that may")


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Gives the rows of a CSV file with their line numbers, empty ones and comments left out."""
    try:
        raw = files.read(path, MAX_BYTES)
    except OSError as error:
        raise ToolError(f"`{path}` cannot be read: {files.problem(error)}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    first = next((line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")), "")
    delimiter = max(",;\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        before = 0
        for cells in reader:
            line, before = before + 1, reader.line_num
            if any(cell.strip() for cell in cells) and not cells[0].lstrip().startswith("#"):
                yield line, cells
    except csv.Error as error:
        raise ToolError(f"`{path}` is no CSV: {error}") from None


def draft(rows: list[Row], name: str, fix: str, made: str) -> Draft:
    """Returns a table's draft."""
    dictionary = load(fix)
    scopes, held = _scopes(dictionary, [row for row in rows if row.allow])
    return Draft(
        name=name,
        fix=fix,
        made=made,
        scopes=tuple(scopes[key] for key in sorted(scopes)),
        roles=tuple(_roles(held)),
        forbids=tuple(_forbids(dictionary, [row for row in rows if not row.allow and row.role == "*"])),
        identity={"SenderCompID": IDENTITY_CLAIM},
        notes=tuple(_notes(rows, dictionary)),
    )


def _scopes(dictionary: Dictionary, rows: list[Row]) -> tuple[dict[str, DraftScope], dict[str, list[str]]]:
    """Returns the scopes, and which of them each role has. Rows that allow the same share a scope."""
    grants: dict[str, list[DraftGrant]] = {}
    lines: dict[str, list[str]] = {}
    held: dict[str, list[str]] = {}
    names: dict[object, str] = {}
    reserved = {row.scope for row in rows if row.scope}
    for row in rows:
        meaning = (row.msg_type, row.direction, row.limits)
        name = row.scope or names.get(meaning) or _name(dictionary, row, {*grants, *reserved})
        if not row.scope:
            names[meaning] = name
        made = DraftGrant(row.msg_type, row.direction, row.limits, (row.description,) if row.description else ())
        if all((one.msg_type, one.direction, one.limits) != meaning for one in grants.setdefault(name, [])):
            grants[name].append(made)
        lines.setdefault(name, []).append(str(row.line))
        if name not in held.setdefault(row.role, []):
            held[row.role].append(name)
    found = {
        name: DraftScope(name, tuple(made), "", (f"Line {', '.join(dict.fromkeys(lines[name]))} of the table.",))
        for name, made in grants.items()
    }
    return found, held


def _name(dictionary: Dictionary, row: Row, taken: set[str]) -> str:
    asset = next((limit.test for limit in row.limits if limit.tag == SECURITY_TYPE), None)
    split = asset.values[0] if isinstance(asset, OneOf) and len(asset.values) == 1 else None
    base = name_of(dictionary, row.direction, row.msg_type, None if row.msg_type == "V" else split)
    return base if base not in taken else unused(f"{base}:{slug(row.role)}", taken)


def _roles(held: dict[str, list[str]]) -> Iterator[DraftRole]:
    return (DraftRole(role, tuple(sorted(scopes))) for role, scopes in held.items())


def _forbids(dictionary: Dictionary, rows: list[Row]) -> Iterator[DraftForbid]:
    taken: set[str] = set()
    for row in rows:
        name = unused(f"no-{slug(dictionary.message_name(row.msg_type))}", taken)
        taken.add(name)
        comments = (f"Line {row.line} of the table.", *((row.description,) if row.description else ()))
        yield DraftForbid(name, row.msg_type, row.direction, row.limits, comments)


def _notes(rows: list[Row], dictionary: Dictionary) -> Iterator[str]:
    yield "Guessed: the names of scopes, and that the claim `fix_comp_id` names the client's CompID."
    silent = sum(not row.allow and row.role != "*" for row in rows)
    if silent:
        yield f"{silent} rows say no to a single role: they need no rule, because what no row allows is denied."
    guarded = {row.msg_type for row in rows if row.allow and row.direction is Direction.OUTBOUND}
    if guarded:
        names = ", ".join(sorted(map(dictionary.message_name, guarded)))
        yield f"Outbound, only these need a scope, and all other types pass (`outbound: open`): {names}."
