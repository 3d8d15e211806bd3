"""The methods of a gRPC listener, behind its bounds, and the channel options of its server.

gRPC's core bounds connections, streams and sizes by the channel options, and does not tell Python what it refuses. A
method that takes a single message is called only when that message is there. So each method is served as one that takes
a stream of requests, which is the same on the wire: Python is then called when the headers have arrived, and `Gate`
bounds the stream until its first message is there.

Invariant: no method's own code runs, and no message is parsed or expanded, before the stream has passed the gate.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from authzsvc.floods import Reason
from authzsvc.server.gate import LONG_BYTES, Context, Gate
from authzsvc.settings.bounds import GrpcBounds

MAX_HEADERS = 64
MAX_NAME_BYTES = 4_096
"""A request to be told of a service's health or methods again and again: it is kept for as long as its stream lasts."""
MAX_REPORT_BYTES = 1_048_576
"""A message with reports, of which Envoy gathers some 16 KiB."""

_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_Method: TypeAlias = Callable[[Any, Context], Any]


def options(bounds: GrpcBounds, *, front: bool = False) -> list[tuple[str, int]]:
    """Returns the channel options of a server with these bounds. Behind a `front` the core's bound on connections is
    wider: the front keeps the bound itself, and the core learns of closed connections a little later."""
    handshake_ms = round(bounds.handshake_s * 1000)
    return [
        ("grpc.so_reuseport", 0),  # A second service on the same port is a mistake, and must not share it.
        ("grpc.per_message_decompression", 0),
        ("grpc.max_receive_message_length", bounds.message_bytes),
        ("grpc.max_concurrent_streams", bounds.streams),
        ("grpc.max_allowed_incoming_connections", bounds.connections * (1 + front)),
        ("grpc.max_metadata_size", bounds.header_bytes),
        ("grpc.absolute_max_metadata_size", bounds.header_bytes),
        ("grpc.server_handshake_timeout_ms", handshake_ms),
        # The core applies the bound on headers only once the peer has acknowledged it: this is the time for that.
        ("grpc.http2.settings_timeout", handshake_ms),
    ]


class Bounded(grpc.GenericRpcHandler):
    """Takes the services that generated code adds to a server, and serves them behind the gate."""

    def __init__(self, gate: Gate) -> None:
        """Serve nothing yet."""
        self._gate = gate
        self._services: list[grpc.GenericRpcHandler] = []
        self._methods: dict[str, _Handler] = {}
        self._refusing: _Handler = grpc.stream_unary_rpc_method_handler(_freed(self._refuse_headers))

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Serve these methods."""
        self._services += handlers

    def add_registered_method_handlers(self, _service: str, _handlers: object) -> None:
        """Generated code calls this with methods that it has already added."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> _Handler | None:
        """Return the method's handler, or None if the method is not served. Called once the headers have arrived."""
        headers: Any = handler_call_details.invocation_metadata
        size = sum([len(name) + len(value) for name, value in headers])
        if size > self._gate.bounds.header_bytes or len(headers) > MAX_HEADERS:
            return self._refusing
        return self._methods.get(handler_call_details.method) or self._found(handler_call_details)

    def _found(self, details: grpc.HandlerCallDetails) -> _Handler | None:
        for service in self._services:
            handler = service.service(details)
            if handler is not None:
                bounded = self._methods[details.method] = _behind(self._gate, handler)
                return bounded
        self._gate.refusals.note(self._gate.listener, Reason.METHOD)
        return None

    async def _refuse_headers(self, _requests: object, context: Context) -> bytes:
        await self._gate.refuse(Reason.HEADERS, context)


def _behind(gate: Gate, handler: _Handler) -> _Handler:
    """The same method behind the gate."""
    read_and_write = None, handler.response_serializer
    if handler.unary_unary is not None:
        return grpc.stream_unary_rpc_method_handler(_freed(_one_to_one(gate, handler)), *read_and_write)
    if handler.stream_unary is not None:
        return grpc.stream_unary_rpc_method_handler(_freed(_many_to_one(gate, handler)), *read_and_write)
    return grpc.stream_stream_rpc_method_handler(_freed(_to_many(gate, handler)), *read_and_write)


def _freed(method: _Method) -> _Method:
    """The same method, whose refused calls are freed as soon as they have ended.

    A call keeps the error that aborted it, and the error keeps the frames that it passed, which keep the call. Such a
    cycle lives until the garbage collector runs, which then destroys the calls of a whole flood in one pause.
    """

    async def freed(requests: Any, context: Context) -> Any:  # noqa: ANN401
        try:
            return await method(requests, context)
        except grpc.aio.AbortError as error:
            del requests, context
            error.__context__ = None
            raise error.with_traceback(None) from None

    return freed


def _one_to_one(gate: Gate, handler: _Handler) -> _Method:
    answer: Callable[[Any, Context], Any] = handler.unary_unary  # type: ignore[assignment]

    async def method(_requests: object, context: Context) -> Any:  # noqa: ANN401 (the method's own type)
        request: Any = await gate.first(context)
        held = len(request) if len(request) > LONG_BYTES else 0
        if held and not gate.hold(held):
            request = b""
            await gate.refuse(Reason.MEMORY, context)
        try:
            if handler.request_deserializer is not None:
                request = await _read(gate, handler, request, context)
            return await answer(request, context)
        finally:
            if held:
                gate.let_go(held)

    return method


def _many_to_one(gate: Gate, handler: _Handler) -> _Method:
    answer: Callable[[Any, Context], Any] = handler.stream_unary  # type: ignore[assignment]

    async def method(requests: AsyncIterator[bytes], context: Context) -> Any:  # noqa: ANN401
        raw = await gate.first(context, MAX_REPORT_BYTES)
        with gate.lasting() as room:
            if not room:
                raw = b""
                await gate.refuse(Reason.LASTING, context)
            return await answer(_all(gate, handler, raw, requests, context, MAX_REPORT_BYTES), context)

    return method


def _to_many(gate: Gate, handler: _Handler) -> _Method:
    answer: Callable[[Any, Context], Any] = handler.stream_stream or handler.unary_stream  # type: ignore[assignment]
    writes = inspect.iscoroutinefunction(answer)

    async def method(requests: AsyncIterator[bytes], context: Context) -> None:
        raw = await gate.first(context, MAX_NAME_BYTES)
        with gate.lasting() as room:
            if not room:
                raw = b""
                await gate.refuse(Reason.LASTING, context)
            asked = (
                _all(gate, handler, raw, requests, context, MAX_NAME_BYTES)
                if handler.request_streaming
                else await _read(gate, handler, raw, context)
            )
            if writes:
                await answer(asked, context)
                return
            async for said in answer(asked, context):
                await context.write(said)

    return method


async def _all(
    gate: Gate, handler: _Handler, first: bytes, others: AsyncIterator[bytes], context: Context, most: int
) -> AsyncIterator[Any]:
    """Yield the requests of a stream, of which the first has already been taken."""
    yield await _read(gate, handler, first, context)
    first = b""
    async for raw in others:
        if len(raw) > most:
            del raw  # as gRPC keeps the error that follows, and its frames
            await gate.refuse(Reason.LONG, context)
        yield await _read(gate, handler, raw, context)


async def _read(gate: Gate, handler: _Handler, raw: bytes, context: Context) -> Any:  # noqa: ANN401
    try:
        return raw if handler.request_deserializer is None else handler.request_deserializer(raw)
    except DecodeError:
        raw = b""
        await gate.refuse(Reason.UNREADABLE, context)
