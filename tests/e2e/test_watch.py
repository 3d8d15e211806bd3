"""The watch: how a change reaches a session, and how the service knows again who is there."""

from __future__ import annotations

import asyncio
import re
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from authzsvc.demo.stack import Stack
from tests.e2e.conftest import StartStack
from tests.e2e.operators import Desk
from tests.e2e.rig import TRADER, Client, Rig, eventually

MAPPING = """\
version: 1
name: changing
fix: FIX.5.0SP2
session:
  identity: {SenderCompID: fix_comp_id}
  risk_reducing: [OrderCancelRequest]
scopes:
  order:create:option_multileg:
    grants:
      - message: NewOrderMultileg
  order:cancel:
    grants:
      - message: OrderCancelRequest
"""
GUARDED = """\
  trade:view:own:
    grants:
      - message: ExecutionReport
        direction: outbound
"""
WATCH_S = 2
NO_STORE = "no store"


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mapping of the module's own."""
    path = tmp_path_factory.mktemp("mapping") / "mapping.yaml"
    path.write_text(MAPPING)
    return path


@pytest.fixture(scope="module", params=["store", NO_STORE])
def stack(
    request: pytest.FixtureRequest, start_stack: StartStack, mapping: Path, tmp_path_factory: pytest.TempPathFactory
) -> Stack:
    """A stack with short watches, that may or may not remember its sessions."""
    mapping.write_text(MAPPING)
    kept = request.param != NO_STORE
    store = str(tmp_path_factory.mktemp("store") / "sessions.db") if kept else None
    sessions: dict[str, object] = {"watch_s": WATCH_S, "store": store}
    return start_stack(mapping=mapping, service_settings={"sessions": sessions, "drain_s": 20})


async def assert_trades(rig: Rig, client: Client) -> None:
    order = client.spread()
    assert (await rig.at_venue(order, client)).raw == order.raw
    await rig.assert_whole(client)


async def assert_listed(desk: Desk, *clients: Client) -> None:
    """The service knows these sessions."""
    for _ in range(60):
        if {client.comp_id for client in clients} <= set(await desk.sessions()):
            return
    raise AssertionError("sessions that live are not listed")


def watched(stack: Stack) -> int:
    """How many sessions the service has a watch of."""
    url = f"http://{stack.service_settings['metrics']['tcp']}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        found = re.search(r"^authzsvc_sessions_watched ([0-9.]+)$", answer.read().decode(), re.MULTILINE)
    return int(float(found[1])) if found else 0


async def live(rig: Rig, number: int) -> list[Client]:
    clients = [await rig.log_on(*TRADER) for _ in range(number)]
    for client in clients:
        await assert_trades(rig, client)
    return clients


async def test_a_reload_reaches_idle_sessions(rig: Rig, mapping: Path) -> None:
    """Its terms too: what was passed to the client unasked is guarded from then on."""
    client = await rig.log_on("order:create:option_multileg")
    await assert_trades(rig, client)
    await client.wait_for_type("8")
    changes = rig.stat("watch_changes")
    mapping.write_text(MAPPING + GUARDED)
    await eventually(lambda: rig.stat("watch_changes") > changes, "the change at the filter")
    client.spread()
    await client.wait_for_type("4")  # the report, withheld
    await rig.assert_whole(client)

    changes = rig.stat("watch_changes")
    mapping.write_text(MAPPING)
    await eventually(lambda: rig.stat("watch_changes") > changes, "the change at the filter")
    client.spread()
    await client.wait_until(lambda: len(client.of_type("8")) == 2)
    await rig.assert_whole(client)


async def test_an_idle_session_is_watched_again_and_again(rig: Rig) -> None:
    """Each watch is answered in time with nothing new, and leaves no trace in the audit."""
    (client,) = await live(rig, 1)
    watches, failed = rig.stat("watches"), rig.stat("watches_failed")
    await eventually(lambda: rig.stat("watches") >= watches + 3, "three watches", 4 * WATCH_S + 2)
    assert rig.stat("watches_failed") == failed
    assert [event for event in rig.events(client.comp_id) if event["event"] == "watch"] == []
    await assert_trades(rig, client)


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_sessions_outlive_the_service(rig: Rig, how: str) -> None:
    clients = await live(rig, 5)
    desk = Desk(rig.stack)
    await assert_listed(desk, *clients)
    assert rig.stack.service is not None
    rig.stack.service.stop() if how == "stopped" else rig.stack.service.kill()
    rig.stack.start_service()
    await assert_listed(desk, *clients)
    for client in clients:
        await assert_trades(rig, client)
    await eventually(lambda: watched(rig.stack) >= len(clients), "the watches")
    gone = clients[0]
    await gone.disconnect()
    for _ in range(60):
        if gone.comp_id not in await desk.sessions():
            break
    else:
        raise AssertionError("a session that has ended is listed")


async def test_a_service_that_hangs(rig: Rig) -> None:
    """Watches fail and sessions live; once it goes on, they are watched again."""
    (client,) = await live(rig, 1)
    assert rig.stack.service is not None
    failed = rig.stat("watches_failed")
    rig.stack.service.signal(signal.SIGSTOP)
    try:
        await eventually(lambda: rig.stat("watches_failed") > failed, "a watch that fails", WATCH_S + 10)
        assert client.connected
    finally:
        rig.stack.service.signal(signal.SIGCONT)
    await assert_trades(rig, client)
    desk = Desk(rig.stack)
    await assert_listed(desk, client)
    await asyncio.sleep(WATCH_S)  # what had hung has been answered, to nobody: it must not count as the session's end
    await assert_listed(desk, client)
    await desk.kill("--comp-id", client.comp_id)
    client.beat(0.3)
    assert (await client.wait_for_type("5", 20)).get(58) == "runaway orders"
    await desk.restore("--comp-id", client.comp_id)


async def test_watches_do_not_hold_up_a_stop(rig: Rig) -> None:
    clients = await live(rig, 5)
    assert rig.stack.service is not None
    begun = time.monotonic()
    assert rig.stack.service.stop(20) == 0
    took_s = time.monotonic() - begun
    rig.stack.start_service()
    assert took_s < 10  # of a `drain_s` of 20
    for client in clients:
        await assert_trades(rig, client)


async def test_the_audit_ends_whole(rig: Rig) -> None:
    """No line of the service's log tells of a failure."""
    log = rig.stack.service_log.read_text()
    assert re.findall(r'.*"level":"error".*', log) == []
    assert "Traceback" not in log
