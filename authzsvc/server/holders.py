"""Finds out who a FIX request is from, and how restrictions or expiry limit them.

A known credential is answered for at once; otherwise an authorization server is asked. The settings may let a session
go on whose token has expired; then the identity of its Logon, or of its last renewal, counts.

Invariants: every refused credential counts as an attempt, whatever the event, and `attempts` is consulted before any
server is asked; `owns` decides whether a request may change a known session, and demands a credential: a session's name
alone changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from authzsvc.contract.request import Event, FixRequest
from authzsvc.decide import Keeping, Stamp, decide
from authzsvc.decision import Decision, OnExpiry, SecondLogon, ServiceState
from authzsvc.errors import TokenError
from authzsvc.server.attempts import Attempts, LockedOut, is_guess
from authzsvc.server.entity import Tags
from authzsvc.server.in_force import InForce
from authzsvc.server.live import LiveSessions
from authzsvc.sessions.facts import SessionFacts, SessionKey, fingerprint
from authzsvc.standing import Ending, Limit, expired, expiry_ends, for_firm, taken_over, under
from authzsvc.tokens.authenticator import Authenticator
from authzsvc.tokens.claims import Identity
from authzsvc.tokens.credential import Credential, Scheme
from authzsvc.tokens.guessing import Guessing, Limits

_PATIENT = (Event.LOGON, Event.RENEWAL)
"""The events that may wait until an issuer's keys are read again."""

Standing = Limit | Ending | None


@dataclass(frozen=True, slots=True)
class Rules:
    """How sessions begin, stay and end."""

    keeping: Keeping = field(default_factory=lambda: Keeping(max_age=60))
    """How long an allowed decision may be kept."""
    on_expiry: OnExpiry = OnExpiry.LOGOUT
    second_logon: SecondLogon = SecondLogon.REFUSE
    warn_before_s: float = 300.0
    watch_s: int = 50


class Holder(NamedTuple):
    """Whose credential a request has, and how restrictions or expiry limit that client."""

    identity: Identity
    standing: Standing = None


