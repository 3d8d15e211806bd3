"""Whose Check is evaluated next.

One event loop evaluates all Checks, and a Check about a long message takes as long as hundreds about short ones. So
long Checks, and all Checks that come while others wait, are evaluated in turns between identities, however many Checks
an identity has sent and in whatever order they came (self-clocked fair queueing). Each waiting Check has a mark: the
mark of its identity's previous Check, or the clock if that is later, plus the Check's own cost. The Check with the
smallest mark is evaluated first, and the clock is set to its mark. So an identity that sends few Checks is served right
after the current evaluation, and identities that send Checks all the time share the rest in proportion to their costs.

Between two long evaluations the event loop takes in the Checks that have arrived: gRPC hands over one call at a time,
and a Check can have a turn only once it was handed over. When a caller gives up, gRPC cancels its Check, which is then
not evaluated.

Invariants: no Check waits while none is evaluated; a short Check that arrives while no other waits does not wait.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from itertools import count

from authzsvc.contract.request import FixRequest
from authzsvc.tokens.claims import Identity

SHORT = 4_096
"""The most bytes of a short Check, which is evaluated at once while no other waits: evaluating it takes no longer than
answering it. The part that all Checks of a session have in common, with the token, does not count here or in the costs.
"""
OVERHEAD = 512
"""The cost of a Check besides that of its bytes, in bytes."""

_SLICE_S = 0.002
"""New Checks are taken in once evaluations have taken this long together."""
_QUIET_S = 0.001
"""When no new Check has come for this long, gRPC has none to hand over. The time is at least this one, and a share of
the time that the last evaluations took, because on a busy machine gRPC takes longer as they do."""
_QUIET_SHARE = 0.1
_MOST_S = 0.02
"""The longest time for which new Checks are taken in between two evaluations."""
_MARKS = 4_096
"""With marks of more identities than this, those that no longer matter are dropped."""

UNKNOWN = ""
"""The name under which all long Checks wait that have not been read yet."""


def turn_name(request: FixRequest, identity: Identity | None) -> str:
    """Returns the name under which a Check waits: its token's issuer, subject and client, or without a token its
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
        """Seconds that evaluations have taken since new Checks were last taken in."""
        self._serving: asyncio.Task[None] | None = None

    def must_wait(self, size: int) -> bool:
        """Whether a Check of `size` bytes must wait for its turn."""
        return size > SHORT or bool(self._waiting)

    async def wait(self, name: str, size: int) -> None:
        """Wait for the turn of a Check of `size` bytes. The caller must evaluate the Check before it awaits anything
        else."""
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
        """Drop marks that the clock has passed, because they make no difference any more."""
        if len(self._marks) > _MARKS:
            self._marks = {name: mark for name, mark in self._marks.items() if mark > self._clock}
