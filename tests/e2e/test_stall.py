"""A service that hangs under load: the filter holds its Checks back, so Envoy keeps the connection and all watches on
it; when the service goes on, so does everything else at once. A service that is slow about one session holds up no
other."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from authzsvc.demo.stack import Stack
from authzsvc.demo.venue import Venue
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Cache, Check
from tests.e2e.conftest import StartStack
from tests.e2e.rig import TRADER, Client, Rig, eventually

SETTINGS = FilterSettings(check=Check(timeout_ms=500, logon_timeout_ms=20_000), cache=Cache(enabled=False))
SESSIONS = 10
BURST = 100
ROUNDS = 10


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Stack:
    """A stack whose service hangs, and that asks about each message."""
    return start_stack(SETTINGS, service_settings={"decisions": {"batch": 1}})


async def rejected(client: Client, count: int) -> None:
    """Wait until a client has had so many rejects."""
    await eventually(lambda: len(client.of_type("j")) >= count, f"{count} rejects", 30)


def reported(rig: Rig, client: Client) -> int:
    """How many denials of a client were reported."""
    events = [event for event in rig.events(client.comp_id) if event["event"] == "report"]
    counts = [re.match(r"unavailable: (\d+) messages denied", event["reason"]) for event in events]
    return sum(int(count[1]) for count in counts if count)


async def test_a_stall_under_load(rig: Rig) -> None:
    clients = [await rig.log_on(*TRADER) for _ in range(SESSIONS)]
    await eventually(lambda: rig.stat("watches") >= SESSIONS, "all watches")
    failed, lines = rig.stat("watches_failed"), warnings(rig.stack)
    service = rig.stack.service
    assert service is not None
    service.signal(signal.SIGSTOP)
    try:
        for number in range(1, ROUNDS + 1):
            for client in clients:
                client.burst(("AB", [(11, f"o{number}-{n}"), (55, "SPX")]) for n in range(BURST))
            for client in clients:
                await rejected(client, number * BURST)
        assert rig.stat("calls_held_back") > 0
        assert rig.stat("calls_timed_out") + rig.stat("calls_held_back") >= SESSIONS * ROUNDS * BURST
    finally:
        service.signal(signal.SIGCONT)
    await eventually(lambda: "the decision service answers again" in rig.stack.envoy_log.read_text(), "the breaker", 5)
    # Nobody has spoken, and all denials are in the audit.
    for client in clients:
        await eventually(partial(is_all_reported, rig, client), f"all denials; there are {reported(rig, client)}", 20)
    assert rig.stat("watches_failed") == failed
    assert {stat: count for stat, count in flood_stats(rig.stack).items() if count} == {}
    assert warnings(rig.stack) - lines <= 5
    for client in clients:
        order = client.spread()
        assert (await rig.at_venue(order, client)).raw == order.raw
        await rig.assert_whole(client)


def is_all_reported(rig: Rig, client: Client) -> bool:
    """Whether all denials of a client are in the audit, none of them twice."""
    return reported(rig, client) == ROUNDS * BURST


def warnings(stack: Stack) -> int:
    """How many lines Envoy's log has about failures."""
    return stack.envoy_log.read_text().count("without a decision of the service")


def flood_stats(stack: Stack) -> dict[str, int]:
    """How often Envoy has closed a connection for its own frames."""
    page = stack.ask_admin("/stats?filter=outbound_control_flood")
    return {name: int(count) for name, count in re.findall(r"^(\S+): (\d+)$", page, re.MULTILINE)}


class Relay:
    """Between Envoy and the service: hands every call on, but holds the messages of one client for ever."""

    def __init__(self, service: Path, slow: bytes) -> None:
        self._channel = grpc.aio.insecure_channel(f"unix:{service}")
        self._slow = slow
        self.held = 0

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """A handler for any method."""
        channel: Any = self._channel
        call = channel.unary_unary(details.method)

        async def answer(request: bytes, _: object) -> bytes:
            if self._slow in request and b"/fix/inbound/AB" in request:
                self.held += 1
                await asyncio.Event().wait()
            answered: bytes = await call(request)
            return answered

        return grpc.unary_unary_rpc_method_handler(answer)

    @asynccontextmanager
    async def serving(self, socket: Path) -> AsyncIterator[None]:
        """Serve on this socket."""
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((self,))  # type: ignore[arg-type]  # it has all that is called
        server.add_insecure_port(f"unix:{socket}")
        await server.start()
        try:
            yield
        finally:
            await server.stop(None)
            await self._channel.close()


async def test_one_slow_session_stops_no_other(start_stack: StartStack, venue: Venue, tmp_path: Path) -> None:
    socket = tmp_path / "relay.sock"
    settings = {"decisions": {"batch": 1}}
    stack = start_stack(SETTINGS, service_settings=settings, checks_to=socket)
    relay = Relay(stack.socket, b"CLIENT-SLOW")
    async with relay.serving(socket):
        rig = Rig(stack, venue)
        slow = await rig.connect("CLIENT-SLOW")
        slow.log_on(rig.token(slow.comp_id, *TRADER))
        await slow.wait_for_type("A")
        quick = await rig.log_on(*TRADER)
        for number in range(6):
            slow.burst(("AB", [(11, f"o{number}-{n}"), (55, "SPX")]) for n in range(20))
            await rejected(slow, 20 * (number + 1))
            order = quick.spread()
            assert (await rig.at_venue(order, quick)).raw == order.raw
        assert relay.held >= 100
        assert rig.stat("calls_held_back") == 0
        await rig.assert_whole(quick)
        await rig.release()
