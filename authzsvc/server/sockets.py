"""The sockets of the service (decisions, operators, metrics): what is served on each, and in which order they end.

Each gRPC socket has a server of its own (`listeners`), named by its key in the settings.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import grpc
from envoy.service.auth.v3 import external_auth_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from authzsvc.server import accounting
from authzsvc.server.admin import Admin, bind_admin
from authzsvc.server.admin_access import Access
from authzsvc.server.assembly import Parts
from authzsvc.server.bounded import Bounded
from authzsvc.server.issuers import Issuers
from authzsvc.server.listen import bind, release
from authzsvc.server.listeners import Listener, serving
from authzsvc.server.metrics import Counts, ListenerState, registry
from authzsvc.server.refusals import Refusals
from authzsvc.server.scrape import LISTENER as METRICS
from authzsvc.server.scrape import Scraping, scraped
from authzsvc.settings import Listen, Settings
from authzsvc.settings.admin import AdminSettings
from authzsvc.tokens.claims import Identity

SERVICE = "envoy.service.auth.v3.Authorization"

_Section = TypeVar("_Section", Listen, AdminSettings)

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Sockets:
    """Opens and closes them."""

    settings: Settings
    refusals: Refusals
    _listeners: list[Listener] = field(default_factory=list)
    _scraping: Scraping | None = None

    @contextlib.asynccontextmanager
    async def decisions(self, parts: Parts, health: health_aio.HealthServicer) -> AsyncIterator[list[str]]:
        """Serve Checks, reports and health until the block ends. Yields the addresses that are really used."""
        listen, addresses = self.settings.listen, list[str]()
        with contextlib.ExitStack() as opened:
            made = list[Listener]()
            for name, alone in _each(listen):
                listener = Listener.create(f"listen.{name}", listen.bounds, self.refusals)
                opened.callback(listener.ports.close)
                _serve_decisions(listener.services, parts, health, self.settings.reflection)
                addresses += bind(listener.ports, alone)
                made.append(listener)
            self._listeners += made
            async with serving(made, self.settings.drain_s):
                yield addresses
            release(listen)

    @contextlib.asynccontextmanager
    async def administered(self, parts: Parts, issuers: Issuers) -> AsyncIterator[None]:
        """Serve operators for as long as this lasts, where the settings name addresses for them."""
        admin = self.settings.admin
        if admin is None:
            yield
            return

        def is_revoked(identity: Identity) -> bool:
            return parts.control.restrictions.revocation_of(identity) is not None

        access = Access(admin, issuers.of_operators(admin.token), is_revoked)
        service = Admin(parts.control, access, parts.attempts, self.refusals)
        addresses = list[str]()
        with contextlib.ExitStack() as opened:
            made = list[Listener]()
            for name, alone in _each(admin):
                listener = Listener.create(f"admin.{name}", admin.bounds, self.refusals)
                opened.callback(listener.ports.close)
                service.add_to(listener.services)
                addresses += bind_admin(listener.ports, alone)
                made.append(listener)
            self._listeners += made
            if admin.unix is not None:
                opened.callback(partial(admin.unix.unlink, missing_ok=True))
            async with serving(made, self.settings.drain_s):
                _log.info("operators can ask", extra={"listen": addresses})
                yield

    @contextlib.asynccontextmanager
    async def scraped(self, counts: Counts) -> AsyncIterator[str | None]:
        """Answer Prometheus until the block ends. Yields the address that is really used."""
        metrics = self.settings.metrics
        counts.listeners = self._states
        if metrics.tcp is None:
            yield None
            return
        async with scraped(registry(counts), metrics.tcp, metrics.bounds, self.refusals) as scraping:
            self._scraping = scraping
            yield scraping.address

    def _states(self) -> Iterator[ListenerState]:
        for listener in self._listeners:
            yield ListenerState(listener.gate.listener, listener.connections, listener.gate.half_open)
        if self._scraping is not None:
            yield ListenerState(METRICS, self._scraping.connections, 0)


def _each(section: _Section) -> Iterator[tuple[str, _Section]]:
    """The section with its unix socket alone, and with its TCP address alone, by the names of those keys."""
    if section.unix is not None:
        yield "unix", section.model_copy(update={"tcp": None, "tls": None})
    if section.tcp is not None:
        yield "tcp", section.model_copy(update={"unix": None})


def _serve_decisions(services: Bounded, parts: Parts, health: health_aio.HealthServicer, reflect: bool) -> None:
    check: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(
        parts.authorizer.answer
    )  # bytes in, bytes out
    reports: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_unary_rpc_method_handler(parts.accounting.stream)
    handlers = {SERVICE: {"Check": check}, accounting.SERVICE: {accounting.METHOD: reports}}
    services.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(name, methods) for name, methods in handlers.items()]
    )
    health_pb2_grpc.add_HealthServicer_to_server(health, services)
    if reflect:
        known = external_auth_pb2.DESCRIPTOR.services_by_name["Authorization"].full_name
        names = (
            known,
            accounting.SERVICE,
            health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,
            reflection.SERVICE_NAME,
        )
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(reflection.aio.ReflectionServicer(names), services)
