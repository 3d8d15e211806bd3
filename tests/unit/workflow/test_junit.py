"""JUnit XML: counts, places, and no character that XML cannot hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

from authzsvc.workflow import junit, running

Write = Callable[..., Path]


def test_the_document(write: Write, write_suite: Write) -> None:
    write()
    path = write_suite(("name: a canceller cancels", 'name: "cancels \\u0001 <&>"'), ("reason: Sec", "reason: Pri"))
    (run,) = running.run_all(path)
    root = ET.fromstring(junit.as_xml(run.results))
    assert (root.get("tests"), root.get("failures")) == ("11", "1")
    (suite,) = root
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == (str(path), "11", "1")
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases if case.find("failure") is not None] == ["a trader trades no options"]
    assert cases[7].get("name") == "cancels ? <&>"
    assert cases[1].get("line") == "9"
    failure = cases[1].find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith("expected  a reason with `PriurityType`")
    assert "35=D|55=ACME|167=OPT|54=1" in (failure.text or "")


def test_the_same_results_give_the_same_bytes(write: Write, write_suite: Write) -> None:
    write()
    path = write_suite()
    assert junit.as_xml(running.run_all(path)[0].results) == junit.as_xml(running.run_all(path)[0].results)
