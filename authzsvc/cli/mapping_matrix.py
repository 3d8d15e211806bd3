"""`authzsvc mapping matrix`: which scope grants which message, and which role who can do what."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from authzsvc.cli.output import console
from authzsvc.errors import ToolError
from authzsvc.policy.compiler import compile_mapping
from authzsvc.workflow import matrix, tables
from authzsvc.workflow.matrix import By
from authzsvc.workflow.tables import Format


def command(
    path: Annotated[Path, typer.Argument(help="The mapping.")],
    by: Annotated[By, typer.Option(help="A row for each grant of a scope, of a role, or for each role.")] = By.SCOPE,
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option(help="Write to this file.", show_default=False)] = None,
) -> None:
    """Show the scope-to-message matrix, or by role who can do what."""
    table = matrix.table(compile_mapping(path), by)
    if output is not None:
        _write(output, tables.write(table, form))
    elif form is Format.TABLE:
        tables.show(table, console())
    else:
        sys.stdout.write(tables.write(table, form))


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        problem = (error.strerror or "error").lower()
        raise ToolError(f"`{output}` cannot be written: {problem} (name another file with `--output`)") from None
