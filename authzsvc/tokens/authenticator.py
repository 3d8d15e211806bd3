"""`Credential` → `Identity`: the one door through which every client proves who it is.

A token that is a JWT is verified (`verifier`), another one is asked about (`introspection`), and a client id and
secret are brought to the authorization server (`broker`). What is known is answered at once; only what is not waits
for a server, and then nobody else waits with it.

Invariants: a credential is only ever shown to the authorization server that the listener's context leads to; whose
certificate the credential's is, is held against what its issuer demands, each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from authzsvc.errors import TokenError, UnknownKey
from authzsvc.tokens import binding, jose
from authzsvc.tokens.binding import Binding
from authzsvc.tokens.broker import Broker
from authzsvc.tokens.certificate import Certificate
from authzsvc.tokens.claims import NO_TOKEN, NOT_ACCEPTED, Identity
from authzsvc.tokens.credential import Credential, Scheme
from authzsvc.tokens.endpoint import BadCredentials
from authzsvc.tokens.introspection import Introspector
from authzsvc.tokens.verifier import Verifier, serves

KEYS_PATIENCE_S = 2.0
"""How long a Logon waits for its issuer's keys to be read again: a token under a new key may be quicker than they."""

Asked = TypeVar("Asked", Broker, Introspector)


@dataclass(frozen=True, slots=True)
class Route(Generic[Asked]):
    """Whom to ask on listeners of these facts."""

    context: Mapping[str, str]
    asked: Asked
    issuer: str = ""


@dataclass(slots=True)
class Authenticator:
    """Tells who presents a credential."""

    verifier: Verifier
    introspectors: Sequence[Route[Introspector]] = ()
    brokers: Sequence[Route[Broker]] = ()
    bindings: Mapping[str, Binding] = field(default_factory=dict)
    """By issuer."""
    ask_about_jwts: frozenset[str] = frozenset()
    """Issuers whose JWTs are asked about, too."""

    def known(
        self, credential: Credential | None, certificate: Certificate, context: Mapping[str, str]
    ) -> Identity | None:
        """Who presents it, where that can be told without asking anybody; else None. Raises `TokenError`."""
        if credential is None:
            raise TokenError(NO_TOKEN, "no access token was presented")
        found = self._remembered(credential, context)
        if isinstance(found, TokenError):
            raise found
        if found is not None:
            self._check_binding(found, certificate)
        return found

    def is_verified_here(self, credential: Credential, context: Mapping[str, str]) -> bool:
        """Whether no server needs to be asked about it: it is a signed token, or no server is set that could be
        asked."""
        if credential.scheme is Scheme.BASIC:
            return not self.brokers
        try:
            return self._asked_about(credential.secret, context) is None
        except TokenError:
            return True

    async def look_up(
        self, credential: Credential | None, certificate: Certificate, context: Mapping[str, str]
    ) -> Identity:
        """Who presents it, whoever must be asked. Raises `TokenError`."""
        found = await self._known_soon(credential, certificate, context)
        if found is not None:
            return found
        assert credential is not None  # `known` has raised
        if credential.scheme is Scheme.BASIC:
            identity = await self._broker(context).obtain(credential)
        else:
            identity = await self._introspector(context).introspect(credential.secret)
        self._check_binding(identity, certificate)
        return identity

    def of_issuer(self, issuer: str) -> Authenticator:
        """Returns an authenticator that shows tokens only to that issuer's server, and accepts no client secret."""
        return replace(
            self,
            introspectors=[route for route in self.introspectors if route.issuer == issuer],
            brokers=(),
            ask_about_jwts=self.ask_about_jwts & {issuer},
        )

    async def _known_soon(
        self, credential: Credential | None, certificate: Certificate, context: Mapping[str, str]
    ) -> Identity | None:
        """`known`; where the token's key is not, once more after the keys were read again."""
        try:
            return self.known(credential, certificate, context)
        except UnknownKey:
            assert credential is not None  # it has a token
            if not await self.verifier.keys_read(credential.secret, context, KEYS_PATIENCE_S):
                raise
        return self.known(credential, certificate, context)

    async def renew_if_due(self, credential: Credential | None, context: Mapping[str, str]) -> None:
        """Have a brokered token renewed when it is time. Raises `TokenError` where nothing good is left."""
        if credential is not None and credential.scheme is Scheme.BASIC:
            await self._broker(context).renew_if_due(credential)

    def due_at(self, credential: Credential | None, context: Mapping[str, str]) -> float | None:
        """When somebody must be asked about it again, Unix time; None where that is never so."""
        if credential is None:
            return None
        if credential.scheme is Scheme.BASIC:
            return self._broker(context).due_at(credential) if self.brokers else None
        introspector = self._asked_about(credential.secret, context)
        return introspector.ends_at(credential.secret) if introspector is not None else None

    async def verified(self, token: str, context: Mapping[str, str]) -> Identity:
        """The holder of a token that a broker obtained. Raises `TokenError`."""
        return await self.look_up(Credential(Scheme.BEARER, token), _ANY_CERTIFICATE, context)

    def _remembered(self, credential: Credential, context: Mapping[str, str]) -> Identity | TokenError | None:
        if credential.scheme is Scheme.BASIC:
            return self._broker(context).remembered(credential)
        introspector = self._asked_about(credential.secret, context)
        if introspector is not None:
            return introspector.remembered(credential.secret)
        return self.verifier.holder(credential, context)

    def _asked_about(self, token: str, context: Mapping[str, str]) -> Introspector | None:
        """Whom to ask about a token; None where it is verified here. Raises `TokenError` where nobody can be asked."""
        if not self.introspectors:
            return None
        if not jose.is_signed_jwt(token):
            return self._introspector(context)
        if not self.ask_about_jwts:
            return None
        issuer = self.verifier.issuer_named(token, context)
        return self._introspector(context) if issuer is not None and issuer.name in self.ask_about_jwts else None

    def _broker(self, context: Mapping[str, str]) -> Broker:
        for route in self.brokers:
            if serves(route.context, context):
                return route.asked
        raise BadCredentials("no issuer takes client credentials on this listener (set `broker` for one)")

    def _introspector(self, context: Mapping[str, str]) -> Introspector:
        for route in self.introspectors:
            if serves(route.context, context):
                return route.asked
        raise TokenError(NOT_ACCEPTED, "the token is no JWT, and no issuer is asked about such on this listener")

    def _check_binding(self, identity: Identity, certificate: Certificate) -> None:
        if certificate is not _ANY_CERTIFICATE:
            binding.check(identity, certificate, self.bindings.get(identity.issuer, _USUAL))


_ANY_CERTIFICATE = Certificate(subject="the broker's own")
"""A brokered token is obtained over the service's own connection; the client's certificate is checked where it is
presented."""
_USUAL = Binding()
