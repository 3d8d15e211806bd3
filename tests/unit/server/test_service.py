from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from google.protobuf import json_format

from authzsvc._gen.fixauthz.v1.event_pb2 import AuditEvent
from authzsvc.policy.compiler import compile_mapping
from authzsvc.server.logs import JsonFormatter
from authzsvc.server.service import TOO_MUCH, decision_ids
from authzsvc.tokens import authenticator
from authzsvc.tokens.development import DevelopmentIssuer
from tests.unit.checks import Answer, Desk, ask, asked, check, desk, logon, soh


def events(at: Desk) -> list[AuditEvent]:
    return [json_format.Parse(line, AuditEvent()) for line in at.audited()]


async def test_a_session_from_logon_to_denial(at: Desk) -> None:
    token = at.token()
    answers = [
        ask(at.authorizer, logon(token)),
        ask(at.authorizer, check(token)),
        ask(at.authorizer, check(token, msg_type="D", body=soh("11=O-2|167=CS|"))),
        ask(at.authorizer, check(token)),
    ]
    assert [answer.headers["x-fix-action"] for answer in answers] == ["forward", "forward", "reject", "forward"]
    recorded = events(at)
    ids = [answer.headers["x-fix-decision-id"] for answer in answers]
    assert [event.decision_id for event in recorded] == ids
    assert len(set(ids)) == 4
    assert (recorded[2].business_id, list(recorded[2].missing_scopes)) == ("O-2", ["order:create:equity"])


Bad = Callable[[Desk, Path], Any]
BAD_TOKENS: list[tuple[str, Bad, str, str | None]] = [
    ("none", lambda _at, _dir: None, "no access token", "5"),
    ("empty", lambda _at, _dir: "", "no access token", "5"),
    ("expired", lambda at, _dir: at.token(ttl_s=-60), "access token expired", "8"),
    ("future", lambda at, _dir: at.token(claims={"nbf": 4e9}), "access token not yet valid", "7"),
    ("issuer", lambda at, _dir: at.token(claims={"iss": "https://other"}), "access token not accepted", "5"),
    ("audience", lambda at, _dir: at.token(audience="web"), "token is not for this gateway", "5"),
    (
        "key",
        lambda _at, path: DevelopmentIssuer.create(path / "x").mint(comp_id="ALGO"),
        "access token not accepted",
        "5",
    ),
    ("tampered", lambda at, _dir: at.token()[:-6] + "AAAAAA", "access token not accepted", "5"),
    (
        "alg none",
        lambda at, _dir: "eyJhbGciOiJub25lIn0." + at.token().split(".")[1] + ".",
        "access token not accepted",
        "5",
    ),
    ("huge", lambda at, _dir: at.token(claims={"x": "x" * 20_000}), "access token not accepted", "5"),
    ("no jwt", lambda _at, _dir: "hunter2", "access token not accepted", "5"),
]


