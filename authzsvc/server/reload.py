"""The mapping in force follows its files: on change, on SIGHUP, and never to one that cannot be taken.

The files are read and compiled in a thread, beside the decisions; what comes out replaces the policy between two of
them, in one step. While the files cannot be taken, the policy in force stays, health says NOT_SERVING for `mapping`
(and for nothing else), and the files are tried again now and then though they look the same, because what mends them
may lie where nobody looks.

Invariants: no decision sees parts of two mappings; nothing that is in a mapping's files ends this task.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from authzsvc.errors import AuthzError, Faults, StoreError
from authzsvc.policy.warnings import PolicyWarning, count
from authzsvc.server.mapping import Taken, accept, rests_on, take
from authzsvc.server.metrics import Counts, Reload
from authzsvc.server.service import Authorizer
from authzsvc.server.watch import Watch
from authzsvc.sessions.store import Store
from authzsvc.settings import Settings

POLL_S = 1.0
_RETRY_S = 5.0
_REST = 10
"""Between attempts that fail, at least so many times as long as one takes."""
_MAX_LOGGED = 20
_TURN_S = 0.0005
"""How long the compiling thread may keep a decision waiting, at most times."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Reloader:
    """Keeps the policy of an authorizer up to date."""

    settings: Settings
    authorizer: Authorizer
    counts: Counts
    tell_health: Callable[[bool], Awaitable[None]]
    """Told whether the files on disk can be taken, whenever that changes."""
    asked: asyncio.Event
    """Set by whoever wants the mapping read anew (SIGHUP)."""
    store: Store
    """Keeps the last accepted serial of a signed mapping."""
    watch: Watch = field(default_factory=Watch)
    on_change: Callable[[], None] = lambda: None
    """Called when another mapping was put in force."""
    _complaint: str = ""
    """Why the files cannot be taken; empty while they can."""
    _warned: tuple[PolicyWarning, ...] = ()
    """The warnings about the mapping in force."""
    _retry_at: float = 0.0
    """On the monotonic clock."""

    def start_from(self, taken: Taken) -> None:
        """Begin with the mapping that is in force; `watch.begin` was told before it was read."""
        self._note(taken)
        _warn(taken.warnings)

    async def run(self) -> None:
        """Follow the files until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.asked.wait(), POLL_S)
            asked = self.asked.is_set()
            self.asked.clear()
            if asked or await asyncio.to_thread(self._due):
                await self._reload(asked=asked)

    def _due(self) -> bool:
        return self.watch.changed or bool(self._complaint and time.monotonic() >= self._retry_at)

    async def _reload(self, *, asked: bool) -> None:
        self.watch.begin()
        began = time.monotonic()
        try:
            with _decisions_first():
                taken = await asyncio.to_thread(take, self.settings)
            await accept(taken, self.store)
        except Exception as error:  # whatever it is: it must not end the following
            took = time.monotonic() - began
            self._retry_at = time.monotonic() + max(_RETRY_S, _REST * took)
            await self._refuse(error, asked=asked)
        else:
            await self._accept(taken, asked=asked)

    async def _accept(self, taken: Taken, *, asked: bool) -> None:
        before = self.authorizer.policy.digest
        changed = taken.policy.digest != before
        mended = bool(self._complaint)
        warned_else = taken.warnings != self._warned
        number = await self._number(taken.policy.digest) if changed else None
        in_force = self.authorizer.in_force
        in_force.policy = taken.policy
        if number is not None:
            in_force.mapping_number = in_force.newest_mapping = number
            in_force.restrictions_number = self.store.revisions.read
        self._complaint = ""
        self._note(taken)
        self.counts.reloads[Reload.CHANGED if changed else Reload.UNCHANGED] += 1
        if changed:
            self.on_change()
        if changed or mended or asked:
            words = "the mapping was replaced" if changed else "the mapping's files mean what is in force"
            facts: dict[str, object] = {"mapping": taken.policy.digest, "commit": taken.commit, "before": before}
            if taken.signed is not None:
                facts["serial"] = taken.signed.serial
            _log.info(words, extra=facts)
        if changed or mended or asked or warned_else:
            _warn(taken.warnings)
        await self.tell_health(True)

    async def _number(self, digest: str) -> int | None:
        """Returns the number that the store gives a mapping. While the store cannot be used, a mapping is put in force
        without a number, and the sessions are told of it all the same."""
        try:
            return (await self.store.note_mapping(digest)).mapping
        except StoreError as error:
            _log.warning("the mapping has no number in the store", extra={"mapping": digest, "reason": str(error)})
            return None

    def _note(self, taken: Taken) -> None:
        counts, policy = self.counts, taken.policy
        counts.name, counts.digest, counts.commit, counts.stale = policy.name, policy.digest, taken.commit, False
        counts.warnings, self._warned = count(taken.warnings), taken.warnings
        self.watch.end((*rests_on(self.settings), *taken.files))

    async def _refuse(self, error: Exception, *, asked: bool) -> None:
        complaint = str(error) if isinstance(error, AuthzError) else type(error).__name__
        new, self._complaint = complaint != self._complaint, complaint
        files = {Path(fault.file) for fault in error.faults} if isinstance(error, Faults) else set()
        in_force = (Path(file) for file in self.authorizer.policy.files)
        self.watch.end((*rests_on(self.settings), *in_force, *files))
        self.counts.reloads[Reload.REFUSED] += 1
        self.counts.stale = True
        if new or asked:
            lines = complaint.splitlines()
            facts = {"in_force": self.authorizer.policy.digest, "faults": lines[:_MAX_LOGGED], "count": len(lines)}
            known = isinstance(error, AuthzError)
            _log.error("the mapping is refused; the one in force stays", extra=facts, exc_info=not known)
        await self.tell_health(False)


def _warn(warnings: Sequence[PolicyWarning]) -> None:
    """Write a line for each warning about the mapping that was put in force, up to a bound."""
    for warning in warnings[:_MAX_LOGGED]:
        fault = warning.fault
        place = {"file": fault.file, "line": fault.line, "key": fault.key}
        facts = {"kind": warning.kind, **place, "text": fault.text, "hint": fault.hint}
        _log.warning("the mapping enforces less than it seems to say", extra=facts)
    if len(warnings) > _MAX_LOGGED:
        _log.warning(
            "the mapping has more warnings than are logged (run `authzsvc mapping lint`)",
            extra={"count": len(warnings), "logged": _MAX_LOGGED},
        )


@contextlib.contextmanager
def _decisions_first() -> Iterator[None]:
    """Have Python's threads take short turns, for as long as this lasts."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
