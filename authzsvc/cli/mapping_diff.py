"""`authzsvc mapping diff`: what changes in meaning from one mapping to another.

Exit code 0: nothing, 1: something, 2: one of them cannot be read.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from authzsvc.cli import output
from authzsvc.cli.output import say, say_json
from authzsvc.errors import Fault, MappingFaults
from authzsvc.policy.engine import Policy
from authzsvc.workflow import diff, revisions
from authzsvc.workflow.diff import Change


class Format(StrEnum):
    """How a difference is written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


_PLACE = "a file, or `git:REV:PATH`"
_STYLES = {"+": "green", "-": "red", "~": "yellow"}


def command(
    old: Annotated[str, typer.Argument(help=f"The mapping as it was: {_PLACE}.")],
    new: Annotated[str, typer.Argument(help=f"The mapping as it is to be: {_PLACE}.")],
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.TEXT,
) -> None:
    """Say who gains and who loses which messages. Exit code 0: no change in meaning, 1: changes, 2: faults."""
    before, after = _both(old, new)
    changes = diff.compare(before, after)
    if form is Format.JSON:
        say_json(diff.as_document(before, after, changes))
    elif form is Format.MARKDOWN:
        say("\n".join(_markdown(before, after, changes)))
    else:
        _show(before, after, changes)
    raise typer.Exit(1 if changes else 0)


def _both(old: str, new: str) -> tuple[Policy, Policy]:
    """Compile both, or tell the faults of both."""
    compiled: list[Policy] = []
    faults: list[Fault] = []
    for where in (old, new):
        try:
            compiled.append(revisions.compile_at(where))
        except MappingFaults as error:
            faults.extend(error.faults)
    if faults:
        raise MappingFaults(faults)
    before, after = compiled
    return before, after


def _heading(before: Policy, after: Policy, changes: tuple[Change, ...]) -> str:
    what = f"{len(changes)} change{'' if len(changes) == 1 else 's'} in meaning" if changes else "no change in meaning"
    return f"{after.name}: {what} ({before.digest[:16]} → {after.digest[:16]})"


def _markdown(before: Policy, after: Policy, changes: tuple[Change, ...]) -> list[str]:
    return [f"## {_heading(before, after, changes)}", *diff.as_lines(changes, markdown=True)]


def _show(before: Policy, after: Policy, changes: tuple[Change, ...]) -> None:
    console = output.console(markup=False, emoji=False, soft_wrap=True)
    console.print(Text(_heading(before, after, changes), "bold"))
    for line in diff.as_lines(changes):
        console.print(Text(line, _STYLES.get(line.strip()[:1], "")))
