"""Decides one FIX request: finds its holder, applies restrictions and expiry, and evaluates the mapping.

The pure part is `decide`. This module, `holders` and `watching` look up or wait for everything else: an authorization
server's answer about a credential, a FIX identity that is not free yet, a change.

Invariant: nothing is decided on a mapping or restriction other than the one in force when the answer is given.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from authzsvc.contract.request import Event, FixRequest
from authzsvc.decide import Stamp, acknowledged, decide, ended
from authzsvc.decision import Decision
from authzsvc.errors import TokenError
from authzsvc.fix.direction import Direction
from authzsvc.server.attempts import Attempts
from authzsvc.server.holders import Holder, Holders
from authzsvc.server.in_force import InForce
from authzsvc.server.live import LiveSessions
from authzsvc.server.watching import Watching
from authzsvc.standing import already_logged_on, not_the_callers
from authzsvc.tokens.claims import Identity

JudgeOne = Callable[[FixRequest, Stamp], Awaitable[tuple[Decision, Identity | None]]]
"""The decision about a request, and who it is from where that is known."""


@dataclass(slots=True)
class Judge:
    """Decides FIX requests."""

    in_force: InForce
    holders: Holders
    live: LiveSessions
    attempts: Attempts
    watching: Watching

    async def judge(self, request: FixRequest, stamp: Stamp) -> tuple[Decision, Identity | None]:
        """The decision, and who the request is from where that is known."""
        match request.event:
            case Event.MESSAGE:
                return await self._message(request, stamp)
            case Event.LOGON:
                return await self._logon(request, stamp)
            case Event.WATCH:
                return await self.watching.watch(request, stamp)
            case Event.RENEWAL:
                return await self.watching.renew(request, stamp)
            case _:
                return self._report(request, stamp)

    def of_one_holder(self) -> JudgeOne:
        """A judge of messages that all have the same holder. It looks the holder up once."""
        known: Holder | TokenError | None = None

        async def judge(request: FixRequest, stamp: Stamp) -> tuple[Decision, Identity | None]:
            nonlocal known
            if known is None:
                known = await self._holder(request)
            return self._judged(request, known, stamp)

        return judge

    async def _message(self, request: FixRequest, stamp: Stamp) -> tuple[Decision, Identity | None]:
        return self._judged(request, await self._holder(request), stamp)

    async def _holder(self, request: FixRequest) -> Holder | TokenError:
        holder = self.holders.known(request) or await self.holders.holder(request)
        if request.revision is not None and isinstance(holder, Holder):
            await self.holders.catch_up(request)
        return holder

    def _judged(
        self, request: FixRequest, holder: Holder | TokenError, stamp: Stamp
    ) -> tuple[Decision, Identity | None]:
        """The decision about a message whose holder is known, and who that is."""
        if isinstance(holder, TokenError):
            decision = decide(request, holder, self.in_force.policy, stamp)
            identity = self.holders.remembered(request)
        else:
            decision, identity = self.holders.decided(request, holder, stamp), holder.identity
        ends = not decision.allowed and decision.ends_session and request.direction is Direction.INBOUND
        if ends and self.holders.owns(request, holder):
            # The client's message becomes the Logout. A report that is withheld ends nothing, and may have been asked
            # about under a token that was renewed meanwhile.
            self.live.close(request.session)
        return decision, identity

    def _report(self, request: FixRequest, stamp: Stamp) -> tuple[Decision, Identity | None]:
        """Decide about a report, which asks for no permission. Its identity is the client's if the credential is known
        to be good for the CompID that the report names; otherwise nobody has proved the report, and it has no
        identity."""
        holder = self.holders.told(request)
        proven = holder is not None and self.in_force.policy.identify(request.client, holder.identity.claims) is None
        return acknowledged(request, stamp), holder.identity if holder is not None and proven else None

    async def _logon(self, request: FixRequest, stamp: Stamp) -> tuple[Decision, Identity | None]:
        holder = await self.holders.authenticated(request, request.credential)
        if isinstance(holder, TokenError):
            return decide(request, holder, self.in_force.policy, stamp), None
        decision = self.holders.decided(request, holder, stamp)
        if decision.allowed:
            self.attempts.succeeded(request)
        if decision.allowed and request.session:
            decision = await self._admitted(request, holder, stamp)
        return decision, holder.identity

    async def _admitted(self, request: FixRequest, holder: Holder, stamp: Stamp) -> Decision:
        """An allowed Logon, once its FIX identity is free. The wait may be long, so the Logon is decided by the state
        after it."""
        facts = self.holders.facts(request, holder.identity)
        known = self.live.find(facts.id)
        if known is not None and (known.key != facts.key or self.holders.is_anothers(request, holder)):
            return ended(request.event, not_the_callers(), stamp)
        other = await self.live.admit(facts, self.holders.rules.second_logon)
        if other is not None:
            return ended(request.event, already_logged_on(other.id), stamp)
        decision = self.holders.decided(request, holder, stamp._replace(policy=self.in_force.policy.digest))
        if not decision.allowed:
            self.live.close(facts.id)
            return decision
        return self.watching.tagged(request, holder, decision)
