"""`authzsvc mapping replay`: a recorded day of FIX messages, decided under a mapping to be, and the one in force.

Exit code 0: no verdict differs; 1: some do; 2: a mapping, the log or an option cannot be read; 3: no message was
decided, or fewer than could not be read.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from authzsvc.cli import day, output
from authzsvc.cli.check import claims_of
from authzsvc.cli.output import say_json
from authzsvc.errors import ToolError
from authzsvc.policy.source import one_line
from authzsvc.workflow import recorded, replayed, revisions, sessions, typed
from authzsvc.workflow.replay import Replay
from authzsvc.workflow.replayed import Outcome, Report

_PLACE = "a file, or `git:REV:PATH`"


class Format(StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"


def command(
    log: Annotated[
        Path, typer.Argument(help="Recorded messages, as engines log them; `.gz` too. `-` reads standard input.")
    ],
    mapping: Annotated[str, typer.Option(help=f"The mapping to try: {_PLACE}.")],
    baseline: Annotated[
        str | None, typer.Option(help=f"The mapping to compare with, {_PLACE} [all had passed].", show_default=False)
    ] = None,
    client: Annotated[list[str] | None, typer.Option(help="The CompID of a client; may be repeated.")] = None,
    scopes: Annotated[str, typer.Option(help="What each client's token holds, separated by spaces.")] = "",
    roles: Annotated[str, typer.Option(help='Roles of it, separated by spaces; `"` around one with a space.')] = "",
    claims: Annotated[str, typer.Option(help="Claims of it, a JSON object.")] = "{}",
    comp_id_map: Annotated[
        Path | None, typer.Option(help="YAML: CompID → scopes, roles, claims.", show_default=False)
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How the report is written.")] = Format.TEXT,
) -> None:
    """Say what a mapping would have done to a recorded day.

    Exit code 0: no verdict differs, 1: some do, 2: faults, 3: nothing decided.
    """
    candidate = revisions.compile_at(mapping)
    current = None if baseline is None else revisions.compile_at(baseline)
    known = sessions.read(comp_id_map) if comp_id_map else {}
    if not known and not client:
        raise ToolError("which messages come from clients? (name their CompIDs by `--client` or `--comp-id-map`)")
    default = sessions.held(typed.words(scopes), typed.words(roles), claims_of(claims))
    run = Replay(candidate, current, known, default, frozenset(client or ()))
    with recorded.opened(log) as (messages, file):
        report = run.run(day.with_progress(recorded.messages(messages), file, day.size(log)))
    if form is Format.JSON:
        say_json(replayed.as_document(report))
    else:
        _show(report, "recorded" if current is None else "baseline")
    raise day.ending(report.messages, report.unreadable, found=bool(report.differing))


def _show(report: Report, other: str) -> None:
    console = output.console(markup=False, emoji=False, soft_wrap=True)
    console.print(_counts(report, other))
    for change, seen in replayed.ordered(report):
        row = change.row
        what = f"{seen.count} of {row.comp_id} {row.direction} {row.msg_type}: {change.before} → {change.after}"
        style = "red" if change.after is Outcome.DENY else "yellow"
        console.print(Text(one_line(what), style), Text(f"(line {seen.line}: {seen.reason})"))
    if report.unlisted:
        console.print(f"… and {report.unlisted} messages that differ in other ways")
    console.print(f"{report.messages} messages decided, {report.differing} differ")
    if report.unreadable:
        console.print(f"{report.unreadable} lines or messages unreadable, the first in line {report.unreadable_line}")
    if report.foreign:
        console.print(f"{report.foreign} messages of sessions of no named client, not decided")


def _counts(report: Report, other: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("client", "direction", "type"):
        table.add_column(name)
    for name in (other, "mapping"):
        for outcome in Outcome:
            table.add_column(f"{name}\n{outcome}", justify="right")
    for row in replayed.rows(report):
        numbers = [replayed.sums(report.counts[row], which)[outcome] for which in (0, 1) for outcome in Outcome]
        table.add_row(Text(one_line(row.comp_id)), row.direction, row.msg_type, *(str(number) for number in numbers))
    return table
