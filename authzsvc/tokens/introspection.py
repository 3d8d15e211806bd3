"""Opaque tokens: the authorization server is asked what they are good for (RFC 7662), and its answers are remembered.

A good answer holds until the token's `exp`, and no longer than `cache_s`; within the last part of its life a look-up
still answers from it and asks again in the background, so that a session's messages do not wait. A token that the
server then no longer knows is refused at once, as expired or revoked. Refusals are remembered briefly and apart, so
that a flood of rubbish cannot push good answers out; an outage for a moment only, to shield the server.

Invariants: entries are kept under a keyed digest of the *whole* token, never the token; one question a token is under
way at a time, and a bounded number in all; what cannot be a token is never sent.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from cachetools import TLRUCache

from authzsvc.errors import TokenError
from authzsvc.tokens import claims as claim
from authzsvc.tokens import jose
from authzsvc.tokens.claims import Identity
from authzsvc.tokens.client_auth import ClientAuth
from authzsvc.tokens.credential import Credential, Scheme
from authzsvc.tokens.endpoint import ServerUnavailable, anew, post
from authzsvc.tokens.flights import Flights
from authzsvc.tokens.http import Http
from authzsvc.tokens.introspection_answer import AnswerKeyUnknown, Expected, identity_in

REVOKED = "access token revoked"

_OUTAGE_S = 1.0
"""How long an outage is remembered, and the least time between two refreshes of a token."""
_PAST_S = 3_600.0
"""How long it is known of a token, after its end, that it was good."""
_KEYS_PATIENCE_S = 2.0
"""How long a signed answer waits for its server's keys to be read again: they may be behind."""
_FRESH = (0.7, 0.9)
"""The part of an answer's life after which it is asked for again: at random, so that not all tokens ask at once."""
_REFRESH_SHARE = 0.5
"""Refreshes leave half of the questions for tokens that somebody waits for."""


@dataclass(frozen=True, slots=True)
class Caching:
    """How long answers are remembered, in seconds, and how many."""

    cache_s: float = 60.0
    """The most for a good token: a revocation at the server is seen within it."""
    negative_cache_s: float = 10.0
    size: int = 10_000
    """Good tokens; and as many refused ones."""
    most_flights: int = 1_000
    """Questions under way at a time."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Where to ask, and as whom."""

    http: Http
    url: Callable[[], str]
    """The introspection endpoint; empty while discovery has not told it."""
    client: ClientAuth
    audience: str = ""
    """Whom an assertion of ours is for; empty: the issuer."""


@dataclass(frozen=True, slots=True)
class _Good:
    identity: Identity
    until: float
    refresh_at: float


@dataclass(frozen=True, slots=True)
class _Bad:
    error: TokenError
    until: float


