"""`authzsvc mapping migrate`: rewrite a mapping for the newest version of the language, comments kept.

Exit code 0: done, or nothing to do; 1: with `--check`, there is something to do; 2: faults.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from authzsvc.cli.output import say
from authzsvc.errors import ToolError
from authzsvc.workflow import migrate
from authzsvc.workflow.migrate import Rewritten


def command(
    path: Annotated[Path, typer.Argument(help="The mapping's top file.")],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing, and exit with 1 if files would change.")
    ] = False,
) -> None:
    """Rewrite a mapping for the newest version of the language; it decides what it decided before."""
    changed = migrate.migrate(path)
    for one in changed:
        for note in one.notes:
            say(f"{one.path}:{note.line}: {note.text}")
    if not changed:
        say(f"{path}: is of version {migrate.NEWEST} already")
    elif check:
        raise typer.Exit(1)
    for one in changed:
        _write(one)


def _write(one: Rewritten) -> None:
    """Put a file's new text in its place at once, so that a running service never reads half of it."""
    place = one.path.resolve()
    beside = place.with_name(f".{place.name}.new")
    try:
        mode = place.stat().st_mode & 0o7777
        beside.write_bytes(one.raw)
        beside.chmod(mode)
        os.replace(beside, place)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ToolError(f"`{one.path}` cannot be written: {(error.strerror or 'error').lower()}") from None
