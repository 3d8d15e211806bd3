"""Learning: the mapping allows all that it was learnt from, and neither other types nor other values."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from authzsvc.errors import ToolError
from authzsvc.fix import flow
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy, Question
from authzsvc.workflow import sessions
from authzsvc.workflow.imports import learn
from tests.unit.workflow.imports.days import CLIENTS, DAYS, Message, learner, learnt

ALGO, DESK, TO_ALGO = ("ALGO", "VENUE"), ("Desk 2", "VENUE"), ("VENUE", "ALGO")
LIMIT = [(11, "a"), (1, "A1"), (55, "ACME"), (167, "CS"), (54, "1"), (40, "2"), (44, "10.25"), (38, "500")]
MARKET = [(11, "b"), (1, "A1"), (55, "ACME"), (167, "CS"), (54, "1"), (40, "1"), (38, "70")]
FUTURE = [(11, "c"), (1, "B1"), (55, "ESZ6"), (167, "FUT"), (54, "2"), (40, "1"), (38, "3")]


def decided(policy: Policy, path: Path, comp_id: str, msg_type: str, pairs: list[tuple[int, str]]) -> bool:
    held = sessions.read(path.with_suffix(".sessions.yaml"))[comp_id]
    fields = Fields(tuple((tag, value.encode()) for tag, value in pairs))
    return policy.decide(Question(Direction.INBOUND, msg_type, fields, held.scopes, held.claims, comp_id)).allowed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "learnt.yaml"


def changed(pairs: list[tuple[int, str]], tag: int, value: str | None) -> list[tuple[int, str]]:
    rest = [pair for pair in pairs if pair[0] != tag]
    return rest if value is None else [*rest, (tag, value)]


@pytest.mark.parametrize(
    ("tag", "value", "allowed"),
    [
        (11, "any-other", True),
        (38, "500", True),
        (38, "1", True),
        (38, "501", False),
        (44, "10", True),
        (44, "20", True),
        (44, "21", False),
        (44, None, False),
        (54, "2", False),
        (55, "VOD", False),
        (1, "B1", False),
        (167, "FUT", False),
        (48, "US0", False),
        (453, "1", False),
        (60, "20260102-08:00:00", True),
    ],
)
def test_what_is_held_to_the_day(path: Path, tag: int, value: str | None, allowed: bool) -> None:
    learnt([("D", ALGO, LIMIT), ("D", ALGO, MARKET), ("D", DESK, FUTURE)], path)
    assert decided(compile_mapping(path), path, "ALGO", "D", changed(LIMIT, tag, value)) is allowed


def test_a_hub_is_held_to_those_for_whom_it_sent(path: Path) -> None:
    learnt([("F", ALGO, [(115, "FIRM-1"), (55, "X")]), ("F", ALGO, [(115, "FIRM-2"), (55, "X")])], path)
    policy = compile_mapping(path)
    allowed = [decided(policy, path, "ALGO", "F", [(115, firm), (55, "X")]) for firm in ("FIRM-1", "FIRM-2", "FIRM-3")]
    assert allowed == [True, True, False]
    assert not decided(policy, path, "ALGO", "F", [(55, "X")])


def test_kinds_are_told_apart(path: Path) -> None:
    """A market order takes neither the limit order's size nor a price."""
    learnt([("D", ALGO, LIMIT), ("D", ALGO, MARKET)], path)
    policy = compile_mapping(path)
    assert decided(policy, path, "ALGO", "D", changed(MARKET, 38, "100"))
    assert not decided(policy, path, "ALGO", "D", changed(MARKET, 38, "101"))
    assert not decided(policy, path, "ALGO", "D", changed(MARKET, 44, "10.25"))


def test_scopes_and_roles(path: Path) -> None:
    draft, result = learnt(
        [("D", ALGO, LIMIT), ("D", DESK, FUTURE), ("F", ALGO, [(55, "X")]), ("F", DESK, [(55, "X")])], path
    )
    assert {role.name: role.scopes for role in draft.roles} == {
        "algo": ("order:cancel", "order:create:equity"),
        "desk-2": ("order:cancel", "order:create:future"),
    }
    assert result.clean


