"""Writes a draft with its suite and sessions and tries the result: compiles, lints, tests and replays it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from authzsvc import files
from authzsvc.errors import ToolError
from authzsvc.policy.compiler import compile_mapping
from authzsvc.workflow import lint, running, sessions
from authzsvc.workflow.imports import examples, text
from authzsvc.workflow.imports.draft import Draft
from authzsvc.workflow.lint import Finding, Severity
from authzsvc.workflow.recorded import Found
from authzsvc.workflow.replay import Replay
from authzsvc.workflow.replayed import Report


@dataclass(frozen=True, slots=True)
class Result:
    """What was written, and what came of trying it."""

    written: tuple[Path, ...]
    findings: tuple[Finding, ...]
    tests: int
    failed: int
    coverage: float
    """Percent."""
    replayed: Report | None
    """None if the draft was not learnt from messages."""

    @property
    def clean(self) -> bool:
        """Whether it has no faults, all tests pass, and all messages are allowed."""
        faulty = any(finding.severity is Severity.FAULT for finding in self.findings)
        differing = self.replayed.differing if self.replayed is not None else 0
        return not faulty and not self.failed and not differing


def finish(draft: Draft, path: Path, *, force: bool, log: Callable[[], Iterable[Found]] | None = None) -> Result:
    """Writes a draft to files beside each other and tries it. `log` gives the messages that it was learnt from once
    more. Raises `ToolError` for a file that is there already or cannot be written, unless `force` overwrites it."""
    suite, held = path.with_suffix(".test.yaml"), path.with_suffix(".sessions.yaml")
    written = (path, suite, *((held,) if draft.sessions else ()))
    _check(written, force=force)
    _write(path, text.mapping(draft))
    policy = compile_mapping(path)
    _write(suite, examples.suite(path.name, examples.of(draft, policy)))
    if draft.sessions:
        _write(held, text.sessions(draft))
    (run,) = running.run_all(path)
    report = None
    if log is not None:
        report = Replay(policy, None, sessions.read(held)).run(log())
    return Result(
        written,
        tuple(lint.lint([path])),
        len(run.results),
        sum(not result.passed for result in run.results),
        run.coverage.percent,
        report,
    )


def _check(paths: Iterable[Path], *, force: bool) -> None:
    for path in paths:
        if path.suffix not in lint.MAPPING_SUFFIXES:
            raise ToolError(f"`{path}` is no name for a mapping (call it `{path.with_suffix('.yaml')}`)")
        if path.exists() and not force:
            raise ToolError(f"`{path}` is there already (name another file, or say `--force` to overwrite it)")


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ToolError(f"`{path}` cannot be written: {files.problem(error)} (name another file)") from None
