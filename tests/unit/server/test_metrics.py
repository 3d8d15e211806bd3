"""What Prometheus reads."""

from __future__ import annotations

from prometheus_client import generate_latest

from authzsvc.floods import Reason
from authzsvc.policy.warnings import Kind
from authzsvc.server.metrics import Counts, ListenerState, Reload, registry
from tests.unit.checks import Desk, ask, check, logon


def rendered(counts: Counts) -> dict[str, float]:
    lines = generate_latest(registry(counts)).decode().splitlines()
    found = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in found}


def test_what_is_counted_is_shown_under_its_labels() -> None:
    counts = Counts(name="desk", digest="abc", commit="def", live=lambda: (7, 5))
    before = rendered(counts)
    assert before["authzsvc_mapping_stale"] == 0
    assert {before[f'authzsvc_mapping_warnings{{kind="{kind}"}}'] for kind in Kind} == {0}
    counts.decisions["deny", "message"] += 2
    counts.reloads[Reload.REFUSED] += 1
    counts.stale = True
    counts.cached["inbound", "D", "order:create:equity"] += 17
    counts.odd_reports += 1
    counts.unrecorded_reports += 3
    counts.key_sets = lambda: [("https://a", False, 12.5), ("https://b", True, None)]
    counts.warnings = {Kind.SHADOW: 2, Kind.WILDCARD: 0}
    counts.refused["admin.tcp", Reason.COMPRESSED] += 3
    counts.listeners = lambda: [ListenerState("admin.tcp", 4, 2)]
    found = rendered(counts)
    assert found['authzsvc_keys_stale{issuer="https://a"}'] == 0
    assert found['authzsvc_keys_age_seconds{issuer="https://a"}'] == 12.5
    assert found['authzsvc_keys_stale{issuer="https://b"}'] == 1
    assert 'authzsvc_keys_age_seconds{issuer="https://b"}' not in found
    assert found['authzsvc_decisions_total{event="message",verdict="deny"}'] == 2
    assert found['authzsvc_mapping_reloads_total{result="refused"}'] == 1
    assert found['authzsvc_mapping_reloads_total{result="changed"}'] == 0
    assert found['authzsvc_mapping_info{commit="def",digest="abc",name="desk"}'] == 1
    assert found["authzsvc_mapping_stale"] == 1
    assert found['authzsvc_mapping_warnings{kind="shadow"}'] == 2
    labels = 'direction="inbound",msg_type="D",scope="order:create:equity"'
    assert found[f"authzsvc_cached_messages_total{{{labels}}}"] == 17
    assert found["authzsvc_accounting_faults_total"] == 1
    assert found["authzsvc_reports_unrecorded_total"] == 3
    assert (found["authzsvc_sessions"], found["authzsvc_sessions_watched"]) == (7, 5)
    assert found['authzsvc_listener_refused_total{listener="admin.tcp",reason="compressed"}'] == 3
    assert found['authzsvc_listener_connections{listener="admin.tcp"}'] == 4
    assert found['authzsvc_listener_half_open{listener="admin.tcp"}'] == 2


async def test_every_check_is_counted_once(at: Desk) -> None:
    token = at.token()
    for request in (logon(token), check(token), check(token), check(token, msg_type="D"), check(None)):
        ask(at.authorizer, request)
    await at.authorizer.answer(b"\xff", None)
    assert at.authorizer.counts.decisions == {
        ("allow", "logon"): 1,
        ("allow", "message"): 2,
        ("deny", "message"): 2,
        ("deny", ""): 1,
    }
