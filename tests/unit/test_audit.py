from __future__ import annotations

import json
from dataclasses import replace

import pytest
from google.protobuf import json_format

from authzsvc import audit
from authzsvc._gen.fixauthz.v1.event_pb2 import AuditEvent, TrafficCount, allow, deny, high, inbound, info
from authzsvc._gen.fixauthz.v1.event_pb2 import Traffic as EventTraffic
from authzsvc.accounts import Count, Traffic
from authzsvc.contract.reading import parse
from authzsvc.contract.request import Event, FixRequest, StockRequest
from authzsvc.contract.traffic import Kind, TrafficReport
from authzsvc.decide import Stamp, unavailable
from authzsvc.decision import Action, Decision
from authzsvc.fix.direction import Direction
from authzsvc.floods import Flood, Reason
from authzsvc.sessions.acts import Act, Operator
from authzsvc.tokens.claims import Identity
from tests.unit.checks import check, soh

STAMP = Stamp("id-1", 1767623400.000125, "digest")
DENIED = unavailable(Event.MESSAGE, "no scope", STAMP)._replace(missing_scopes=("order:create:equity",))
ALLOWED = DENIED._replace(allowed=True, action=Action.FORWARD, scope="order:cancel", missing_scopes=())
WHO = Identity("https://as", "svc", "algo", "", frozenset(), 1.0, {})


def fix(request: object) -> FixRequest:
    parsed = parse(request)
    assert isinstance(parsed, FixRequest)
    return parsed


def line(request: FixRequest | StockRequest | None, decision: Decision = DENIED, who: Identity | None = WHO) -> bytes:
    return audit.render(request, who, decision, now=STAMP.now, latency_us=42)


def event(raw: bytes) -> AuditEvent:
    """Strictly: an unknown field or a wrong type is an error."""
    return json_format.Parse(raw, AuditEvent(), ignore_unknown_fields=False)


def test_a_line_is_the_documented_message() -> None:
    found = event(line(fix(check("t", msg_type="D", body=soh("11=O-1|167=CS|")))))
    assert found == AuditEvent(
        time="2026-01-05T14:30:00.000125Z",
        decision_id="id-1",
        event="message",
        request_id="c1-17",
        session=found.session,
        direction=inbound,
        msg_type="D",
        msg_seq_num=17,
        business_id="O-1",
        business_id_tag=11,
        verdict=deny,
        severity=high,
        missing_scopes=["order:create:equity"],
        reason="no scope",
        policy="digest",
        latency_us=42,
        context={"gateway": "gw-1"},
        mode="enforce",
    )
    session = found.session
    assert (session.begin_string, session.sender_comp_id, session.target_comp_id) == ("FIX.4.4", "ALGO", "VENUE")
    assert (session.subject, session.client_id) == ("svc", "algo")
    assert (session.address, session.principal) == ("192.0.2.7:40001", "spiffe://algoprovider.example/mm")


def test_the_field_names_are_the_schemas_own() -> None:
    names = {field.name for field in AuditEvent.DESCRIPTOR.fields}
    assert set(json.loads(line(fix(check("t"))))) == names - {"admin", "flood", "traffic", "unproven"}


def test_an_allowed_message_is_info() -> None:
    found = json.loads(line(fix(check("t")), ALLOWED))
    assert (found["verdict"], found["severity"], found["scope"]) == ("allow", "info", "order:cancel")


def test_a_report_is_recorded_as_the_denial_it_tells_of() -> None:
    request = fix(check("t", event="report", headers={"x-fix-reason": "wrong 9"}))
    found = json.loads(line(request, ALLOWED._replace(scope=None, reason=request.report)))
    assert (found["verdict"], found["severity"], found["reason"]) == ("deny", "high", "wrong 9")
    assert "unproven" not in found


