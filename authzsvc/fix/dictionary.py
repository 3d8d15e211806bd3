"""The FIX dictionary of one version: numbers, names, values, messages and repeating groups.

Built from the compact tables beside this module (`build_tables` makes them), read on first use and kept. People may
write a name, a number or a raw value wherever one is meant; names are compared without regard to case and separators,
so `COMMON_STOCK`, `CommonStock` and `common stock` are one.

Source of the facts: the FIX specifications 4.0 to 5.0SP2, with FIXT.1.1 as the session layer of 5.x.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources
from types import MappingProxyType
from typing import Any

from authzsvc.errors import UnknownName
from authzsvc.fix import data_types
from authzsvc.fix.data_types import DataType

VERSIONS = ("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIX.5.0", "FIX.5.0SP1", "FIX.5.0SP2")

_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
_ALL_TEXT_IS_CHAR = ("FIX.4.0", "FIX.4.1")
"""Versions that call every text CHAR, an account as well as a side."""

_USER_DEFINED = (range(5000, 40000), range(50000, 1_000_000))
"""Tags for agreement between two firms: no dictionary has names for them."""


@dataclass(frozen=True, slots=True)
class Group:
    """A repeating group."""

    count_tag: int
    delimiter: int
    """Its first field, which begins each entry."""
    fields: frozenset[int]
    """All fields of an entry, those of nested groups too."""
    nested: bool = False
    """It stands inside another group of its message, or in several places of it."""


@dataclass(frozen=True, slots=True)
class Branch:
    """Fields that stand together: those of a message outside of its groups, or those of one entry of a group."""

    count_tag: int
    """0 for the message itself."""
    delimiter: int
    """The first field of an entry; 0 for the message itself."""
    fields: frozenset[int]
    """Without count fields, and without the fields of the groups inside."""
    groups: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class CustomField:
    """A field that a venue adds."""

    name: str
    type: str
    values: Mapping[str, str]
    """Each listed value, with its name; empty where any value will do."""


@dataclass(frozen=True, slots=True)
class CustomGroup:
    """A group as a venue has it: one of its own, or one of the standard's that begins with another field."""

    first: int
    """The field that begins each entry."""
    fields: frozenset[int]
    """Fields of an entry besides that one and the standard's."""
    messages: frozenset[str]
    """The MsgTypes in which it is so; empty: all."""

    def is_of(self, msg_type: str | None) -> bool:
        """Whether it is so in a message."""
        return not self.messages or msg_type in self.messages


