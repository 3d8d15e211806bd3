"""Brokered credentials: a token obtained for a client that logs on with its id and secret.

The service runs the client-credentials grant (RFC 6749, 4.4) as that client. It keeps the identity in the obtained
token, under the credential's keyed digest, but neither the secret nor the token. So a caller that wants a renewal (the
session's watch) must bring the credential again, by calling `renew_if_due` now and then. The old identity stays good
until it expires, whether the renewal succeeds or not.

Invariants: at most one grant for a credential is under way at a time, and a bounded number in all; an identity is never
used past the token's `exp` or the `expires_in` that came with it; the identity is of the issuer that was asked and of
the client that asked, and has only scopes that were asked for; a renewed token has the same subject.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial

from cachetools import TLRUCache

from authzsvc.errors import TokenError
from authzsvc.tokens.claims import Identity, Reading, check_expiry, narrowed
from authzsvc.tokens.client_auth import Basic, Post
from authzsvc.tokens.credential import Credential, Scheme
from authzsvc.tokens.endpoint import BadCredentials as BadCredentials
from authzsvc.tokens.endpoint import ServerUnavailable, anew, post
from authzsvc.tokens.flights import Flights
from authzsvc.tokens.grant_answer import token_in
from authzsvc.tokens.http import Http

MAX_CREDENTIAL_LENGTH = 1_024
"""Characters of a client id, and of a secret."""

_CLIENT_CLAIMS = ("client_id", "azp")
_ALL_OF_THE_CLIENTS = ".default"
"""Entra's scope `api://NAME/.default` asks for all scopes that the client was granted. No token names it."""
_OUTAGE_S = 1.0
_BACKOFF_S = (1.0, 60.0)
"""The first and the longest pause after a failed renewal."""
_DUE = 0.8
"""The part of a token's life after which it is renewed."""
_EARLIEST = 0.5
"""No token is renewed in the first half of its life, however short that is."""
_JITTER = 0.1

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Grant:
    """What to ask for. Times are in seconds."""

    http: Http
    url: Callable[[], str]
    """The token endpoint; empty while discovery has not told it."""
    issuer: str
    """`iss` of the obtained tokens."""
    reading: Reading = field(default_factory=Reading)
    """Which claims of the tokens are scopes, and which are roles."""
    names: tuple[str, ...] = ()
    """The gateway's own audiences, for `{audience}` in the paths of `reading`."""
    scope: str = ""
    """Scopes to ask for, separated by spaces; others do not count. Empty: all scopes that the server gives."""
    audience: str = ""
    """The parameter `audience`, which some servers want."""
    resource: str = ""
    """The parameter `resource` (RFC 8707, 2)."""
    secret_in_form: bool = False
    """Whether the server wants the client's secret in the form (`client_secret_post`), not in the header."""
    renew_before_s: float = 60.0
    """Renew at least so long before a token ends, unless that is in the first half of its life."""
    negative_cache_s: float = 5.0
    size: int = 10_000
    """Identities kept; and as many refusals."""
    most_flights: int = 1_000
    """Grants under way at a time."""


@dataclass(frozen=True, slots=True)
class _Held:
    identity: Identity
    due_at: float
    failures: int = 0
    """Renewals in a row that have failed."""


@dataclass(frozen=True, slots=True)
class _Bad:
    error: TokenError
    until: float


