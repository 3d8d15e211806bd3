"""Messages that one Check asks about: each is judged, recorded and counted as if it had been asked about alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.audit_log import AuditLog
from authzsvc.policy.compiler import compile_mapping
from tests.unit.checks import Answer, Desk, ask, check, desk, logon, soh

Message = tuple[str, bool, str]
"""MsgType (35), PossDupFlag (43), body."""

NAME = "0123456789abcdef"
OWN = ("time", "decision_id", "latency_us")
"""What differs between any two events."""


def one(at: Desk, token: str, seq: int, message: Message, direction: str) -> Any:  # noqa: ANN401
    """The Check about one message."""
    msg_type, poss_dup, body = message
    headers = {"x-fix-msg-seq-num": str(seq), "x-fix-poss-dup": "Y" if poss_dup else "N", "x-fix-session": NAME}
    return check(token, msg_type=msg_type, body=soh(body), headers=headers, direction=direction, **sides(direction))


def several(at: Desk, token: str, seq: int, messages: Sequence[Message], direction: str) -> Any:  # noqa: ANN401
    """The Check about several."""
    request = one(at, token, seq, messages[0], direction)
    http = request.attributes.request.http
    http.headers["x-fix-batch"] = str(len(messages))
    http.raw_body = b"".join(
        soh(f"35={msg_type}|34={seq + index}|{'43=Y|' if poss_dup else ''}{body}")
        for index, (msg_type, poss_dup, body) in enumerate(messages)
    )
    return request


def sides(direction: str) -> dict[str, Any]:
    return {"sender": "VENUE", "target": "ALGO"} if direction == "outbound" else {}


def ask_together(at: Desk, token: str, messages: Sequence[Message], direction: str) -> list[tuple[object, ...]]:
    """What becomes of each, asked about as a proxy does: those that are not judged once more."""
    outcomes: list[tuple[object, ...]] = []
    while len(outcomes) < len(messages):
        rest, seq = messages[len(outcomes) :], 2 + len(outcomes)
        if len(rest) == 1:
            outcomes.append(outcome(ask(at.authorizer, one(at, token, seq, rest[0], direction))))
            continue
        answer = ask(at.authorizer, several(at, token, seq, rest, direction))
        allowed = int(answer.headers["x-fix-allowed"])
        assert (allowed == len(rest)) == answer.allowed
        outcomes += [("forward",)] * allowed
        if not answer.allowed:
            outcomes.append(outcome(answer))
    return outcomes


def outcome(answer: Answer) -> tuple[object, ...]:
    if answer.allowed:
        return ("forward",)
    headers = answer.headers
    return headers["x-fix-action"], answer.text, answer.response.status.code, headers.get("x-fix-reject-reason")


def recorded(at: Desk) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in at.audited()]
    assert len({event["decision_id"] for event in events}) == len(events)
    return [{name: value for name, value in event.items() if name not in OWN} for event in events]


MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(["AB", "AB", "D", "F", "G", "8", "0", "ZZ"]),
        st.booleans(),
        st.sampled_from(["11=O-1|", "11=O-2|167=CS|", "167=OPT|", "1=ACC-1|17=E|", "1=ACC-2|", "58=é|", ""]),
    ),
    min_size=2,
    max_size=12,
)


@given(
    messages=MESSAGES,
    direction=st.sampled_from(["inbound", "inbound", "outbound"]),
    who=st.sampled_from([{}, {"scopes": ("order:create:equity",)}, {"comp_id": "SOMEONE"}, {"ttl_s": -60}]),
    shadow=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_together_is_as_one_by_one(
    tmp_path_factory: pytest.TempPathFactory,
    messages: list[Message],
    direction: str,
    who: dict[str, Any],
    shadow: bool,
) -> None:
    async def both() -> None:
        folder = tmp_path_factory.mktemp("several")
        at = await desk(folder)
        other = AuditLog(str(folder / "other.jsonl"))
        if shadow:
            mapping = folder / "mapping.yaml"
            mapping.write_text(mapping.read_text() + "rollout: {mode: shadow}\n")
            at.parts.authorizer.in_force.policy = compile_mapping(mapping)
        token = at.token(**who)
        ask(at.authorizer, logon(at.token(), headers={"x-fix-session": NAME}))
        counted = at.authorizer.counts.decisions.copy()

        alone = [
            outcome(ask(at.authorizer, one(at, token, seq, message, direction)))
            for seq, message in enumerate(messages, 2)
        ]
        of_one_by_one = at.authorizer.counts.decisions - counted
        events = recorded(at)[1:]

        at.parts.authorizer.audit = other
        together = ask_together(at, token, messages, direction)
        other.close()
        assert together == alone
        lines = (folder / "other.jsonl").read_bytes().splitlines()
        of_together = [json.loads(line) for line in lines]
        assert len({event["decision_id"] for event in of_together}) == len(messages)
        assert [{name: value for name, value in event.items() if name not in OWN} for event in of_together] == events
        assert at.authorizer.counts.decisions - counted - of_one_by_one == of_one_by_one
        await at.close()

    asyncio.run(both())


async def test_an_allowed_answer_counts_all(at: Desk) -> None:
    token = at.token()
    answer = ask(at.authorizer, several(at, token, 2, [("AB", False, "11=a|")] * 5, "inbound"))
    assert (answer.allowed, answer.headers["x-fix-allowed"]) == (True, "5")
    events = [json.loads(line) for line in at.audited()]
    assert [event["msg_seq_num"] for event in events] == [2, 3, 4, 5, 6]
    assert events[-1]["decision_id"] == answer.headers["x-fix-decision-id"]


async def test_what_is_malformed_is_denied_whole_and_recorded_once(at: Desk) -> None:
    request = several(at, at.token(), 2, [("AB", False, "11=a|")] * 3, "inbound")
    request.attributes.request.http.headers["x-fix-batch"] = "4"
    answer = ask(at.authorizer, request)
    assert (answer.allowed, answer.headers["x-fix-reject-reason"]) == (False, "4")
    assert "x-fix-allowed" not in answer.headers
    (event,) = [json.loads(line) for line in at.audited()]
    assert "x-fix-batch" in event["reason"]
    assert (event["verdict"], event["msg_seq_num"], event["business_id"]) == ("deny", 2, "a")


async def test_while_the_audit_cannot_be_written_none_is_allowed(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = iter([True, True, False])
    monkeypatch.setattr(AuditLog, "available", property(lambda _self: next(ready)))
    answer = ask(at.authorizer, several(at, at.token(), 2, [("AB", False, "11=a|")] * 4, "inbound"))
    assert (answer.allowed, answer.headers["x-fix-allowed"]) == (False, "2")
    assert answer.headers["x-fix-reject-reason"] == "4"


async def test_a_decision_that_fails_denies_its_own_message(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    policy, left = type(at.authorizer.policy), iter([True, False])
    decide = policy.decide

    def fragile(self: Any, question: Any) -> Any:  # noqa: ANN401
        assert next(left)
        return decide(self, question)

    monkeypatch.setattr(policy, "decide", fragile)
    answer = ask(at.authorizer, several(at, at.token(), 2, [("AB", False, "11=a|")] * 3, "inbound"))
    assert (answer.headers["x-fix-allowed"], answer.headers["x-fix-reject-reason"]) == ("1", "4")


async def test_the_offer_is_a_setting(tmp_path: Path) -> None:
    for batch, told in [(1, None), (2, "2"), (64, "64")]:
        folder = tmp_path / str(batch)
        folder.mkdir()
        at = await desk(folder, decisions={"batch": batch})
        assert ask(at.authorizer, logon(at.token())).headers.get("x-fix-batch") == told
        await at.close()
