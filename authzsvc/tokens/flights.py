"""`Flights`: one piece of work under way for each key, however many wait for it.

Who waits and is cancelled leaves the work to the others. Invariants: no more than `most` pieces are under way; a piece
ends by its own time limit, or with `close`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """Work under way, by key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tasks: dict[bytes, asyncio.Task[T]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def start(
        self, key: bytes, work: Callable[[], Coroutine[None, None, T]], *, share: float = 1.0
    ) -> asyncio.Task[T] | None:
        """The work of that key: what is under way, else `work`, begun now; None where no more may be. `share` is how
        much of the room it may see filled, so that what can wait leaves room for what cannot."""
        task = self._tasks.get(key)
        if task is None and len(self._tasks) < self._most * share:
            task = self._tasks[key] = asyncio.get_running_loop().create_task(work())
            task.add_done_callback(partial(self._landed, key))
        return task

    async def close(self) -> None:
        """Cancel what is under way, and wait for it to end."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, key: bytes, task: asyncio.Task[T]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # seen, whether or not anybody still waits