class Broker:
    """Obtains and renews tokens at one authorization server."""

    def __init__(
        self,
        grant: Grant,
        verify: Callable[[str], Awaitable[Identity]],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`verify` tells who holds a token obtained, as it would of one that a client brought; raises `TokenError`."""
        self._grant = grant
        self._verify = verify
        self._clock = clock
        self._flights: Flights[Identity] = Flights(grant.most_flights)
        self._held: TLRUCache[bytes, _Held] = TLRUCache(
            grant.size, lambda _k, held, _now: held.identity.expires_at, timer=clock
        )
        self._bad: TLRUCache[bytes, _Bad] = TLRUCache(grant.size, lambda _k, bad, _now: bad.until, timer=clock)

    def remembered(self, credential: Credential) -> Identity | TokenError | None:
        """What is known of a credential without asking; None when it must be asked for."""
        key = credential.digest()
        held = self._held.get(key)
        if held is not None:
            return held.identity
        bad = self._bad.get(key)
        return anew(bad.error) if bad is not None else None

    def due_at(self, credential: Credential) -> float | None:
        """When to renew, in Unix time; None when nothing is held."""
        held = self._held.get(credential.digest())
        return held.due_at if held is not None else None

    async def obtain(self, credential: Credential) -> Identity:
        """The identity that the credential stands for. Raises `BadCredentials` when the server refuses it (perhaps a
        guess), `ServerUnavailable` in an outage, and `TokenError` when the token obtained is not good here."""
        found = self.remembered(credential)
        if isinstance(found, TokenError):
            raise found
        return found if found is not None else await self._fly(credential)

    async def renew_if_due(self, credential: Credential) -> Identity:
        """The identity, renewed when that is due; the old one, while it lasts, when the renewal fails. Raises as
        `obtain` does once nothing is left."""
        held = self._held.get(credential.digest())
        if held is None:
            return await self.obtain(credential)
        if self._clock() < held.due_at:
            return held.identity
        try:
            return await self._fly(credential)
        except TokenError:
            found = self.remembered(credential)
            if isinstance(found, Identity):
                return found
            raise

    def forget(self, credential: Credential) -> None:
        """Drop what is kept for a credential."""
        key = credential.digest()
        self._held.pop(key, None)
        self._bad.pop(key, None)

    async def close(self) -> None:
        """End what is under way."""
        await self._flights.close()

    async def _fly(self, credential: Credential) -> Identity:
        key = credential.digest()
        flight = self._flights.start(key, partial(self._ask, key, credential))
        if flight is None:
            raise ServerUnavailable(f"{self._grant.most_flights} grants are under way already")
        return await asyncio.shield(flight)

    async def _ask(self, key: bytes, credential: Credential) -> Identity:
        started = self._clock()
        before = self._held.get(key)
        try:
            identity = await self._obtained(credential, started)
            if before is not None and _holder(identity) != _holder(before.identity):
                raise ServerUnavailable("the renewed token is another subject's or client's")
        except TokenError as error:
            self._note_failure(key, error)
            if before is not None:
                left_s = int(before.identity.expires_at - self._clock())
                facts = {"client": before.identity.client_id, "left_s": left_s, "reason": error.reason}
                _log.warning("access token not renewed", extra=facts)
            raise
        self._held[key] = _Held(identity, self._due(started, identity.expires_at))
        self._bad.pop(key, None)
        return identity

    async def _obtained(self, credential: Credential, started: float) -> Identity:
        grant, url = self._grant, self._grant.url()
        client = _client(credential, grant.secret_in_form)
        if not url:
            raise ServerUnavailable("the token endpoint is not known yet")
        wanted = {"scope": grant.scope, "audience": grant.audience, "resource": grant.resource}
        form = {"grant_type": "client_credentials", **{name: value for name, value in wanted.items() if value}}
        answer = await post(grant.http, url, form, client, audience=url, now=started, accept="application/json")
        if answer.status == 400 and not _is_plain(credential):
            raise BadCredentials("the token endpoint answered 400 about a client id or secret beyond visible ASCII")
        token = token_in(answer)
        identity = self._asked_for(await self._verify(token.access_token), credential.username)
        identity = replace(identity, expires_at=min(identity.expires_at, started + token.expires_in))
        check_expiry(identity.expires_at, self._clock())
        return identity

    def _asked_for(self, identity: Identity, client_id: str) -> Identity:
        """Returns the identity, without scopes that were not asked for. Raises `ServerUnavailable` if the obtained
        token is of another issuer or client."""
        grant = self._grant
        if identity.issuer != grant.issuer:
            raise ServerUnavailable("the token obtained is another issuer's")
        if any(name != client_id for name in _clients(identity)):
            raise ServerUnavailable("the token obtained is another client's")
        asked = frozenset(grant.scope.split())
        if not asked or any(scope.endswith(_ALL_OF_THE_CLIENTS) for scope in asked):
            return identity
        return narrowed(identity, asked, grant.reading, grant.names)

    def _due(self, started: float, expires_at: float) -> float:
        """At four fifths of the life, or `renew_before_s` before its end where that is earlier; a little sooner at
        random, so that not all sessions renew at once."""
        life = expires_at - started
        wanted = min(_DUE * life, life - self._grant.renew_before_s)
        return started + max(_EARLIEST * life, wanted * (1.0 - random.uniform(0.0, _JITTER)))

    def _note_failure(self, key: bytes, error: TokenError) -> None:
        """A held identity stays, and its renewal is put off: longer each time, or for long when it was refused."""
        now, held = self._clock(), self._held.get(key)
        if held is not None:
            first, longest = _BACKOFF_S
            outage = isinstance(error, ServerUnavailable)
            pause = min(longest, first * 2.0 ** min(held.failures, 16)) if outage else longest
            due_at = now + pause * random.uniform(1.0 - _JITTER, 1.0)
            self._held[key] = replace(held, due_at=due_at, failures=held.failures + 1)
        else:
            outage_s = min(_OUTAGE_S, self._grant.negative_cache_s)
            lasts = outage_s if isinstance(error, ServerUnavailable) else self._grant.negative_cache_s
            self._bad[key] = _Bad(anew(error), now + lasts)


def _holder(identity: Identity) -> tuple[str, str, str]:
    return identity.issuer, identity.subject, identity.client_id


def _clients(identity: Identity) -> list[object]:
    """The client that a token names (RFC 9068, 2.2; OpenID Connect Core, 2): in the standard claims, else where its
    issuer says it."""
    return [identity.claims[name] for name in _CLIENT_CLAIMS if name in identity.claims] or [identity.client_id]


def _is_plain(credential: Credential) -> bool:
    """Whether RFC 6749, appendix A, knows such credentials; servers that hold to it call others a bad request."""
    return all(" " <= character <= "~" for character in credential.username + credential.secret)


def _client(credential: Credential, in_form: bool) -> Basic | Post:
    """The client to ask as. Raises `BadCredentials` when nobody has such credentials."""
    name, secret = credential.username, credential.secret
    if credential.scheme is not Scheme.BASIC or not name or not secret:
        raise BadCredentials("a client id and a secret are needed")
    if max(len(name), len(secret)) > MAX_CREDENTIAL_LENGTH:
        raise BadCredentials(f"the client id or its secret is longer than {MAX_CREDENTIAL_LENGTH} characters")
    if any("\ud800" <= character <= "\udfff" for character in name + secret):
        raise BadCredentials("the client id or its secret is not Unicode text")
    return Post(name, secret) if in_form else Basic(name, secret)
