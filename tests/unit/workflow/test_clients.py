"""Who the client of a message is."""

from __future__ import annotations

import pytest

from authzsvc.fix.direction import Direction
from authzsvc.policy.engine import Policy
from authzsvc.policy.question import CompIds, Question, Verdict
from authzsvc.workflow import clients, typed


def test_the_client_sends_inbound_and_receives_outbound() -> None:
    _, fields = typed.read("35=D|49=ALGO|50=DESK|56=VENUE")
    assert clients.client_of(fields, Direction.INBOUND) == CompIds("ALGO", "DESK", target_comp_id="VENUE")
    assert clients.client_of(fields, Direction.OUTBOUND) == CompIds("VENUE", target_comp_id="ALGO")


def test_a_part_of_a_message_names_no_client() -> None:
    _, fields = typed.read("35=D|50=DESK")
    assert clients.client_of(fields, Direction.INBOUND) is None


@pytest.mark.parametrize(
    ("client", "claims", "refused"),
    [
        (CompIds("OTHER"), {"fix_comp_id": "ALGO"}, True),
        (CompIds("ALGO"), {"fix_comp_id": "ALGO"}, False),
        (CompIds("OTHER"), {}, False),
        (None, {"fix_comp_id": "ALGO"}, False),
    ],
)
def test_identity_is_held_where_both_tell(
    desk: Policy, client: CompIds | None, claims: dict[str, object], refused: bool
) -> None:
    msg_type, fields = typed.read("35=F|11=1")
    question = Question(Direction.INBOUND, msg_type, fields, frozenset({"order:cancel"}), claims)
    verdict = clients.refusal(desk, question, client)
    assert (verdict is not None) is refused
    assert verdict is None or (not verdict.allowed and "OTHER" in verdict.reason)


def logon(desk: Policy, direction: Direction, claims: dict[str, object], comp_id: str = "ALGO") -> Verdict:
    msg_type, fields = typed.read(f"35=A|49={comp_id}|98=0|108=30")
    question = Question(direction, msg_type, fields, frozenset(), claims)
    return clients.decide(desk, question, CompIds(comp_id))


def test_a_logon_is_decided_by_token_and_identity_alone(desk: Policy) -> None:
    welcome = logon(desk, Direction.INBOUND, {"fix_comp_id": "ALGO"})
    assert (welcome.allowed, welcome.shadow, welcome.scope, welcome.missing_scopes) == (True, False, None, ())
    assert logon(desk, Direction.INBOUND, {}) == welcome
    assert logon(desk, Direction.OUTBOUND, {}).allowed
    refused = logon(desk, Direction.INBOUND, {"fix_comp_id": "ALGO"}, comp_id="OTHER")
    assert not refused.allowed
    assert "OTHER" in refused.reason


@pytest.mark.parametrize("msg_type", ["B", "AA", "a", "F"])
def test_nothing_else_is_taken_for_a_logon(desk: Policy, msg_type: str) -> None:
    _, fields = typed.read("35=A|98=0")
    question = Question(Direction.INBOUND, msg_type, fields, frozenset(), {})
    assert clients.beforehand(desk, question, None) is None
    assert not clients.decide(desk, question, None).allowed
