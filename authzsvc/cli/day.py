"""What commands that read recorded days have in common: progress on the terminal, and an exit code for nothing read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from authzsvc.cli import output
from authzsvc.cli.output import say
from authzsvc.workflow import recorded
from authzsvc.workflow.recorded import Found

LOG_HELP = "Recorded messages, as engines log them; `.gz` too. `-` reads standard input."

_EVERY = 20_000
"""Messages between two steps of the progress bar."""


def messages(logs: Iterable[Path]) -> Iterator[Found]:
    """Gives the messages of logs, one log after the other, with progress. Raises `ToolError`."""
    for log in logs:
        with recorded.opened(log) as (found, file):
            yield from with_progress(recorded.messages(found), file, size(log))


def size(log: Path) -> int | None:
    """Returns the size of a log, or `None` for standard input."""
    return None if str(log) == recorded.STANDARD_INPUT else log.stat().st_size


def with_progress(found: Iterator[Found], file: BinaryIO, size: int | None) -> Iterator[Found]:
    """Shows on standard error how far the log has been read, where that is a terminal."""
    console = output.console(stderr=True)
    columns = TextColumn("reading"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=size)
        for count, one in enumerate(found):
            if size is not None and count % _EVERY == 0:
                progress.update(task, completed=file.tell())
            yield one


def ending(messages: int, unreadable: int, *, found: bool) -> typer.Exit:
    """Returns the command's exit: code 3 if no message was looked at, or fewer than could not be read, and why on
    standard error; else 1 if there are findings, or 0.

    A pipeline whose log has another form than before, or whose client is misspelt, must not pass because nothing was
    looked at.
    """
    if not messages:
        say("no message of a client was read (is the log what it should be, and are the clients' CompIDs?)", err=True)
        return typer.Exit(3)
    if unreadable > messages:
        say(f"{unreadable} lines or messages could not be read, more than the {messages} that were", err=True)
        return typer.Exit(3)
    return typer.Exit(1 if found else 0)
