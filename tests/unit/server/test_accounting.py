"""Reports as they come in: into the audit and the metrics, over a real server, and through its end."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from envoy.service.accesslog.v3 import als_pb2

from authzsvc.policy.compiler import compile_mapping
from authzsvc.server import accounting
from authzsvc.server.accounting import METHOD, SERVICE
from authzsvc.server.lifecycle import running
from tests.unit.checks import Desk
from tests.unit.contract.test_traffic import D, entry
from tests.unit.server.asking import Session
from tests.unit.server.conftest import Site

FUTURE = 4_000_000_000
"""A connection's beginning that is later than any service's; it counts as now."""


def message(*entries: Any) -> bytes:  # noqa: ANN401 (the stubs of xds-protos carry no types)
    made = als_pb2.StreamAccessLogsMessage()
    made.tcp_logs.log_entry.extend(entries)
    raw: bytes = made.SerializeToString()
    return raw


def traffic(at: Desk) -> list[dict[str, Any]]:
    return [event for event in map(json.loads, at.audited()) if event["event"] == "traffic"]


async def test_what_passed_is_in_the_audit_and_the_metrics(at: Desk) -> None:
    session = Session(at, at.token())
    await session.log_on()
    taking = at.parts.accounting
    await taking.take(message(entry(began=FUTURE, **{D: 17, "outbound:8:trade:view:own": 3})))
    await taking.take(message(entry(began=FUTURE, **{D: 17}), entry(began=FUTURE, ended=True, **{D: 20})))
    assert at.authorizer.counts.cached == {
        ("inbound", "D", "order:create:equity"): 20,
        ("outbound", "8", "trade:view:own"): 3,
    }
    first, last = traffic(at)
    assert first["traffic"] == {
        "connection": session.id,
        "resumed": False,
        "ended": False,
        "counts": [
            {"direction": "inbound", "msg_type": "D", "scope": "order:create:equity", "count": 17, "total": 17},
            {"direction": "outbound", "msg_type": "8", "scope": "trade:view:own", "count": 3, "total": 3},
        ],
    }
    assert last["traffic"]["ended"]
    assert [count["count"] for count in last["traffic"]["counts"]] == [3]
    assert (first["session"]["client_id"], first["session"]["sender_comp_id"]) == ("algoprovider-mm", "ALGO")
    assert (first["context"], first["policy"]) == ({"gateway": "gw-1"}, at.authorizer.policy.digest)
    assert first["decision_id"] != last["decision_id"]


async def test_words_that_the_mapping_does_not_know_are_no_labels(at: Desk) -> None:
    keys = ["inbound:ZZ:order:create:equity", "inbound:D:made:up", "outbound:D:-", "inbound:D:-"]
    await at.parts.accounting.take(message(entry(began=FUTURE, **dict.fromkeys(keys, 1))))
    assert at.authorizer.counts.cached == {
        ("inbound", "other", "order:create:equity"): 1,
        ("inbound", "D", "other"): 1,
        ("outbound", "other", "-"): 1,
        ("inbound", "D", "-"): 1,
    }
    (event,) = traffic(at)
    assert {count["msg_type"] for count in event["traffic"]["counts"]} == {"ZZ", "D"}, "the audit tells what was told"


async def test_another_mapping_counts_nothing_twice(at: Desk, site: Site) -> None:
    await at.parts.accounting.take(message(entry(began=FUTURE, **{D: 5})))
    mapping = site.directory / "mapping.yaml"
    mapping.write_text(mapping.read_text().replace("NewOrderSingle", "OrderCancelRequest"))
    at.authorizer.in_force.policy = compile_mapping(mapping)
    await at.parts.accounting.take(message(entry(began=FUTURE, **{D: 7})))
    assert at.authorizer.counts.cached == {
        ("inbound", "D", "order:create:equity"): 5,
        ("inbound", "other", "order:create:equity"): 2,
    }


async def test_a_connection_from_before_the_service(at: Desk) -> None:
    await at.parts.accounting.take(message(entry(**{D: 5})))
    assert at.authorizer.counts.cached == {}
    (event,) = traffic(at)
    assert (event["traffic"]["resumed"], event["traffic"]["counts"][0]["total"]) == (True, 5)


@pytest.mark.parametrize("raw", [b"\xff", b"\x1a\x03abc", message(entry(**{D: -1})), message(entry(**{"x:y": 1}))])
async def test_nonsense_is_counted_and_harms_nobody(at: Desk, raw: bytes) -> None:
    await at.parts.accounting.take(raw)
    await at.parts.accounting.take(message(entry(began=FUTURE, **{D: 1})))
    assert at.authorizer.counts.odd_reports == 1
    assert sum(at.authorizer.counts.cached.values()) == 1


@pytest.mark.parametrize("raw", [b"", message(), message(entry(None))])
async def test_other_logs_are_passed_over(at: Desk, raw: bytes) -> None:
    await at.parts.accounting.take(raw)
    assert (at.authorizer.counts.odd_reports, traffic(at)) == (0, [])


async def test_a_fault_of_ours_costs_one_report(at: Desk, caplog: pytest.LogCaptureFixture) -> None:
    policy, at.authorizer.in_force.policy = at.authorizer.policy, None  # type: ignore[assignment]
    await at.parts.accounting.take(message(entry(began=FUTURE, **{D: 1})))
    at.authorizer.in_force.policy = policy
    await at.parts.accounting.take(message(entry("other", began=FUTURE, **{D: 1})))
    assert "a report was not counted" in caplog.text
    assert sum(at.authorizer.counts.cached.values()) == 1


async def test_many_reports_let_others_have_their_turn(at: Desk) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await at.parts.accounting.take(message(*(entry(f"s{number}", **{D: 1}) for number in range(1000))))
    task.cancel()
    assert turns >= 1000 // accounting._AT_ONCE


async def test_over_a_real_server_to_its_end(site: Site) -> None:
    """A stream that never ends by itself does not hold up the end of the service, and what came on it is not lost."""
    async with grpc.aio.insecure_channel(f"unix:{site.socket}") as channel, AsyncExitStack() as ending:
        await ending.enter_async_context(running(site.settings(drain_s=300)))
        open_call: Any = channel.stream_unary(f"/{SERVICE}/{METHOD}")()
        await open_call.write(message(entry(began=FUTURE, **{D: 1})))
        await open_call.write(b"\xff")
        cut: Any = channel.stream_unary(f"/{SERVICE}/{METHOD}")()
        await cut.write(message(entry("cut", began=FUTURE, **{D: 2})))
        whole: Any = channel.stream_unary(f"/{SERVICE}/{METHOD}")()
        await whole.write(message(entry("whole", began=FUTURE, **{D: 4})))
        await whole.done_writing()
        assert await whole == b""
        for _ in range(1000):
            if site.audit.read_bytes().count(b"\n") == 3:
                break
            await asyncio.sleep(0.01)
        cut.cancel()
        await open_call.write(message(entry(began=FUTURE, **{D: 9})))
        async with asyncio.timeout(60):
            await ending.aclose()
            assert await open_call == b""
    events = [json.loads(line) for line in site.audit.read_bytes().splitlines()]
    assert sorted(event["traffic"]["counts"][0]["count"] for event in events) == [1, 2, 4, 8]
