"""`Gate`: bounds the streams of one gRPC listener until their first message is there.

A stream is half-open from its headers to the end of its first message. The number of half-open streams is bounded, and
so is their time. A compressed message is refused without being expanded, which is possible because gRPC's core hands it
over as it was sent.

Invariant: when the gate ends a half-open stream, it counts that and tells the peer why.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc

from authzsvc.floods import Reason
from authzsvc.server.fronted import host_of
from authzsvc.server.refusals import Refusals
from authzsvc.settings.bounds import GrpcBounds

SWEEP_S = 0.25
LONG_BYTES = 16_384
"""Messages of more bytes are long. Long messages share a part of the memory until they are answered, which may take
seconds."""
LONG_SHARE = 0.25
"""That part."""
SHORT_OF_MEMORY_S = 0.1
"""How long a stream may be half-open while memory is short."""

_PAGE = os.sysconf("SC_PAGE_SIZE")
_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
_STATUS: dict[Reason, tuple[grpc.StatusCode, str]] = {
    Reason.LATE: (grpc.StatusCode.DEADLINE_EXCEEDED, "the first message did not come in time"),
    Reason.HALF_OPEN: (_EXHAUSTED, "too many streams without a message"),
    Reason.MEMORY: (_EXHAUSTED, "too much memory is in use"),
    Reason.LASTING: (_EXHAUSTED, "too many streams of this kind are open"),
    Reason.HEADERS: (_EXHAUSTED, "the headers are too long, or too many"),
    Reason.COMPRESSED: (grpc.StatusCode.UNIMPLEMENTED, "compressed messages are not accepted"),
    Reason.LONG: (_EXHAUSTED, "the message is too long for this method"),
    Reason.UNREADABLE: (grpc.StatusCode.INVALID_ARGUMENT, "the message is not one of this method"),
}

Context = grpc.aio.ServicerContext[Any, Any]


class Gate:
    """Bounds the half-open and the lasting streams of a listener. A lasting stream goes on after its first message."""

    def __init__(self, listener: str, bounds: GrpcBounds, refusals: Refusals) -> None:
        """`listener` is the settings' key of the socket."""
        self.listener = listener
        self.bounds = bounds
        self.refusals = refusals
        self._waiting: dict[asyncio.Task[Any], float] = {}
        self._dropped: dict[asyncio.Task[Any], Reason] = {}
        self._lasting = 0
        self._held = 0
        self._room = max(int(bounds.memory_mib * 2**20 * LONG_SHARE), bounds.message_bytes)

    @property
    def half_open(self) -> int:
        """How many streams wait for their first message."""
        return len(self._waiting)

    @property
    def held(self) -> int:
        """The bytes of the long messages that wait for their answers."""
        return self._held

    async def first(self, context: Context, most: int | None = None) -> bytes:
        """Return the stream's first message, of at most `most` bytes where that is said, or end the stream."""
        task = asyncio.current_task()
        assert task is not None
        self._waiting[task] = time.monotonic()
        if len(self._waiting) > self.bounds.half_open:
            self._drop(next(iter(self._waiting)), Reason.HALF_OPEN)
        try:
            raw = await context.read()
        except asyncio.CancelledError:
            reason = self._dropped.pop(task, None)
            if reason is None:
                self.note(Reason.ABANDONED, context)
                raise
            task.uncancel()
            await self.refuse(reason, context)
        finally:
            self._waiting.pop(task, None)
        if not isinstance(raw, bytes):
            self.note(Reason.ABANDONED, context)
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the stream ended without a message")
        if is_compressed(raw):
            raw = b""
            await self.refuse(Reason.COMPRESSED, context)
        if most is not None and len(raw) > most:
            raw = b""
            await self.refuse(Reason.LONG, context)
        return raw

    @contextmanager
    def lasting(self) -> Iterator[bool]:
        """Yields whether there is room for one more lasting stream, which is counted until the block ends."""
        self._lasting += 1
        try:
            yield self._lasting <= self.bounds.lasting
        finally:
            self._lasting -= 1

    def hold(self, size: int) -> bool:
        """Take room for a message of `size` bytes, until `let_go`. Returns whether there was room."""
        if self._held + size > self._room:
            return False
        self._held += size
        return True

    def let_go(self, size: int) -> None:
        """Give the room of a message back."""
        self._held -= size

    async def refuse(self, reason: Reason, context: Context) -> NoReturn:
        """Count a refusal, and end the stream with the status that says why."""
        self.note(reason, context)
        await context.abort(*_STATUS[reason])

    def note(self, reason: Reason, context: Context) -> None:
        """Count a refusal without telling the peer."""
        self.refusals.note(self.listener, reason, host_of(context.peer()))

    async def run(self) -> None:
        """End half-open streams that are overdue, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep(time.monotonic(), short=bool(self._waiting) and resident_mib() > self.bounds.memory_mib)

    def sweep(self, now: float, *, short: bool) -> None:
        """End the half-open streams that are overdue at `now`. While memory is `short`, they are overdue sooner."""
        limit_s = self.bounds.first_message_s
        allowed_s = min(SHORT_OF_MEMORY_S, limit_s) if short else limit_s
        for task, since in [*self._waiting.items()]:
            if now - since < allowed_s:
                break  # those that follow began later
            self._drop(task, Reason.LATE if now - since >= limit_s else Reason.MEMORY)

    def _drop(self, task: asyncio.Task[Any], reason: Reason) -> None:
        del self._waiting[task]
        self._dropped[task] = reason
        task.cancel()


def is_compressed(raw: bytes) -> bool:
    """Whether these bytes begin like gzip's or zlib's output. No protobuf request begins so: gzip's first byte would
    name a wire type that does not exist, and zlib's a field (15) that no request has."""
    if raw[:1] == b"\n":
        return False
    return raw[:2] == b"\x1f\x8b" or (raw[:1] == b"x" and len(raw) > 1 and int.from_bytes(raw[:2], "big") % 31 == 0)


def resident_mib() -> int:
    """The memory that this process has in use."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * _PAGE // 2**20
