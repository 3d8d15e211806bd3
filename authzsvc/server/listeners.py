"""The service's gRPC listeners: for each socket a server of its own, within bounds of its own.

The event loop takes one call at a time of each server, so a flood on one socket fills that socket's queue alone.

The number of connections is read from the core's own statistics (channelz), because the core accepts and closes
connections without telling Python. It includes closed connections whose streams the service has not all taken up. While
there are as many as may be open, one refusal a second is counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import grpc
import orjson
from grpc._cython import cygrpc  # type: ignore[attr-defined]

from authzsvc.floods import Reason
from authzsvc.server.bounded import Bounded, options
from authzsvc.server.fronted import Ports
from authzsvc.server.gate import Gate
from authzsvc.server.refusals import Refusals
from authzsvc.settings.bounds import GrpcBounds

LOOK_S = 1.0
_PAGE = 500
"""Sockets in one answer of channelz."""


@dataclass(slots=True)
class Listener:
    """A socket's server, before it listens."""

    gate: Gate
    server: grpc.aio.Server
    services: Bounded
    """Where services are added."""
    ports: Ports
    """Where addresses are added."""
    channelz_id: int
    connections: int = 0
    """The number of connections when it was last read."""

    @classmethod
    def create(cls, name: str, bounds: GrpcBounds, refusals: Refusals) -> Listener:
        """`name` is the settings' key of the socket."""
        known = _servers()
        gate = Gate(name, bounds, refusals)
        server = grpc.aio.server(options=options(bounds, front=bounds.front and name.endswith(".tcp")))
        services = Bounded(gate)
        server.add_generic_rpc_handlers((services,))
        return cls(gate, server, services, Ports(server, name, bounds, refusals), max(_servers() - known, default=0))

    async def look(self) -> None:
        """Count connections, and tell the front, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            with suppress(ValueError, KeyError):
                self.connections = _connections(self.channelz_id)
                self.ports.tell(self.connections)
            if self.connections >= self.gate.bounds.connections:
                self.gate.refusals.note(self.gate.listener, Reason.CONNECTIONS)


@asynccontextmanager
async def serving(listeners: Sequence[Listener], drain_s: float) -> AsyncIterator[None]:
    """Serve for as long as this lasts, and let calls under way finish within `drain_s`."""
    tasks: list[asyncio.Task[None]] = []
    try:
        for listener in listeners:
            await listener.server.start()
            tasks += [
                asyncio.create_task(each) for each in (listener.gate.run(), listener.look(), listener.ports.run())
            ]
        yield
    finally:
        await asyncio.gather(*[listener.server.stop(drain_s) for listener in listeners])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _servers() -> set[int]:
    """The channelz ids of this process's servers."""
    return {int(entry["ref"]["serverId"]) for entry in _pages(cygrpc.channelz_get_servers, "server", 0)}


def _connections(server: int) -> int:
    def page(start: int) -> Any:  # noqa: ANN401 (bytes or text, by gRPC's version)
        return cygrpc.channelz_get_server_sockets(server, start, _PAGE)

    return sum(1 for _ in _pages(page, "socketRef", 0))


def _pages(ask: Callable[[int], Any], key: str, start: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = orjson.loads(ask(start))
        entries = page.get(key, [])
        found += entries
        if page.get("end") or not entries:
            return found
        start = 1 + max(int(next(iter(_ids(entry)))) for entry in entries)


def _ids(entry: dict[str, Any]) -> list[str]:
    ref = entry.get("ref", entry)
    return [ref[name] for name in ("serverId", "socketId") if name in ref]
