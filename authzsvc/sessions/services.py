"""`Services`: the services of a store, and which of them have put a change in force.

Each service writes to the store up to which number it has every change in force, when that number rises and every
`BEAT_S` seconds. A service that has ended is not waited for: it has left the store, was killed on this machine, or has
written nothing for `ALIVE_S`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import socket
import time
from functools import cache

from authzsvc.errors import StoreError
from authzsvc.sessions.revisions import BEAT_S
from authzsvc.sessions.store import Store

ACKNOWLEDGED_S = 3.0
"""How long a kill waits for the other services of the store."""
_LOOK_S = 0.05
_HOST = socket.gethostname()


class Services:
    """The services of `store`, seen from this one."""

    def __init__(self, store: Store) -> None:
        self.name = f"{_HOST}:{os.getpid()}:{_processes()}{secrets.token_hex(2)}"
        """The name of this service among those of the store."""
        self.acknowledged = 0
        """Every change up to this number is in force here, and the sessions have been told."""
        self._store = store

    async def acknowledge(self, number: int) -> None:
        """Write to the store that every change up to `number` is in force here. Raises `StoreError`."""
        self.acknowledged = max(self.acknowledged, number)
        await self._store.acknowledge(self.name, self.acknowledged)

    async def beat(self) -> None:
        """Write to the store again and again that this service runs, so that kills of other services wait for it."""
        while True:
            await asyncio.sleep(BEAT_S)
            with contextlib.suppress(StoreError):
                await self.acknowledge(self.acknowledged)

    async def leave(self) -> None:
        """Write to the store that this service ends, so that no kill waits for it."""
        with contextlib.suppress(StoreError):
            await self._store.leave(self.name)

    async def behind(self, number: int) -> tuple[str, ...]:
        """The other services that have not put the change of that number in force."""
        try:
            behind = await self._store.behind(number)
            return tuple(name for name in behind if name != self.name and not _is_gone(name))
        except StoreError:
            return ("the store, which cannot be read",)

    async def until_acknowledged(self, number: int) -> tuple[str, ...]:
        """Wait until every service has put the change of that number in force. Returns those that have not done so
        within `ACKNOWLEDGED_S`."""
        end = time.monotonic() + ACKNOWLEDGED_S
        while True:
            behind = await self.behind(number)
            if not behind or time.monotonic() >= end:
                return behind
            await asyncio.sleep(_LOOK_S)


@cache
def _processes() -> str:
    """Names the set of processes among which a process number is unique: containers that share a host name may number
    their processes separately."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = secrets.token_hex(8)  # The set is not known, so no other service counts as ended.
    return hashlib.sha256(space.encode()).hexdigest()[:6]


def _is_gone(name: str) -> bool:
    """Whether a service was a process of this machine that has ended, as one that was killed could not write itself."""
    host, process, rest = name.rsplit(":", 2)
    if host != _HOST or not rest.startswith(_processes()):
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
