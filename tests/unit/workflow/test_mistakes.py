"""What looks like a mistake: each warning at its place, and none where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from authzsvc.policy.compiler import compile_mapping
from authzsvc.workflow import mistakes, suites

Write = Callable[..., Path]


def found(mapping: Path, *tests: Path) -> set[str]:
    warnings = mistakes.find(compile_mapping(mapping), mapping, [suites.read(path) for path in tests])
    assert all(warning.line > 0 for warning in warnings)
    return {f"{warning.key}: {warning.text}" for warning in warnings}


def test_nothing(write: Write, write_suite: Write) -> None:
    assert found(write(), write_suite()) == set()


CANCEL = "    grants: [{message: OrderCancelRequest}]"
TAIL = '    unless: ["order:create:restricted"]\n'
SIDES = "Side: {in: [Buy, Sell]}"


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        (
            SIDES,
            "Side: {in: [Buy, Sell], not: [Buy, Sell]}",
            "scopes.order:create:equity.grants[0]: can never match: no value of `Side` passes "
            "`Side one of 1, 2 and Side none of 1, 2`",
        ),
        (
            SIDES,
            "OrderQty: {in: [50, 60], max: 10}",
            "scopes.order:create:equity.grants[0]: can never match: no value of `OrderQty` passes "
            "`OrderQty one of 50, 60 and OrderQty<=10`",
        ),
        (
            SIDES,
            "NoPartyIDs: {any_entry: {PartyID: {equals: A, prefix: B}}}",
            "scopes.order:create:equity.grants[0]: can never match: no value of `PartyID` passes "
            "`PartyID=A and PartyID beginning with B`",
        ),
        (
            CANCEL,
            "    grants: [{message: F}, {message: OrderCancelRequest}]",
            "scopes.order:cancel.grants[1]: says the same as `scopes.order:cancel.grants[0]` on line 26",
        ),
        (
            CANCEL,
            "    grants: [{message: F, when: {Symbol: A}}, {message: F}]",
            "scopes.order:cancel.grants[0]: is shadowed by `scopes.order:cancel.grants[1]` on line 26",
        ),
        (
            TAIL,
            TAIL + "  - {name: twice, message: D, when: {Symbol: EVIL}, unless: ['order:create:restricted']}\n",
            "forbid.twice: is shadowed by `forbid.restricted-list` on line 33",
        ),
        (
            TAIL,
            TAIL + "  - {name: idle, message: News}\n",
            "forbid.idle: can never matter: no scope grants `News inbound`",
        ),
        (
            TAIL,
            TAIL + "  - {name: lifted, message: F, when: {Symbol: A}, unless: ['order:cancel']}\n",
            "forbid.lifted: only fires for wildcards: every scope that grants `OrderCancelRequest inbound` lifts it",
        ),
        (
            TAIL,
            TAIL + "  - {name: all, message: OrderCancelRequest}\n",
            "scopes.order:cancel.grants[0]: can never grant: the forbid `all` denies all of it",
        ),
        (CANCEL, CANCEL + "\n  order:status:\n    grants: [{message: H}]", "scopes.order:status: is used by no role"),
        (
            "scopes:\n",
            "  idle: {scopes: ['order:*']}\nscopes:\n",
            "roles.idle: comes to the same scopes as `canceller`",
        ),
        (
            "scopes:\n",
            "scopes:\n  override:x: {modifier: true}\n",
            "scopes.override:x: is a modifier, and lifts no forbid",
        ),
        ("roles:\n", "roles:\n  idle: {scopes: ['trade:view:own']}\n", "roles.idle: is used by no test"),
        ("lists:\n", "lists:\n  idle: {values: [A]}\n", "lists.idle: is used by no condition"),
    ],
)
def test_a_warning(write: Write, write_suite: Write, old: str, new: str, warning: str) -> None:
    told = found(write((old, new)), write_suite())
    assert any(line.startswith(warning) for line in told), told


def test_a_sensitive_scope_with_a_test(write: Write, write_suite: Write) -> None:
    mapping = write(("    description: Trade what is restricted", "    sensitive: true"))
    assert found(mapping, write_suite()) == set()


def test_a_scope_that_can_grant_nothing(write: Write, write_suite: Write) -> None:
    told = found(write((SIDES, "Side: {equals: Buy, not: Buy}")), write_suite())
    assert "scopes.order:create:equity: grants nothing" in told


def test_a_sensitive_scope_without_a_test(write: Write, write_suite: Write) -> None:
    told = found(write(), write_suite(("    scope: order:create:equity\n", "")))
    assert told == {"scopes.order:create:equity: is sensitive, and no test expects it to grant"}


def test_without_tests_one_warning_says_so(write: Write) -> None:
    told = found(write())
    assert ": has no tests" in told
    assert not any("sensitive" in line for line in told)


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        ("rule: restricted-list", "rule: restricted", "rule: the mapping has no `restricted`"),
        ("scope: order:create:restricted", "scope: order:create", "scope: the mapping has no `order:create`"),
        ("roles: [canceller]", "roles: [canceler]", "roles: the mapping has no role `canceler`"),
    ],
)
def test_tests_that_name_what_is_not_there(write: Write, write_suite: Write, old: str, new: str, warning: str) -> None:
    assert warning in found(write(), write_suite((old, new)))


def test_a_warning_names_the_file_that_is_included(write: Write, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("lists: {idle: {values: [A]}}\n")
    mapping = write(("name: desk", "name: desk\ninclude: [more.yaml]"))
    files = [w.file for w in mistakes.find(compile_mapping(mapping), mapping, []) if w.key == "lists.idle"]
    assert files == [str(tmp_path / "more.yaml")]


def test_a_role_named_by_a_claim_is_used(write: Write, write_suite: Write) -> None:
    suite = write_suite(("roles: [canceller]", "claims: {roles: canceller}"))
    mapping = write((", roles: [canceller]}", "}"))
    assert not any(line.startswith("roles.canceller") for line in found(mapping, suite))


def test_an_outbound_forbid_on_what_no_scope_grants_matters(write: Write, write_suite: Write) -> None:
    changed = TAIL + "  - {name: news, message: News, direction: outbound, when: {Headline: x}}\n"
    assert found(write((TAIL, changed)), write_suite()) == set()


def test_a_sensitive_modifier_wants_a_test_that_it_has_allowed(write: Write, write_suite: Write) -> None:
    mapping = write(
        ("scopes:\n", "scopes:\n  override:x: {modifier: true, sensitive: true}\n"),
        ('["order:create:restricted"]\n', '["order:create:restricted", "override:x"]\n'),
    )
    lacking = "scopes.override:x: is sensitive, and no test expects it to grant"
    assert lacking in found(mapping, write_suite())
    order = 'message: "35=D|55=EVIL|167=CS|54=1", expect: allow'
    test = f'tests:\n  - {{name: x, scopes: ["order:create:equity", "override:x"], {order}}}\n'
    assert found(mapping, write_suite(("tests:\n", test))) == set()