class Introspector:
    """Asks one authorization server about tokens, and remembers what it said."""

    def __init__(
        self, asking: Asking, expected: Expected, caching: Caching, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._asking = asking
        self._expected = replace(expected, unending_s=caching.cache_s)
        self._caching = caching
        self._clock = clock
        self._flights: Flights[Identity] = Flights(caching.most_flights)
        self._good: TLRUCache[bytes, _Good] = TLRUCache(caching.size, lambda _k, kept, _now: kept.until, timer=clock)
        self._bad: TLRUCache[bytes, _Bad] = TLRUCache(caching.size, lambda _k, kept, _now: kept.until, timer=clock)
        self._ends: TLRUCache[bytes, float] = TLRUCache(caching.size, lambda _k, end, _now: end + _PAST_S, timer=clock)
        """When each token that was ever good ends, by its own `exp`."""
        self._names: TLRUCache[str, tuple[bytes, float]] = TLRUCache(
            caching.size, lambda _k, named, _now: named[1], timer=clock
        )
        """For each `jti` of a signed answer, the token that it names and until when that counts."""

    async def introspect(self, token: str) -> Identity:
        """The holder of an opaque token. Raises `TokenError`; `ServerUnavailable` when there is no telling now."""
        if not token:
            raise TokenError(claim.NO_TOKEN, "no access token was presented")
        jose.encoded(token)
        found = self.remembered(token)
        if isinstance(found, TokenError):
            raise found
        if found is not None:
            return found
        key = _key(token)
        flight = self._flights.start(key, partial(self._ask, key, token))
        if flight is None:
            raise ServerUnavailable(f"{self._caching.most_flights} introspections are under way already")
        return await asyncio.shield(flight)

    def remembered(self, token: str) -> Identity | TokenError | None:
        """What is known of a token without waiting; None when it must be asked for. Needs a running event loop, since
        near the end of an answer's life it asks again in the background."""
        key, now = _key(token), self._clock()
        good = self._good.get(key)
        if good is not None:
            if now >= good.refresh_at:
                self._flights.start(key, partial(self._ask, key, token), share=_REFRESH_SHARE)
            return good.identity
        bad = self._bad.get(key)
        return anew(bad.error) if bad is not None else None

    def ends_at(self, token: str) -> float | None:
        """Until when the answer about a token is remembered, Unix time; None where it is not a good one."""
        kept = self._good.get(_key(token))
        return kept.until if kept is not None else None

    async def close(self) -> None:
        """End what is under way."""
        await self._flights.close()

    async def _ask(self, key: bytes, token: str) -> Identity:
        try:
            identity = await self._answer(token)
            self._note_name(key, identity)
        except ServerUnavailable as error:
            self._note_outage(key, error)
            raise
        except TokenError as error:
            raise self._note_refusal(key, error) from None
        now = self._clock()
        until = min(identity.expires_at, now + self._caching.cache_s)
        ahead = max(_OUTAGE_S, (until - now) * random.uniform(*_FRESH))
        self._good[key] = _Good(identity, until, now + ahead)
        self._ends[key] = identity.expires_at if "exp" in identity.claims else math.inf
        self._bad.pop(key, None)
        return identity

    async def _answer(self, token: str) -> Identity:
        asking, url = self._asking, self._asking.url()
        if not url:
            raise ServerUnavailable("the introspection endpoint is not known yet")
        form = {"token": token, "token_type_hint": "access_token"}
        audience = asking.audience or self._expected.issuer
        accept = self._expected.accept
        answer = await post(asking.http, url, form, asking.client, audience=audience, now=self._clock(), accept=accept)
        try:
            return identity_in(answer, self._expected, self._clock(), token)
        except AnswerKeyUnknown:
            signed = self._expected.signed
            if signed is None or not await signed.keys.read_again(_KEYS_PATIENCE_S):
                raise
        return identity_in(answer, self._expected, self._clock(), token)

    def _note_name(self, key: bytes, identity: Identity) -> None:
        """Remembers which token a `jti` names. Raises `ServerUnavailable` if a signed answer has the `jti` of another
        token: an opaque token does not show its `jti`, but no two tokens have the same one (RFC 7519, 4.1.7)."""
        if self._expected.signed is None or not identity.token_id:
            return
        named, _ = self._names.setdefault(identity.token_id, (key, identity.expires_at))
        if named != key:
            raise ServerUnavailable("the signed introspection answer is about another token (`jti`)")

    def _note_outage(self, key: bytes, error: ServerUnavailable) -> None:
        """A good answer stays for as long as it holds, and is asked for again a little later."""
        until = self._clock() + _OUTAGE_S
        good = self._good.get(key)
        if good is not None:
            self._good[key] = replace(good, refresh_at=until)
        else:
            self._bad[key] = _Bad(anew(error), until)

    def _note_refusal(self, key: bytes, error: TokenError) -> TokenError:
        """Forget that the token was good. Gives the error to raise: a server only says that a token is not active, and
        one that was good before has expired since, or was revoked."""
        self._good.pop(key, None)
        end, now = self._ends.get(key), self._clock()
        if end is not None and error.text == claim.NOT_ACCEPTED:
            expired = now >= end
            error = TokenError(claim.EXPIRED, error.reason, claim.PASSWORD_EXPIRED) if expired else _revoked(error)
        self._bad[key] = _Bad(anew(error), now + self._caching.negative_cache_s)
        return error


def _revoked(error: TokenError) -> TokenError:
    return TokenError(REVOKED, error.reason)


def _key(token: str) -> bytes:
    return Credential(Scheme.BEARER, token).digest()
