"""Suites run: what passes, what is complained of, and which suites are a mapping's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from authzsvc.errors import MappingFaults, ToolError
from authzsvc.workflow import running
from authzsvc.workflow.running import Result
from tests.unit.workflow.desk import VENUE, VENUE_SUITE, write_text

Write = Callable[..., Path]


def failed(path: Path) -> list[Result]:
    (run,) = running.run_all(path)
    assert not run.passed
    return [result for result in run.results if not result.passed]


def test_all_pass(write: Write, write_suite: Write, tmp_path: Path) -> None:
    write(), write_suite()
    (run,) = running.run_all(tmp_path)
    assert run.passed
    assert len(run.results) == 11
    assert run.coverage.percent == 100.0


def test_a_logon_needs_no_scope(tmp_path: Path) -> None:
    write_text(tmp_path / "venue.yaml", VENUE)
    write_text(tmp_path / "venue.test.yaml", VENUE_SUITE)
    (run,) = running.run_all(tmp_path)
    assert [result.case.spec.name for result in run.results if not result.passed] == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "expect: allow\n    scope: order:create:equity",
            "expect: deny",
            "expected  deny, got allow: granted by `order:create:equity`",
        ),
        (
            "scope: order:create:equity",
            "scope: order:cancel",
            "expected  scope `order:cancel`, got `order:create:equity`",
        ),
        ("rule: restricted-list", "rule: other", "expected  forbid `other`, got `restricted-list`"),
        ("reason: SecurityType", "shadow: true", "expected  shadow true, got false"),
    ],
)
def test_a_complaint(write: Write, write_suite: Write, old: str, new: str, complaint: str) -> None:
    write()
    (result,) = failed(write_suite((old, new)))
    assert result.complaints == (complaint,)


def test_a_reason_that_is_not_given(write: Write, write_suite: Write) -> None:
    write()
    (result,) = failed(write_suite(("reason: SecurityType", "reason: Price")))
    assert result.complaints[0].startswith("expected  a reason with `Price`, got: `order:create:equity` needs ")


def test_a_report_tells_message_expectation_and_rules(write: Write, write_suite: Write) -> None:
    write()
    (result,) = failed(write_suite(("expect: deny\n    reason: SecurityType", "expect: allow")))
    report = result.report()
    assert report[0] == "message   35=D|55=ACME|167=OPT|54=1"
    assert report[1].startswith("expected  allow, got deny: ")
    assert "  fails  SecurityType=CS (the message has OPT)" in report


def test_shadow(write: Write, write_suite: Write) -> None:
    write(("forbid:", "rollout: {senders: {ALGO: shadow}}\nforbid:"))
    changed = write_suite(
        ("defaults: {", "defaults: {comp_id: ALGO, "),
        ("expect: deny\n    reason: SecurityType", "expect: allow\n    shadow: true"),
    )
    (run,) = running.run_all(changed)
    by_name = {result.case.spec.name: result for result in run.results}
    assert by_name["a trader trades no options"].passed
    assert not by_name["a trader sells nothing short"].passed


def test_the_client_is_held_against_its_token(write: Write, write_suite: Write) -> None:
    write()
    (result,) = failed(write_suite(('roles: [trader]\n    message: "35=D|55=ACME|167=CS|54=1"', _AS_OTHER)))
    assert result.explanation.refused
    assert "`OTHER` is not in claim" in result.complaints[0]


_AS_OTHER = """roles: [trader]
    comp_id: OTHER
    claims: {fix_comp_id: ALGO}
    message: "35=D|55=ACME|167=CS|54=1\""""


def test_beside_a_mapping_only_its_own_suites_run(write: Write, write_suite: Write, tmp_path: Path) -> None:
    desk, other = write(), write(("name: desk", "name: other"), name="other.yaml")
    write_suite(), write_suite(("mapping: desk", "mapping: other"), name="other.test.yaml")
    assert [run.mapping for run in running.run_all(desk)] == [desk]
    assert {run.mapping for run in running.run_all(tmp_path)} == {desk, other}


def test_the_faults_of_suites_and_mappings_together(write: Write, write_suite: Write, tmp_path: Path) -> None:
    write(("fix: FIX.5.0SP2", "fix: FIX.9"))
    write_suite()
    write_suite(("expect: allow", "expect: maybe"), name="z.test.yaml")
    with pytest.raises(MappingFaults) as caught:
        running.run_all(tmp_path)
    assert {Path(fault.file).name for fault in caught.value.faults} == {"desk.yaml", "z.test.yaml"}


def test_no_tests(write: Write) -> None:
    with pytest.raises(ToolError, match="has no tests"):
        running.run_all(write())


CLOCK = """\
mapping: desk.yaml
defaults: {now: "20260105-12:00:00"}
tests:
  - {name: by day, roles: [canceller], message: "35=F|11=1", expect: allow}
  - {name: by night, roles: [canceller], message: "35=F|11=1", now: "20260105-22:00:00", expect: deny}
"""


def test_a_test_tells_the_time(write: Write, tmp_path: Path) -> None:
    window = "grants: [{message: OrderCancelRequest, when: {now: {after: '08:00', before: '16:00'}}}]"
    write(("grants: [{message: OrderCancelRequest}]", window))
    write_text(tmp_path / "desk.test.yaml", CLOCK)
    (run,) = running.run_all(tmp_path)
    assert run.passed
    told = {item.line.id: item.lacks for item in run.coverage.items if item.text.startswith("now")}
    assert told == {"scopes.order:cancel.grants[0]": ()}
    write_text(tmp_path / "desk.test.yaml", CLOCK, (("20260105-12:00:00", "noon"),))
    with pytest.raises(MappingFaults, match="is no time in UTC; write it as"):
        running.run_all(tmp_path)


HUB = """\
mapping: desk.yaml
defaults: {comp_id: HUB}
tests:
  - {name: for a firm, roles: [canceller], message: "35=F|11=1", on_behalf_of: ONE, expect: allow}
  - {name: for it by the message, roles: [canceller], message: "35=F|115=ONE|11=1", expect: allow}
  - {name: for another, roles: [canceller], message: "35=F|11=1", on_behalf_of: TWO, expect: deny}
  - {name: for nobody, roles: [canceller], message: "35=F|11=1", expect: deny}
"""


def test_ids_of_a_test_are_the_messages(write: Write, tmp_path: Path) -> None:
    by_firm = "grants: [{message: OrderCancelRequest, when: {OnBehalfOfCompID: ONE}}]"
    write(("grants: [{message: OrderCancelRequest}]", by_firm))
    write_text(tmp_path / "desk.test.yaml", HUB)
    (run,) = running.run_all(tmp_path)
    assert [result.complaints for result in run.results if not result.passed] == []
