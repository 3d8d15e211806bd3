"""The facts of a mapping."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy
from authzsvc.workflow import facts
from authzsvc.workflow.facts import KINDS, Subject

Write = Callable[..., Path]


def told(desk: Policy, kind: str, name: str = "") -> set[str]:
    return {f"{fact.topic} {fact.text}".strip() for fact in facts.of(desk)[Subject(kind, name)]}


def test_subjects(desk: Policy) -> None:
    found = facts.of(desk)
    assert {subject.kind for subject in found} == set(KINDS) - {"mapping"}
    assert {subject.name for subject in found if subject.kind == "role"} == {"canceller", "trader"}


def test_session(desk: Policy) -> None:
    assert told(desk, "session") == {
        "identity SenderCompID held against claim `fix_comp_id`",
        "risk-reducing OrderCancelRequest",
        "ExecutionReport outbound asked about: needs a scope",
        "role claim `roles`",
    }


def test_a_role_has_what_its_scopes_grant(desk: Policy) -> None:
    assert told(desk, "role", "trader") == {
        "NewOrderSingle inbound when Side one of 1, 2 and SecurityType=CS",
        "OrderCancelRequest inbound always",
    }


def test_modifiers(write: Write) -> None:
    modified = ("scopes:\n", "scopes:\n  override:x: {modifier: true}\n")
    desk = compile_mapping(write(modified, ('["order:create:equity"]', '["order:create:equity", "override:x"]')))
    assert told(desk, "scope", "override:x") == {"modifier only lifts forbids"}
    assert "modifier `override:x`" in told(desk, "role", "trader")


def test_what_lifts_a_forbid(write: Write) -> None:
    unless = 'unless: ["order:create:restricted"]'
    widely = compile_mapping(write((unless, f"{unless}\n    wildcards_lift: true")))
    (fact,) = told(widely, "forbid", "restricted-list")
    assert fact.endswith("unless order:create:restricted (by wildcards too)")


def test_a_list_has_its_values(desk: Policy) -> None:
    assert told(desk, "list", "restricted") == {"value `EVIL`", "value `WORSE`"}
