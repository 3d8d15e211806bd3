"""Runs a bench as a command."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from authzsvc.errors import AuthzError


def run_command(main: Callable[..., None]) -> None:
    """Run `main` with the options of the command line. Where it raises `AuthzError`, print that and exit with 2."""
    try:
        typer.run(main)
    except AuthzError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
