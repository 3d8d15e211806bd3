"""The live sessions, and the watches that show that they live.

A session is known from its allowed Logon on. The filter keeps one `watch` call outstanding for it; when the connection
ends, Envoy resets that call, and the session has ended. A session without a watch (between two of them, after a restart
of the service, or because another service has its watch) is kept for `GRACE_S`, and gives way much earlier: to another
Logon, and to another session that is watched here, for that one lives and this one may have ended.

A watch belongs to no session at first. `attend` counts it as its session's, once its caller has proved to be that
session's proxy.

Invariants: at most one session lives under a FIX identity; a session that was ousted never gets its identity back; a
watch ousts no other session than its own; an unproven watch changes nothing, however it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cachetools import TTLCache

from authzsvc.decision import SecondLogon
from authzsvc.server.telling import TOLD_S, Telling
from authzsvc.sessions.facts import SessionFacts, SessionKey
from authzsvc.sessions.registry import Registry
from authzsvc.sessions.store import Store

GRACE_S = 60.0
"""How long a session counts as live without a watch. The filter sends the next watch within a second, so a session that
has had none for this long has ended, or its gateway cannot reach this service."""
WATCHED_PATIENCE_S = 0.5
"""How long a Logon that takes over waits for the live session of its identity to end. The watch of a session that
another service let in waits as long."""
ENDING_PATIENCE_S = 4.0
"""How long a Logon waits for a live session of its identity to end before it is refused. A client that reconnects at
once may be quicker than the word that its old connection is gone; and where it has closed that connection and the venue
has not, the filter ends the session after `limits.logout_timeout_ms`, by default 2 s."""
UNWATCHED_PATIENCE_S = 3.0
"""The same where nothing tells that the session still lives; after that it gives way. Its next watch would have come by
then."""
OUSTED_S = 3600.0
"""How long it is remembered that a session lost its FIX identity."""
RETURN_S = 1.5
"""Within what time the next watch of a session without one comes: a filter tries a failed watch again within a
second."""
_MOST = 100_000

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Watch:
    """An outstanding watch. There is one for each session, so it is small: no event's queue, no task for a wait."""

    session: str
    """The session that the watch names."""
    since: float
    """When it came, on the monotonic clock."""
    changed: bool = False
    ends: bool = False
    """Its answer ends the session."""
    superseded: bool = False
    """The session has another watch by now."""
    contender: SessionFacts | None = None
    """The session, while it waits for its FIX identity."""
    _waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """Have it look again."""
        self.changed = True
        _finish(self._waiter)

    async def wait(self, timeout_s: float) -> None:
        """Until something changes, or the time has passed."""
        if not self.changed:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = loop.call_later(max(0.0, timeout_s), _finish, self._waiter)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        self.changed = False


