"""Whose tokens are accepted, and how each issuer's are verified."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from authzsvc.errors import KeysError
from authzsvc.settings.words import Algorithm, Name, Names, Seconds, Section, Url
from authzsvc.tokens.binding import CertificateDemand
from authzsvc.tokens.discovery import check_place, in_clear


class Jwks(Section):
    """Where an issuer's public keys are, and how often they are read; by discovery where neither place is named."""

    file: Path | None = None
    url: Url | None = None
    refresh_s: Seconds = 300.0
    timeout_s: Seconds = 5.0
    min_refresh_s: Seconds = 10.0
    keep_s: float = Field(default=86_400.0, gt=0, le=2_678_400, allow_inf_nan=False)
    """How long keys that were read are kept while they cannot be read again."""

    @model_validator(mode="after")
    def _one_place(self) -> Jwks:
        if self.keep_s < self.refresh_s:
            raise ValueError("`keep_s` is less than `refresh_s`: keys would be dropped before they are read again")
        if self.file is not None and self.url is not None:
            raise ValueError("set `file` or `url`, not both; with neither, the keys are found by discovery")
        return self


class Discovery(Section):
    """Where the issuer tells of itself (RFC 8414); derived from its name where no URL is given."""

    url: Url | None = None


class Http(Section):
    """The TLS of the requests to an issuer: its authority, and a certificate to show."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    insecure: bool = False
    """Whether requests may go over http to another machine. Somebody on the network can then answer for the server."""

    @model_validator(mode="after")
    def _both(self) -> Http:
        if (self.cert is None) != (self.key is None):
            raise ValueError("set `cert` and `key` together")
        return self


class ClientMethod(StrEnum):
    """How the service proves itself to an issuer."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"
    TLS = "tls_client_auth"


class ClientSettings(Section):
    """Who the service is to the issuer's introspection endpoint (RFC 7662, 2.1)."""

    id: Name
    method: ClientMethod = ClientMethod.BASIC
    secret_file: Path | None = None
    key_file: Path | None = None
    key_id: str | None = None
    algorithm: Algorithm = "ES256"
    audience: str = ""
    """`aud` of the assertion; the issuer unless told."""

    @model_validator(mode="after")
    def _complete(self) -> ClientSettings:
        if self.method in (ClientMethod.BASIC, ClientMethod.POST) and self.secret_file is None:
            raise ValueError(f"`{self.method}` needs `secret_file`")
        if self.method is ClientMethod.PRIVATE_KEY_JWT and self.key_file is None:
            raise ValueError("`private_key_jwt` needs `key_file`")
        return self


class Introspection(Section):
    """Tokens that are no JWT are asked about (RFC 7662)."""

    client: ClientSettings
    jwt: bool = False
    """Ask about JWTs of this issuer too, instead of verifying them: a revocation at the server is then seen."""
    url: Url | None = None
    signed: bool = False
    """Ask for answers that are JWTs (RFC 9701), and take no others."""
    demand_audience: bool = True
    """Refuse an answer without `aud`, which RFC 7662 leaves to the server."""
    cache_s: Seconds = 60.0
    negative_cache_s: Seconds = 5.0
    timeout_s: Seconds = 3.0


class Broker(Section):
    """Clients that log on with a client id and secret: the service gets their tokens (RFC 6749, 4.4)."""

    url: Url | None = None
    scope: str = ""
    audience: str = ""
    resource: str = ""
    secret_in_form: bool = False
    """The server wants the client's secret in the form, not in the header (`client_secret_post`)."""
    renew_before_s: Seconds = 60.0
    timeout_s: Seconds = 5.0


class BindingSettings(Section):
    """What binds a token to the certificate of who presents it."""

    certificate: CertificateDemand = CertificateDemand.IF_BOUND
    name_claim: str = ""


