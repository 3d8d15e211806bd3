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

LOOKING_ON = ["reference_viewer", "market_data_viewer", "viewer", "risk_manager", "auditor", "compliance", "drop_copy"]
LOOKING_ON += ["treasury", "clearing", "user_admin"]


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


def orders() -> set[str]:
    """Give the MsgTypes of everything that may lead to a trade: those of the limit that has no exception."""
    return {forbid.msg_type for forbid in institutional().forbids if forbid.name == "house-accounts"}


def sent(role: str) -> set[str]:
    held = institutional().roles[role]
    inbound = (grant for grant in institutional().grants if grant.direction is Direction.INBOUND)
    return {grant.msg_type for grant in inbound if grant.scope in held}


def test_limits_are_on_all_that_may_trade() -> None:
    assert orders() == {"D", "G", "E", "s", "t", "AB", "AC", "AJ", "S", "i", "DJ", "AE"}
    for name in ("restricted-list", "test-symbols", "foreign-account", "foreign-firm"):
        there = {forbid.msg_type for forbid in institutional().forbids if forbid.name == name}
        assert orders() - there <= ({"AE"} if name == "foreign-account" else set())


@pytest.mark.parametrize("role", LOOKING_ON)
def test_roles_that_do_not_trade_send_no_order(role: str) -> None:
    assert sent(role).isdisjoint(orders())


@pytest.mark.parametrize("role", ["viewer", "auditor", "compliance", "drop_copy"])
def test_roles_that_look_on_cancel_nothing(role: str) -> None:
    assert sent(role).isdisjoint({"F", "q", "u", "K", "Z", "CA"})


def test_no_role_has_a_wildcard() -> None:
    assert not any("*" in scope for role in institutional().role_terms.values() for scope in role.written)


def test_scopes_that_lift_a_limit_on_trading_grant_no_order_but_in_test_symbols() -> None:
    limits = [forbid for forbid in institutional().forbids if Path(forbid.file).name == "risk.yaml"]
    lifting = {scope for forbid in limits for scope in forbid.unless} - {"order:create:test"}
    assert lifting
    assert not lifting & {grant.scope for grant in institutional().grants}


def test_cancels_of_every_kind_pass_while_the_service_is_away() -> None:
    assert set(institutional().risk_reducing) == {"F", "q", "u", "K", "Z"}
