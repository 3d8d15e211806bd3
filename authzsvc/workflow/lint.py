"""Finds all faults of mappings and their suites at once, and warns of what looks like a mistake.

Faults come from the compiler and the suites. Warnings are about a mapping that compiles: places that enforce less than
they seem to say (`policy.warnings`, which the service gives too), rules that can never matter, scopes, roles and lists
that nothing uses, and sensitive scopes that no test covers. They never guess: a rule is called shadowed or impossible
only if that follows from the mapping alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from authzsvc.errors import Fault, MappingFaults, ToolError
from authzsvc.policy import source, warnings
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.warnings import Kind
from authzsvc.workflow import mistakes, running, suites
from authzsvc.workflow.suites import Suite

MAPPING_SUFFIXES = (".yaml", ".yml", ".json")


class Severity(StrEnum):
    """How bad a finding is."""

    FAULT = "fault"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault or warning."""

    severity: Severity
    fault: Fault
    kind: Kind | None = None
    """Of a warning that the service gives too."""


def lint(paths: Iterable[Path]) -> list[Finding]:
    """Lint mappings, and all those below directories, with the suites beside them. Raises `ToolError` for none."""
    mappings, faults = _mappings(paths)
    findings = [Finding(Severity.FAULT, fault) for fault in faults]
    for mapping in mappings:
        findings += _lint_one(mapping)
    return sorted(dict.fromkeys(findings), key=lambda found: (found.fault.file, found.fault.line, found.fault.key))


def as_document(finding: Finding) -> dict[str, object]:
    """Give a finding as programs read it."""
    fault = finding.fault
    place = {"file": fault.file, "line": fault.line, "key": fault.key}
    kind = str(finding.kind) if finding.kind is not None else ""
    return {"severity": str(finding.severity), "kind": kind, **place, "text": fault.text, "hint": fault.hint}


def _lint_one(mapping: Path) -> Iterator[Finding]:
    found, faults = running.read_all(mapping)
    try:
        policy = compile_mapping(mapping)
    except MappingFaults as error:
        faults.extend(error.faults)
        policy = None
    for fault in faults:
        yield Finding(Severity.FAULT, fault)
    if policy is not None:
        for warning in mistakes.find(policy, mapping, found):
            yield Finding(Severity.WARNING, warning)
        for of_policy in warnings.find(policy):
            yield Finding(Severity.WARNING, of_policy.fault, of_policy.kind)


def _mappings(paths: Iterable[Path]) -> tuple[list[Path], list[Fault]]:
    """Give the mappings of these paths, and the faults of files in directories that cannot even be read."""
    mappings: list[Path] = []
    faults: list[Fault] = []
    for path in paths:
        if not path.is_dir():
            mappings += [path] if not suites.is_suite(path) else [suite.mapping for suite in _suite(path, faults)]
            continue
        before = len(mappings) + len(faults)
        for file in sorted(path.rglob("*")):
            if file.suffix in MAPPING_SUFFIXES and not suites.is_suite(file) and not file.is_dir():
                mappings += [file] if _is_mapping(file, faults) else []
        if len(mappings) + len(faults) == before:
            raise ToolError(f"`{path}` holds no mapping (name a file, or a directory of them)")
    return list(dict.fromkeys(mappings)), faults


def _suite(path: Path, faults: list[Fault]) -> list[Suite]:
    found, its_faults = running.read_all(path)
    faults += its_faults
    return found


def _is_mapping(file: Path, faults: list[Fault]) -> bool:
    """Whether a file is the top of a mapping: those that are included say no `version`."""
    try:
        data = source.read(file).data
    except MappingFaults as error:
        faults += error.faults
        return False
    return isinstance(data, dict) and "version" in data
