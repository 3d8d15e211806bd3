"""`authzsvc mapping import`: a starting mapping, with its suite, from what a desk has.

Exit code 0: the result lints, its tests pass and it replays clean; 1: not so; 2: the input or an option cannot be read;
3: no message of a client was read, or fewer than could not be read.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from authzsvc.cli import day
from authzsvc.cli.output import JsonOption, say, say_json
from authzsvc.errors import ToolError, UnknownName
from authzsvc.fix.dictionary import load
from authzsvc.policy.source import one_line
from authzsvc.workflow import lint, parties, recorded
from authzsvc.workflow.imports import exported, finish, keycloak, learn, okta, table
from authzsvc.workflow.imports.draft import Draft, extended
from authzsvc.workflow.imports.finish import Result
from authzsvc.workflow.imports.generalise import FEW
from authzsvc.workflow.imports.learn import Learner
from authzsvc.workflow.inventory import Inventory

DEFAULT_FIX = "FIX.4.4"

app = typer.Typer(help="Make a starting mapping and its tests from what a desk has.", no_args_is_help=True)

OutOption = Annotated[Path, typer.Option("--out", help="The mapping's file; the suite is written beside it.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")]
FixOption = Annotated[str | None, typer.Option(help="The FIX version, as FIX.4.4.", show_default=False)]


@app.command("learn")
def from_days(
    logs: Annotated[list[Path], typer.Argument(help="Recorded messages, as engines log them; `.gz` too.")],
    out: OutOption,
    client: Annotated[
        list[str] | None,
        typer.Option(help="The CompID of a client; may be repeated [told by what it sends].", show_default=False),
    ] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(
            help="TAG=CLAIM: hold the tag against this claim of the token, instead of a list; may be repeated.",
            show_default=False,
        ),
    ] = None,
    few: Annotated[int, typer.Option(min=1, max=200, help="The most values of a text tag that are a list.")] = FEW,
    fix: FixOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Learn the tightest scopes that recorded days needed, and a role for each client."""
    if any(str(log) == recorded.STANDARD_INPUT for log in logs):
        raise ToolError("standard input can be read once, and learning reads its logs three times: name files")
    counted = Inventory()
    counted.run(day.messages(logs))
    version = fix or counted.fix
    dictionary = extended(_known(version), (heading.msg_type for heading in counted.kinds))
    clients = frozenset(client or ()) or parties.find(counted.counts, dictionary).clients
    learner = Learner(dictionary, clients, dict(_claim(text, version) for text in claim or ()), few)
    learner.run(day.messages(logs))
    if not learner.messages or learner.unreadable > learner.messages:
        raise day.ending(learner.messages, learner.unreadable, found=False)
    made = f"Learnt by `authzsvc mapping import learn` from {', '.join(log.name for log in logs)}."
    draft = learn.draft(learner, out.stem, version, one_line(made))
    _end(draft, finish.finish(draft, out, force=force, log=lambda: day.messages(logs)), as_json=as_json)


@app.command("table")
def from_table(
    path: Annotated[Path, typer.Argument(help="CSV: a row for each message that a role may send or receive.")],
    out: OutOption,
    fix: FixOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make scopes and roles of a venue's key permissions or an entitlement table."""
    version = _known(fix or DEFAULT_FIX)
    made = f"Made by `authzsvc mapping import table` from {path.name}."
    draft = table.draft(table.read(path, version), out.stem, version, one_line(made))
    _end(draft, finish.finish(draft, out, force=force), as_json=as_json)


class Server(StrEnum):
    """Authorization servers whose exports can be read."""

    KEYCLOAK = "keycloak"
    OKTA = "okta"


@app.command("keycloak")
def from_keycloak(
    path: Annotated[Path, typer.Argument(help="The export of a realm, JSON.")],
    out: OutOption,
    fix: FixOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Guess a mapping from a Keycloak realm's client scopes, roles and composites."""
    _from_server(path, Server.KEYCLOAK, out, fix, force=force, as_json=as_json)


@app.command("okta")
def from_okta(
    path: Annotated[Path, typer.Argument(help="Scopes, groups and policies of an authorization server, JSON.")],
    out: OutOption,
    fix: FixOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Guess a mapping from an Okta authorization server's scopes, groups and rules."""
    _from_server(path, Server.OKTA, out, fix, force=force, as_json=as_json)


def _from_server(path: Path, server: Server, out: Path, fix: str | None, *, force: bool, as_json: bool) -> None:
    version = _known(fix or DEFAULT_FIX)
    found = keycloak.read(path) if server is Server.KEYCLOAK else okta.read(path)
    made = f"Made by `authzsvc mapping import {server}` from {path.name}."
    draft = exported.draft(found, out.stem, version, one_line(made))
    _end(draft, finish.finish(draft, out, force=force), as_json=as_json)


def _known(fix: str) -> str:
    try:
        return load(fix).version
    except UnknownName as error:
        raise ToolError(str(error)) from None


def _claim(text: str, fix: str) -> tuple[int, str]:
    tag, equals, claim = text.partition("=")
    if not equals or not claim:
        raise ToolError(f"`--claim {one_line(text)}` is no `TAG=CLAIM`, as `Account=accounts`")
    try:
        return load(fix).tag(tag), claim
    except UnknownName as error:
        raise ToolError(str(error)) from None


def _end(draft: Draft, result: Result, *, as_json: bool) -> None:
    if as_json:
        say_json(_document(draft, result))
    else:
        _show(draft, result)
    raise typer.Exit(0 if result.clean else 1)


def _show(draft: Draft, result: Result) -> None:
    say("wrote", ", ".join(str(path) for path in result.written))
    for note in draft.notes:
        say(f"note    {note}")
    say(f"scopes  {len(draft.scopes)}, roles {len(draft.roles)}, forbids {len(draft.forbids)}")
    for finding in result.findings:
        say(f"lint    {finding.severity} {finding.fault}")
    coverage = int(result.coverage * 10) / 10  # rounded down: 99.96 is not yet 100
    say(f"tests   {result.tests - result.failed} of {result.tests} pass, coverage {coverage:.1f} %")
    report = result.replayed
    if report is not None:
        say(f"replay  {report.messages} messages decided, {report.differing} denied")
        for change, seen in list(report.changes.items())[:20]:
            row = change.row
            say(f"  {seen.count} of {row.comp_id} {row.direction} {row.msg_type}: line {seen.line}: {seen.reason}")


def _document(draft: Draft, result: Result) -> dict[str, object]:
    report = result.replayed
    return {
        "written": [str(path) for path in result.written],
        "notes": list(draft.notes),
        "scopes": {scope.name: list(scope.comments) for scope in draft.scopes},
        "roles": {role.name: list(role.scopes) for role in draft.roles},
        "lint": [lint.as_document(finding) for finding in result.findings],
        "tests": {"count": result.tests, "failed": result.failed, "coverage": result.coverage},
        "replay": None if report is None else {"messages": report.messages, "denied": report.differing},
        "clean": result.clean,
    }