def test_what_anybody_may_have_sent_is_told_apart() -> None:
    report = line(fix(check(None, event="report", headers={"x-fix-reason": "wrong 9"})), ALLOWED, who=None)
    traffic = audit.render_traffic(Traffic(REPORT, (Count(None, 1, 2),), False), None, "digest", "id-1", STAMP.now)
    assert [json.loads(one).get("unproven") for one in (report, traffic)] == [True, True]
    assert "unproven" not in json.loads(line(fix(check(None)), ALLOWED, who=None))


def test_a_denial_in_shadow_is_recorded_as_what_it_would_have_been() -> None:
    passed = ALLOWED._replace(scope=None, shadow=True, rule="restricted-list", missing_scopes=("order:create:x",))
    found = event(line(fix(check("t")), passed))
    assert (found.verdict, found.mode, found.severity, found.rule) == (deny, "shadow", info, "restricted-list")
    assert list(found.missing_scopes) == ["order:create:x"]


def test_unknown_scopes_are_recorded() -> None:
    found = event(line(fix(check("t")), ALLOWED._replace(unknown_scopes=("admin", "openid"))))
    assert list(found.unknown_scopes) == ["admin", "openid"]


def test_stock_and_unreadable_requests() -> None:
    assert event(line(StockRequest(Event.CONNECTION, "", "", "spiffe://x", {}))).session.principal == "spiffe://x"
    assert event(line(None)).verdict == deny


@pytest.mark.parametrize(
    ("body", "tag", "value"),
    [
        (b"37=V\x0111=C1\x0111=C2\x01", 11, "C1"),
        (b"262=M\x01", 262, "M"),
        (b"55=X\x01", 0, ""),
        (b"11=\xff\xfe\x01", 11, "\\xff\\xfe"),
    ],
)
def test_the_business_id(body: bytes, tag: int, value: str) -> None:
    found = event(line(fix(check("t", body=body))))
    assert (found.business_id_tag, found.business_id) == (tag, value)


def test_no_secret_is_in_a_line() -> None:
    raw = line(fix(check("the-token", body=soh("11=O|554=the-password|89=the-signature|"))))
    assert not any(secret in raw for secret in (b"the-token", b"the-password", b"the-signature"))


@pytest.mark.parametrize("value", ["\n" * 50_000, "\u2028\r\n\x00" * 1000, "é" * 1_000_000, '"},{"' * 10_000])
def test_a_hostile_value_stays_one_bounded_line(value: str) -> None:
    request = fix(check("t", body=b"11=" + value.encode() + b"\x01", headers={"x-fix-begin-string": value}))
    context = {f"{n}{value[:999]}": value[:999] for n in range(99)}
    party = replace(request.party, principal=value, address=value, context=context)
    hostile = request._replace(id=value, party=party)
    decision = DENIED._replace(reason=value, missing_scopes=(value[:999],) * 500)
    raw = line(hostile, decision, replace(WHO, subject=value, client_id=value))
    assert raw.count(b"\n") == 1
    assert raw.endswith(b"\n")
    assert len(raw) < 200_000
    assert event(raw).msg_seq_num == 17


def test_an_operators_act_is_the_documented_message() -> None:
    act = Act(
        id="r-1",
        at=STAMP.now,
        action="kill",
        operator=Operator("spiffe://desk/ann", claimed=False, address="ipv4:192.0.2.9:1"),
        by="client",
        value="algo",
        mode="cancel-only",
        reason="runaway orders",
        targets=("r-1",),
        hit=3,
    )
    found = event(audit.render_admin(act))
    assert (found.event, found.decision_id, found.reason) == ("admin", "r-1", "runaway orders")
    assert (found.verdict, found.severity, found.session.address) == (allow, info, "ipv4:192.0.2.9:1")
    admin = found.admin
    assert (admin.action, admin.operator, admin.claimed, admin.hit) == ("kill", "spiffe://desk/ann", False, 3)
    assert (admin.by, admin.value, admin.mode, list(admin.targets)) == ("client", "algo", "cancel-only", ["r-1"])


