"""The table at which definitions are played: lanes for each version, and the gateway in front of half of their engines.

A definition takes a lane of its version that is free, and leaves it as it was: both engines logged off.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.engines.acceptance.definition import Definition
from tests.engines.acceptance.parties import FOLDERS, Gateway, Lane, lane
from tests.engines.acceptance.player import play
from tests.engines.acceptance.transcript import Transcript

SLOW_S = 2
"""A definition with a longer HeartBtInt waits for heartbeats, and is played both ways at once."""


class Table:
    """Bare engines, and the same behind a gateway."""

    def __init__(self, folder: Path, versions: Iterable[str], lanes: int = 1) -> None:
        """`versions` by the definitions' folders; `lanes`: how many definitions of a version are played at once."""
        self._lanes = {
            version: [lane(f"{version}-{n}", FOLDERS[version], folder) for n in range(lanes)] for version in versions
        }
        self._free: dict[str, asyncio.Queue[Lane]] = {}
        self._gateway = Gateway(folder / "gateway", [one for lanes in self._lanes.values() for one in lanes])

    async def start(self) -> None:
        """Start the engines, then the gateway."""
        await asyncio.gather(*(engine.start() for one in self._all() for engine in (one.bare, one.behind)))
        await asyncio.to_thread(self._gateway.start)
        for version, lanes in self._lanes.items():
            self._free[version] = asyncio.Queue()
            for one in lanes:
                self._free[version].put_nowait(one)

    async def stop(self) -> None:
        """End all."""
        self._gateway.stop()
        await asyncio.gather(*(engine.stop() for one in self._all() for engine in (one.bare, one.behind)))

    def _all(self) -> list[Lane]:
        return [one for lanes in self._lanes.values() for one in lanes]

    async def both(self, definition: Definition) -> tuple[Transcript, Transcript]:
        """What comes from the bare engine, and through the gateway."""
        async with self._lane(definition.version) as one:
            if definition.heartbeat_s > SLOW_S:
                return await asyncio.gather(play(definition, one.bare.port), self._through(definition, one))
            bare = await play(definition, one.bare.port)
            return bare, await self._through(definition, one, bare)

    async def through(self, definition: Definition) -> Transcript:
        """What comes through the gateway."""
        async with self._lane(definition.version) as one:
            return await self._through(definition, one)

    async def _through(self, definition: Definition, one: Lane, like: Transcript | None = None) -> Transcript:
        gateway = self._gateway
        return await play(definition, gateway.ports[one.name], credential=gateway.credential(), like=like)

    @asynccontextmanager
    async def _lane(self, version: str) -> AsyncIterator[Lane]:
        one = await self._free[version].get()
        try:
            yield one
            await asyncio.gather(one.bare.idle(), one.behind.idle())
        finally:
            self._free[version].put_nowait(one)