class IssuerSettings(Section):
    """An authorization server whose tokens are accepted."""

    issuer: Name
    audience: Annotated[Names, Field(min_length=1)]
    algorithms: Annotated[list[Algorithm], Field(min_length=1)]
    preset: Literal["rfc9068", "keycloak", "okta", "fusionauth", "auth0", "entra"] | None = None
    context: dict[str, str] = Field(default={})
    """The issuer is asked only where the proxy's listener says all of this of itself."""
    jwks: Jwks = Jwks()
    discovery: Discovery = Discovery()
    http: Http = Http()
    scope_claims: Names | None = None
    role_claims: Names | None = None
    client_id_claims: Names | None = None
    types: Names | None = None
    demand_audience: bool = True
    """Refuse a token without `aud`."""
    demand_subject: bool = True
    """Refuse a token without `sub`; otherwise its client is its subject."""
    leeway_s: float = Field(default=0.0, ge=0, le=300)
    introspection: Introspection | None = None
    broker: Broker | None = None
    binding: BindingSettings = BindingSettings()

    @property
    def keys_are_placed(self) -> bool:
        """Whether the settings say where the keys are."""
        return self.jwks.file is not None or self.jwks.url is not None

    @property
    def needs_keys(self) -> bool:
        """Whether the issuer may have no keys: all its tokens are opaque, and the settings have its endpoint."""
        return self.keys_are_placed or self.introspection is None or self.introspection.url is None

    @property
    def finds_keys(self) -> bool:
        """Whether the keys are found by the issuer's metadata."""
        return self.needs_keys and not self.keys_are_placed

    @property
    def lacks_endpoint(self) -> bool:
        """Whether the service needs an endpoint whose address is not in the settings."""
        return any(each is not None and each.url is None for each in (self.introspection, self.broker))

    @model_validator(mode="after")
    def _no_answers_in_clear(self) -> IssuerSettings:
        addresses = {
            "jwks.url": self.jwks.url,
            "discovery.url": self.discovery.url,
            "introspection.url": self.introspection.url if self.introspection is not None else None,
            "broker.url": self.broker.url if self.broker is not None else None,
        }
        if self.discovery.url is None and (self.lacks_endpoint or self.finds_keys):
            addresses["issuer"] = self.issuer
            _check_issuer(self.issuer)
        clear = [key for key, url in addresses.items() if url is not None and in_clear(url)]
        if clear and not self.http.insecure:
            keys = ", ".join(f"`{key}`" for key in clear)
            raise ValueError(
                f"{keys}: asked over http on another machine, so that whoever is on the way can answer in the server's"
                " place; take https, or say `http.insecure: true`"
            )
        return self


def _check_issuer(issuer: str) -> None:
    """Raises `ValueError` if the issuer's metadata must be found by its name but could not be read from there."""
    try:
        check_place(issuer, insecure=True)
    except KeysError as error:
        raise ValueError(f"`issuer`: {error} (`discovery.url`, or `jwks` and the endpoints' `url`)") from None


def _distinct(issuers: list[IssuerSettings]) -> list[IssuerSettings]:
    if len({entry.issuer for entry in issuers}) < len(issuers):
        raise ValueError("an issuer stands here twice")
    for what in ("introspection", "broker"):
        contexts = [entry.context for entry in issuers if getattr(entry, what) is not None]
        if any(_overlap(one, other) for index, one in enumerate(contexts) for other in contexts[:index]):
            raise ValueError(
                f"two issuers have `{what}` for the same listener: a credential of that kind does not say whose it is; "
                "give each a `context` that the other contradicts"
            )
    return issuers


def _overlap(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether a listener can be both."""
    return all(other.get(name, value) == value for name, value in one.items())


class Tokens(Section):
    """Which tokens are accepted, and how long a verified one is remembered."""

    issuers: Annotated[list[IssuerSettings], Field(min_length=1), AfterValidator(_distinct)]
    cache_size: int = Field(default=10_000, ge=1, le=10_000_000)
    cache_ttl_s: Seconds = 300.0
