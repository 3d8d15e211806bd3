"""The authorization servers of the settings, put together: keys, metadata, introspection, brokers, bindings.

What an endpoint's address is, is asked of the server (RFC 8414) where the settings do not say.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field

from authzsvc.errors import Fault, HttpError, KeysError, SettingsFaults, TokenError
from authzsvc.server.admin_access import Authenticate
from authzsvc.settings.admin import AdminToken
from authzsvc.settings.tokens import ClientMethod, ClientSettings, IssuerSettings, Tokens
from authzsvc.tokens.authenticator import Authenticator, Route
from authzsvc.tokens.binding import Binding
from authzsvc.tokens.broker import Broker, Grant
from authzsvc.tokens.certificate import Certificate
from authzsvc.tokens.claims import NOT_ACCEPTED, Identity, Reading
from authzsvc.tokens.client_auth import Basic, ClientAuth, Post, PrivateKeyJwt, TlsClient, read_key, read_secret
from authzsvc.tokens.credential import Credential
from authzsvc.tokens.discovery import Discovered, ServerMetadata
from authzsvc.tokens.http import Http
from authzsvc.tokens.introspection import Asking, Caching, Introspector
from authzsvc.tokens.introspection_answer import Expected, Signed
from authzsvc.tokens.keys import Document, KeySet, Refresh, Source, Validator, from_file, from_url
from authzsvc.tokens.presets import reading
from authzsvc.tokens.verifier import Issuer, Verifier

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Issuers:
    """All of them, and what has to run and be closed for them."""

    authenticator: Authenticator
    contexts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """For each issuer, the facts of the listeners whose tokens may be shown to its server."""
    key_sets: list[KeySet] = field(default_factory=list)
    """Those that must be loaded before any token can be verified."""
    from_files: list[KeySet] = field(default_factory=list)
    """Those of them that are read at the start, or there is none."""
    discovered: list[tuple[Discovered, Refresh]] = field(default_factory=list)
    """Metadata that nothing else reads."""
    closing: list[Callable[[], Coroutine[None, None, None]]] = field(default_factory=list)

    def tasks(self) -> list[Coroutine[None, None, None]]:
        """What keeps keys and metadata fresh, for ever."""
        keep = [_keep_metadata(metadata, refresh) for metadata, refresh in self.discovered]
        return [key_set.keep_fresh() for key_set in self.key_sets] + keep

    def of_operators(self, token: AdminToken | None) -> Authenticate:
        """Returns the function that finds out whose an operator's token is. The token must be of the issuer that
        `admin.token` names, and satisfy that issuer's settings as a FIX client's token must. Raises `SettingsFaults` if
        there is no such issuer."""
        if token is None:
            return _no_tokens
        context = self.contexts.get(token.issuer)
        if context is None:
            text = f"`{token.issuer}` is none of `tokens.issuers`"
            raise SettingsFaults([Fault("settings", 0, "admin.token.issuer", text, "name one of them")])
        authenticator = self.authenticator.of_issuer(token.issuer)
        return lambda credential, certificate: authenticator.look_up(credential, certificate, context)

    def keys(self) -> Iterator[tuple[str, bool, float | None]]:
        """Returns, for each issuer with keys, whether the last attempt to read them failed, and the seconds since they
        were last read."""
        yield from ((key_set.name, key_set.stale, key_set.age_s) for key_set in self.key_sets)

    async def wait_until_loaded(self) -> None:
        """Return once all keys are there."""
        for key_set in self.key_sets:
            await key_set.wait_until_loaded()

    async def close(self) -> None:
        """Let go of connections and of what is under way."""
        for close in reversed(self.closing):
            await close()


def build(tokens: Tokens) -> Issuers:
    """Put the issuers together; nothing is asked yet. Raises `SettingsFaults`."""
    for entry in tokens.issuers:
        if entry.http.insecure:
            _log.warning("an issuer may be asked over http: others can answer for it", extra={"issuer": entry.issuer})
    made = [_Made(entry, f"tokens.issuers[{index}]") for index, entry in enumerate(tokens.issuers)]
    verifier = Verifier([each.issuer for each in made], cache_size=tokens.cache_size, cache_ttl_s=tokens.cache_ttl_s)
    introspectors = [
        Route(each.entry.context, asked, each.entry.issuer)
        for each in made
        if (asked := each.introspector()) is not None
    ]
    bindings = {
        each.entry.issuer: Binding(each.entry.binding.certificate, each.entry.binding.name_claim) for each in made
    }
    by_asking = frozenset(
        each.entry.issuer for each in made if each.entry.introspection is not None and each.entry.introspection.jwt
    )
    authenticator = Authenticator(verifier, introspectors, (), bindings, by_asking)
    authenticator.brokers = [
        Route(each.entry.context, found, each.entry.issuer)
        for each in made
        if (found := each.broker(authenticator)) is not None
    ]
    issuers = Issuers(authenticator, {each.entry.issuer: each.entry.context for each in made})
    for each in made:
        if each.entry.jwks.file is not None:
            issuers.from_files.append(each.issuer.keys)
        if each.needs_keys:
            issuers.key_sets.append(each.issuer.keys)
        if each.asks_metadata:
            issuers.discovered.append((each.metadata, each.refresh))
        issuers.closing += each.closing
    return issuers


def _reading(entry: IssuerSettings) -> Reading:
    found = reading(
        entry.preset,
        scope_claims=entry.scope_claims,
        role_claims=entry.role_claims,
        client_id_claims=entry.client_id_claims,
        types=entry.types,
    )
    return found if entry.demand_subject else found.without_subject


class _Made:
    """What one issuer's settings come to."""

    def __init__(self, entry: IssuerSettings, place: str) -> None:
        self.entry = entry
        self.place = place
        self.closing: list[Callable[[], Coroutine[None, None, None]]] = []
        jwks = entry.jwks
        self.refresh = Refresh(jwks.refresh_s, jwks.min_refresh_s, jwks.keep_s)
        http = self._http(jwks.timeout_s)
        self.metadata = Discovered(
            http, entry.issuer, entry.discovery.url, mtls=entry.http.cert is not None, insecure=entry.http.insecure
        )
        self.needs_keys = entry.needs_keys
        self.asks_metadata = entry.lacks_endpoint and not entry.finds_keys
        self.issuer = Issuer(
            name=entry.issuer,
            audience=tuple(entry.audience),
            algorithms=tuple(entry.algorithms),
            keys=KeySet(entry.issuer, self._source(http), self.refresh),
            reading=_reading(entry),
            context=entry.context,
            leeway_s=entry.leeway_s,
            audience_demanded=entry.demand_audience,
        )

    def introspector(self) -> Introspector | None:
        """Who is asked about its opaque tokens."""
        entry, settings = self.entry, self.entry.introspection
        if settings is None:
            return None
        client = settings.client
        keys, algorithms = self.issuer.keys, self.issuer.algorithms
        expected = Expected(
            issuer=entry.issuer,
            audience=self.issuer.audience,
            reading=self.issuer.reading,
            leeway_s=entry.leeway_s,
            audience_demanded=settings.demand_audience,
            signed=Signed(keys, algorithms, client.id) if settings.signed else None,
        )
        asking = Asking(
            self._http(settings.timeout_s),
            self._endpoint(settings.url, lambda found: found.introspection_endpoint),
            _client(client, f"{self.place}.introspection.client"),
            client.audience,
        )
        introspector = Introspector(asking, expected, Caching(settings.cache_s, settings.negative_cache_s))
        self.closing.append(introspector.close)
        return introspector

    def broker(self, authenticator: Authenticator) -> Broker | None:
        """Who brings its clients' secrets."""
        context, settings = self.entry.context, self.entry.broker
        if settings is None:
            return None
        grant = Grant(
            self._http(settings.timeout_s),
            self._endpoint(settings.url, lambda found: found.token_endpoint),
            self.entry.issuer,
            self.issuer.reading,
            self.issuer.audience,
            scope=settings.scope,
            audience=settings.audience,
            resource=settings.resource,
            secret_in_form=settings.secret_in_form,
            renew_before_s=settings.renew_before_s,
        )
        broker = Broker(grant, lambda token: authenticator.verified(token, context))
        self.closing.append(broker.close)
        return broker

    def _http(self, timeout_s: float) -> Http:
        tls = self.entry.http
        try:
            http = Http(timeout_s=timeout_s, ca=tls.ca, cert=tls.cert, key=tls.key)
        except HttpError as error:
            raise _fault(f"{self.place}.http", error) from None
        self.closing.append(http.close)
        return http

    def _source(self, http: Http) -> Source:
        jwks = self.entry.jwks
        if jwks.file is not None:
            return from_file(jwks.file)
        if jwks.url is not None:
            return from_url(http, jwks.url)
        return self.metadata if self.needs_keys else _no_keys

    def _endpoint(self, url: str | None, find: Callable[[ServerMetadata], str]) -> Callable[[], str]:
        if url is not None:
            return lambda: url
        return lambda: find(self.metadata.metadata) if self.metadata.metadata is not None else ""


