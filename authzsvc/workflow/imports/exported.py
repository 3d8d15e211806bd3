"""Scopes and roles of an authorization server, whichever it is, and the draft that is guessed from their names.

An export says nothing of FIX. What a scope grants is guessed from its name (`vocabulary`); a scope whose name tells
nothing is left out of the draft and named in its notes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from authzsvc import files
from authzsvc.errors import ToolError
from authzsvc.fix.dictionary import Dictionary, load
from authzsvc.fix.direction import Direction
from authzsvc.workflow.imports.draft import Draft, DraftRole, DraftScope
from authzsvc.workflow.imports.learn import IDENTITY_CLAIM
from authzsvc.workflow.imports.names import is_role, is_scope
from authzsvc.workflow.imports.vocabulary import Guess, guess

MAX_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class ServerRole:
    """A role or group of the server."""

    description: str
    scopes: tuple[str, ...]
    roles: tuple[str, ...] = ()
    """Roles that it includes."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What a server's export has."""

    scopes: Mapping[str, str]
    """Name → description."""
    roles: Mapping[str, ServerRole]
    role_claim: str
    """The claim under which the server's tokens name roles."""
    notes: tuple[str, ...] = ()


def read_json(path: Path) -> Any:  # noqa: ANN401 (what JSON holds)
    """Reads a JSON file. Raises `ToolError`."""
    try:
        return json.loads(files.read(path, MAX_BYTES))
    except OSError as error:
        raise ToolError(f"`{path}` cannot be read: {files.problem(error)}") from None
    except (ValueError, RecursionError):
        raise ToolError(f"`{path}` is no JSON (export it anew)") from None


def entries(data: object, *keys: str) -> Iterator[Mapping[str, Any]]:
    """Gives the objects of the list at a path of keys; nothing where there is no list."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    if isinstance(data, list):
        yield from (one for one in data if isinstance(one, dict))


def text_of(data: Mapping[str, Any], *keys: str) -> str:
    """Returns the first of these keys that has a text; empty where none has."""
    return next((data[key] for key in keys if isinstance(data.get(key), str) and data[key]), "")


def draft(found: Exported, name: str, fix: str, made: str) -> Draft:
    """Returns the draft for an export. Raises `ToolError` if no scope's name tells what it is for."""
    dictionary = load(fix)
    guesses = {scope: guess(dictionary, scope) for scope in found.scopes if is_scope(scope)}
    scopes = tuple(
        _scope(scope, found.scopes[scope], guessed) for scope, guessed in sorted(guesses.items()) if guessed is not None
    )
    if not scopes:
        raise ToolError("no scope's name tells what it is for (rename them as `order:create`, or write the mapping)")
    known = {scope.name for scope in scopes}
    roles = _roles(found.roles, known)
    left = sorted(found.scopes.keys() - known)
    return Draft(
        name=name,
        fix=fix,
        made=made,
        scopes=scopes,
        roles=tuple(roles.values()),
        identity={"SenderCompID": IDENTITY_CLAIM},
        role_claim=found.role_claim,
        notes=tuple(_notes(found, left, roles, scopes, dictionary)),
    )


def _scope(name: str, description: str, guessed: Guess) -> DraftScope:
    comments = ["Guessed from its name."]
    if guessed.unread:
        words = ", ".join(f"`{word}`" for word in guessed.unread)
        comments.append(f"Not understood: {words}. The scope may be meant narrower than this.")
    return DraftScope(name, guessed.grants, description, tuple(comments))


def _roles(found: Mapping[str, ServerRole], scopes: set[str]) -> dict[str, DraftRole]:
    """Returns the roles that include, by themselves or by other roles, a scope that was imported."""
    useful = {name for name, role in found.items() if is_role(name) and scopes.intersection(role.scopes)}
    growing = True
    while growing:
        more = {name for name, role in found.items() if is_role(name) and useful.intersection(role.roles)}
        growing = not more <= useful
        useful |= more
    return {
        name: DraftRole(
            name,
            tuple(sorted(scopes.intersection(role.scopes))),
            tuple(sorted(inner for inner in set(role.roles) & useful if not _reaches(found, inner, name))),
            role.description,
        )
        for name, role in sorted(found.items())
        if name in useful
    }


def _reaches(found: Mapping[str, ServerRole], start: str, goal: str) -> bool:
    """Whether a role includes another, by whatever way: mappings take no cycles."""
    seen, ahead = {start}, [start]
    while ahead:
        role = ahead.pop()
        if role == goal:
            return True
        inner = found[role].roles if role in found else ()
        ahead += [one for one in inner if one not in seen]
        seen.update(inner)
    return False


def _notes(
    found: Exported,
    left: Iterable[str],
    roles: Mapping[str, DraftRole],
    scopes: Iterable[DraftScope],
    dictionary: Dictionary,
) -> Iterator[str]:
    yield "Guessed: what each scope grants, from its name, and that the claim `fix_comp_id` names the client's CompID."
    yield from found.notes
    left = list(left)
    if left:
        yield f"Scopes whose names tell nothing, or that a mapping cannot name, left out: {', '.join(left)}."
    empty = sorted(found.roles.keys() - roles.keys())
    if empty:
        yield f"Roles without a scope that is known here, left out: {', '.join(empty)}."
    guarded = sorted(
        {
            dictionary.message_name(grant.msg_type)
            for scope in scopes
            for grant in scope.grants
            if grant.direction is Direction.OUTBOUND
        }
    )
    if guarded:
        yield f"Outbound, only these need a scope, and all other types pass (`outbound: open`): {', '.join(guarded)}."