def test_clients_that_differ_have_scopes_of_their_own(path: Path) -> None:
    draft, _ = learnt([("F", ALGO, [(55, "X")]), ("F", DESK, [(55, "Y")])], path)
    assert [scope.name for scope in draft.scopes] == ["order:cancel:algo", "order:cancel:desk-2"]


def test_a_tag_by_claim(path: Path) -> None:
    draft, result = learnt([("D", ALGO, MARKET), ("D", DESK, changed(MARKET, 1, "B1"))], path, {1: "desk.accounts"})
    assert [scope.name for scope in draft.scopes] == ["order:create:equity"]
    assert result.clean
    assert draft.sessions["ALGO"].claims == {"fix_comp_id": "ALGO", "desk": {"accounts": ["A1"]}}
    policy = compile_mapping(path)
    assert decided(policy, path, "ALGO", "D", MARKET)
    assert not decided(policy, path, "ALGO", "D", changed(MARKET, 1, "B1"))


def test_market_data_is_named_by_what_is_asked(path: Path) -> None:
    draft, _ = learnt([("V", ALGO, [(263, "1"), (264, "1")]), ("V", ALGO, [(263, "2"), (264, "1")])], path)
    assert [scope.name for scope in draft.scopes] == ["marketdata:subscribe", "marketdata:unsubscribe"]


def test_reports_are_limited_by_account_alone(path: Path) -> None:
    learnt([("8", TO_ALGO, [(1, "A1"), (44, "10")]), ("j", TO_ALGO, [])], path)
    policy = compile_mapping(path)
    assert policy.closed
    assert policy.passes == ("9", "AG", "Y", "j", "r")
    (grant,) = policy.grants
    assert [condition.name for condition in grant.conditions] == ["Account"]


def test_many_values_are_no_list(path: Path) -> None:
    draft, _ = learnt([("F", ALGO, [(55, f"S{number}")]) for number in range(30)], path)
    (grant,) = draft.scopes[0].grants
    assert 55 not in {limit.tag for limit in grant.limits}
    assert "Not limited (many values: Symbol)." in grant.comments


def test_kinds_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn, "MAX_SPLITS", 3)
    day: list[Message] = [("D", ALGO, changed(MARKET, 167, f"T{number}")) for number in range(9)]
    assert len(learner(day).kinds) == 4
    assert learnt(day, path)[1].clean
    monkeypatch.setattr(learn, "MAX_KINDS", 2)
    with pytest.raises(ToolError, match="more than 2 kinds"):
        learner(day)


def test_nothing_to_learn() -> None:
    with pytest.raises(ToolError, match="no client sent"):
        learn.draft(learner([("0", ALGO, [])]), "x", "FIX.4.4", "")


@settings(
    max_examples=40, deadline=None, phases=tuple(Phase)[:3], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(DAYS, st.sampled_from(({}, {1: "accounts"}, {1: "a.b", 55: "symbols"})))
def test_it_allows_all_it_was_learnt_from_and_no_type_never_seen(
    path: Path, day: list[Message], claims: dict[int, str]
) -> None:
    if not learner(day).kinds:
        return
    draft, result = learnt(day, path, claims)
    assert result.clean, (result.findings, result.replayed)
    assert result.replayed is not None
    assert result.replayed.messages == len(day) - result.replayed.unreadable
    policy = compile_mapping(path)
    for comp_id in CLIENTS & draft.sessions.keys():
        sent = {msg_type for msg_type, parties, _ in day if parties[0] == comp_id}
        for msg_type in flow.SENT_BY_CLIENTS.keys() & policy.dictionary.msg_types - sent:
            assert not decided(policy, path, comp_id, msg_type, [])
    received = {msg_type for msg_type, parties, _ in day if parties[0] == "VENUE"}
    for msg_type in flow.SENT_BY_VENUES.keys() & policy.dictionary.msg_types - received - {*learn.ANSWERS}:
        assert not policy.decide(Question(Direction.OUTBOUND, msg_type, Fields(()), policy.scopes, {})).allowed