@pytest.mark.parametrize(
    ("make", "text", "status"), [bad[1:] for bad in BAD_TOKENS], ids=[bad[0] for bad in BAD_TOKENS]
)
async def test_a_bad_token_ends_the_session_and_is_recorded(
    at: Desk, tmp_path: Path, make: Bad, text: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = make(at, tmp_path)
    monkeypatch.setattr(authenticator, "KEYS_PATIENCE_S", 0.01)
    first, later = await asked(at.authorizer, logon(token)), await asked(at.authorizer, check(token))
    for answer in (first, later):
        assert (answer.text, answer.headers["x-fix-action"]) == (text, "logout")
        assert (answer.response.status.code, answer.response.denied_response.status.code) == (16, 401)
    assert (first.headers["x-fix-session-status"], later.headers.get("x-fix-session-status")) == (status, status)
    raw = b"\n".join(at.audited())
    assert raw.count(b'"verdict":"deny","severity":"high"') == 2
    assert not token or token.encode() not in raw


async def test_a_comp_id_that_is_not_the_tokens(at: Desk) -> None:
    answer = ask(at.authorizer, logon(at.token(comp_id="SOMEONE")))
    assert (answer.text, answer.response.status.code) == ("SenderCompID is not the token's", 7)
    assert answer.headers["x-fix-action"] == "logout"


@pytest.mark.parametrize(
    ("request_", "action", "reason"),
    [
        (check("t", headers={"x-fix-event": "watch"}), "reject", "x-fix-session"),
        (check("t", headers={"x-fix-msg-seq-num": "-1"}), "reject", "x-fix-msg-seq-num"),
        (check("t", body=b"11=A"), "reject", "raw_body"),
        (logon("t", headers={"x-fix-direction": "outbound"}), "logout", "inbound Logon"),
    ],
)
async def test_what_no_proxy_would_send_is_denied_and_recorded(
    at: Desk, request_: CheckRequest, action: str, reason: str
) -> None:
    answer = ask(at.authorizer, request_)
    assert (answer.allowed, answer.headers["x-fix-action"], answer.headers["x-fix-reject-reason"]) == (
        False,
        action,
        "4",
    )
    (event,) = events(at)
    assert reason in event.reason
    assert event.session.sender_comp_id == "ALGO"


@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\x05x", b"garbage" * 100])
async def test_bytes_that_are_no_check_request(at: Desk, raw: bytes) -> None:
    answer = Answer(CheckResponse.FromString(await at.authorizer.answer(raw, None)))
    assert (answer.allowed, answer.headers["x-fix-reject-reason"]) == (False, "4")
    assert len(events(at)) == 1


async def test_a_check_that_says_too_much_is_denied_before_it_is_parsed(at: Desk) -> None:
    """Protobuf's own parser would take a second for it."""
    request = check("t", headers={f"h{number}": "" for number in range(100_000)})
    for raw in (request.SerializeToString(), check("t").SerializeToString() + request.SerializeToString()):
        answer = Answer(CheckResponse.FromString(await at.authorizer.answer(raw, None)))
        assert (answer.allowed, answer.headers["x-fix-reject-reason"]) == (False, "4")
    assert {event.reason for event in events(at)} == {TOO_MUCH}


async def test_no_bytes_are_an_unnamed_connection(at: Desk) -> None:
    answer = Answer(CheckResponse.FromString(await at.authorizer.answer(b"", None)))
    assert answer.text == "Connection not admitted"


async def test_stock_filters(at: Desk) -> None:
    network = CheckRequest()
    network.attributes.source.principal = "spiffe://admitted"
    assert ask(at.authorizer, network).allowed
    http = CheckRequest()
    http.attributes.source.principal = "spiffe://admitted"
    http.attributes.request.http.method = "GET"
    assert not ask(at.authorizer, http).allowed
    assert [event.event for event in events(at)] == ["connection", "http"]


async def test_a_report_that_comes_twice_is_recorded_once(at: Desk) -> None:
    token, kind = at.token(), {"x-fix-report": "violation"}
    reports = [check(token, event="report", headers=kind | {"x-fix-reason": reason}) for reason in "aabab"]
    assert all(ask(at.authorizer, report).allowed for report in reports)
    assert [event.reason for event in events(at)] == ["violation: a", "violation: b"]


async def test_a_report_is_not_acknowledged_before_it_can_be_recorded(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"x-fix-report": "violation", "x-fix-reason": "wrong 10"}
    report = check(at.token(), event="report", headers=headers)
    with monkeypatch.context() as failing:
        failing.setattr(type(at.audit), "available", False)
        assert not ask(at.authorizer, report).allowed
    assert ask(at.authorizer, report).allowed
    assert [event.reason for event in events(at)] == ["violation: wrong 10"]


async def test_a_report_is_acknowledged_and_recorded_as_a_denial(at: Desk) -> None:
    headers = {"x-fix-report": "violation", "x-fix-reason": "wrong 10"}
    answer = ask(at.authorizer, check(at.token(), event="report", headers=headers))
    assert (answer.allowed, answer.headers["x-fix-scope"], answer.headers["cache-control"]) == (True, "-", "no-store")
    (event,) = events(at)
    assert (event.event, event.reason) == ("report", "violation: wrong 10")
    assert (event.verdict, event.severity, event.session.client_id) == (2, 2, "algoprovider-mm")


class BrokenPolicy:
    """A policy with a fault of its own."""

    digest = "digest"
    guard_outbound = exempt = risk_reducing = want_tags = passes = ()
    closed = False

    def identify(self, *_: object) -> str | None:
        raise RuntimeError("the token is hunter2")


async def test_an_exception_denies_and_tells_no_secret(at: Desk) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("authzsvc.server.service")
    logger.addHandler(handler)
    at.authorizer.in_force.policy = BrokenPolicy()  # type: ignore[assignment]
    answer = ask(at.authorizer, logon(at.token()))
    logger.removeHandler(handler)
    assert (answer.allowed, answer.headers["x-fix-action"], answer.headers["x-fix-reject-reason"]) == (
        False,
        "logout",
        "4",
    )
    (event,) = events(at)
    assert "RuntimeError" in event.reason
    logged = json.loads(stream.getvalue())
    assert (logged["error"], logged["decision_id"]) == ("RuntimeError", event.decision_id)
    assert "hunter2" not in stream.getvalue() + event.reason


async def test_while_the_audit_cannot_be_written_everything_is_denied(tmp_path: Path) -> None:
    limits = {"attempts": 10_000, "address_attempts": 10_000, "comp_id_attempts": 10_000}
    logs = tmp_path / "logs"
    logs.mkdir()
    at = await desk(tmp_path, audit_path=logs / "audit.jsonl", guessing=limits)
    token = at.token()
    logs.rename(tmp_path / "away")
    answer = ask(at.authorizer, logon(token))
    for _ in range(1000):
        answer = ask(at.authorizer, logon(token))
        if not answer.allowed:
            break
        at.audit._wake.set()
        at.audit._closing.wait(0.01)
    assert (answer.text, answer.headers["x-fix-reject-reason"]) == ("Application not available", "4")
    assert answer.metadata["reason"] == "the audit log cannot be written"
    await at.close()


def test_ids_differ_within_and_between_processes() -> None:
    one, other = decision_ids(), decision_ids()
    found = [next(one) for _ in range(1000)] + [next(other) for _ in range(1000)]
    assert len(set(found)) == 2000
    assert {len(name) for name in found} == {24}


REFRESH = {"x-fix-refresh": "Y"}


async def test_an_allowed_refresh_is_counted_apart_and_not_recorded(at: Desk) -> None:
    answer = ask(at.authorizer, check(at.token(), headers=REFRESH))
    assert (answer.allowed, answer.headers["x-fix-scope"]) == (True, "order:create:option_multileg")
    assert at.authorizer.counts.decisions == {("allow", "refresh"): 1}
    assert at.audited() == []


@pytest.mark.parametrize(("ttl_s", "reason"), [(600, "refresh: no scope"), (-60, "refresh: the token expired")])
async def test_a_denied_refresh_is_recorded_as_what_it_is(at: Desk, ttl_s: int, reason: str) -> None:
    token = at.token(ttl_s=ttl_s)
    answer = ask(at.authorizer, check(token, msg_type="D", body=soh("11=O-2|167=CS|"), headers=REFRESH))
    assert not answer.allowed
    assert at.authorizer.counts.decisions == {("deny", "refresh"): 1}
    (event,) = events(at)
    assert (event.event, event.verdict, event.severity, event.business_id) == ("refresh", 2, 2, "O-2")
    assert event.reason.startswith(reason)


async def test_a_refresh_that_would_only_pass_in_shadow_is_recorded(tmp_path: Path) -> None:
    at = await desk(tmp_path)
    path = tmp_path / "mapping.yaml"
    path.write_text(path.read_text() + "rollout: {mode: shadow}\n")
    at.authorizer.in_force.policy = compile_mapping(path)
    answer = ask(at.authorizer, check(at.token(), msg_type="D", headers=REFRESH))
    assert (answer.allowed, answer.headers["cache-control"]) == (True, "no-store")
    (event,) = events(at)
    assert (event.event, event.mode, event.verdict) == ("refresh", "shadow", 2)
    await at.close()
