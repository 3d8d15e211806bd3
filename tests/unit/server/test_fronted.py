"""A TCP listener behind the process that accepts for it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import grpc
import pytest

from authzsvc.server.front import HELD_AGE_S, Front
from authzsvc.server.fronted import Ports, host_of, listen, peer_of
from authzsvc.server.pace import BURST, CREDIT_PER_S
from authzsvc.server.refusals import Refusals
from authzsvc.settings.bounds import GrpcBounds
from benches.floods import wire

PATIENCE_S = 20.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
ACKNOWLEDGED = bytes.fromhex("000000040100000000")
PRIORITY = 2
PING = bytes.fromhex("000008060000000000") + bytes(8)


async def peer(_request: bytes, context: Any) -> bytes:  # noqa: ANN401
    return peer_of(context.peer()).encode()


@contextlib.asynccontextmanager
async def fronted(address: str = "127.0.0.1:0", **bounds: Any) -> AsyncIterator[tuple[Ports, int, Refusals]]:  # noqa: ANN401
    refusals = Refusals(lambda _flood: None)
    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(peer)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", {"Peer": handler}),))
    ports = Ports(server, "t", GrpcBounds(**bounds), refusals)
    port = ports.add_insecure_port(address)
    await server.start()
    running = asyncio.create_task(ports.run())
    try:
        yield ports, port, refusals
    finally:
        await server.stop(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        ports.close()


async def asked(port: int, host: str = "127.0.0.1") -> str:
    async with grpc.aio.insecure_channel(f"{host}:{port}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
        answer: bytes = await channel.unary_unary("/t.T/Peer", bytes, bytes)(
            b"", timeout=PATIENCE_S, wait_for_ready=True
        )
    return answer.decode()


async def test_the_clients_address_is_known_behind_it() -> None:
    async with fronted() as (_, port, _):
        with socket.create_connection(("127.0.0.1", port)):
            found = await asked(port)
        assert found.startswith("ipv4:127.0.0.1:")
        assert host_of(found) == "127.0.0.1"


async def test_over_ipv6_too() -> None:
    async with fronted("[::1]:0") as (_, port, _):
        found = await asked(port, "[::1]")
        assert found.startswith("ipv6:[::1]:")
        assert host_of(found) == "[::1]"


async def test_silent_connections_make_room_and_are_counted() -> None:
    async with fronted(connections=4, connections_per_s=1_000) as (_, port, refusals):
        assert await asked(port)
        silent = [await asyncio.to_thread(wire.dial, f"127.0.0.1:{port}") for _ in range(30)]
        assert (await asked(port)).startswith("ipv4:")
        async with asyncio.timeout(PATIENCE_S):
            while refusals.counts["t", "connections"] < 27:
                await asyncio.sleep(0.05)
        for each in silent:
            each.close()


async def test_connections_that_have_begun_are_kept() -> None:
    async with fronted(connections=2, connections_per_s=1_000) as (_, port, refusals):
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            method = channel.unary_unary("/t.T/Peer", bytes, bytes)
            before = await method(b"", timeout=PATIENCE_S)
            for _ in range(20):
                (await asyncio.to_thread(wire.dial, f"127.0.0.1:{port}")).close()
            held = [await asyncio.to_thread(wire.dial, f"127.0.0.1:{port}") for _ in range(20)]
            assert await method(b"", timeout=PATIENCE_S) == before
            for each in held:
                each.close()
        assert set(refusals.counts) <= {("t", "connections")}


async def test_connections_that_say_nothing_any_more_make_room(tmp_path: Path) -> None:
    """Two peers take all places, past their handshakes, and keep them without a word."""
    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(peer)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", {"Peer": handler}),))
    server.add_insecure_port(f"unix:{tmp_path}/s")
    await server.start()
    with listen("127.0.0.1:0", 16) as listening:
        front = Front(listening, f"{tmp_path}/s", connections=2, per_s=1_000)
        running = asyncio.create_task(front.run())
        port = listening.getsockname()[1]
        held = [await begun(port) for _ in range(2)]
        async with asyncio.timeout(PATIENCE_S):
            while sum(pair.has_begun for pair in front.pairs) < 2:
                await asyncio.sleep(0.01)
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""  # closed: both have spoken just now
            writer.close()
        front.silent_s = 0.0
        assert (await asked(port)).startswith("ipv4:")
        assert front.refused["127.0.0.1"] >= 2
        for writer in held:
            writer.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await server.stop(0)


class Slow(asyncio.Protocol):
    """A service that takes some time for the end of a connection."""

    TIME_S = 0.03
    ends: ClassVar[list[tuple[float, float]]] = []
    open: ClassVar[set[asyncio.BaseTransport]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.open.add(transport)
        self.transport = transport

    def eof_received(self) -> bool:
        asyncio.get_running_loop().call_later(self.TIME_S, self.end, time.monotonic())
        return True

    def end(self, since: float) -> None:
        self.ends.append((since, time.monotonic()))
        self.transport.close()


@pytest.mark.parametrize("reading", [True, False])
async def test_connections_end_one_at_a_time_with_a_pause_after_each(tmp_path: Path, reading: bool) -> None:
    """However many clients go at once, and also if they have left unread what the service sent."""
    Slow.ends.clear()
    Slow.open.clear()
    server = await asyncio.get_running_loop().create_unix_server(Slow, f"{tmp_path}/s")
    with listen("127.0.0.1:0", 16) as listening:
        front = Front(listening, f"{tmp_path}/s", connections=20, per_s=1_000)
        running = [asyncio.create_task(each) for each in (front.run(), front.close_in_turn())]
        port = listening.getsockname()[1]
        clients = [await asyncio.to_thread(wire.dial, f"127.0.0.1:{port}") for _ in range(8)]
        async with asyncio.timeout(PATIENCE_S):
            while len(Slow.open) < len(clients):
                await asyncio.sleep(0.01)
            if not reading:
                for transport in Slow.open:
                    transport.write(bytes(8_000_000))  # type: ignore[attr-defined]
                await asyncio.sleep(0.3)
            for client in clients:
                client.close()
            while len(Slow.ends) < len(clients):
                await asyncio.sleep(0.01)
        assert front.pairs == {}
        for (_, end), (since, _) in itertools.pairwise(Slow.ends):
            assert since - end > Slow.TIME_S / 2
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    server.close()


async def test_new_connections_wait_while_the_service_holds_too_many(tmp_path: Path) -> None:
    """It holds a closed connection until it has taken up all its streams."""
    server = await asyncio.get_running_loop().create_unix_server(Slow, f"{tmp_path}/s")
    Slow.open.clear()
    with listen("127.0.0.1:0", 16) as listening:
        front = Front(listening, f"{tmp_path}/s", connections=2, per_s=1_000)
        front.hear(3)
        running = asyncio.create_task(front.run())
        port = listening.getsockname()[1]
        client = await asyncio.to_thread(wire.dial, f"127.0.0.1:{port}")
        await asyncio.sleep(0.3)
        assert not Slow.open
        front.hear(2)
        async with asyncio.timeout(PATIENCE_S):
            while not Slow.open:
                await asyncio.sleep(0.01)
        assert front.held == 3
        assert not front.refused
        client.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    server.close()


async def test_an_old_count_of_what_the_service_holds_does_not_matter() -> None:
    """Otherwise a service that cannot count would get no connections any more."""
    async with fronted(connections=2, connections_per_s=1_000) as (ports, port, _):
        assert await asked(port)
        ports.tell(3)
        await asyncio.sleep(HELD_AGE_S / 2)
        waiting = asyncio.create_task(asked(port))
        await asyncio.sleep(HELD_AGE_S / 4)
        assert not waiting.done()
        assert (await waiting).startswith("ipv4:")


async def test_it_is_told_how_many_the_service_holds() -> None:
    async with fronted(connections=2, connections_per_s=1_000) as (ports, port, _):
        assert await asked(port)
        ports.tell(3)
        await asyncio.sleep(0.2)
        waiting = asyncio.create_task(asked(port))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        ports.tell(0)
        assert (await waiting).startswith("ipv4:")


async def test_frames_are_paced_in_clear_and_all_arrive() -> None:
    async with fronted(connections=4, connections_per_s=1_000) as (_, port, _):
        assert await asked(port)
        raw = await asyncio.to_thread(wire.Connection, f"127.0.0.1:{port}")
        waiting = 12_000
        priority = wire.frame(PRIORITY, 0, 1, bytes(5))
        began = time.monotonic()
        await asyncio.to_thread(raw.send, priority * (int(BURST) + waiting) + wire.frame(wire.PING, 0, 0, b"the last"))
        assert await asyncio.to_thread(acknowledged, raw) == b"the last"
        assert time.monotonic() - began > waiting / CREDIT_PER_S / 2
        assert (await asked(port)).startswith("ipv4:")
        raw.close()


def acknowledged(raw: wire.Connection) -> bytes:
    """What is in the next acknowledged ping."""
    return next(frame.payload for frame in raw.frames() if frame.kind == wire.PING and frame.flags & wire.ACK)


async def begun(port: int) -> asyncio.StreamWriter:
    """A connection past HTTP/2's handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(PREFACE)
    await reader.read(100)
    writer.write(ACKNOWLEDGED)
    writer.write(PING)
    await reader.read(100)
    return writer


