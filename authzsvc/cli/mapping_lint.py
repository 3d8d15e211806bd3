"""`authzsvc mapping lint`: every fault of a mapping and of its suites, and what looks like a mistake.

Exit code 0: no faults (warnings are printed), 1: with `--strict`, a warning of a kind that `--allow` does not name,
2: faults.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from authzsvc.cli import output
from authzsvc.cli.output import say_json
from authzsvc.policy.warnings import Kind
from authzsvc.workflow import lint
from authzsvc.workflow.lint import Finding, Severity


class Format(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"


_STYLES = {Severity.FAULT: "bold red", Severity.WARNING: "yellow"}


def command(
    paths: Annotated[list[Path], typer.Argument(help="Mappings, or directories of them.")],
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    allow: Annotated[
        list[Kind] | None,
        typer.Option(help="A kind of warning that does not fail; may be repeated.", show_default=False),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How findings are written.")] = Format.TEXT,
) -> None:
    """Tell every fault and warning at once. Exit code 0: clean, 1: warnings with --strict, 2: faults."""
    findings = lint.lint(paths)
    if form is Format.JSON:
        say_json([lint.as_document(finding) for finding in findings])
    else:
        _show(findings)
    raise typer.Exit(_exit_code(findings, strict=strict, allowed=frozenset(allow or ())))


def _exit_code(findings: list[Finding], *, strict: bool, allowed: frozenset[Kind]) -> int:
    severities = {finding.severity for finding in findings if finding.kind not in allowed}
    if Severity.FAULT in severities:
        return 2
    return 1 if strict and severities else 0


def _show(findings: list[Finding]) -> None:
    console = output.console(markup=False, emoji=False, soft_wrap=True)
    for finding in findings:
        kind = f" ({finding.kind})" if finding.kind is not None else ""
        style = _STYLES[finding.severity]
        console.print(Text.assemble((str(finding.severity), style), f" {finding.fault}", (kind, "dim")))
    counts = {severity: sum(found.severity is severity for found in findings) for severity in Severity}
    console.print(", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in counts.items()))
