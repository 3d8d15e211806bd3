"""The service's life: build, listen, wait for the keys, serve, drain.

It listens before it is ready, and says NOT_SERVING until mapping and keys are loaded; a Check that comes earlier is
denied like any while an authorization server is away. On SIGHUP the mapping is read anew, as on a change of its files.
On SIGTERM or SIGINT it says NOT_SERVING, lets what is in flight finish within `drain_s`, and writes the last of the
audit.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health_aio

from authzsvc.audit import render_flood
from authzsvc.audit_log import AuditLog
from authzsvc.floods import Flood
from authzsvc.server.assembly import Parts, assemble
from authzsvc.server.issuers import Issuers, build
from authzsvc.server.mapping import accept, take
from authzsvc.server.poller import start_poller
from authzsvc.server.refusals import Refusals
from authzsvc.server.reload import Reloader
from authzsvc.server.sockets import SERVICE as SERVICE
from authzsvc.server.sockets import Sockets
from authzsvc.server.watch import Watch
from authzsvc.sessions.sqlite import SqliteStore
from authzsvc.settings import Settings

MAPPING = "mapping"
"""The health of the mapping's files: NOT_SERVING while those on disk cannot be taken."""
KEYS = "keys"
"""The health of the issuers' keys: NOT_SERVING while those of any cannot be read again."""

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_KEYS_LOOKED_AT_S = 1.0
COLLECTED_AFTER = (2_000, 50, 40)
"""How many new objects the garbage collector waits for, how many such collections it makes before it also looks at
the objects that survived one, and how many of those before it looks at all objects."""

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
    start_poller()
    watch = Watch()
    watch.begin()
    taken = take(settings)
    async with contextlib.AsyncExitStack() as ending:
        issuers = build(settings.tokens)
        ending.push_async_callback(issuers.close)
        for key_set in issuers.from_files:
            await key_set.load()
        audit_log = AuditLog(settings.audit.path)
        ending.push_async_callback(asyncio.to_thread, audit_log.close)
        store = await SqliteStore.open(settings.sessions.store)
        ending.push_async_callback(store.close)
        await accept(taken, store)
        parts = await assemble(settings, taken.policy, issuers.authenticator, store, audit_log)
        ending.push_async_callback(parts.control.services.leave)
        health = health_aio.HealthServicer()
        reloader = Reloader(
            settings,
            parts.authorizer,
            parts.authorizer.counts,
            _mapping_health(health),
            reload or asyncio.Event(),
            store,
            watch,
            parts.live.wake,
        )
        reloader.start_from(taken)
        refusals = Refusals(partial(_tell, parts, audit_log), parts.authorizer.counts.refused)
        async with _listening(settings, parts, issuers, health, reloader, refusals) as service:
            yield service


def _tell(parts: Parts, audit_log: AuditLog, flood: Flood) -> None:
    """Put what a listener refused into the audit."""
    audit_log.append(render_flood(flood, next(parts.authorizer.ids)))


def _mapping_health(health: health_aio.HealthServicer) -> Callable[[bool], Awaitable[None]]:
    async def tell(good: bool) -> None:
        await health.set(MAPPING, _SERVING if good else _NOT_SERVING)

    return tell


@contextlib.asynccontextmanager
async def _listening(
    settings: Settings,
    parts: Parts,
    issuers: Issuers,
    health: health_aio.HealthServicer,
    reloader: Reloader,
    refusals: Refusals,
) -> AsyncIterator[Service]:
    counts, digest = parts.authorizer.counts, parts.authorizer.policy.digest
    for name in ("", SERVICE):
        await health.set(name, _NOT_SERVING)
    await health.set(MAPPING, _SERVING)
    await health.set(KEYS, _NOT_SERVING)
    counts.key_sets = issuers.keys
    sockets = Sockets(settings, refusals)
    async with sockets.scraped(counts) as metrics, sockets.decisions(parts, health) as addresses:
        _settle_memory()
        beside = (reloader.run(), refusals.run(), _keep_keys_health(health, issuers))
        running = (*issuers.tasks(), *parts.tasks(), *beside)
        tasks = [asyncio.create_task(coroutine) for coroutine in running]
        facts = {"listen": addresses, "mapping": digest, "commit": counts.commit}
        ready = asyncio.create_task(_become_ready(health, issuers, facts))
        try:
            async with sockets.administered(parts, issuers):
                yield Service(tuple(addresses), digest, ready, metrics)
        finally:
            for task in (ready, *tasks):
                task.cancel()
            await asyncio.gather(ready, *tasks, return_exceptions=True)
            await health.enter_graceful_shutdown()
            parts.live.drain()
            parts.accounting.drain()


async def _keep_keys_health(health: health_aio.HealthServicer, issuers: Issuers) -> None:
    """Keep the health of the issuers' keys up to date, until cancelled."""
    while True:
        good = all(key_set.loaded and not key_set.stale for key_set in issuers.key_sets)
        await health.set(KEYS, _SERVING if good else _NOT_SERVING)
        await asyncio.sleep(_KEYS_LOOKED_AT_S)


async def _become_ready(health: health_aio.HealthServicer, issuers: Issuers, facts: Mapping[str, object]) -> None:
    await issuers.wait_until_loaded()
    for name in ("", SERVICE):
        await health.set(name, _SERVING)
    _log.info("serving", extra=facts)


def _settle_memory() -> None:
    """Let the garbage collector leave alone what lives as long as the service, and collect new objects often.

    gRPC leaves a small cycle of objects behind with each call. While the collector runs, nobody is answered, so a
    collection must never have to free what thousands of calls have left.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)
