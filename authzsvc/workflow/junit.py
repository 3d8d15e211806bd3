"""Test results as JUnit XML, which every pipeline shows."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from authzsvc.workflow.running import Result


def as_xml(results: Iterable[Result]) -> bytes:
    """Give the XML of all results, a `testsuite` a file. No times: they would differ from run to run."""
    by_file: dict[str, list[Result]] = {}
    for result in results:
        by_file.setdefault(result.case.file, []).append(result)
    root = ET.Element("testsuites", _counts([found for group in by_file.values() for found in group]))
    for file, group in by_file.items():
        suite = ET.SubElement(root, "testsuite", {"name": _plain(file)} | _counts(group))
        for result in group:
            _case(suite, result)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _counts(results: list[Result]) -> dict[str, str]:
    failed = sum(not result.passed for result in results)
    return {"tests": str(len(results)), "failures": str(failed), "errors": "0", "skipped": "0"}


def _case(suite: ET.Element, result: Result) -> None:
    case = result.case
    facts = {"name": case.spec.name, "classname": case.file, "file": case.file, "line": str(case.line)}
    element = ET.SubElement(suite, "testcase", {key: _plain(value) for key, value in facts.items()})
    if not result.passed:
        failure = ET.SubElement(element, "failure", {"message": _plain("; ".join(result.complaints))})
        failure.text = _plain("\n".join(result.report()))


def _plain(text: str) -> str:
    """Leave only characters that XML can hold."""
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in text)
