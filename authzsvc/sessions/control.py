"""`Control`: what operators can do to live sessions, and what is in force.

A kill or revocation is put in force first and written to the store second: every Check is decided by it before the
store is asked. The sessions' watches are answered once the store has the kill, so that another service that is asked
next can find it there; if the store takes long or refuses, the watches are answered all the same. When the store
refuses, the call fails with that reason, the kill stays in force, and writing it is tried again every second. A kill
returns once the sessions have been told and every other service of the store has put it in force; otherwise the call
fails and names the services that have not. A restoration works the other way round: the restriction is lifted once its
removal is in the store.

Invariants: `restrictions` always has every entry that a call has put in force and nobody has lifted, whatever other
processes write meanwhile; every call is recorded, whether it was carried out or refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from heapq import nsmallest

from authzsvc.errors import AdminError, StoreError
from authzsvc.sessions import services
from authzsvc.sessions.acts import (
    MAX_VALUE,
    Act,
    Action,
    NotInForce,
    Noting,
    Operator,
    check_reason,
    check_selector,
    check_text,
)
from authzsvc.sessions.facts import SessionFacts
from authzsvc.sessions.registry import Registry
from authzsvc.sessions.restrictions import (
    EMPTY,
    By,
    Mode,
    Restriction,
    Restrictions,
    Revocation,
    RevokedBy,
    Selector,
)
from authzsvc.sessions.services import Services
from authzsvc.sessions.store import Store, Stored

RETRY_S = 1.0
TELL_AFTER_S = 1.0
"""After this time the sessions are told of a kill even if the store has not taken it yet."""
TIDY_S = 60.0
MAX_RESTRICTIONS = 10_000
MAX_REVOCATIONS = 20_000
MAX_PAGE = 500

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a kill, a restoration or a revocation."""

    ids: tuple[str, ...]
    """The ids of the restrictions and revocations that were made or lifted."""
    hit: int
    """How many live sessions of this process it concerns."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A live session as operators see it."""

    facts: SessionFacts
    restriction: Restriction | None
    revocation: Revocation | None