class Dictionary:
    """One FIX version."""

    def __init__(self, version: str, table: Mapping[str, Any]) -> None:
        """Take the whole table of a version; `load` is the way to get one."""
        self.version = version
        self.serves: tuple[str, ...] = (version,)
        """The versions whose messages it describes, the oldest first (`fix.serving`)."""
        self._table = table
        self._fields: Mapping[str, list[Any]] = table["fields"]
        self._messages: Mapping[str, list[Any]] = table["messages"]
        self._fields_by_type: dict[str, frozenset[int]] = {}
        self._trees: dict[str, Branch] = {}
        self._anywhere: frozenset[int] = frozenset()
        self._groups: Mapping[int, CustomGroup] = {}
        self.added: Mapping[str, Any] = {}
        """What `with_custom` added, as plain data: fields by tag, names of messages by MsgType, groups by count."""

    def message(self, name_or_type: str) -> str:
        """Give the MsgType (35) of a message by its name or MsgType. Raises `UnknownName`."""
        found = self.find_message(name_or_type)
        if found is None:
            raise UnknownName(self._unknown("message", name_or_type, self.message_names))
        return found

    def find_message(self, name_or_type: str) -> str | None:
        """Give the MsgType (35) of a message by its name or MsgType; None if there is none."""
        return name_or_type if name_or_type in self._messages else self._types_by_name.get(plain_name(name_or_type))

    def tag(self, name_or_number: str | int) -> int:
        """Give a field's number by its name or number; user-defined numbers pass. Raises `UnknownName`."""
        text = str(name_or_number)
        found = self.find_tag(text)
        if found is None:
            raise UnknownName(self._unknown("field", text, (field[0] for field in self._fields.values())))
        return found

    def find_tag(self, text: str) -> int | None:
        """Give a field's number by its name or number; None if there is none."""
        if _NUMBER.fullmatch(text):
            number = int(text)
            if text in self._fields or any(number in user_defined for user_defined in _USER_DEFINED):
                return number
        return self._tags_by_name.get(plain_name(text))

    def value(self, tag: int, name_or_value: str) -> bytes:
        """Give a value by its name, or as it stands on the wire. Fields without listed values take any of their type.

        The value is given in the plain form of its data type. Raises `UnknownName` for a value that the field cannot
        have, and for a name that stands for several.
        """
        values = self.values(tag)
        if not values:
            return self._unlisted(tag, name_or_value)
        found = self._listed(tag, name_or_value)
        if len(found) == 1:
            return found[0].encode()
        if found:
            several = ", ".join(f"`{value}`" for value in found)
            raise UnknownName(f"`{name_or_value}` stands for several values of `{self.tag_name(tag)}`: {several}")
        known = [*values.values(), *values]
        raise UnknownName(self._unknown(f"value of {self.tag_name(tag)}", name_or_value, known))

    def find_listed(self, tag: int, name_or_value: str) -> bytes | None:
        """Give a value that the field lists, as `value` does; None if it lists none such, or several."""
        found = self._listed(tag, name_or_value)
        return found[0].encode() if len(found) == 1 else None

    def _listed(self, tag: int, name_or_value: str) -> list[str]:
        """Give the values of a field that a word stands for."""
        values = self.values(tag)
        if name_or_value in values or (values and self._all_listed(tag, name_or_value)):
            return [name_or_value]
        plain = plain_name(name_or_value)
        return [value for value, name in values.items() if plain_name(name) == plain]

    def values(self, tag: int) -> Mapping[str, str]:
        """Give the listed values of a field, each with its name; empty where any value will do."""
        field = self._fields.get(str(tag), ())
        return field[2] if len(field) > 2 else {}

    def type(self, tag: int) -> str | None:
        """Give a field's data type, as `INT`; None for a number that the dictionary does not name."""
        field = self._fields.get(str(tag))
        return field[1] if field else None

    def data_type(self, tag: int) -> DataType:
        """Give how a field's values are compared.

        What FIX 4.0 and 4.1 call CHAR may be any text. Where 4.2 has one character, a flag or codes with blanks between
        for the same tag, it is that in the older versions too.
        """
        name = self.type(tag)
        if name == "CHAR" and self.version in _ALL_TEXT_IS_CHAR and tag not in self._anywhere:
            later = load("FIX.4.2").data_type(tag)
            codes = later in (data_types.CHARACTER, data_types.BOOLEAN, data_types.CHARACTERS)
            return later if codes else data_types.TEXT
        return data_types.of(tag, name)

    @property
    def msg_types(self) -> frozenset[str]:
        """Give the MsgType of every message that it has."""
        return frozenset(self._messages)

    @property
    def message_names(self) -> Iterator[str]:
        """Give the names of all messages."""
        return (message[0] for message in self._messages.values())

    def message_name(self, msg_type: str) -> str:
        """Give a message's name, or the type itself where it has none."""
        message = self._messages.get(msg_type)
        return message[0] if message else msg_type

    def tag_name(self, tag: int) -> str:
        """Give a field's name, or its number where it has none."""
        field = self._fields.get(str(tag))
        return field[0] if field else str(tag)

    def group(self, count_tag: int, msg_type: str | None = None) -> Group | None:
        """Give the group that a field counts, in one message or wherever it is found first; None if it counts none."""
        told = self._messages[msg_type][1] if msg_type is not None else []
        members = told or self._everything()
        found = [member for member in self._walk(members) if isinstance(member, list) and member[0] == count_tag]
        inner = list(self._numbers(found[0][1:])) if found else []
        nested = bool(told) and bool(found) and (len(found) > 1 or count_tag not in self._outermost(told))
        own = self._groups.get(count_tag)
        if own is not None and own.is_of(msg_type):
            return Group(count_tag, own.first, own.fields.union(inner, (own.first,)), nested)
        return Group(count_tag, inner[0], frozenset(inner), nested) if inner else None

    def tree(self, msg_type: str) -> Branch:
        """Give the body of a message as it is nested; without fields for a venue's own message, whose are not told."""
        if msg_type not in self._trees:
            found = self._branch(0, msg_type, self._messages[msg_type][1])
            known = self.fields_of(msg_type)
            own = tuple(
                Branch(tag, group.first, group.fields | {group.first}, ())
                for tag, group in self._groups.items()
                if tag not in known and group.is_of(msg_type)
            )
            self._trees[msg_type] = replace(found, groups=found.groups + own)
        return self._trees[msg_type]

    def with_custom(
        self,
        tags: Mapping[int, CustomField],
        messages: Mapping[str, str],
        groups: Mapping[int, CustomGroup] = MappingProxyType({}),
    ) -> Dictionary:
        """Give this dictionary with a venue's own fields, messages (MsgType → name), whose fields are not told, and
        groups (count field → group), whose fields may be of this dictionary or among the venue's own."""
        fields = {str(tag): [field.name, field.type, dict(field.values)] for tag, field in tags.items()}
        bodies = {msg_type: [name, []] for msg_type, name in messages.items()}
        table = {**self._table, "fields": {**self._fields, **fields}, "messages": {**self._messages, **bodies}}
        extended = Dictionary(self.version, table)
        extended._anywhere = self._anywhere | tags.keys()
        extended._groups = groups
        extended.serves = self.serves
        extended.added = {"fields": fields, "messages": dict(messages)}
        if groups:
            extended.added["groups"] = {
                tag: [group.first, sorted(group.fields), sorted(group.messages)] for tag, group in groups.items()
            }
        return extended

    def stands_anywhere(self, tag: int) -> bool:
        """Whether any message, and any group of it, can have this field: a user-defined one."""
        return tag in self._anywhere or self.type(tag) is None

    def has_field(self, msg_type: str, tag: int) -> bool:
        """Whether a message can have this body field; nobody knows those of a venue's own message."""
        if tag in self.envelope:
            return False
        untold = not self._messages[msg_type][1]
        return untold or self.stands_anywhere(tag) or tag in self.fields_of(msg_type)

    def fields_of(self, msg_type: str) -> frozenset[int]:
        """Give all body fields of a message, those of its groups too."""
        if msg_type not in self._fields_by_type:
            self._fields_by_type[msg_type] = frozenset(self._numbers(self._messages[msg_type][1]))
        return self._fields_by_type[msg_type]

    @cached_property
    def envelope(self) -> frozenset[int]:
        """The fields of the header and the trailer."""
        return frozenset(self._numbers([*self._table["header"], *self._table["trailer"]]))

    @cached_property
    def _types_by_name(self) -> Mapping[str, str]:
        return {plain_name(message[0]): msg_type for msg_type, message in self._messages.items()}

    @cached_property
    def _tags_by_name(self) -> Mapping[str, int]:
        return {plain_name(field[0]): int(number) for number, field in self._fields.items()}

    def _unlisted(self, tag: int, value: str) -> bytes:
        """Take a value of a field that lists none, if it is a value of the field's type."""
        type_ = self.data_type(tag)
        items = type_.read(value.encode())
        if items is None:
            typed = f"`{self.tag_name(tag)}`, which is of type {self.type(tag)} and has no named values"
            raise UnknownName(f"`{value}` is no value of {typed}; write {type_.words}")
        return b" ".join(items)

    def _all_listed(self, tag: int, value: str) -> bool:
        """Whether a field that holds several values at once (`1 G`) lists each of these."""
        return self.data_type(tag).several and all(part in self.values(tag) for part in value.split(" "))

    def _everything(self) -> list[Any]:
        return [member for _, members in self._messages.values() for member in members]

    def _walk(self, members: Iterable[Any]) -> Iterator[int | list[Any]]:
        """Give the numbers and groups in order, components taken apart, groups followed by what is in them."""
        for member in members:
            if isinstance(member, str):
                yield from self._walk(self._table["components"][member])
            else:
                yield member
                if isinstance(member, list):
                    yield from self._walk(member[1:])

    def _flat(self, members: Iterable[Any]) -> Iterator[int | list[Any]]:
        """Give the numbers and groups in order, components taken apart."""
        for member in members:
            if isinstance(member, str):
                yield from self._flat(self._table["components"][member])
            else:
                yield member

    def _branch(self, count_tag: int, msg_type: str, members: Iterable[Any]) -> Branch:
        found = list(self._flat(members))
        groups = tuple(self._branch(inner[0], msg_type, inner[1:]) for inner in found if isinstance(inner, list))
        fields = frozenset(member for member in found if not isinstance(member, list))
        own = self._groups.get(count_tag)
        if own is not None and own.is_of(msg_type):
            return Branch(count_tag, own.first, fields | own.fields | {own.first}, groups)
        return Branch(count_tag, next(self._numbers(found)) if count_tag else 0, fields, groups)

    def _outermost(self, members: Iterable[Any]) -> Iterator[int]:
        """Give the numbers that stand in no group, count fields among them."""
        for member in members:
            if isinstance(member, str):
                yield from self._outermost(self._table["components"][member])
            else:
                yield member[0] if isinstance(member, list) else member

    def _numbers(self, members: Iterable[Any]) -> Iterator[int]:
        return (member[0] if isinstance(member, list) else member for member in self._walk(members))

    def _unknown(self, kind: str, name: str, known: Iterable[str]) -> str:
        return f"{self.version} has no {kind} `{name}`{did_you_mean(name, known)}"


