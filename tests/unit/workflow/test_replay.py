"""A recorded day decided anew: counts, differences, and that remembered verdicts are the engine's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.clock import timestamp
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy, Question
from authzsvc.workflow import replay
from authzsvc.workflow.replay import Replay
from authzsvc.workflow.replayed import Outcome, Report, Row, as_document
from authzsvc.workflow.sessions import Held
from tests.unit.policy.building import build
from tests.unit.policy.test_reference import CLAIMS, HELD, PAIRS, compiled, mappings, slow

TRADER = Held(frozenset({"role:trader"}))


def message(msg_type: str, body: str, sender: str = "ALGO", target: str = "VENUE") -> bytes:
    return f"8=FIX.4.4|9=5|35={msg_type}|49={sender}|56={target}|34=1|{body}".replace("|", "\x01").encode()


def replayed(
    found: Iterable[bytes | None], candidate: Policy, baseline: Policy | None = None, held: Held = TRADER
) -> Report:
    return Replay(candidate, baseline, {"ALGO": held}).run(enumerate(found, 1))


def test_messages_of_several_versions() -> None:
    head = "version: 1\nname: m\nfix: {names: FIX.5.0SP2, serves: [FIX.4.2, FIX.5.0SP2]}\nsession: {identity: {}}\n"
    kind = "attributes: {kind: {values: {share: [{SecurityType: CS}]}, otherwise: {FIX.4.2: share}}}\n"
    policy = build(kind + "scopes: {a:b: {grants: [{message: D, when: {kind: share}}]}}\n", head=head)
    plain = message("D", "55=IBM|")
    day = [plain.replace(b"FIX.4.4", version) for version in (b"FIX.4.2", b"FIXT.1.1", b"FIX.4.2", b"FIX.4.4")]
    report = replayed(day, policy, held=Held(frozenset(("a:b",))))
    order = Row("ALGO", Direction.INBOUND, "D")
    assert report.counts[order] == {(Outcome.ALLOW, Outcome.ALLOW): 2, (Outcome.ALLOW, Outcome.DENY): 2}


@pytest.fixture
def without_cancel(write: Callable[..., Path]) -> Policy:
    return compile_mapping(write(('{scopes: ["order:cancel"]}', '{scopes: ["trade:view:own"]}'), name="new.yaml"))


def test_counts_and_differences(desk: Policy, without_cancel: Policy) -> None:
    day = [
        message("D", "55=ACME|167=CS|54=1|"),
        message("F", "11=1|"),
        message("D", "55=EVIL|167=CS|54=1|"),
        message("F", "11=2|"),
        message("8", "1=A1|", "VENUE", "ALGO"),
        message("D", "55=ACME|167=CS|54=1|", "SOMEBODY"),
        None,
        message("D", "55=ACME|167=CS|54=1|38=|"),
    ]
    report = replayed(day, without_cancel, desk)
    order, cancel = Row("ALGO", Direction.INBOUND, "D"), Row("ALGO", Direction.INBOUND, "F")
    allow, deny = Outcome.ALLOW, Outcome.DENY
    assert report.counts[order] == {(allow, allow): 1, (deny, deny): 1}
    assert report.counts[cancel] == {(allow, deny): 2}
    ((change, seen),) = report.changes.items()
    assert (change.row, change.before, change.after, change.rule) == (cancel, allow, deny, "order:cancel")
    assert (seen.count, seen.line) == (2, 2)
    assert (report.messages, report.differing, report.foreign) == (5, 2, 1)
    assert (report.unreadable, report.unreadable_line) == (2, 7)
    document: Any = as_document(report)
    assert document["differences"][0]["reason"].startswith("no scope of the token grants `OrderCancelRequest`")
    assert document["counts"][0]["candidate"] == {"allow": 1, "deny": 1, "shadow": 0}


def test_without_a_baseline_all_had_passed(desk: Policy) -> None:
    report = replayed([message("D", "55=EVIL|167=CS|54=1|"), message("F", "11=1|")], desk)
    assert [(change.before, change.rule) for change in report.changes] == [(Outcome.ALLOW, "restricted-list")]


@pytest.mark.parametrize(
    "raw",
    [
        message("D", "055=ACME|"),
        message("D", "55|"),
        message("", ""),
        message("D!", ""),
        message("D", "354=99|355=x|"),
        message("D", "354=1|55=x|"),
        b"8=FIX.4.4\x019=5\x0135=D\x0149=ALGO\x01",
        b"",
    ],
)
def test_what_the_gateway_would_not_read(desk: Policy, raw: bytes) -> None:
    report = replayed([raw], desk)
    assert (report.unreadable, report.messages, report.foreign) == (1, 0, 0)


def test_messages_with_data_fields_are_decided_each(desk: Policy) -> None:
    data = message("D", "354=3|355=a=b|55=ACME|167=CS|54=1|")
    report = replayed([data, message("D", "354=4|355=a=b|55=ACME|167=CS|54=1|"), data], desk)
    assert (report.messages, report.differing, report.unreadable) == (2, 0, 1)


def test_who_a_client_is_counts(desk: Policy) -> None:
    held = Held(frozenset({"role:trader"}), {"fix_comp_id": "OTHER"})
    report = replayed([message("F", "11=1|")], desk, held=held)
    assert report.differing == 1


def test_a_logon_needs_no_scope(desk: Policy) -> None:
    day = [message("A", "98=0|108=30|"), message("A", "98=0|108=30|", "VENUE", "ALGO"), message("F", "11=1|")]
    report = replayed(day, desk, held=Held())
    assert {row: sum(found.values()) for row, found in report.counts.items()} == {
        Row("ALGO", Direction.INBOUND, "A"): 1,
        Row("ALGO", Direction.OUTBOUND, "A"): 1,
        Row("ALGO", Direction.INBOUND, "F"): 1,
    }
    assert [change.row.msg_type for change in report.changes] == ["F"]
    other = Held(claims={"fix_comp_id": "OTHER"})
    assert [change.row.msg_type for change in replayed(day[:1], desk, held=other).changes] == ["A"]


def test_memory_is_bounded(desk: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MAX_REMEMBERED", 5)
    monkeypatch.setattr(replay, "MAX_ROWS", 4)
    monkeypatch.setattr(replay, "MAX_DIFFERENCES", 3)
    run = Replay(desk, None, {"ALGO": TRADER})
    days = [message(f"U{number}", f"55=S{number}|") for number in range(50)]
    report = run.run(enumerate(days * 2, 1))
    assert (report.messages, len(report.counts), len(report.changes)) == (100, 5, 3)
    assert (report.differing, run._remembered) == (100, 0)
    assert report.unlisted > 0


SENT = st.sampled_from([None, 1767340800.0, 1767371400.0, 1767405600.0])
"""The SendingTime of a message, which stands for the gateway's clock."""
BODIES = st.lists(st.tuples(st.sampled_from(["D", "D", "G", "8", "B", "F"]), st.sampled_from(Direction), PAIRS, SENT))