class Control:
    """Works on a store and on the session registry of this process."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        record: Callable[[Act], None],
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.restrictions: Restrictions = EMPTY
        """The restrictions in force, which are always replaced as a whole."""
        self.record = record
        self.on_change = on_change
        """Called right after `restrictions` was replaced, and again when their number in the store is known."""
        self.tell: Callable[[Restrictions, Restrictions], None] = _nobody
        """Called after that, with the old and the new restrictions: it tells the sessions for which they differ."""
        self.services = Services(store)
        """The services of the store, of which this is one."""
        self.told: Callable[[bool], Awaitable[int]] = _at_once
        """Awaited before a kill or a revocation returns, until the sessions that it concerns have been told. The
        argument says whether this is the store's only service. Returns how many sessions have not acknowledged."""
        self._store = store
        self._registry = registry
        self._clock = clock
        self._unkept: dict[str, Restriction | Revocation] = {}
        self._telling: asyncio.Task[None] | None = None
        self._catching_up: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        """Held from reading the store to replacing `restrictions`, and while the store is written."""

    async def load(self) -> Stored:
        """Put the store's restrictions in force, and return all that it holds. Raises `StoreError`."""
        async with self._lock:
            stored = await self._store.load()
            self._put_in_force(self._and_unkept(stored.in_force))
        await self.services.acknowledge(self._store.revisions.read)
        return stored

    async def catch_up(self) -> None:
        """Reads the store now, and puts in force what it holds. Calls at the same time share a read. Raises
        `StoreError`."""
        if self._catching_up is None or self._catching_up.done():
            self._catching_up = asyncio.create_task(self._read_again())
        await asyncio.shield(self._catching_up)
        if self.services.acknowledged < self._store.revisions.read and (self._telling is None or self._telling.done()):
            self._telling = asyncio.create_task(self._acknowledge_once_told())

    async def run(self) -> None:
        """Follow what other processes write, and keep what could not be kept; until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self.services.beat())
            group.create_task(self._keep_again())
            group.create_task(self._tidy())

    async def kill(self, selector: Selector, mode: Mode, reason: str, operator: Operator) -> Done:
        """Put a restriction in force. Raises `AdminError`, and `StoreError` if it is in force but not in the store."""
        act = self._act(Action.KILL, operator, by=selector.by, value=selector.value, mode=mode, reason=reason)
        with self._refusals(act):
            check_selector(selector)
            check_reason(reason)
            if selector.by is not By.ALL and len(self.restrictions.restrictions) >= MAX_RESTRICTIONS:
                raise AdminError(f"{MAX_RESTRICTIONS} restrictions are in force (restore some, or kill all)")
        entry = Restriction(act.id, selector.by, selector.value, mode, reason, operator.name, act.at)
        hit = sum(selector.selects(one.key.sender, one.identity, one.roles) for one in self._registry)
        return await self._put(entry, self.restrictions.with_restriction(entry), act, hit)

    async def revoke(
        self, by: RevokedBy, value: str, reason: str, operator: Operator, *, issuer: str = "", keep_s: float = 0.0
    ) -> Done:
        """Refuse tokens from now on; `keep_s` 0 keeps the revocation until it is lifted. Raises as `kill` does."""
        act = self._act(Action.REVOKE, operator, by=by, value=value, issuer=issuer, reason=reason)
        with self._refusals(act):
            check_text(f"the {by}", value, MAX_VALUE)
            check_reason(reason)
            if issuer:
                check_text("the issuer", issuer, MAX_VALUE)
            if len(self.restrictions.revocations) >= MAX_REVOCATIONS:
                raise AdminError(f"{MAX_REVOCATIONS} revocations are in force (lift some by their id)")
        until = act.at + keep_s if keep_s > 0 else None
        entry = Revocation(act.id, by, value, issuer, reason, operator.name, act.at, until)
        hit = sum(entry.hits(one.identity) for one in self._registry)
        return await self._put(entry, self.restrictions.with_revocation(entry), act, hit)

    async def restore(
        self, operator: Operator, *, ids: frozenset[str] = frozenset(), selector: Selector | None = None
    ) -> Done:
        """Lift the restrictions (or revocations) with these ids, the restrictions of this selector, or, with neither,
        every restriction. Raises `AdminError` if there is none, and `StoreError` if the store refuses: then none is
        lifted."""
        by, value = (selector.by, selector.value) if selector else ("", "")
        act = self._act(Action.RESTORE, operator, by=by, value=value, targets=tuple(sorted(ids)))
        async with self._lock:
            with self._refusals(act):
                self._put_in_force(self._and_unkept(await self._store.in_force()))
                lifted = self._meant(ids, selector)
                await self._store.remove(lifted)
            hit = self._restricted_by(lifted)
            for entry in lifted:
                self._unkept.pop(entry, None)
            self._put_in_force(self.restrictions.without(lifted))
        self.record(replace(act, targets=tuple(sorted(lifted)), hit=hit))
        return Done(tuple(sorted(lifted)), hit)

    def sessions(self, selector: Selector | None, after: str, limit: int) -> list[Listed]:
        """Live sessions of this process, in the order of their ids, beginning behind `after`; at most `MAX_PAGE`."""
        meant = (
            one
            for one in self._registry
            if one.id > after and (selector is None or selector.selects(one.key.sender, one.identity, one.roles))
        )
        page = nsmallest(max(1, min(limit, MAX_PAGE)), meant, key=lambda one: one.id)
        now = self.restrictions
        return [
            Listed(one, now.on(one.key.sender, one.identity, one.roles), now.revocation_of(one.identity))
            for one in page
        ]

    def _act(self, action: Action, operator: Operator, **facts: str | tuple[str, ...]) -> Act:
        return Act(secrets.token_hex(8), self._clock(), action, operator, **facts)  # type: ignore[arg-type]

    def _refusals(self, act: Act) -> Noting:
        return Noting(lambda text: self.record(replace(act, refused=text)))

    async def _put(self, entry: Restriction | Revocation, restrictions: Restrictions, act: Act, hit: int) -> Done:
        self._unkept[entry.id] = entry
        before = self.restrictions
        self._exchange(restrictions)
        act = replace(act, targets=(entry.id,), hit=hit)
        keeping = asyncio.ensure_future(self._keep(entry))
        await asyncio.wait((keeping,), timeout=TELL_AFTER_S)
        self._tell(before)
        try:
            number = await keeping
        except StoreError as error:
            self.record(replace(act, not_kept=str(error)))
            raise StoreError(
                f"in force as `{entry.id}` in this process ({hit} live sessions), but not kept, so a restart or another"
                f" process does not know it: {error}; it is tried again every second"
            ) from None
        alone = not await self.services.behind(number + 1)
        late, behind = await asyncio.gather(self.told(alone), self.services.until_acknowledged(number))
        slow = (f"{late} sessions of this service",) if late and alone else ()
        if slow:
            _log.warning("a kill was told and not acknowledged", extra={"id": entry.id, "sessions": late})
        self.record(replace(act, behind=(*behind, *slow)))
        if behind:
            raise StoreError(
                f"in force as `{entry.id}` in this process ({hit} live sessions) and kept, but not acknowledged within"
                f" {services.ACKNOWLEDGED_S:g} s by {', '.join(f'`{name}`' for name in behind)}: sessions there may"
                " trade until it has read the store"
            )
        return Done((entry.id,), hit)

    async def _keep(self, entry: Restriction | Revocation) -> int:
        """Writes an entry to the store; returns its number there."""
        async with self._lock:
            if entry.id not in self._unkept:  # Another try has written it.
                self._put_in_force(self._and_unkept(await self._store.in_force()))
                return self._store.revisions.read
            if isinstance(entry, Restriction):
                number = await self._store.add_restriction(entry)
            else:
                number = await self._store.add_revocation(entry)
            self._unkept.pop(entry.id, None)
            if self._store.revisions.read < number:
                # Another service has written before it. A session that is told of a lower number than that service has
                # would take that service's state, without this entry, for the newer one.
                with contextlib.suppress(StoreError):
                    self._put_in_force(self._and_unkept(await self._store.in_force()))
            return number

    def _put_in_force(self, restrictions: Restrictions) -> None:
        """Put these restrictions of the store in force, and tell the sessions."""
        before = self.restrictions
        self._exchange(restrictions)
        self._tell(before)

    def _exchange(self, restrictions: Restrictions) -> None:
        self.restrictions = restrictions
        self.on_change()

    def _tell(self, before: Restrictions) -> None:
        self.on_change()  # The number in the store may be another by now.
        if before == self.restrictions:
            return
        try:
            self.tell(before, self.restrictions)
        except Exception:  # a kill must be kept, whatever becomes of those that it wakes
            _log.exception("telling the sessions of a change failed")

    def _and_unkept(self, stored: Restrictions) -> Restrictions:
        for entry in self._unkept.values():
            stored = stored.with_restriction(entry) if isinstance(entry, Restriction) else stored.with_revocation(entry)
        return stored

    def _meant(self, ids: frozenset[str], selector: Selector | None) -> frozenset[str]:
        now = self.restrictions
        unknown = sorted(ids - set(now.restrictions) - set(now.revocations))
        if unknown:
            raise NotInForce(f"no restriction or revocation `{unknown[0]}` is in force (`session list --restrictions`)")
        if ids:
            return ids
        found = frozenset(e.id for e in now.restrictions.values() if selector in (None, e.selector))
        if not found:
            raise NotInForce("no such restriction is in force (`session list --restrictions` shows those that are)")
        return found

    def _restricted_by(self, ids: frozenset[str]) -> int:
        """Returns how many live sessions these restrictions and revocations concern."""
        now = self.restrictions
        selectors = {now.restrictions[entry].selector for entry in ids if entry in now.restrictions}
        revocations = [now.revocations[entry] for entry in ids if entry in now.revocations]
        return sum(
            any(selector.selects(one.key.sender, one.identity, one.roles) for selector in selectors)
            or any(entry.hits(one.identity) for entry in revocations)
            for one in self._registry
        )

    async def _follow(self) -> None:
        async for _ in self._store.changes():
            try:
                await self._read_again()
                await self._acknowledge_once_told()
            except StoreError as error:
                _log.error("what is in force cannot be read again", extra={"reason": str(error)})
                await asyncio.sleep(RETRY_S)

    async def _read_again(self) -> None:
        async with self._lock:
            self._put_in_force(self._and_unkept(await self._store.in_force()))

    async def _acknowledge_once_told(self) -> None:
        """Once the sessions have been told, writes to the store that its changes are in force here. If the store cannot
        be written, the next beat writes it."""
        number = self._store.revisions.read
        await self.told(False)
        with contextlib.suppress(StoreError):
            await self.services.acknowledge(number)

    async def _keep_again(self) -> None:
        while True:
            await asyncio.sleep(RETRY_S)
            for entry in tuple(self._unkept.values()):
                try:
                    await self._keep(entry)
                except StoreError:
                    break  # The call has already failed with this error; the next try follows.

    async def _tidy(self) -> None:
        """Forget revocations whose tokens have all expired."""
        while True:
            await asyncio.sleep(TIDY_S)
            try:
                async with self._lock:
                    old = self.restrictions.outlived(self._clock())
                    if old:
                        await self._store.remove(old)
                        self._unkept = {name: entry for name, entry in self._unkept.items() if name not in old}
                        self._put_in_force(self.restrictions.without(old))
            except StoreError as error:
                _log.warning("old revocations cannot be removed", extra={"reason": str(error)})


def _nobody(_before: Restrictions, _now: Restrictions) -> None:
    """Does nothing, because there are no sessions."""


async def _at_once(_alone: bool) -> int:
    """Returns at once, because no session has to be told."""
    return 0
