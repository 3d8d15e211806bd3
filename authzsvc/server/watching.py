"""The watch of a session, and the renewal of its token.

The service answers a watch at once if the session's state is not the one that the proxy names by its entity tag, or if
the session must end; otherwise after `watch_s` with nothing new. While the watch waits, the service warns before the
token ends, and renews brokered tokens: the watch has the credential for that, so it need not be kept elsewhere.

Invariants: a watch never outlives the token and the restrictions that it rests on, and its wait is bounded; only a
watch whose credential has proved the session replaces another watch, or ends the session by its own end.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

from authzsvc.contract.request import FixRequest
from authzsvc.decide import Stamp, decide, ended
from authzsvc.decision import Action, Decision, OnExpiry
from authzsvc.errors import TokenError
from authzsvc.server.attempts import Attempts
from authzsvc.server.holders import Holder, Holders, who
from authzsvc.server.in_force import InForce
from authzsvc.server.live import LiveSessions, Watch
from authzsvc.sessions.facts import fingerprint
from authzsvc.standing import Ending, not_the_callers, taken_over
from authzsvc.tokens.claims import BAD_CREDENTIALS, NOT_ACCEPTED, Identity
from authzsvc.tokens.credential import Credential, Scheme

MIN_WAIT_S = 0.5
"""A watch looks again no sooner than this, whatever the clock says of what it waits for."""
OUTAGE_WAIT_S = 5.0
"""How soon it looks again where the authorization server could not be asked."""
LEEWAY_WAIT_S = 1.0
"""How soon it looks again where the token has ended, but for the issuer's leeway."""
CONTENTION_WAIT_S = 0.5
"""How soon it looks again where another session has the session's FIX identity."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Watching:
    """Answers watches and renewals."""

    in_force: InForce
    holders: Holders
    live: LiveSessions
    attempts: Attempts

    async def watch(self, request: FixRequest, stamp: Stamp) -> tuple[Decision, Identity | None]:
        """Answer once there is something to say; cancelled when the session has ended."""
        until = time.monotonic() + self.holders.rules.watch_s
        warned = 0.0
        with self.live.watching(request.session) as watch:
            while True:
                now = stamp._replace(policy=self.in_force.policy.digest)
                decision, holder = await self._state(watch, request, now)
                changed = not decision.allowed or (
                    decision.etag != request.etag and not self._must_wait(request, holder)
                )
                if changed or request.at_once or self.live.draining or time.monotonic() >= until:
                    break
                identity = holder.identity if holder else None
                warned = self._warn(request, identity, warned)
                await self._pause(watch, request, identity, until)
                if watch.superseded:
                    break  # its credential may be the session's no more, so that there is nothing more to say
            watch.ends = decision.ends_session
        identity = holder.identity if holder else self.holders.remembered(request)
        if decision.ends_session and not watch.superseded and self.holders.owns(request, holder):
            self.live.close(request.session)
        return decision, identity

    def _must_wait(self, request: FixRequest, holder: Holder | None) -> bool:
        """Whether the proxy knows of a mapping that this service has not put in force yet. Then the proxy must not be
        told of the older one, because it would decide by it again. A restriction is reported all the same."""
        restricted = holder is not None and self.holders.standing(request, holder) is not None
        return self.in_force.is_behind(request.revision) and not restricted

    async def _state(self, watch: Watch, request: FixRequest, stamp: Stamp) -> tuple[Decision, Holder | None]:
        """What the watched session's decisions rest on now, as a decision about the session."""
        if self.live.is_ousted(request.session):
            return ended(request.event, taken_over(), stamp), None
        holder = await self.holders.holder(request, renew=True)
        if self.holders.owns(request, holder):
            self.live.attend(watch)
        if isinstance(holder, TokenError) and holder.unavailable:
            # Nothing was learnt: the messages are denied one by one, the session stays.
            return self._unchanged(request, stamp, holder), None
        if isinstance(holder, TokenError):
            return decide(request, holder, self.in_force.policy, stamp), None
        if self.holders.is_anothers(request, holder):
            return ended(request.event, not_the_callers(), stamp), holder
        await self.holders.catch_up(request)
        decision = self.holders.decided(request, holder, stamp)
        if not decision.allowed:
            return decision, holder
        self.live.attend(watch)
        if not watch.superseded:
            self._note_seen(watch, request, holder.identity)
        if self.live.is_ousted(request.session):
            return ended(request.event, taken_over(), stamp), None
        return self.tagged(request, holder, decision), holder

    def _unchanged(self, request: FixRequest, stamp: Stamp, error: TokenError) -> Decision:
        denied = decide(request, error, self.in_force.policy, stamp)
        return denied._replace(allowed=True, action=Action.FORWARD, text="", etag=request.etag, reject_reason=0)

    def _note_seen(self, watch: Watch, request: FixRequest, identity: Identity) -> None:
        """A session that is not known (the service was restarted, or another one let it in), or whose token was renewed
        meanwhile, by its broker or through another service: what its latest watch carries is the session's."""
        known = self.live.find(request.session)
        if known is None:
            self.live.take_up(self.holders.facts(request, identity), watch)
        elif known.identity is not identity and known.identity != identity:
            self._note_renewed(request, identity, request.credential)

    async def _pause(self, watch: Watch, request: FixRequest, identity: Identity | None, until: float) -> None:
        """Wait for a change, the token's end, its renewal, or the end of the watch."""
        now, left_s = self.holders.clock(), until - time.monotonic()
        due = self.holders.authenticator.due_at(request.credential, request.context)
        moments = [due]
        if identity is not None:
            moments += [identity.expires_at, identity.expires_at - self.holders.rules.warn_before_s]
        ahead: list[float] = [moment - now for moment in moments if moment is not None and moment > now]
        if identity is None:
            ahead.append(OUTAGE_WAIT_S)
        elif identity.expires_at <= now and self.holders.rules.on_expiry is OnExpiry.LOGOUT:
            ahead.append(LEEWAY_WAIT_S)
        if watch.contender is not None:
            ahead.append(CONTENTION_WAIT_S)
        await watch.wait(min(left_s, max(MIN_WAIT_S, min(ahead, default=left_s)) + 0.001))

    def _warn(self, request: FixRequest, identity: Identity | None, warned: float) -> float:
        """Say ahead that a token is about to end; once for each end in a watch. A brokered one is renewed in time, and
        one that tells no end is asked about again; the log says where that fails."""
        if identity is None or self.holders.rules.on_expiry is OnExpiry.SESSION or warned == identity.expires_at:
            return warned
        if "exp" not in identity.claims or (request.credential and request.credential.scheme is Scheme.BASIC):
            return warned
        left_s = identity.expires_at - self.holders.clock()
        if not 0 < left_s <= self.holders.rules.warn_before_s:
            return warned
        facts = {"session": request.session, "sender": request.party.sender, "client": identity.client_id}
        _log.warning("access token expires soon", extra={**facts, "left_s": int(left_s)})
        return identity.expires_at

    async def renew(self, request: FixRequest, stamp: Stamp) -> tuple[Decision, Identity | None]:
        """Whether the session goes on under its fresh credential: the same holder, and good for this session."""
        present = await self.holders.holder(request)
        if isinstance(present, TokenError):
            return decide(request, present, self.in_force.policy, stamp), None
        if isinstance(self.holders.standing(request, present), Ending):
            return self.holders.decided(request, present, stamp), present.identity
        if self.holders.is_anothers(request, present):
            return ended(request.event, not_the_callers(), stamp), present.identity
        fresh = await self.holders.authenticated(request, request.fresh)
        if isinstance(fresh, TokenError):
            refused = Ending(fresh.text, fresh.reason, fresh.session_status, unauthenticated=True)
            return ended(request.event, refused, stamp), present.identity
        if who(fresh.identity) != who(present.identity):
            other = Ending(NOT_ACCEPTED, "the fresh token is of another issuer, subject or client", BAD_CREDENTIALS)
            return ended(request.event, other, stamp), present.identity
        decision = self.holders.decided(request, fresh, stamp._replace(policy=self.in_force.policy.digest))
        if decision.allowed and request.session:
            self._note_renewed(request, fresh.identity, request.fresh)
            decision = self.tagged(request, fresh, decision)
        return decision, fresh.identity

    def _note_renewed(self, request: FixRequest, identity: Identity, credential: Credential | None) -> None:
        """The session stands on another token from now on."""
        known = self.live.find(request.session)
        if known is not None and credential is not None:
            name = fingerprint(self.holders.salt, credential)
            roles = self.holders.roles(identity)
            self.live.update(replace(known, identity=identity, roles=roles, credential=name))

    def tagged(self, request: FixRequest, holder: Holder, decision: Decision) -> Decision:
        """The decision with the entity tag of what the session's decisions rest on, for a watch to tell changes by."""
        standing, in_force = self.holders.standing(request, holder), self.in_force
        tag = self.holders.tags.of(in_force.basis, holder.identity, standing)
        return decision._replace(etag=tag, revision=in_force.revision, watch_s=self.holders.rules.watch_s)