def expected(
    policy: Policy, msg_type: str, direction: Direction, fields: Fields, held: Held, now: float | None
) -> Outcome:
    verdict = policy.decide(Question(direction, msg_type, fields, held.scopes, held.claims, "ALGO", now))
    return Outcome.SHADOW if verdict.shadow else Outcome.ALLOW if verdict.allowed else Outcome.DENY


@slow
@given(mappings(), mappings(), BODIES, st.frozensets(st.sampled_from(HELD), max_size=3), CLAIMS)
def test_a_remembered_verdict_is_the_engines(
    old: dict[str, Any],
    new: dict[str, Any],
    bodies: list[tuple[str, Direction, tuple[tuple[int, bytes], ...], float | None]],
    scopes: frozenset[str],
    claims: Mapping[str, object],
) -> None:
    baseline, candidate, held = compiled(old), compiled(new), Held(scopes, claims)
    day, wanted = [], Counter[tuple[Row, Outcome, Outcome]]()
    for msg_type, direction, pairs, now in bodies * 2:
        inbound = direction is Direction.INBOUND
        head = message(msg_type, "", *(("ALGO", "VENUE") if inbound else ("VENUE", "ALGO")))
        sent = b"" if now is None else b"52=%s.123\x01" % timestamp(now)
        day.append(head + sent + b"".join(b"%d=%s\x01" % pair for pair in pairs))
        both = [expected(policy, msg_type, direction, Fields(pairs), held, now) for policy in (baseline, candidate)]
        wanted[Row("ALGO", direction, msg_type), both[0], both[1]] += 1
    report = replayed(day, candidate, baseline, held)
    found = {(row, *both): count for row, outcomes in report.counts.items() for both, count in outcomes.items()}
    assert (found, report.unreadable) == (dict(wanted), 0)


def test_ids_of_the_header_count(write: Callable[..., Path]) -> None:
    by_firm = "grants: [{message: OrderCancelRequest, when: {OnBehalfOfCompID: ONE}}]"
    hub = compile_mapping(write(("grants: [{message: OrderCancelRequest}]", by_firm)))
    day = [message("F", f"115={firm}|11={number}|") for number, firm in enumerate(["ONE", "TWO", "ONE", "TWO", "TWO"])]
    report = replayed(day, hub)
    allow, deny = Outcome.ALLOW, Outcome.DENY
    assert report.counts[Row("ALGO", Direction.INBOUND, "F")] == {(allow, allow): 2, (allow, deny): 3}