@cache
def load(version: str) -> Dictionary:
    """Give the dictionary of a version (`FIX.4.4`, `FIX.5.0SP2`), read once. Raises `UnknownName`."""
    if version not in VERSIONS:
        raise UnknownName(f"there is no dictionary for `{version}`{did_you_mean(version, VERSIONS)}")
    return Dictionary(version, table_of(version))


@cache
def table_of(version: str) -> Mapping[str, Any]:
    """Give the whole table of a version (`build_tables` says what is in it), to be left as it is."""
    table = _read(version)
    newest = _read(table["shared"])["fields"] if "shared" in table else {}
    fields = {number: field or newest[number] for number, field in table["fields"].items()}
    return table | {"fields": fields}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Give `; did you mean …?` with the nearest known name, or nothing where none is near."""
    by_plain = {plain_name(candidate): candidate for candidate in known}
    near = difflib.get_close_matches(plain_name(name), by_plain, n=1)
    return f"; did you mean `{by_plain[near[0]]}`?" if near else ""


@cache
def _read(version: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath("tables", f"{version}.json").read_text(encoding="ascii")
    table: dict[str, Any] = json.loads(text)
    return table


def plain_name(name: str) -> str:
    """Give a name without regard to case and separators."""
    return "".join(char for char in name.lower() if char.isalnum())
