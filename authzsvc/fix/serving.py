"""One dictionary for several FIX versions: the names of one, with what the others have besides.

A message has the fields that it has in any of the versions, and a field the values that it has in any. Where versions
differ, the one that gives the names wins: its types, its group delimiters, its names for values. A field of another
version whose name it uses for another number goes by its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from authzsvc.fix.dictionary import VERSIONS, Dictionary, load, plain_name, table_of

Table = Mapping[str, Any]
Members = list[Any]


@cache
def serving(names: str, versions: tuple[str, ...]) -> Dictionary:
    """Give the dictionary of one version that serves others too, in any order. Raises `UnknownName`."""
    known = load(names)
    whole = table_of(names)
    for version in sorted({*versions} - {names}, key=VERSIONS.index, reverse=True):
        whole = _joined(whole, table_of(version))
    found = Dictionary(known.version, whole)
    found.serves = tuple(version for version in VERSIONS if version in {names, *versions})
    return found


def _joined(base: Table, other: Table) -> Table:
    messages = {kind: [name, list(_flat(other, members))] for kind, (name, members) in other["messages"].items()}
    for kind, (name, members) in base["messages"].items():
        more = messages[kind][1] if kind in messages else []
        messages[kind] = [name, _merged(base, members, more)]
    envelope = {part: _merged(base, base[part], list(_flat(other, other[part]))) for part in ("header", "trailer")}
    return {**base, **envelope, "fields": _fields(base["fields"], other["fields"]), "messages": messages}


def _fields(base: dict[str, list[Any]], other: dict[str, list[Any]]) -> dict[str, list[Any]]:
    found = dict(base)
    taken = {plain_name(field[0]) for field in base.values()}
    for number, (name, type_, *listed) in other.items():
        if number not in base:
            found[number] = [number if plain_name(name) in taken else name, type_, *listed]
        elif listed and len(base[number]) > 2:
            found[number] = [*base[number][:2], {**listed[0], **base[number][2]}]
    return found


def _flat(table: Table, members: Iterable[Any]) -> Iterator[Any]:
    """Give members without components, in groups too."""
    for member in members:
        if isinstance(member, str):
            yield from _flat(table, table["components"][member])
        else:
            yield [member[0], *_flat(table, member[1:])] if isinstance(member, list) else member


def _merged(table: Table, members: Members, more: Members) -> Members:
    """Give members of a message or a group, and behind them those of another version that they lack."""
    if not members or not more:
        return members or more
    found = list(_flat(table, members))
    groups = {member[0]: index for index, member in enumerate(found) if isinstance(member, list)}
    known = {member for member in found if not isinstance(member, list)} | groups.keys()
    for member in more:
        count = member[0] if isinstance(member, list) else member
        if isinstance(member, list) and count in groups:
            own = found[groups[count]]
            found[groups[count]] = [count, *_merged(table, own[1:], member[1:])]
        elif count not in known:
            found.append(member)
    return found
