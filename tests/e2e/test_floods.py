"""Floods before authentication, against the real service: what they cost, and whether the others are still served."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterator

import pytest

from authzsvc.demo.stack import Stack
from authzsvc.gateway import config
from benches.floods.attack import STREAMS, Kind
from benches.floods.measure import Outcome, measure
from benches.floods.service import Service, lines, service
from tests.e2e.conftest import StartStack
from tests.e2e.rig import TRADER, Rig, eventually
from tests.e2e.secrets import USED

SECONDS = 3.0
STREAMS_EACH = 8
MAX_DELAY_MS = 50.0
TRIES = 5
"""Of how many floods the quietest counts: what else runs on the machine delays answers too."""
MAX_RISE_MIB = 200
"""Half-open streams come by the 10,000, and held some 40 KiB each."""

MAX_WIDE_RISE_MIB = 1_400
"""As many streams as a listener's connections may have, half as many again, and what malloc keeps of them."""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("floods")
    with service(directory) as running:
        USED.key_file(directory / "server.key")
        yield running


async def flooded(target: Service, kind: Kind, on: str) -> Outcome:
    """What a flood did; the other listeners answered all the while."""
    outcome = await measure(target, SECONDS, kind, on)
    for answers in outcome.answers:
        times = [f"{answers.at(share):.1f}" for share in (0.5, 0.99, 1.0)]
        print(f"{outcome.name}: {answers.listener} {times} ms, {answers.failed} failed, +{outcome.memory_mib} MiB")
    assert {answers.listener: answers.failed for answers in outcome.answers if answers.failed}.keys() <= {on}
    assert outcome.memory_mib < MAX_RISE_MIB
    return outcome


def metric(target: Service, name: str) -> float:
    """The value of a metric, 0 where it is not there."""
    with urllib.request.urlopen(f"http://{target.metrics}/metrics", timeout=20) as answer:
        page = answer.read().decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in page if line.startswith(name)), 0.0)


@pytest.mark.parametrize("on", ["listen.unix", "listen.tcp", "admin.tcp"])
async def test_compressed_messages_are_never_expanded(target: Service, on: str) -> None:
    outcome = await flooded(target, Kind.BOMBS, on)
    assert outcome.refused["compressed"] > 0
    labels = f'{{listener="{on}",reason="compressed"}}'
    assert metric(target, f"authzsvc_listener_refused_total{labels}") >= outcome.refused["compressed"]
    told = [line for line in lines(target.stack.service_log) if line.get("listener") == on]
    assert {line["message"] for line in told if line["why"] == "compressed"} == {"refused before authentication"}


@pytest.mark.parametrize("on", ["listen.tcp", "admin.tcp"])
async def test_half_open_streams_are_bounded_and_end(target: Service, on: str) -> None:
    outcome = await flooded(target, Kind.HALF_OPEN, on)
    assert outcome.per_s * (SECONDS + 1) >= STREAMS
    assert outcome.refused["half_open"] > 0
    name = f'authzsvc_listener_half_open{{listener="{on}"}}'
    async with asyncio.timeout(30):
        while await asyncio.to_thread(metric, target, name):
            await asyncio.sleep(0.2)


async def test_half_open_streams_delay_no_other_listener(target: Service) -> None:
    """Neither while they come, nor when their connections end, nor when the service frees them."""
    delays = list[float]()
    for _ in range(TRIES):
        calm = await measure(target, SECONDS, None, "")
        outcome = await flooded(target, Kind.HALF_OPEN, "listen.tcp")
        others = [each for each in outcome.answers if each.listener != "listen.tcp"]
        delays.append(max(each.at(1.0) - calm.of(each.listener).at(1.0) for each in others))
        if delays[-1] < MAX_DELAY_MS:
            return
    pytest.fail(f"half-open streams delayed the answers of other listeners by {delays} ms")


@pytest.mark.parametrize("kind", [Kind.FRAMES, Kind.RESETS])
async def test_frames_that_cost_their_sender_nothing_are_paced(target: Service, kind: Kind) -> None:
    """The polling thread has time for the other listeners, and no streams pile up."""
    outcome = await flooded(target, kind, "listen.tcp")
    assert outcome.per_s > 0
    assert {answers.listener for answers in outcome.answers if answers.at(0.5) > MAX_DELAY_MS} <= {"listen.tcp"}


async def test_streams_that_come_and_go_faster_than_they_are_taken_up_are_bounded(target: Service) -> None:
    """On all connections that a listener may have. Other listeners answer, and when it is over this one does too."""
    outcome = await measure(target, 2 * SECONDS, Kind.HALF_OPEN_WIDE, "listen.tcp")
    print(f"{outcome.per_s:.0f} streams a second, +{outcome.memory_mib} MiB")
    assert {answers.listener for answers in outcome.answers if answers.failed} <= {"listen.tcp"}
    assert outcome.memory_mib < MAX_WIDE_RISE_MIB
    async with asyncio.timeout(60):
        while await asyncio.to_thread(metric, target, 'authzsvc_listener_connections{listener="listen.tcp"}') > 1:
            await asyncio.sleep(0.5)
    calm = await measure(target, 1.0, None, "")
    assert [answers.listener for answers in calm.answers if answers.failed] == []


@pytest.mark.parametrize(
    ("kind", "on"),
    [
        (Kind.CONNECTIONS, "listen.tcp"),
        (Kind.CONNECTIONS, "admin.tcp"),
        (Kind.HEADERS, "listen.tcp"),
        (Kind.CALLS, "admin.tcp"),
        (Kind.GARBAGE, "metrics.tcp"),
        (Kind.SLOW, "metrics.tcp"),
    ],
)
async def test_other_listeners_answer(target: Service, kind: Kind, on: str) -> None:
    outcome = await flooded(target, kind, on)
    assert outcome.per_s > 0
    assert outcome.refused


async def test_the_audit_of_a_flood_stays_small(target: Service) -> None:
    """After all these floods: some lines each, whatever their number."""
    floods = target.floods()
    acts = sum(int(event["flood"]["count"]) for event in floods)
    refused = [event for event in target.stack.events() if event["event"] == "admin" and event["verdict"] == "deny"]
    print(f"{acts} refusals in {len(floods)} lines, {len(refused)} operators' calls refused with a line of their own")
    assert acts > 1_000
    assert len(floods) < 200
    assert len(refused) < 200


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[Stack]:
    """Few streams to a connection, so that Envoy needs several."""
    bounds = {"streams": 2 * STREAMS_EACH, "half_open": 16}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "AUTHZ_STREAMS", STREAMS_EACH)
        yield start_stack(service_settings={"listen": {"bounds": bounds}})


async def test_more_sessions_than_a_connection_has_streams(rig: Rig) -> None:
    clients = [await rig.log_on(*TRADER) for _ in range(5 * STREAMS_EACH)]
    await eventually(lambda: rig.stat("watches") >= len(clients), "a watch for each session")
    for client in clients:
        assert client.spread().type == "AB"
    await eventually(lambda: rig.stat("inbound_forwarded") >= len(clients), "the orders")
    assert (rig.stat("inbound_denied"), rig.stat("checks_failed"), rig.stat("watches_failed")) == (0, 0, 0)
