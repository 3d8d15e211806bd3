"""The shipped mappings: no finding of lint, every rule seen to allow and to deny, the right reports guarded."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy
from authzsvc.policy.question import Question
from authzsvc.workflow import running
from authzsvc.workflow.lint import lint

MAPPINGS = Path(__file__).parents[2] / "mappings"
SHIPPED = ["institutional.yaml", "quickstart.yaml"]
ANSWERS = ["3", "9", "j", "AG", "AI", "B", "CW", "Y", "b", "f", "h"]
REPORTS = ["8", "AE", "AP", "AS", "AK", "AM", "AW", "BA", "BL", "CJ", "CM", "CQ", "DC", "DN", "r", "BZ", "DK"]
REPORTS += ["AO", "AQ", "AR", "AU", "AX", "AY", "AZ", "C", "CB", "DX", "P", "T", "W", "X", "d", "y"]


@cache
def institutional() -> Policy:
    return compile_mapping(MAPPINGS / "institutional.yaml")


def test_these_are_all() -> None:
    tops = [path.name for path in MAPPINGS.glob("*.yaml") if not path.name.endswith(".test.yaml")]
    assert sorted(tops) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_lint_finds_nothing(name: str) -> None:
    assert lint([MAPPINGS / name]) == []


@pytest.mark.parametrize("name", SHIPPED)
def test_the_suites_pass_and_cover_every_rule(name: str) -> None:
    (run,) = running.run_all(MAPPINGS / name)
    assert [result.case.spec.name for result in run.results if not result.passed] == []
    assert [f"{item.line.id} {item.text}" for item in run.coverage.items if item.lacks] == []


def test_every_file_of_a_desk_has_its_suite() -> None:
    files = {path.name for path in (MAPPINGS / "institutional").glob("*.yaml")}
    suites = {name for name in files if name.endswith(".test.yaml")}
    assert {name.replace(".yaml", ".test.yaml") for name in files - suites} == suites


@pytest.mark.parametrize("msg_type", ANSWERS)
def test_answers_to_the_client_pass(msg_type: str) -> None:
    verdict = institutional().decide(Question(Direction.OUTBOUND, msg_type, Fields(()), frozenset(), {}))
    assert verdict.allowed


def test_what_no_scope_grants_is_withheld() -> None:
    verdict = institutional().decide(Question(Direction.OUTBOUND, "U1", Fields(()), frozenset(), {}))
    assert not verdict.allowed


@pytest.mark.parametrize("msg_type", REPORTS)
def test_reports_of_trades_and_positions_need_a_scope(msg_type: str) -> None:
    assert institutional().rules[Direction.OUTBOUND, msg_type].grants


@pytest.mark.parametrize("role", ["algo_provider", "auditor", "drop_copy", "market_data_viewer", "trader", "viewer"])
def test_no_modest_role_has_power_over_all(role: str) -> None:
    powers = {"order:cancel:all", "order:action:mass:all", "order:create:restricted", "risk:limit:define"}
    assert powers & institutional().roles[role] == set()
