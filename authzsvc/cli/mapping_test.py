"""`authzsvc mapping test`: the suites of a mapping, run, with coverage of its rules.

Exit code 0: all passed and covered as far as asked for, 1: not so, 2: a mapping, suite or option cannot be read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from authzsvc.cli import output
from authzsvc.errors import ToolError
from authzsvc.policy.source import one_line
from authzsvc.workflow import junit, running
from authzsvc.workflow.coverage import Coverage
from authzsvc.workflow.running import Run


def command(
    path: Annotated[Path, typer.Argument(help="A suite, a mapping (the suites beside it), or a directory.")] = Path(
        "mappings"
    ),
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Write JUnit XML to this file.", show_default=False)
    ] = None,
    threshold: Annotated[
        float, typer.Option("--coverage-threshold", min=0, max=100, metavar="PERCENT", help="Fail under it.")
    ] = 0.0,
    show_uncovered: Annotated[bool, typer.Option("--show-uncovered", help="List what no test shows.")] = False,
) -> None:
    """Run test suites. Exit code 0: passed, 1: failed or not covered enough, 2: bad input."""
    runs = running.run_all(path)
    if junit_file is not None:
        _write(junit_file, junit.as_xml(result for run in runs for result in run.results))
    console = output.console(markup=False, emoji=False, soft_wrap=True)
    for run in runs:
        _show(console, run)
        _show_coverage(console, run.coverage, threshold, show_uncovered)
    good = all(run.passed and run.coverage.percent >= threshold for run in runs)
    raise typer.Exit(0 if good else 1)


def _write(path: Path, document: bytes) -> None:
    try:
        path.write_bytes(document)
    except OSError as error:
        problem = (error.strerror or "error").lower()
        raise ToolError(f"`{path}` cannot be written: {problem} (name another file with `--junit`)") from None


def _show(console: Console, run: Run) -> None:
    failed = [result for result in run.results if not result.passed]
    for result in failed:
        console.print(Text(" FAIL ", "bold white on red"), f"{one_line(result.case.spec.name)} ({result.case.place})")
        for line in result.report():
            console.print(Text(f"       {line}"))
    passed = len(run.results) - len(failed)
    console.print(f"{run.mapping}: {passed} of {len(run.results)} tests passed")


def _show_coverage(console: Console, coverage: Coverage, threshold: float, show_uncovered: bool) -> None:
    short = coverage.percent < threshold
    # Rounded down: 99.96 is not yet 100.
    shown = f"  coverage {int(coverage.percent * 10) / 10:.1f} % ({coverage.seen} of {coverage.wanted})"
    console.print(Text(shown + (f", under the {threshold:g} % asked for" if short else ""), "red" if short else ""))
    if not show_uncovered:
        return
    for item in coverage.items:
        if item.lacks:
            line = item.line
            what = f"{line.kind} `{line.name}` {line.what}"
            part = f": {item.text}" if item.text else ""
            console.print(f"  never seen to {' or to '.join(item.lacks)}: {what}{part} ({line.place})")
