"""Coverage: a rule or condition that could be lost unseen is never counted as seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from authzsvc.workflow import running

Write = Callable[..., Path]


def uncovered(path: Path) -> set[tuple[str, str, tuple[str, ...]]]:
    (run,) = running.run_all(path)
    return {(item.line.name, item.text, item.lacks) for item in run.coverage.items if item.lacks}


def without(name: str) -> tuple[str, str]:
    """Make a test be of no use to coverage: it asks about another message."""
    return f"name: {name}\n", f"name: {name}\n    comp_id: OTHER\n    claims: {{fix_comp_id: ALGO}}\n"


LOST = {
    "a trader trades no options": {("order:create:equity", "SecurityType=CS", ("deny",))},
    "a trader sells nothing short": {("order:create:equity", "Side one of 1, 2", ("deny",))},
    "a trader keeps off the restricted list": {
        ("restricted-list", "", ("deny",)),
        ("restricted-list", "Symbol in list `restricted`", ("deny",)),
        ("restricted-list", "unless `order:create:restricted`", ("deny",)),
    },
    "unless it may": {
        ("order:create:restricted", "", ("allow",)),
        ("order:create:restricted", "Symbol in list `restricted`", ("allow",)),
        ("order:create:restricted", "SecurityType=CS", ("allow",)),
        ("restricted-list", "unless `order:create:restricted`", ("allow",)),
    },
    "who may trade what is restricted may not trade all else": {
        ("order:create:restricted", "Symbol in list `restricted`", ("deny",)),
    },
    "nor restricted options": {("order:create:restricted", "SecurityType=CS", ("deny",))},
    "a canceller cancels": {("order:cancel", "", ("allow",))},
    "nobody else does": {("order:cancel", "", ("deny",))},
}


@pytest.mark.parametrize("name", LOST)
def test_each_test_of_the_desk_is_needed(write: Write, write_suite: Write, name: str) -> None:
    """A test that is refused for its client shows nothing of the rules, and is missed."""
    write()
    assert uncovered(write_suite(without(name))) == LOST[name]


def test_counts(write: Write, write_suite: Write) -> None:
    write()
    (run,) = running.run_all(write_suite(without("nobody else does")))
    assert (run.coverage.seen, run.coverage.wanted) == (23, 24)
    assert run.coverage.percent == pytest.approx(100 * 23 / 24)


def test_tests_that_fail_do_not_count(write: Write, write_suite: Write) -> None:
    write()
    assert ("order:cancel", "", ("deny",)) in uncovered(
        write_suite(('message: "35=F|11=1"\n    expect: deny', 'message: "35=F|11=1"\n    expect: allow'))
    )


def test_a_grant_that_another_stands_in_for_is_not_seen(write: Write, write_suite: Write) -> None:
    write(("    grants: [{message: OrderCancelRequest}]", "    grants: [{message: F}, {message: OrderCancelRequest}]"))
    lost = uncovered(write_suite())
    assert lost == {("order:cancel", "", ("allow",))}


def test_a_denial_in_shadow_is_a_denial(write: Write, write_suite: Write) -> None:
    write(("forbid:", "rollout: {mode: shadow}\nforbid:"))
    assert uncovered(write_suite(("expect: deny", "expect: allow\n    shadow: true"))) == set()


def test_a_forbid_on_an_outbound_message_that_no_scope_grants(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "version: 1\nname: a\nfix: FIX.4.4\nsession: {identity: {}}\n"
        'scopes: {"a:b": {grants: [{message: D}]}}\n'
        "forbid: [{name: x, message: News, direction: outbound, when: {Headline: x}}]\n"
    )
    (tmp_path / "a.test.yaml").write_text(
        "mapping: a.yaml\ndefaults: {direction: outbound}\ntests:\n"
        '- {name: a, message: "35=B|148=x", expect: deny, rule: x}\n'
        '- {name: b, message: "35=B|148=y", expect: allow}\n'
    )
    assert {name for name, _, _ in uncovered(tmp_path)} == {"a:b"}
