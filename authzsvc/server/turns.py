"""Whose Check is evaluated next.

One event loop evaluates all Checks, and a Check about a long message takes as long as hundreds about short ones. So
long Checks, and all that come while any wait, are evaluated by turns between identities, however many Checks an
identity has out and in whatever order they came (self-clocked fair queueing). A Check waits under a mark: the mark of
its identity's Check before it, or the clock where that is later, plus its own cost. The Check with the smallest mark
goes first, and the clock follows the marks of those that went. So an identity that asks little is served after the
evaluation at hand, and identities that ask without end share by cost what is left.

Between two long evaluations the event loop takes in what has arrived: gRPC hands over one call at a time, and a Check
can have its turn only when it is known. gRPC cancels a Check whose caller has given up; one that waits is then never
evaluated.

Invariants: nothing waits while nothing is evaluated; a short Check that finds no other waiting does not wait at all.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from itertools import count

from authzsvc.contract.request import FixRequest
from authzsvc.tokens.claims import Identity

SHORT = 4_096
"""The most bytes of a Check that takes no longer than answering it does: where nobody waits, it is evaluated at once.
What all Checks of a session have in common, its token too, does not count here or in the costs."""
OVERHEAD = 512
"""What a Check costs besides its bytes, in bytes."""

_SLICE_S = 0.002
"""Evaluations that take less together follow each other at once."""
_QUIET_S = 0.001
"""Without a new Check for so long, none is on its way from gRPC: at least this, and a share of what evaluations have
taken, because they take longer on a busy machine, and so does gRPC."""
_QUIET_SHARE = 0.1
_MOST_S = 0.02
"""New Checks are taken in for no longer than this between two evaluations."""
_MARKS = 4_096
"""Identities whose marks are kept before those that no longer matter are looked for."""

UNKNOWN = ""
"""Long Checks of which nothing has been read yet wait under this name, all of them as one."""


def turn_name(request: FixRequest, identity: Identity | None) -> str:
    """Returns the name under which a Check waits: its token's issuer, subject and client, else its
    connection's host."""
    if identity is not None:
        return "\n".join((identity.issuer, identity.subject, identity.client_id))
    return request.address.rpartition(":")[0]


class Turns:
    """Serves waiting Checks in turn."""

    def __init__(self) -> None:
        """Nothing waits."""
        self.abandoned = 0
        """Checks whose callers gave up before their turn came."""
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._marks: dict[str, int] = {}
        self._clock = 0
        self._numbers = count()
        self._arrived = 0
        self._used_s = 0.0
        """What evaluations have taken since new Checks were last taken in."""
        self._serving: asyncio.Task[None] | None = None

    def must_wait(self, size: int) -> bool:
        """Whether a Check of so many bytes is to wait for its turn."""
        return size > SHORT or bool(self._waiting)

    async def wait(self, name: str, size: int) -> None:
        """Wait for the turn of a Check of so many bytes; the caller evaluates it before it waits for anything else."""
        self._arrived += 1
        turn = asyncio.get_running_loop().create_future()
        mark = max(self._clock, self._marks.get(name, 0)) + size + OVERHEAD
        self._marks[name] = mark
        heapq.heappush(self._waiting, (mark, next(self._numbers), turn))
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        try:
            await turn
        except asyncio.CancelledError:
            self.abandoned += 1
            raise

    async def _serve(self) -> None:
        """Give out turns until nothing waits."""
        while self._waiting:
            mark, _, turn = heapq.heappop(self._waiting)
            if turn.done():
                continue
            self._clock = mark
            began = time.perf_counter()
            turn.set_result(None)
            await asyncio.sleep(0)  # The evaluation whose turn it is runs here.
            self._used_s += time.perf_counter() - began
            if self._used_s >= _SLICE_S:
                await self._take_in()
            self._forget_marks()
        self._clock = 0
        self._marks.clear()
        self._serving = None

    async def _take_in(self) -> None:
        """Let the event loop take in Checks that have arrived."""
        quiet_s = min(max(_QUIET_S, self._used_s * _QUIET_SHARE), _MOST_S)
        self._used_s = 0.0
        until = time.perf_counter() + _MOST_S
        before = -1
        while before != self._arrived and time.perf_counter() < until:
            before = self._arrived
            await asyncio.sleep(quiet_s)

    def _forget_marks(self) -> None:
        """A mark that the clock has passed makes no difference any more."""
        if len(self._marks) > _MARKS:
            self._marks = {name: mark for name, mark in self._marks.items() if mark > self._clock}