def _finish(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


class LiveSessions:
    """Who is logged on, who watches, and who waits for a FIX identity to be free."""

    def __init__(self, registry: Registry, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = registry
        self._store = store
        self._clock = clock
        self._watches: dict[str, Watch] = {}
        """The proven watches, by session."""
        self._unproven: set[Watch] = set()
        self._unwatched: dict[str, float] = {facts.id: clock() for facts in registry}
        """Since when, on the monotonic clock."""
        self._departed: TTLCache[str, SessionFacts] = TTLCache(_MOST, GRACE_S)
        """Sessions whose watch was cancelled, or that gave way to one that is watched: mostly they have ended, but the
        call to the service may have been cut, or another service may have it."""
        self._cut: TTLCache[str, SessionFacts] = TTLCache(_MOST, RETURN_S)
        """The departed sessions whose watch was cancelled within `RETURN_S`."""
        self._ended: TTLCache[str, SessionFacts] = TTLCache(_MOST, GRACE_S)
        """Sessions that have ended lately, so that events of them that come late are recognized."""
        self.telling = Telling(clock)
        """Which sessions must be told of a change, by the watch that they have or by their next one."""
        self._draining = False
        self._ousted: TTLCache[str, None] = TTLCache(_MOST, OUSTED_S)
        self._waiting: dict[SessionKey, list[asyncio.Event]] = {}

    # --- sessions ---

    def find(self, session_id: str) -> SessionFacts | None:
        """The live session of that id, or one that was live a moment ago."""
        return self.registry.find(session_id) or self._departed.get(session_id)

    def recall(self, session_id: str) -> SessionFacts | None:
        """The session of that id if `find` finds it, or if it has ended within `GRACE_S`."""
        return self.find(session_id) or self._ended.get(session_id)

    def is_ousted(self, session_id: str) -> bool:
        """Whether the session lost its FIX identity to another."""
        return session_id in self._ousted

    async def admit(self, facts: SessionFacts, second: SecondLogon) -> SessionFacts | None:
        """Open a session once its FIX identity is free; else the live session that keeps it from that."""
        waited_since = self._clock()
        while (other := self.registry.of(facts.key)) is not None and other.id != facts.id:
            watched = other.id in self._watches
            left_s = waited_since + self._patience_s(watched, second) - self._clock()
            if second is SecondLogon.TAKEOVER:
                self.oust(other.id)
            if left_s > 0:
                await self._until_free(facts.key, left_s)
            elif watched and second is SecondLogon.REFUSE:
                return other
            else:
                self.oust(other.id)
                self.close(other.id)
        self.open(facts)
        return None

    @staticmethod
    def _patience_s(watched: bool, second: SecondLogon) -> float:
        """How long a Logon waits for the live session of its identity."""
        if not watched:
            return UNWATCHED_PATIENCE_S
        return ENDING_PATIENCE_S if second is SecondLogon.REFUSE else WATCHED_PATIENCE_S

    def open(self, facts: SessionFacts) -> None:
        """Note a session that is logged on."""
        displaced = self.registry.open(facts)
        if displaced is not None and displaced.id != facts.id:
            self.oust(displaced.id)
            self._store.remove_session(displaced.id)
        self._store.save_session(facts)
        if facts.id not in self._watches:
            self._unwatched[facts.id] = self._clock()

    def take_up(self, facts: SessionFacts, watch: Watch) -> None:
        """Note a session that is watched and was not known: another service let it in, or this one before a restart.
        While its FIX identity is another's, that one has a moment to end or to be watched, and this is to be called
        again; then the other is forgotten where nobody watches it, else this one is ousted."""
        watch.contender = None
        other = self.registry.of(facts.key)
        if other is None:
            self.open(facts)
            return
        watched = other.id in self._watches
        decided_at = watch.since + WATCHED_PATIENCE_S if watched else self._unwatched[other.id] + UNWATCHED_PATIENCE_S
        if self._clock() < decided_at:
            watch.contender = facts
        elif watched:
            self.oust(facts.id)
        else:
            self._depart(other.id)
            self.open(facts)

    def present(self) -> Iterator[SessionFacts]:
        """The live sessions, those whose watch was cut a moment ago, and those that wait for their FIX identity."""
        yield from self.registry
        yield from [facts for facts in self._cut.values() if self.registry.find(facts.id) is None]
        yield from [watch.contender for watch in self._watches.values() if watch.contender is not None]

    def update(self, facts: SessionFacts) -> None:
        """Note what changed of a live session."""
        if self.registry.update(facts.id, facts):
            self._store.save_session(facts)

    def close(self, session_id: str) -> None:
        """Forget a session that has ended."""
        self._departed.pop(session_id, None)
        self._cut.pop(session_id, None)
        self._close(session_id)

    def _close(self, session_id: str) -> None:
        self._unwatched.pop(session_id, None)
        facts = self.registry.close(session_id)
        if facts is None:
            return
        self._ended[session_id] = facts
        self._store.remove_session(session_id)
        for free in self._waiting.get(facts.key, ()):
            free.set()
        _log.info("session ended", extra=_about(facts))

    def sweep(self) -> None:
        """Forget the sessions that nobody has watched for long."""
        dead = [id_ for id_, since in self._unwatched.items() if self._clock() - since > GRACE_S]
        for session_id in dead:
            self.close(session_id)
        self.telling.sweep()

    # --- watches ---

    @contextlib.contextmanager
    def watching(self, session_id: str) -> Iterator[Watch]:
        """Hold a watch that names this session, until the block ends. From `attend` on it is the session's watch; if it
        is cancelled after that, the session has ended."""
        watch = Watch(session_id, self._clock())
        self._unproven.add(watch)
        self.telling.came(session_id)
        try:
            yield watch
        except asyncio.CancelledError:
            if self._watches.get(session_id) is watch and not self._draining:
                del self._watches[session_id]
                self._depart(session_id)
                if session_id in self._departed:
                    self._cut[session_id] = self._departed[session_id]
            raise
        finally:
            if watch not in self._unproven and not watch.superseded:
                self.telling.answered(session_id, ends=watch.ends)
            self._unproven.discard(watch)
            if self._watches.get(session_id) is watch:
                del self._watches[session_id]
                self._unwatched[session_id] = self._clock()

    def attend(self, watch: Watch) -> None:
        """Make the watch its session's, because its caller has proved the session. It replaces an earlier watch."""
        if watch not in self._unproven:
            return
        self._unproven.discard(watch)
        previous = self._watches.get(watch.session)
        self._watches[watch.session] = watch
        self._unwatched.pop(watch.session, None)
        self._come_back(watch.session)
        if previous is not None:
            previous.superseded = True
            previous.wake()

    def drain(self) -> None:
        """The service ends: watches are answered, and no session is forgotten for that."""
        self._draining = True
        self.wake()

    @property
    def draining(self) -> bool:
        """Whether watches must not wait any more."""
        return self._draining

    def wake(self, session_ids: Iterable[str] | None = None) -> None:
        """Have watches check their state again: those of these sessions, for which `told` then waits, or otherwise
        all."""
        named = None if session_ids is None else frozenset(session_ids)
        arrived = {watch.session for watch in self._unproven} if named else frozenset()
        for session_id in named or ():
            self._expect(session_id, arrived=session_id in arrived)
        for watch in (*self._watches.values(), *self._unproven) if named is None else self._of(named):
            watch.wake()

    def _of(self, session_ids: frozenset[str]) -> list[Watch]:
        proven = (self._watches.get(session_id) for session_id in session_ids)
        unproven = (watch for watch in self._unproven if watch.session in session_ids)
        return [watch for watch in (*proven, *unproven) if watch is not None]

    def _expect(self, session_id: str, *, arrived: bool) -> None:
        """Note that a session must be told of a change, if its watch is out or will come in a moment: a filter has no
        watch out between two watches and after a failed one."""
        now, since = self._clock(), self._unwatched.get(session_id, float("-inf"))
        if arrived or session_id in self._watches:
            by = now + TOLD_S
        elif session_id in self._cut:
            by = now + RETURN_S
        elif since + RETURN_S > now:
            by = since + RETURN_S
        else:
            return
        self.telling.expect(session_id, by)

    async def told(self, alone: bool = True) -> int:
        """Wait until the sessions that were woken by name have acknowledged, or until the time has passed (`telling`).
        `alone`: no other service may get their watches. Returns how many have not acknowledged."""
        return await self.telling.told(lambda session_id: self.registry.find(session_id) is not None, alone=alone)

    def __len__(self) -> int:
        return len(self.registry)

    @property
    def watched(self) -> int:
        """How many watches are out."""
        return len(self._watches)

    def _depart(self, session_id: str) -> None:
        facts = self.registry.find(session_id)
        if facts is not None:
            self._close(session_id)
            self._departed[session_id] = facts

    def _come_back(self, session_id: str) -> None:
        """A session whose watch was cut is there after all; unless its FIX identity is another's by now."""
        facts = self._departed.pop(session_id, None)
        self._cut.pop(session_id, None)
        if facts is not None and self.registry.of(facts.key) is None:
            self.open(facts)

    async def _until_free(self, key: SessionKey, timeout_s: float) -> None:
        free = asyncio.Event()
        waiting = self._waiting.setdefault(key, [])
        waiting.append(free)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(free.wait(), timeout_s)
        finally:
            waiting.remove(free)
            if not waiting:
                self._waiting.pop(key, None)

    def oust(self, session_id: str) -> None:
        """The session's FIX identity is another's from now on."""
        self._ousted[session_id] = None
        self.wake((session_id,))


def _about(facts: SessionFacts) -> dict[str, object]:
    return {
        "session": facts.id,
        "sender": facts.key.sender,
        "target": facts.key.target,
        "client": facts.identity.client_id,
    }
