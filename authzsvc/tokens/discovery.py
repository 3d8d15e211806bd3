"""Reads an authorization server's metadata (RFC 8414; OpenID Connect Discovery 1.0, 4).

Two addresses are tried, unless one is given: RFC 8414's, whose well-known part is put between host and path, and then
OpenID Connect's, whose part is put at the end.

Invariants: metadata is used only if it names the very issuer that was asked for (RFC 8414, 3.3); no redirect is
followed; metadata is read over https, and every address in it is https, except for a server on loopback that is asked
over http, and for a server whose settings allow http (`insecure`).
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from authzsvc.errors import HttpError, KeysError
from authzsvc.tokens.http import Answer, Http
from authzsvc.tokens.keys import Document, Validator, fetch_jwks

_OAUTH = "/.well-known/oauth-authorization-server"
_OIDC = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class ServerMetadata:
    """Where an authorization server answers what. An address that it does not give is empty."""

    issuer: str
    jwks_uri: str
    token_endpoint: str = ""
    introspection_endpoint: str = ""


async def discover(
    http: Http, issuer: str, url: str | None = None, *, mtls: bool = False, insecure: bool = False
) -> ServerMetadata:
    """Ask `issuer`'s server for its metadata, at `url` if that is given. With `mtls` the endpoints are those for
    clients that show a certificate, if there are any (RFC 8705, 5). With `insecure`, http to other machines is allowed.
    Raises `KeysError`."""
    check_place(issuer if url is None else url, query=url is not None, insecure=insecure)
    fault = KeysError("no address to ask")
    for address in (url,) if url is not None else well_known(issuer):
        try:
            answer = await http.get(address)
        except HttpError as error:
            raise KeysError(f"cannot fetch the metadata of the issuer: {error}") from None
        try:
            return _read(answer, issuer, mtls=mtls, loopback=address.startswith("http:"), insecure=insecure)
        except KeysError as error:
            fault = error
    raise fault


def well_known(issuer: str) -> tuple[str, str]:
    """Where the metadata may be: RFC 8414, 3.1, then OpenID Connect Discovery, 4.1."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    host = f"{parts.scheme}://{parts.netloc}"
    return f"{host}{_OAUTH}{path}", f"{host}{path}{_OIDC}"


class Discovered:
    """Keys where the metadata says that they are; it is asked anew at each reading, so that they may move."""

    def __init__(
        self, http: Http, issuer: str, url: str | None = None, *, mtls: bool = False, insecure: bool = False
    ) -> None:
        self.metadata: ServerMetadata | None = None
        """As last read; None before the first time."""
        self._http = http
        self._issuer = issuer
        self._url = url
        self._mtls = mtls
        self._insecure = insecure

    async def __call__(self, known: Validator | None, /) -> Document:
        """A `Source` for a `KeySet`. Raises `KeysError`."""
        metadata = await self.read()
        if not metadata.jwks_uri:
            raise KeysError("the metadata of the issuer has no `jwks_uri`")
        return await fetch_jwks(self._http, metadata.jwks_uri, known)

    async def read(self) -> ServerMetadata:
        """Ask for the metadata anew. Raises `KeysError`, and what was read before stays."""
        self.metadata = await discover(self._http, self._issuer, self._url, mtls=self._mtls, insecure=self._insecure)
        return self.metadata


def in_clear(address: str) -> bool:
    """Whether somebody on the network could answer in place of this address's server, because the address is http and
    not on this machine."""
    parts = _split(address)
    return parts is not None and parts.scheme == "http" and not _is_http_on_loopback(parts)


def check_place(address: str, *, query: bool = False, insecure: bool = False) -> None:
    """Raises `KeysError` unless metadata may be read from that address: it must be https, or http on loopback, or http
    with `insecure`, and must not have a query or fragment (RFC 8414, 2)."""
    parts = _split(address)
    if parts is None or parts.fragment or (parts.query and not query):
        raise KeysError(
            "the issuer is no address that metadata could be had from; set that of the metadata or the keys"
        )
    if not _may_be_asked(parts, loopback=True, insecure=insecure):
        raise KeysError("metadata of an issuer is only had over https, or over http on loopback")


def _may_be_asked(parts: SplitResult, *, loopback: bool, insecure: bool) -> bool:
    if parts.scheme == "https":
        return True
    return parts.scheme == "http" and (insecure or (loopback and _is_http_on_loopback(parts)))


def _read(answer: Answer, issuer: str, *, mtls: bool, loopback: bool, insecure: bool) -> ServerMetadata:
    if answer.status != 200:
        raise KeysError(f"the issuer's server answered {answer.status} when asked for its metadata")
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise KeysError("the metadata of the issuer is not a JSON object")
    if found.get("issuer") != issuer:
        raise KeysError("the metadata is that of another issuer")
    aliases = found.get("mtls_endpoint_aliases", {}) if mtls else {}
    if not isinstance(aliases, dict):
        raise KeysError("the metadata's `mtls_endpoint_aliases` is not a JSON object")
    allowed = {"loopback": loopback, "insecure": insecure}
    return ServerMetadata(
        issuer,
        _address(found, "jwks_uri", **allowed),
        _address({**found, **aliases}, "token_endpoint", **allowed),
        _address({**found, **aliases}, "introspection_endpoint", **allowed),
    )


def _address(found: Mapping[str, object], name: str, *, loopback: bool, insecure: bool) -> str:
    """An address of the metadata; empty where it has none. Raises `KeysError` when it may not be asked."""
    value = found.get(name)
    if value is None:
        return ""
    parts = _split(value) if isinstance(value, str) else None
    if parts is None or not _may_be_asked(parts, loopback=loopback, insecure=insecure):
        raise KeysError(f"the metadata's `{name}` is not an https address")
    return str(value)


def _split(address: str) -> SplitResult | None:
    """The parts of an address with a host, no user, and a port that is a number."""
    try:
        parts = urlsplit(address)
        good = parts.hostname and parts.username is None and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    return parts if good and address.isascii() and address.isprintable() and " " not in address else None


def _is_http_on_loopback(parts: SplitResult) -> bool:
    if parts.scheme != "http":
        return False
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"
