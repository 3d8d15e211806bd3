"""A gRPC server between Envoy and the decision service that hands every Check on and keeps both halves.

What Envoy's access log tells, it keeps too, and hands nothing on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse

from authzsvc.demo.stack import Stack
from tests.e2e.secrets import USED

SERVICE = "envoy.service.auth.v3.Authorization"
ACCESS_LOG = "envoy.service.accesslog.v3.AccessLogService"


class Recorder:
    """Listens on one unix socket, and asks at another."""

    def __init__(self, listen: Path, service: Path) -> None:
        self.exchanges: list[tuple[Any, Any]] = []
        """(CheckRequest, CheckResponse), in the order of the answers."""
        self.raw: list[bytes] = []
        """The requests as they stood on the wire."""
        self.entries: list[Any] = []
        """TCPAccessLogEntry, as they came."""
        self._listen = listen
        self._service = service

    async def start(self) -> None:
        """Listen."""
        self._channel = grpc.aio.insecure_channel(f"unix:{self._service}")
        self._ask: Any = self._channel.unary_unary(f"/{SERVICE}/Check")
        self._server = grpc.aio.server()
        check: Any = grpc.unary_unary_rpc_method_handler(self._check)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Check": check}),))
        log: Any = grpc.stream_unary_rpc_method_handler(self._log)
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(ACCESS_LOG, {"StreamAccessLogs": log}),)
        )
        self._server.add_insecure_port(f"unix:{self._listen}")
        await self._server.start()

    async def stop(self) -> None:
        """End both sides."""
        await self._server.stop(None)
        await self._channel.close()

    async def _check(self, request: bytes, _context: Any) -> bytes:  # noqa: ANN401
        answer: bytes = await self._ask(request)
        self.raw.append(request)
        self.exchanges.append((CheckRequest.FromString(request), CheckResponse.FromString(answer)))
        name = self.exchanges[-1][0].attributes.request.http.headers.get("x-fix-session")
        if name:
            USED.add(name)  # the end of the run looks for it in all that was written
        return answer

    async def _log(self, messages: AsyncIterator[bytes], _context: Any) -> bytes:  # noqa: ANN401
        async for message in messages:
            self.entries += StreamAccessLogsMessage.FromString(message).tcp_logs.log_entry
        return b""

    def accounts(self, sender: str) -> list[tuple[bool, dict[str, Any]]]:
        """What was told of that client's connections: whether it is the last word, and the facts."""
        told = []
        for entry in self.entries:
            common = entry.common_properties
            facts = dict(common.metadata.filter_metadata["fix_authz"].items())
            if facts.get("sender") == sender:
                told.append((not common.intermediate_log_entry, facts))
        return told

    def of(self, event: str, msg_type: str = "") -> tuple[Any, Any] | None:
        """The last exchange of an event and type; an empty event is a stock filter's."""
        for request, answer in reversed(self.exchanges):
            headers = request.attributes.request.http.headers
            if headers.get("x-fix-event", "") == event and headers.get("x-fix-msg-type", "") == msg_type:
                return request, answer
        return None


@asynccontextmanager
async def recording(stack: Stack) -> AsyncIterator[Recorder]:
    """A recorder between the stack's Envoy and its service, which was started with `checks_to`."""
    assert stack.checks_to is not None
    recorder = Recorder(stack.checks_to, stack.socket)
    await recorder.start()
    try:
        yield recorder
    finally:
        await recorder.stop()