def test_a_refused_act_and_one_that_is_not_kept_want_attention() -> None:
    act = Act("r-1", STAMP.now, "kill", Operator("unix:ann", claimed=True))
    refused = event(audit.render_admin(replace(act, refused="the reason is missing")))
    assert (refused.verdict, refused.severity, refused.reason) == (deny, high, "the reason is missing")
    assert refused.admin.claimed
    behind = event(audit.render_admin(replace(act, behind=("b", "2 sessions of this service"))))
    assert (behind.severity, list(behind.admin.behind)) == (high, ["b", "2 sessions of this service"])
    not_kept = event(audit.render_admin(replace(act, not_kept="the disk is full")))
    assert (not_kept.verdict, not_kept.severity, not_kept.admin.not_kept) == (allow, high, "the disk is full")


def test_a_refused_act_is_bounded_whatever_was_asked() -> None:
    act = Act("r-1", STAMP.now, "kill", Operator("n" * 9999, claimed=True), value="v" * 99_999, refused="r" * 99_999)
    assert len(audit.render_admin(replace(act, targets=tuple(str(n) for n in range(9999))))) < audit.MAX_LINE


REPORT = TrafficReport("s-1", 1.0, True, {}, 0, "FIX.4.4", "ALGO", "VENUE", "192.0.2.7:40001")


def counts(number: int) -> tuple[Count, ...]:
    kinds = [Kind(Direction.INBOUND, "D" * 16, "s" * 240 + str(i)) for i in range(number)]
    return tuple(Count(kind, 2**53, 2**53) for kind in kinds)


def test_a_line_of_traffic_is_the_documented_message() -> None:
    told = (Count(Kind(Direction.INBOUND, "D", "order:create:equity"), 3, 20), Count(None, 1, 2))
    found = event(audit.render_traffic(Traffic(REPORT, told, True), None, "digest", "id-1", STAMP.now))
    assert found == AuditEvent(
        time="2026-01-05T14:30:00.000125Z",
        decision_id="id-1",
        event="traffic",
        session=found.session,
        verdict=allow,
        severity=info,
        policy="digest",
        mode="enforce",
        traffic=EventTraffic(
            connection="s-1",
            resumed=True,
            ended=True,
            counts=[
                TrafficCount(direction=inbound, msg_type="D", scope="order:create:equity", count=3, total=20),
                TrafficCount(count=1, total=2),
            ],
        ),
        unproven=True,
    )
    assert (found.session.sender_comp_id, found.session.address) == ("ALGO", "192.0.2.7:40001")


def test_no_count_is_cut_away_and_no_line_too_long() -> None:
    many = counts(100)
    report = replace(REPORT, sender="x" * 256, target="x" * 256, address="x" * 256)
    raw = audit.render_traffic(Traffic(report, many, False), None, "d" * 64, "id-1", STAMP.now)
    lines = raw.splitlines()
    assert max(map(len, lines)) <= audit.MAX_LINE
    assert [c.scope for line in lines for c in event(line).traffic.counts] == [c.kind.scope for c in many if c.kind]
    assert all(event(line).traffic.connection == "s-1" for line in lines)


def test_a_flood_is_one_line_of_the_schema() -> None:
    flood = Flood("admin.tcp", Reason.COMPRESSED, 5_000, "192.0.2.7", 1_000.0, 1_010.0)
    event = json_format.Parse(audit.render_flood(flood, "d-1"), AuditEvent())
    assert (event.event, event.verdict, event.severity, event.session.address) == ("flood", deny, high, "192.0.2.7")
    assert (event.flood.listener, event.flood.reason, event.flood.count) == ("admin.tcp", "compressed", 5_000)
    assert (event.flood.since, event.time) == ("1970-01-01T00:16:40Z", "1970-01-01T00:16:50Z")
    assert event.reason == "refused before authentication: compressed"