async def test_one_that_ends_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    async with fronted() as (_, port, _):
        assert await asked(port)
        (front,) = [each for each in children() if b"authzsvc.server.front" in each.read_bytes()]
        await asyncio.to_thread(lambda: __import__("os").kill(int(front.parent.name), 9))
        assert await asked(port)
    assert "the process that accepts connections has ended" in caplog.text


async def test_it_ends_with_the_service() -> None:
    async with fronted() as (_, port, _):
        assert await asked(port)
        fronts = [each.parent for each in children() if b"authzsvc.server.front" in each.read_bytes()]
        assert len(fronts) == 1
    assert not (fronts[0] / "cmdline").exists()
    with pytest.raises(OSError):  # noqa: PT011 (whichever the kernel says)
        socket.create_connection(("127.0.0.1", port), 1.0)


async def test_without_one_the_server_listens_itself() -> None:
    async with fronted(front=False) as (_, port, _):
        assert (await asked(port)).startswith("ipv4:127.0.0.1:")
        assert not [each for each in children() if b"authzsvc.server.front" in each.read_bytes()]


def test_an_address_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = Ports(grpc.aio.server, "t", GrpcBounds(), Refusals(lambda _flood: None))  # type: ignore[arg-type]
        with pytest.raises(RuntimeError):
            ports.add_insecure_port(f"127.0.0.1:{taken.getsockname()[1]}")


def test_peers_of_unix_sockets_are_called_so() -> None:
    assert host_of("unix:") == "unix"
    assert host_of("unix:/run/x") == "unix"
    assert peer_of("unix:/run/x") == "unix:/run/x"
    assert peer_of("unix-abstract:other/1/1/ipv4:192.0.2.7:1") == "unix-abstract:other/1/1/ipv4:192.0.2.7:1"


def children() -> list[Path]:
    """The command lines of this process's children."""
    me = Path("/proc/self").resolve().name
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if stat.read_text().rpartition(")")[2].split()[1] == me:
                found.append(stat.with_name("cmdline"))
    return found
