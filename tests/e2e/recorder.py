"""A gRPC server between Envoy and the decision service that hands every Check on and keeps both halves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse

SERVICE = "envoy.service.auth.v3.Authorization"


class Recorder:
    """Listens on one unix socket, and asks at another."""

    def __init__(self, listen: Path, service: Path) -> None:
        self.exchanges: list[tuple[Any, Any]] = []
        """(CheckRequest, CheckResponse), in the order of the answers."""
        self._listen = listen
        self._service = service

    async def start(self) -> None:
        """Listen."""
        self._channel = grpc.aio.insecure_channel(f"unix:{self._service}")
        self._ask: Any = self._channel.unary_unary(f"/{SERVICE}/Check")
        self._server = grpc.aio.server()
        check: Any = grpc.unary_unary_rpc_method_handler(self._check)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Check": check}),))
        self._server.add_insecure_port(f"unix:{self._listen}")
        await self._server.start()

    async def stop(self) -> None:
        """End both sides."""
        await self._server.stop(None)
        await self._channel.close()

    async def _check(self, request: bytes, _context: Any) -> bytes:  # noqa: ANN401
        answer: bytes = await self._ask(request)
        self.exchanges.append((CheckRequest.FromString(request), CheckResponse.FromString(answer)))
        return answer

    def of(self, event: str, msg_type: str = "") -> tuple[Any, Any] | None:
        """The last exchange of an event and type; an empty event is a stock filter's."""
        for request, answer in reversed(self.exchanges):
            headers = request.attributes.request.http.headers
            if headers.get("x-fix-event", "") == event and headers.get("x-fix-msg-type", "") == msg_type:
                return request, answer
        return None
