"""The parts on loopback for sessions by the thousand: a venue that serves all at once, the service with what it has in
earnest (keys from a file, audit, session store on a file, admin on a unix socket), and Envoy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from authzsvc._gen.fixauthz.v1 import admin_pb2 as pb
from authzsvc.demo.processes import Process
from authzsvc.demo.stack import Stack
from authzsvc.errors import ToolError
from authzsvc.gateway import FilterSettings, GatewayOptions
from authzsvc.gateway.options import Endpoint
from authzsvc.tokens.development import AUDIENCE, DevelopmentIssuer
from benches import load
from benches.rig import MAPPING, SCOPES
from benches.sessions.crowd import Crowd

PATIENCE_S = 60.0
_CHECKS_OUT = "cluster.authz.upstream_rq_active"
_STREAMS = 1
"""Of the worker's access log, once it has had something to tell: it never ends."""

_Out = TypeVar("_Out", bound=Message)


@dataclass(frozen=True, slots=True)
class Extra:
    """What a trial needs beyond the settings that all have."""

    introspection_url: str = ""
    check_timeout_ms: int | None = None


NOTHING = Extra()


@dataclass(slots=True)
class Hall:
    """All that runs, but the clients."""

    program: Path
    stack: Stack
    admin: grpc.Channel
    envoy: int
    service: int
    """Process ids."""
    names: Iterator[int] = field(default_factory=lambda: iter(range(1_000_000)))

    def crowd(self, count: int) -> Crowd:
        """So many clients that are nobody else, each with a token of its own."""
        comp_ids = [f"C{next(self.names):06d}" for _ in range(count)]
        return self.crowd_of({comp_id: self._mint(comp_id) for comp_id in comp_ids})

    def crowd_of(self, tokens: dict[str, str]) -> Crowd:
        """These clients."""
        return Crowd(self.program, self.stack.port, tokens)

    def _mint(self, comp_id: str) -> str:
        name = comp_id.lower()
        return self.stack.issuer.mint(scopes=SCOPES, subject=name, client_id=name, comp_id=comp_id)

    def wait_for_watches(self, count: int) -> None:
        """Until Envoy waits for so many answers, which are all watches where nobody trades, and the service knows as
        many sessions. Raises `ToolError`."""
        deadline = time.monotonic() + PATIENCE_S
        while (out := self.stack.stats().get(_CHECKS_OUT, 0)) - count not in (0, _STREAMS) or self.sessions() != count:
            if time.monotonic() > deadline:
                raise ToolError(f"{out} watches and {self.sessions()} sessions instead of {count}")
            time.sleep(0.1)

    def sessions(self) -> int:
        """How many sessions the service knows."""
        found, page = 0, pb.ListSessionsRequest()
        while True:
            answer = self._call("ListSessions", page, pb.ListSessionsResponse.FromString)
            found += len(answer.sessions)
            page.page_token = answer.next_page_token
            if not page.page_token:
                return found

    def kill_all(self, reason: str) -> pb.Done:
        """Log all sessions out and refuse new ones."""
        request = pb.KillRequest(selector=pb.Selector(all=True), mode=pb.kill, reason=reason)
        return self._call("Kill", request, pb.Done.FromString)

    def _call(self, method: str, request: Message, read: Callable[[bytes], _Out]) -> _Out:
        call: grpc.UnaryUnaryMultiCallable[Message, _Out] = self.admin.unary_unary(
            f"/fixauthz.v1.Admin/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=read,
        )
        try:
            return call(request, timeout=PATIENCE_S, metadata=(("x-operator", "bench"),))
        except grpc.RpcError as error:
            raise ToolError(f"the admin service refused `{method}`: {error.details()}") from None


@contextmanager
def hall(directory: Path, extra: Extra = NOTHING) -> Iterator[Hall]:
    """Start all parts, with their files in `directory`; end them."""
    program = load.build()
    directory.mkdir()
    exchange = load.Venue(program, directory / "exchange.log", "exchange")
    try:
        stack = Stack(directory, exchange.port, MAPPING, gateway=_gateway(extra))
        stack.service_settings = _settings(directory, stack.issuer, extra)
        with stack, grpc.insecure_channel(f"unix:{directory / 'admin.sock'}") as admin:
            yield Hall(program, stack, admin, _pid(stack.envoy), _pid(stack.service))
    finally:
        exchange.stop()


def _settings(directory: Path, issuer: DevelopmentIssuer, extra: Extra) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "sessions": {"store": str(directory / "sessions.db")},
        "admin": {"unix": str(directory / "admin.sock")},
    }
    if extra.introspection_url:
        secret = directory / "client-secret"
        secret.write_text("bench-client-secret")
        secret.chmod(0o600)
        entry = {
            "issuer": issuer.name,
            "audience": [AUDIENCE],
            "algorithms": ["ES256"],
            "jwks": {"file": str(issuer.jwks_path)},
            "introspection": {
                "url": extra.introspection_url,
                "client": {"id": "bench", "secret_file": str(secret)},
            },
        }
        settings["tokens"] = {"issuers": [entry]}
    return settings


def _gateway(extra: Extra) -> GatewayOptions | None:
    if extra.check_timeout_ms is None:
        return None
    filter_settings = FilterSettings.model_validate({"check": {"timeout_ms": extra.check_timeout_ms}})
    # The addresses are the stack's to set.
    nowhere = Endpoint("127.0.0.1", 0)
    return GatewayOptions(nowhere, nowhere, nowhere, filter=filter_settings)


def _pid(process: Process | None) -> int:
    if process is None:
        raise ToolError("a part was not started")
    return process.pid
