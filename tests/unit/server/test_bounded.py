"""Methods of every kind on a real server, behind their bounds."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from authzsvc.server.bounded import MAX_NAME_BYTES, MAX_REPORT_BYTES, Bounded
from authzsvc.server.listeners import Listener, serving
from authzsvc.server.refusals import Refusals
from authzsvc.settings.bounds import GrpcBounds
from benches.floods import wire

ECHO = "/t.T/Echo"
PATIENCE_S = 20.0


async def echo(request: StringValue, _context: object) -> StringValue:
    return request


async def never(_request: StringValue, _context: object) -> StringValue:
    await asyncio.Event().wait()
    return StringValue()


async def join(requests: AsyncIterator[StringValue], _context: object) -> StringValue:
    return StringValue(value="".join([request.value async for request in requests]))


async def letters(request: StringValue, _context: object) -> AsyncIterator[StringValue]:
    for letter in request.value:
        yield StringValue(value=letter)


async def told(request: StringValue, context: Any) -> None:  # noqa: ANN401
    await context.write(request)
    await asyncio.Event().wait()


async def loud(requests: AsyncIterator[StringValue], _context: object) -> AsyncIterator[StringValue]:
    async for request in requests:
        yield StringValue(value=request.value.upper())


def add(services: Bounded) -> None:
    read, write = StringValue.FromString, StringValue.SerializeToString
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo, read, write),
        "Never": grpc.unary_unary_rpc_method_handler(never, read, write),
        "Join": grpc.stream_unary_rpc_method_handler(join, read, write),
        "Letters": grpc.unary_stream_rpc_method_handler(letters, read, write),
        "Told": grpc.unary_stream_rpc_method_handler(told, read, write),
        "Loud": grpc.stream_stream_rpc_method_handler(loud, read, write),
    }
    services.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("t.T", methods)])


@dataclass(frozen=True)
class Site:
    listener: Listener
    refusals: Refusals
    path: Path

    def refused(self, reason: str) -> int:
        return self.refusals.counts["t", reason]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await asyncio.sleep(0.02)

    def dial(self) -> wire.Connection:
        return wire.Connection(str(self.path), timeout_s=PATIENCE_S)


def serialized(message: bytes) -> bytes:
    """What is sent as it stands."""
    return message


@contextlib.asynccontextmanager
async def site(path: Path, **bounds: Any) -> AsyncIterator[tuple[Site, grpc.aio.Channel]]:  # noqa: ANN401
    refusals = Refusals(lambda _flood: None)
    listener = Listener.create("t", GrpcBounds(**bounds), refusals)
    add(listener.services)
    listener.ports.add_insecure_port(f"unix:{path}")
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with serving([listener], 0), grpc.aio.insecure_channel(f"unix:{path}", options) as channel:
        yield Site(listener, refusals, path), channel


def text(value: str) -> StringValue:
    return StringValue(value=value)


async def call(channel: grpc.aio.Channel, value: bytes = b"\x0a\x01x", **more: Any) -> bytes:  # noqa: ANN401
    answer: bytes = await channel.unary_unary(ECHO, serialized, serialized)(value, timeout=PATIENCE_S, **more)
    return answer


async def refusal(channel: grpc.aio.Channel, value: bytes = b"", **more: Any) -> grpc.StatusCode:  # noqa: ANN401
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, value, **more)
    return caught.value.code()


async def test_every_kind_of_method_answers_as_without_bounds(tmp_path: Path) -> None:
    write, read = StringValue.SerializeToString, StringValue.FromString
    async with site(tmp_path / "s") as (_, channel):
        assert await channel.unary_unary("/t.T/Echo", write, read)(text("ab")) == text("ab")
        assert await channel.stream_unary("/t.T/Join", write, read)(iter([text("a"), text("b")])) == text("ab")
        said = channel.unary_stream("/t.T/Letters", write, read)(text("ab"))
        assert [answer.value async for answer in said] == ["a", "b"]
        both = channel.stream_stream("/t.T/Loud", write, read)(iter([text("a"), text("b")]))
        assert [answer.value async for answer in both] == ["A", "B"]
        watching = channel.unary_stream("/t.T/Told", write, read)(text("a"))
        assert await watching.read() == text("a")
        watching.cancel()


@pytest.mark.parametrize("how", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_a_compressed_message_is_refused_unread(tmp_path: Path, how: grpc.Compression) -> None:
    async with site(tmp_path / "s", message_bytes=100_000) as (here, channel):
        bomb = text("x" * 8_000_000).SerializeToString()
        assert await refusal(channel, bomb, compression=how) is grpc.StatusCode.UNIMPLEMENTED
        assert here.refused("compressed") == 1
        assert await call(channel) == b"\x0a\x01x"


async def test_a_message_that_is_not_the_methods(tmp_path: Path) -> None:
    async with site(tmp_path / "s") as (here, channel):
        assert await refusal(channel, b"\xff\xff") is grpc.StatusCode.INVALID_ARGUMENT
        assert here.refused("unreadable") == 1


async def test_a_message_that_is_too_long(tmp_path: Path) -> None:
    async with site(tmp_path / "s", message_bytes=2_000) as (here, channel):
        assert await refusal(channel, bytes(3_000)) is grpc.StatusCode.RESOURCE_EXHAUSTED
        await here.until(lambda: here.listener.gate.half_open == 0)
        assert await call(channel) == b"\x0a\x01x"


async def test_headers_are_bounded_before_and_after_the_bound_is_acknowledged(tmp_path: Path) -> None:
    many = [(f"x-{number}", "y") for number in range(100)]
    async with site(tmp_path / "s", header_bytes=4_096) as (here, channel):
        assert await refusal(channel, metadata=[("x-long", "y" * 5_000)]) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await refusal(channel, metadata=many) is grpc.StatusCode.RESOURCE_EXHAUSTED
        before = here.refused("headers")
        raw = here.dial()
        block = wire.request_headers(ECHO) + wire.field(b"x-long", b"y" * 5_000)
        raw.send(wire.frame(wire.HEADERS, wire.END_HEADERS, raw.stream(), block))
        raw.close()
        assert await call(channel) == b"\x0a\x01x"
        assert before >= 1


async def test_a_method_that_is_not_served(tmp_path: Path) -> None:
    async with site(tmp_path / "s") as (here, channel):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/t.T/Other", serialized, serialized)(b"")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert here.refused("method") == 1


async def test_a_stream_without_a_message_ends_in_time(tmp_path: Path) -> None:
    async with site(tmp_path / "s", first_message_s=0.3) as (here, channel):
        raw = here.dial()
        raw.send(wire.frame(wire.HEADERS, wire.END_HEADERS, raw.stream(), wire.request_headers(ECHO)))
        await here.until(lambda: here.refused("late") == 1)
        ended = await asyncio.to_thread(lambda: next(f for f in raw.frames() if f.flags & wire.END_STREAM and f.stream))
        assert b"did not come in time" in ended.payload
        assert here.listener.gate.half_open == 0
        raw.close()
        assert await call(channel) == b"\x0a\x01x"


async def test_half_open_streams_are_few_and_the_oldest_gives_way(tmp_path: Path) -> None:
    async with site(tmp_path / "s", half_open=5, first_message_s=60) as (here, channel):
        raw = here.dial()
        streams = [raw.stream() for _ in range(20)]
        block = wire.request_headers(ECHO)
        for stream in streams:
            raw.send(wire.frame(wire.HEADERS, wire.END_HEADERS, stream, block))
        await here.until(lambda: here.refused("half_open") == 15)
        assert here.listener.gate.half_open == 5
        raw.send(wire.frame(wire.DATA, wire.END_STREAM, streams[-1], wire.message(b"\x0a\x01y")))
        answered = await asyncio.to_thread(lambda: next(f for f in raw.frames() if f.kind == wire.DATA))
        assert (answered.stream, answered.payload[5:]) == (streams[-1], b"\x0a\x01y")
        assert await call(channel) == b"\x0a\x01x"
        raw.close()
        await here.until(lambda: here.listener.gate.half_open == 0)
        assert here.refused("abandoned") == 4


async def test_half_open_streams_end_sooner_while_memory_is_short(tmp_path: Path) -> None:
    async with site(tmp_path / "s", memory_mib=64, first_message_s=60) as (here, _):
        raw = here.dial()
        raw.send(wire.frame(wire.HEADERS, wire.END_HEADERS, raw.stream(), wire.request_headers(ECHO)))
        await here.until(lambda: here.listener.gate.half_open == 1)
        gate = here.listener.gate
        gate.sweep(asyncio.get_running_loop().time() + 1.0, short=True)
        await here.until(lambda: here.refused("memory") == 1)
        raw.close()


async def test_refused_calls_are_freed_at_once(tmp_path: Path) -> None:
    """The garbage collector would free those of a whole flood in one pause."""
    async with site(tmp_path / "s", half_open=5, lasting=1, first_message_s=60) as (here, channel):
        held = channel.unary_stream("/t.T/Told", serialized, serialized)(b"\x0a\x01a")
        await held.read()
        gc.collect()
        gc.disable()
        try:
            compressed = await refusal(channel, bytes(500), compression=grpc.Compression.Gzip)
            assert compressed is grpc.StatusCode.UNIMPLEMENTED
            assert await refusal(channel, b"\xff\xff") is grpc.StatusCode.INVALID_ARGUMENT
            assert await refusal(channel, metadata=[("x-many", "y")] * 70) is grpc.StatusCode.RESOURCE_EXHAUSTED
            for method in ("Told", "Loud", "Join"):
                with pytest.raises(grpc.aio.AioRpcError):
                    await channel.stream_stream(f"/t.T/{method}", serialized, serialized)(iter([wire_text(1)])).read()
            raw = here.dial()
            for _ in range(20):
                raw.send(wire.frame(wire.HEADERS, wire.END_HEADERS, raw.stream(), wire.request_headers(ECHO)))
            await here.until(lambda: here.refused("half_open") == 15)
            raw.close()
            await here.until(lambda: here.refused("abandoned") >= 5)
            assert here.refused("lasting") == 3
            await here.until(lambda: contexts() == 1)
        finally:
            gc.enable()
        held.cancel()


def contexts() -> int:
    """How many calls this process serves, those included that have ended and are not freed."""
    return sum(type(each).__name__ == "_ServicerContext" for each in gc.get_objects())


async def test_lasting_streams_are_bounded(tmp_path: Path) -> None:
    async with site(tmp_path / "s", lasting=2) as (here, channel):
        held = [channel.unary_stream("/t.T/Told", serialized, serialized)(b"\x0a\x01a") for _ in range(2)]
        for each in held:
            await each.read()
        with pytest.raises(grpc.aio.AioRpcError, match="too many streams of this kind"):
            await channel.unary_stream("/t.T/Told", serialized, serialized)(b"\x0a\x01a").read()
        assert here.refused("lasting") == 1
        held[0].cancel()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    again = channel.unary_stream("/t.T/Told", serialized, serialized)(b"\x0a\x01a")
                    if await again.read() == b"\x0a\x01a":
                        break
        assert await call(channel) == b"\x0a\x01x"


async def test_a_connection_has_so_many_streams(tmp_path: Path) -> None:
    async with site(tmp_path / "s", streams=10, first_message_s=60) as (here, channel):
        raw = here.dial()
        for _ in range(200):
            raw.send(wire.frame(wire.HEADERS, wire.END_HEADERS, raw.stream(), wire.request_headers(ECHO)))
        assert await asyncio.to_thread(_resets, raw, 190) == 190
        await here.until(lambda: here.listener.gate.half_open == 10)
        assert await call(channel) == b"\x0a\x01x"
        raw.close()


def _resets(raw: wire.Connection, count: int) -> int:
    """Wait until so many streams were reset."""
    return len([*islice((frame for frame in raw.frames() if frame.kind == wire.RST_STREAM), count)])


async def test_connections_are_counted_and_bounded(tmp_path: Path) -> None:
    async with site(tmp_path / "s", connections=3) as (here, channel):
        assert await call(channel) == b"\x0a\x01x"
        held = [here.dial() for _ in range(2)]
        await here.until(lambda: here.listener.connections == 3)
        with contextlib.suppress(ConnectionError):
            more = here.dial()
            assert await asyncio.to_thread(lambda: [*more.frames()]) == []
        await here.until(lambda: here.refused("connections") > 0)
        assert await call(channel) == b"\x0a\x01x"
        for each in held:
            each.close()
        await here.until(lambda: here.listener.connections == 1)


async def test_a_peer_that_does_not_shake_hands_is_let_go(tmp_path: Path) -> None:
    async with site(tmp_path / "s", handshake_s=0.5) as (here, _):
        silent = wire.dial(str(here.path), PATIENCE_S)
        assert await asyncio.to_thread(_read_to_end, silent) >= 0
        unacknowledged = wire.dial(str(here.path), PATIENCE_S)
        unacknowledged.sendall(wire.PREFACE + wire.frame(wire.SETTINGS, 0, 0))
        assert await asyncio.to_thread(_read_to_end, unacknowledged) > 0


def _read_to_end(connection: Any) -> int:  # noqa: ANN401
    size = 0
    with connection, contextlib.suppress(ConnectionError):
        while more := connection.recv(65_536):
            size += len(more)
    return size


@pytest.mark.parametrize(
    ("method", "most"), [("Told", MAX_NAME_BYTES), ("Loud", MAX_NAME_BYTES), ("Join", MAX_REPORT_BYTES)]
)
async def test_streams_that_last_hold_no_long_messages(tmp_path: Path, method: str, most: int) -> None:
    """A thousand of them would hold gigabytes for as long as their callers like."""
    async with site(tmp_path / "s") as (here, channel):
        for sent in ([wire_text(most + 1)], [wire_text(10), wire_text(most + 1)]):
            if method == "Told" and len(sent) > 1:
                continue
            calling = channel.stream_stream(f"/t.T/{method}", serialized, serialized)(iter(sent), timeout=PATIENCE_S)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                _ = [answer async for answer in calling]
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert here.refused("long") == 1 + (method != "Told")
        calling = channel.stream_stream(f"/t.T/{method}", serialized, serialized)(iter([wire_text(most - 10)]))
        assert await calling.read()
        calling.cancel()


def wire_text(size: int) -> bytes:
    """A serialized message of some bytes more than its text has."""
    return bytes(StringValue(value="x" * size).SerializeToString())


async def test_long_messages_that_wait_for_answers_hold_a_share_of_memory_and_no_more(tmp_path: Path) -> None:
    """Short ones are answered all the same."""
    long = wire_text(5 * 2**20)
    async with site(tmp_path / "s", memory_mib=64, message_bytes=6 * 2**20) as (here, channel):
        options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(f"unix:{here.path}", options) as sending:
            waiting = [sending.unary_unary("/t.T/Never", serialized, serialized)(long) for _ in range(3)]
            await here.until(lambda: here.listener.gate.held >= 3 * len(long))
            assert await refusal(sending, long) is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert here.refused("memory") == 1
            assert await call(channel) == b"\x0a\x01x"
            for each in waiting:
                each.cancel()
            await here.until(lambda: here.listener.gate.held == 0)
            assert len(await call(sending, wire_text(3 * 2**20))) > 3 * 2**20
