"""`Telling`: which sessions must be told of a kill or a revocation, and which have acknowledged it.

A session is told by the answer to its watch. It acknowledges by its next watch, which a proxy sends only after it has
applied the answer. A session that the answer ends has no next watch.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

TOLD_S = 2.0
"""How long a kill waits for the sessions' watches to be answered."""
ACKNOWLEDGED_S = 0.25
"""How long a kill waits for a session's next watch if another service may get it."""


class _Untold:
    """A session that must be told of a change."""

    def __init__(self, by: float) -> None:
        self.by = by
        """Until when it is waited for, on the monotonic clock."""
        self.answered = asyncio.Event()
        """Set when a watch that has looked at the change is answered, or cut."""
        self.back = asyncio.Event()
        """Set at the next watch after that."""
        self.ends = False
        """Whether that answer ends the session."""


class Telling:
    """The sessions that must be told, by id. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._untold: dict[str, _Untold] = {}

    def expect(self, session_id: str, by: float) -> None:
        """Note that a session must be told, and that it is waited for until `by`."""
        known = self._untold.get(session_id)
        if known is None or known.answered.is_set():
            self._untold[session_id] = _Untold(by)

    def answered(self, session_id: str, *, ends: bool) -> None:
        """Note that the session's watch was answered, or cut. `ends`: the answer ends the session."""
        untold = self._untold.get(session_id)
        if untold is not None:
            untold.ends |= ends
            untold.answered.set()

    def came(self, session_id: str) -> None:
        """Note that a watch of the session came."""
        untold = self._untold.get(session_id)
        if untold is not None and untold.answered.is_set():
            untold.back.set()
            del self._untold[session_id]

    async def told(self, lives: Callable[[str], bool], *, alone: bool) -> int:
        """Wait until the watches of all these sessions are answered and their proxies have sent the next one, or until
        the time has passed. `lives` says whether a session is still live. If other services may get the next watch (not
        `alone`), the wait for it is short. Returns how many live sessions have not acknowledged."""
        untold = dict(self._untold)
        for session in untold.values():
            await self._until_set(session.answered, session.by)
        wanted = [session for id_, session in untold.items() if not session.ends and lives(id_)]
        end = self._clock() + ACKNOWLEDGED_S
        for session in wanted:
            await self._until_set(session.back, max(end, session.by) if alone else end)
        for session_id, session in untold.items():
            if self._untold.get(session_id) is session:
                del self._untold[session_id]
        return sum(not session.back.is_set() for session in wanted)

    def sweep(self) -> None:
        """Forget sessions for which nobody waits any more."""
        late = self._clock() - TOLD_S
        self._untold = {id_: untold for id_, untold in self._untold.items() if untold.by > late}

    async def _until_set(self, event: asyncio.Event, end: float) -> None:
        left_s = end - self._clock()
        if not event.is_set() and left_s > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), left_s)
