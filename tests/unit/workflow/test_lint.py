"""Lint: faults and warnings of mappings and suites together, and which files are looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from authzsvc.errors import ToolError
from authzsvc.policy.warnings import Kind
from authzsvc.workflow import lint
from authzsvc.workflow.lint import Severity

Write = Callable[..., Path]


def test_clean(write: Write, write_suite: Write) -> None:
    mapping = write()
    write_suite()
    assert lint.lint([mapping]) == []


def test_faults_of_the_mapping_and_of_its_suite(write: Write, write_suite: Write) -> None:
    mapping = write(("OrderCancelRequest]", "OrderCancelRequests]"), ("CommonStock, Side", "CommonStok, Side"))
    suite = write_suite(("expect: allow", "expects: allow"))
    findings = lint.lint([mapping])
    assert {finding.severity for finding in findings} == {Severity.FAULT}
    assert {(finding.fault.file, finding.fault.line) for finding in findings} >= {(str(mapping), 9), (str(mapping), 19)}
    assert any(finding.fault.file == str(suite) for finding in findings)


def test_warnings_are_in_the_order_of_the_files(write: Write) -> None:
    findings = lint.lint([write()])
    assert {finding.severity for finding in findings} == {Severity.WARNING}
    lines = [finding.fault.line for finding in findings]
    assert lines == sorted(lines)
    assert len(lines) > 1


def test_what_enforces_less_than_it_seems_to_say(write: Write, write_suite: Write) -> None:
    write_suite()
    mapping = write(("[OrderCancelRequest]", "[OrderCancelRequest, NewOrderSingle]"))
    (finding,) = lint.lint([mapping])
    assert (finding.severity, finding.kind, finding.fault.line) == (Severity.WARNING, Kind.OPENS_RISK, 9)
    assert lint.as_document(finding)["kind"] == "opens_risk"


def test_a_directory(write: Write, write_suite: Write, tmp_path: Path) -> None:
    write(("name: desk", "name: desk\ninclude: [parts]"))
    write_suite()
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "lists.yaml").write_text("lists: {idle: {values: [A]}}\n")
    (tmp_path / "schema.json").write_text('{"properties": {"version": 1}}')
    (tmp_path / "broken.yaml").write_text("a: [\n")
    findings = lint.lint([tmp_path])
    told = {(Path(finding.fault.file).name, finding.severity) for finding in findings}
    assert told == {("broken.yaml", Severity.FAULT), ("lists.yaml", Severity.WARNING)}


def test_a_suite_stands_for_its_mapping(write: Write, write_suite: Write) -> None:
    mapping = write(("fix: FIX.5.0SP2", "fix: FIX.9"))
    (finding,) = lint.lint([write_suite()])
    assert (finding.fault.file, finding.fault.line) == (str(mapping), 3)


def test_a_directory_without_mappings(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="holds no mapping"):
        lint.lint([tmp_path])


def test_as_a_document(write: Write) -> None:
    (finding, *_) = lint.lint([write(("fix: FIX.5.0SP2", "fix: FIX.5.0SP3"))])
    document = lint.as_document(finding)
    assert document["severity"] == "fault"
    assert list(document) == ["severity", "kind", "file", "line", "key", "text", "hint"]
    assert document["kind"] == ""
    assert (document["line"], document["key"]) == (3, "fix")
    assert "FIX.5.0SP" in str(document["hint"])
