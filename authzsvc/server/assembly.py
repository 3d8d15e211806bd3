"""The parts of a service put together: what is in force, who is who, which sessions live, what operators can do."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial

from authzsvc.audit import render_admin
from authzsvc.audit_log import AuditLog
from authzsvc.decide import Keeping
from authzsvc.decision import OnExpiry
from authzsvc.policy.engine import Policy
from authzsvc.server.accounting import Accounting
from authzsvc.server.attempts import Attempts
from authzsvc.server.holders import Holders, Rules
from authzsvc.server.in_force import InForce
from authzsvc.server.judge import Judge
from authzsvc.server.live import LiveSessions
from authzsvc.server.metrics import Counts
from authzsvc.server.service import Authorizer
from authzsvc.server.turns import Turns
from authzsvc.server.watching import Watching
from authzsvc.sessions.control import Control
from authzsvc.sessions.facts import SessionFacts
from authzsvc.sessions.registry import Registry
from authzsvc.sessions.restrictions import Restrictions
from authzsvc.sessions.store import Store
from authzsvc.settings import Settings
from authzsvc.tokens.authenticator import Authenticator
from authzsvc.tokens.guessing import Guessing, Limits

SWEEP_S = 5.0


@dataclass(slots=True)
class Parts:
    """A service without its sockets."""

    authorizer: Authorizer
    live: LiveSessions
    control: Control
    accounting: Accounting
    attempts: Attempts

    def tasks(self) -> list[Coroutine[None, None, None]]:
        """What goes on for as long as the service runs."""
        return [self.control.run(), _sweep(self)]


async def assemble(
    settings: Settings, policy: Policy, authenticator: Authenticator, store: Store, audit: AuditLog
) -> Parts:
    """Put them together, with what the store has kept. Raises `StoreError`."""
    registry = Registry()
    control = Control(store, registry, lambda act: audit.append(render_admin(act)))
    stored = await control.load()
    for facts in stored.sessions:
        registry.open(facts)
    in_force = InForce(policy, control.restrictions, batch=settings.decisions.batch, catch_up=control.catch_up)
    live = LiveSessions(registry, store)
    control.on_change = partial(_exchange, in_force, control, store)
    await store.note_mapping(policy.digest)
    control.on_change()
    control.tell = partial(_tell, live)
    control.told = live.told
    attempts = Attempts(Guessing(Limits(**settings.guessing.model_dump())))
    holders = Holders(in_force, authenticator, live, _rules(settings), stored.salt, attempts)
    watching = Watching(in_force, holders, live, attempts)
    judge = Judge(in_force, holders, live, attempts, watching)
    admitted = frozenset(settings.admission.principals)
    turns = Turns()
    counts = Counts(abandoned=lambda: turns.abandoned, live=lambda: (len(live), live.watched))
    authorizer = Authorizer(in_force, judge, audit, admitted, counts=counts, turns=turns)
    accounting = Accounting(in_force, live, audit, counts, authorizer.ids)
    counts.lockouts, counts.lockouts_begun = attempts.levels, attempts.begun
    return Parts(authorizer, live, control, accounting, attempts)


def _rules(settings: Settings) -> Rules:
    sessions, decisions = settings.sessions, settings.decisions
    return Rules(
        keeping=Keeping(
            max_age=decisions.max_age_s,
            stale_if_error=decisions.stale_if_error_s,
            past_expiry=sessions.on_expiry is OnExpiry.SESSION,
        ),
        on_expiry=sessions.on_expiry,
        second_logon=sessions.second_logon,
        warn_before_s=sessions.warn_before_s,
        watch_s=sessions.watch_s,
    )


def _exchange(in_force: InForce, control: Control, store: Store) -> None:
    """Puts other restrictions in force, with their number in the store."""
    revisions = store.revisions
    in_force.restrictions, in_force.restrictions_number = control.restrictions, revisions.read
    in_force.newest_mapping = revisions.mapping
    if revisions.digest == in_force.policy.digest:
        in_force.mapping_number = revisions.mapping


def _tell(live: LiveSessions, before: Restrictions, now: Restrictions) -> None:
    """Wakes the sessions for which other restrictions make a difference."""
    live.wake(facts.id for facts in live.present() if _left(before, facts) != _left(now, facts))


def _left(restrictions: Restrictions, facts: SessionFacts) -> tuple[object, object, object]:
    identity = facts.identity
    of_session = restrictions.on(facts.key.sender, identity, facts.roles)
    return restrictions.revocation_of(identity), of_session, restrictions.of_firms


async def _sweep(parts: Parts) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        parts.live.sweep()
        parts.authorizer.kinds.forget()
        parts.accounting.ledger.forget(parts.accounting.clock())
        parts.attempts.sweep()
