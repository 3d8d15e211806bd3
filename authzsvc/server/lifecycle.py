"""The service's life: build, listen, wait for the keys, serve, drain.

It listens before it is ready, and says NOT_SERVING until mapping and keys are loaded; a Check that comes earlier is
denied like any whose key is unknown. On SIGHUP the mapping is read anew, as on a change of its files. On SIGTERM or
SIGINT it says NOT_SERVING, lets what is in flight finish within `drain_s`, and writes the last of the audit.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

import grpc
from envoy.service.auth.v3 import external_auth_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection

from authzsvc.audit import AuditLog
from authzsvc.server.listen import bind, release
from authzsvc.server.mapping import take
from authzsvc.server.metrics import exposed
from authzsvc.server.reload import Reloader
from authzsvc.server.service import Authorizer
from authzsvc.server.watch import Watch
from authzsvc.settings import IssuerSettings, Settings
from authzsvc.tokens.discovery import Discovered
from authzsvc.tokens.http import Http
from authzsvc.tokens.keys import KeySet, Refresh, Source, from_file, from_url
from authzsvc.tokens.presets import reading
from authzsvc.tokens.verifier import Issuer, Verifier

SERVICE = "envoy.service.auth.v3.Authorization"
MAPPING = "mapping"
"""The health of the mapping's files: NOT_SERVING while those on disk cannot be taken."""

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_NO_SHEDDING = 1_000_000
_OPTIONS = [
    ("grpc.so_reuseport", 0),  # a second service on the same port is a mistake, not a helper
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    # gRPC cancels calls at random beyond 1000 pending ones, which denies what is permitted. Each proxy bounds its
    # Checks and their age, so what waits here is bounded already.
    ("grpc.server.max_pending_requests", _NO_SHEDDING),
    ("grpc.server.max_pending_requests_hard_limit", _NO_SHEDDING),
]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """A running service."""

    addresses: tuple[str, ...]
    """Where it listens."""
    policy: str
    """The mapping's digest."""
    ready: asyncio.Task[None]
    """Done once it says SERVING."""
    metrics: str | None
    """Where Prometheus may scrape."""


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises `AuthzError` when it cannot start."""
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings, reload):
        await stop.wait()
        _log.info("draining", extra={"drain_s": settings.drain_s})
    _log.info("stopped")


@contextlib.asynccontextmanager
async def running(settings: Settings, reload: asyncio.Event | None = None) -> AsyncIterator[Service]:
    """A service from start to drain; `reload`, once set, has it read the mapping anew.

    Raises `AuthzError` when it cannot start.
    """
    watch = Watch()
    watch.begin()
    taken = take(settings)
    issuers = [_issuer(entry) for entry in settings.tokens.issuers]
    for issuer, entry in zip(issuers, settings.tokens.issuers, strict=True):
        if entry.jwks.file is not None:
            await issuer.keys.load()
    audit_log = AuditLog(settings.audit.path)
    try:
        tokens = settings.tokens
        verifier = Verifier(issuers, cache_size=tokens.cache_size, cache_ttl_s=tokens.cache_ttl_s)
        admitted = frozenset(settings.admission.principals)
        authorizer = Authorizer(taken.policy, verifier, audit_log, settings.decisions.max_age_s, admitted)
        health = health_aio.HealthServicer()
        reloader = Reloader(
            settings, authorizer, authorizer.counts, _mapping_health(health), reload or asyncio.Event(), watch
        )
        reloader.start_from(taken)
        async with _listening(settings, authorizer, issuers, health, reloader) as service:
            yield service
    finally:
        await asyncio.to_thread(audit_log.close)


def _mapping_health(health: health_aio.HealthServicer) -> Callable[[bool], Awaitable[None]]:
    async def tell(good: bool) -> None:
        await health.set(MAPPING, _SERVING if good else _NOT_SERVING)

    return tell


@contextlib.asynccontextmanager
async def _listening(
    settings: Settings,
    authorizer: Authorizer,
    issuers: list[Issuer],
    health: health_aio.HealthServicer,
    reloader: Reloader,
) -> AsyncIterator[Service]:
    for name in ("", SERVICE):
        await health.set(name, _NOT_SERVING)
    await health.set(MAPPING, _SERVING)
    server = _server(authorizer, health, settings.reflection)
    addresses = bind(server, settings.listen)
    with exposed(authorizer.counts, settings.metrics.tcp) as metrics:
        await server.start()
        _settle_memory()
        digest = authorizer.policy.digest
        tasks = [asyncio.create_task(issuer.keys.keep_fresh()) for issuer in issuers]
        tasks.append(asyncio.create_task(reloader.run()))
        facts = {"listen": addresses, "mapping": digest, "commit": authorizer.counts.commit}
        ready = asyncio.create_task(_become_ready(health, issuers, facts))
        try:
            yield Service(tuple(addresses), digest, ready, metrics)
        finally:
            for task in (ready, *tasks):
                task.cancel()
            await health.enter_graceful_shutdown()
            await server.stop(settings.drain_s)
            release(settings.listen)


async def _become_ready(health: health_aio.HealthServicer, issuers: list[Issuer], facts: Mapping[str, object]) -> None:
    for issuer in issuers:
        await issuer.keys.wait_until_loaded()
    for name in ("", SERVICE):
        await health.set(name, _SERVING)
    _log.info("serving", extra=facts)


def _settle_memory() -> None:
    """Let the garbage collector leave alone what lives as long as the service, and look less often: a Check makes no
    cycles, so its garbage goes by itself."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _server(authorizer: Authorizer, health: health_aio.HealthServicer, reflect: bool) -> grpc.aio.Server:
    server = grpc.aio.server(options=_OPTIONS)
    check: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(
        authorizer.answer
    )  # bytes in, bytes out
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Check": check}),))
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    if reflect:
        known = external_auth_pb2.DESCRIPTOR.services_by_name["Authorization"].full_name
        names = (known, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
    return server


def _issuer(entry: IssuerSettings) -> Issuer:
    jwks = entry.jwks
    source: Source
    if jwks.file is not None:
        source = from_file(jwks.file)
    else:
        http = Http(timeout_s=jwks.timeout_s, ca=entry.http.ca, cert=entry.http.cert, key=entry.http.key)
        discovered = Discovered(http, entry.issuer, entry.discovery.url)
        source = discovered if jwks.url is None else from_url(http, jwks.url)
    return Issuer(
        name=entry.issuer,
        audience=tuple(entry.audience),
        algorithms=tuple(entry.algorithms),
        keys=KeySet(entry.issuer, source, Refresh(jwks.refresh_s, jwks.min_refresh_s)),
        reading=reading(
            entry.preset,
            scope_claims=entry.scope_claims,
            role_claims=entry.role_claims,
            client_id_claims=entry.client_id_claims,
            types=entry.types,
        ),
        context=entry.context,
        leeway_s=entry.leeway_s,
    )
