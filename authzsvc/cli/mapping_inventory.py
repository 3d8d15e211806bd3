"""`authzsvc mapping inventory`: which message types recorded days hold, and which of them a mapping does not cover.

Exit code 0: all is covered, or no mapping was named; 1: some messages are not; 2: a mapping, a log or an option cannot
be read; 3: no message of a client was read, or fewer than could not be read.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from authzsvc.cli import day, output
from authzsvc.cli.check import claims_of
from authzsvc.cli.output import JsonOption, say, say_json
from authzsvc.errors import ToolError, UnknownName
from authzsvc.fix.dictionary import Dictionary, load
from authzsvc.policy.engine import Policy
from authzsvc.policy.source import one_line
from authzsvc.workflow import inventory, parties, recorded, revisions, sessions, tables, typed
from authzsvc.workflow.inventory import GAPS, Entry, Inventory
from authzsvc.workflow.replay import Replay
from authzsvc.workflow.sessions import Held
from authzsvc.workflow.tables import Format


def command(
    logs: Annotated[list[Path], typer.Argument(help=day.LOG_HELP)],
    mapping: Annotated[
        str | None,
        typer.Option(help="The mapping to hold them against, a file or `git:REV:PATH`.", show_default=False),
    ] = None,
    client: Annotated[
        list[str] | None,
        typer.Option(help="The CompID of a client; may be repeated [told by what it sends].", show_default=False),
    ] = None,
    scopes: Annotated[str, typer.Option(help="What each client's token holds, separated by spaces [all].")] = "",
    roles: Annotated[str, typer.Option(help='Roles of it, separated by spaces; `"` around one with a space.')] = "",
    claims: Annotated[str, typer.Option(help="Claims of it, a JSON object.")] = "{}",
    comp_id_map: Annotated[
        Path | None, typer.Option(help="YAML: CompID → scopes, roles, claims.", show_default=False)
    ] = None,
    fix: Annotated[
        str | None, typer.Option(help="Whose names are shown, as FIX.4.4 [the mapping's, or the log's].")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How the table is written.")] = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """List the message types of recorded days. Exit code 0: all covered, 1: not so, 2: faults, 3: nothing read."""
    policy = None if mapping is None else revisions.compile_at(mapping)
    known = sessions.read(comp_id_map) if comp_id_map else {}
    named = frozenset(known).union(client or ())
    if policy is not None and not named and any(str(log) == recorded.STANDARD_INPUT for log in logs):
        raise ToolError("standard input can be read once: name the clients by `--client` or `--comp-id-map`")
    default = sessions.held(typed.words(scopes), typed.words(roles), claims_of(claims))
    counted = Inventory()
    if policy is not None and named:
        everyone = _everyone(policy, known, default, named)
        report = everyone.run(counted.passing(day.messages(logs)))
    else:
        counted.run(day.messages(logs))
    dictionary = _dictionary(fix or (policy.fix if policy is not None else counted.fix), policy)
    guess = parties.find(counted.counts, dictionary)
    clients = named or guess.clients
    if policy is not None and not named:
        report = _everyone(policy, known, default, clients).run(day.messages(logs))
    found, foreign = inventory.entries(counted, clients, dictionary)
    if policy is not None:
        found = list(inventory.covered(found, policy, report))
    if as_json:
        say_json(_document(counted, found, clients, foreign, dictionary, guessed=not named))
    else:
        _show(counted, found, clients, foreign, dictionary, form, guessed=not named)
    messages = sum(entry.count for entry in found)
    gaps = any(entry.cover in GAPS for entry in found)
    raise day.ending(messages, counted.unreadable, found=gaps)


def _everyone(policy: Policy, known: dict[str, Held], default: Held, clients: frozenset[str]) -> Replay:
    """Returns a replay for these clients. A client of which nothing is said holds every scope of the mapping."""
    held = default if default.scopes else Held(policy.scopes, default.claims)
    return Replay(policy, None, known, held, clients)


def _dictionary(fix: str, policy: Policy | None) -> Dictionary:
    if policy is not None and fix == policy.fix:
        return policy.dictionary
    try:
        return load(fix)
    except UnknownName as error:
        raise ToolError(str(error)) from None


def _show(
    counted: Inventory,
    found: list[Entry],
    clients: frozenset[str],
    foreign: int,
    dictionary: Dictionary,
    form: Format,
    *,
    guessed: bool,
) -> None:
    told = "told by what they send" if guessed else "as named"
    title = f"{sum(entry.count for entry in found)} messages of {len(clients)} clients"
    note = f"clients, {told}: {', '.join(sorted(clients)) or 'none'}; names of {dictionary.version}; `?`: not in all"
    table = inventory.table(found, dictionary, one_line(title), one_line(note))
    if form is Format.TABLE:
        tables.show(table, output.console())
    else:
        sys.stdout.write(tables.write(table, form))
        return
    for entry in found:
        if entry.cover in GAPS:
            row = entry.row
            why = f": {entry.reason}" if entry.reason else ""
            say(f"{entry.cover}: {row.comp_id} {row.direction} {entry.label} ({row.msg_type}){why}")
    if counted.unreadable:
        say(f"{counted.unreadable} lines or messages unreadable, the first in line {counted.unreadable_line}")
    if foreign:
        say(f"{foreign} messages of sessions of no client")


def _document(
    counted: Inventory,
    found: list[Entry],
    clients: frozenset[str],
    foreign: int,
    dictionary: Dictionary,
    *,
    guessed: bool,
) -> dict[str, object]:
    return {
        "fix": dictionary.version,
        "clients": sorted(clients),
        "guessed": guessed,
        "messages": sum(entry.count for entry in found),
        "foreign": foreign,
        "unreadable": counted.unreadable,
        "unreadable_line": counted.unreadable_line or None,
        "entries": inventory.as_document(found, dictionary),
    }