def _client(settings: ClientSettings, place: str) -> ClientAuth:
    try:
        match settings.method:
            case ClientMethod.PRIVATE_KEY_JWT:
                assert settings.key_file is not None  # the settings demand it
                key = read_key(settings.key_file, settings.algorithm)
                return PrivateKeyJwt(settings.id, key, settings.algorithm, settings.key_id or "")
            case ClientMethod.TLS:
                return TlsClient(settings.id)
            case method:
                assert settings.secret_file is not None  # the settings demand it
                secret = read_secret(settings.secret_file)
                return Post(settings.id, secret) if method is ClientMethod.POST else Basic(settings.id, secret)
    except KeysError as error:
        raise _fault(place, error) from None


def _fault(place: str, error: HttpError | KeysError) -> SettingsFaults:
    return SettingsFaults([Fault("settings", 0, place, str(error))])


async def _no_tokens(_credential: Credential, _certificate: Certificate) -> Identity:
    raise TokenError(NOT_ACCEPTED, "no access token is an operator's (set `admin.token`)")


async def _no_keys(_known: Validator | None) -> Document:
    raise KeysError("the settings name no keys of this issuer")


async def _keep_metadata(metadata: Discovered, refresh: Refresh) -> None:
    """Read an issuer's metadata again and again; what was read stays while it cannot be."""
    while True:
        try:
            await metadata.read()
            pause_s = refresh.every_s
        except KeysError as error:
            _log.warning("metadata not read", extra={"reason": str(error)})
            pause_s = refresh.at_least_s
        await asyncio.sleep(pause_s)