@dataclass(slots=True)
class Holders:
    """Finds the holder of each request's credential."""

    in_force: InForce
    authenticator: Authenticator
    live: LiveSessions
    rules: Rules = Rules()
    salt: bytes = b""
    """The session store's salt, with which credentials are fingerprinted."""
    attempts: Attempts = field(default_factory=lambda: Attempts(Guessing(Limits())))
    clock: Callable[[], float] = time.time
    tags: Tags = field(default_factory=Tags)
    _not_in_store: int = 0
    """A number that a proxy has named and that is higher than the store's, so that it is from another store."""

    def decided(self, request: FixRequest, holder: Holder, stamp: Stamp) -> Decision:
        """The decision about a request of that holder's."""
        in_force, identity = self.in_force, holder.identity
        standing, policy = self.standing(request, holder), in_force.policy
        if stamp.policy != policy.digest:
            stamp = stamp._replace(policy=policy.digest)  # The restrictions were replaced since the request came.
        state = ServiceState(self.tags.of(in_force.basis, identity, standing), in_force.revision, in_force.terms)
        if request.event is Event.MESSAGE and not isinstance(standing, Ending):
            standing = for_firm(in_force.restrictions, request.client.on_behalf_of, standing)
        return decide(request, identity, policy, stamp, self.rules.keeping, standing, state)

    async def catch_up(self, request: FixRequest) -> None:
        """Puts restrictions in force that the request's proxy already knows of: another service wrote them to the store
        before it reported them. Raises `StoreError` if the store cannot be read: then a restriction is not known
        here."""
        known = request.revision
        if known is not None and known[1] > max(self.in_force.restrictions_number, self._not_in_store):
            await self.in_force.catch_up()
            if known[1] > self.in_force.restrictions_number:
                self._not_in_store = known[1]

    def known(self, request: FixRequest) -> Holder | None:
        """The holder of the request's credential, if it is known to be good without asking a server. Otherwise None,
        and `holder` finds out."""
        credential = request.credential
        if credential is not None and credential.scheme is Scheme.BASIC and not self._is_heard(request, credential):
            return None  # even the memory of a good secret would tell a guesser that his guess is right
        try:
            party = request.party
            identity = self.authenticator.known(credential, party.certificate, party.context)
        except TokenError:
            return None
        return None if identity is None else Holder(identity)

    def told(self, request: FixRequest) -> Holder | None:
        """Returns whose a report is, without asking any server. A report may come long after what it tells of, so the
        token that its session was allowed with is good enough, although it may have expired since then. A refused
        credential counts as an attempt here too. An unknown one is not asked about, so it cannot be a guess."""
        holder, credential = self.known(request) or self._was_allowed(request), request.credential
        if holder is None and credential is not None and not self._is_the_sessions(request, credential):
            try:
                self.authenticator.known(credential, request.certificate, request.context)
            except TokenError as error:
                self.attempts.failed(request, credential, error)
        return holder

    async def holder(self, request: FixRequest, *, renew: bool = False) -> Holder | TokenError:
        """The holder of the request's credential. By the setting `on_expiry`, a session may go on with an expired
        token. If the setting ends such a session, it ends also while the authorization server cannot be asked."""
        holder = await self.authenticated(request, request.credential, renew=renew)
        if isinstance(holder, Holder):
            return holder
        known = self.remembered(request)
        if known is None or not self._has_expired(known):
            return holder
        match self.rules.on_expiry:
            case OnExpiry.SESSION:
                return Holder(known)
            case OnExpiry.DENY:
                return Holder(known, expired(known))
            case OnExpiry.LOGOUT:
                return _run_out(request, known, holder) if holder.unavailable else holder

    def remembered(self, request: FixRequest) -> Identity | None:
        """The identity that the session was allowed with, if the request has the session's credential."""
        known = self.live.find(request.session)
        return known.identity if known is not None and self._is_its(known, request.credential) else None

    def owns(self, request: FixRequest, holder: Holder | TokenError | None) -> bool:
        """Whether the known session that the request names is the caller's: the credential is good and of the session's
        issuer, subject and client, or it is refused now but is the very one that the session was allowed with."""
        known = self.live.recall(request.session)
        if known is None:
            return False
        if isinstance(holder, Holder):
            return who(holder.identity) == who(known.identity)
        return self._is_its(known, request.credential)

    def is_anothers(self, request: FixRequest, holder: Holder) -> bool:
        """Whether the request names a known session of another client."""
        return self.live.find(request.session) is not None and not self.owns(request, holder)

    async def authenticated(
        self, request: FixRequest, credential: Credential | None, *, renew: bool = False
    ) -> Holder | TokenError:
        """The holder of a credential. `renew`: a brokered token that is about to end is renewed first."""
        if credential is None:
            return await self._asked(request, credential, renew)
        if self.authenticator.is_verified_here(credential, request.context):
            return self._counted(request, credential, await self._asked(request, credential, renew))
        if not self._is_heard(request, credential, spare=True):
            return LockedOut()
        with self.attempts.asking(request, credential) as may:
            found = await self._asked(request, credential, renew) if may else LockedOut()
            if isinstance(found, TokenError) and not self._is_the_sessions(request, credential):
                self.attempts.failed(request, credential, found)
        return found

    def _counted(self, request: FixRequest, credential: Credential, found: Holder | TokenError) -> Holder | TokenError:
        """Returns the result for a credential that was verified here. A bad one counts as an attempt; a caller who is
        already locked out gets that answer instead."""
        if not isinstance(found, TokenError) or self._is_the_sessions(request, credential):
            return found
        if is_guess(found) and self.attempts.is_locked(request, credential):
            return LockedOut() if request.event in _PATIENT else found
        self.attempts.failed(request, credential, found)
        return found

    async def _asked(self, request: FixRequest, credential: Credential | None, renew: bool) -> Holder | TokenError:
        authenticator = self.authenticator
        try:
            if renew:
                await authenticator.renew_if_due(credential, request.context)
            identity = None
            if request.event not in _PATIENT:
                identity = authenticator.known(credential, request.certificate, request.context)
            if identity is None:
                identity = await authenticator.look_up(credential, request.certificate, request.context)
        except TokenError as error:
            return error
        return Holder(identity)

    def _is_heard(self, request: FixRequest, credential: Credential, *, spare: bool = False) -> bool:
        """Whether a credential is looked at, because it is the session's own or its names are not locked out."""
        own = self._is_the_sessions(request, credential)
        return own or not self.attempts.is_locked(request, credential, spare=spare)

    def _is_the_sessions(self, request: FixRequest, credential: Credential) -> bool:
        """Whether a known session was allowed with that credential, so that it is no guess. A Logon has no session
        yet."""
        if request.event is Event.LOGON or credential is not request.credential:
            return False
        known = self.live.recall(request.session)
        return known is not None and self._is_its(known, credential)

    def _was_allowed(self, request: FixRequest) -> Holder | None:
        """The holder of the token that the request's session was allowed with, if the request has that token. An id and
        a secret prove nothing here, because only the id is kept."""
        known, credential = self.live.recall(request.session), request.credential
        if known is None or credential is None or credential.scheme is Scheme.BASIC:
            return None
        return Holder(known.identity) if self._is_its(known, credential) else None

    def _has_expired(self, identity: Identity) -> bool:
        """Whether the token has expired. One without `exp` cannot, so it was refused for another reason."""
        return "exp" in identity.claims and identity.expires_at <= self.clock()

    def _is_its(self, known: SessionFacts, credential: Credential | None) -> bool:
        """Whether the session was allowed with that credential. Of an id and a secret only the id is kept."""
        if credential is None:
            return False
        if credential.scheme is Scheme.BASIC:
            return not known.credential and credential.username in (known.identity.client_id, known.identity.subject)
        return known.credential == fingerprint(self.salt, credential)

    def standing(self, request: FixRequest, holder: Holder) -> Standing:
        """The strongest limit on the session by restrictions, expiry and other Logons; None without one."""
        session = request.party.session
        if session and self.live.is_ousted(session):
            return taken_over()
        restrictions = self.in_force.restrictions
        if not (restrictions.restricted or restrictions.any_revoked):
            return holder.standing
        identity = holder.identity
        left = under(
            restrictions,
            request.client.comp_id,
            identity,
            self.roles(identity),
            logging_on=request.event is Event.LOGON,
        )
        return left or holder.standing

    def roles(self, identity: Identity) -> frozenset[str]:
        """The roles that a token names, whether the mapping knows them or not."""
        return self.in_force.policy.role_names(identity.scopes, identity.claims)

    def facts(self, request: FixRequest, identity: Identity) -> SessionFacts:
        """The facts of the session that an inbound request belongs to."""
        client = request.client
        credential = request.credential
        return SessionFacts(
            id=request.session,
            key=SessionKey(
                begin_string=request.party.begin_string,
                sender=request.party.sender,
                sender_sub=client.sub_id or "",
                sender_location=client.location_id or "",
                target=request.party.target,
                target_sub=request.party.target_sub,
                target_location=request.party.target_location,
                tenant=request.context.get("tenant", ""),
            ),
            identity=identity,
            roles=self.roles(identity),
            address=request.address,
            principal=request.principal,
            context=request.context,
            logged_on_at=self.clock(),
            credential=fingerprint(self.salt, credential) if credential else b"",
        )


def who(identity: Identity) -> tuple[str, str, str]:
    """Returns issuer, subject and client of an identity, which do not depend on the token."""
    return identity.issuer, identity.subject, identity.client_id


def _run_out(request: FixRequest, identity: Identity, error: TokenError) -> TokenError:
    """Why a session ends whose token has expired while no server could be asked. A client with a secret cannot get a
    fresh token itself: it can only log on again."""
    ending = expiry_ends(identity)
    reason = f"{ending.reason}, and since then: {error.reason}"
    if request.credential is not None and request.credential.scheme is Scheme.BASIC:
        return TokenError(error.text, reason, error.session_status)
    return TokenError(ending.text, reason, ending.session_status)
