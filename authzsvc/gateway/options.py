"""What can be chosen about a gateway, parsed once into types that cannot be half right.

An endpoint is a host with a port or a unix socket; TLS is there with all that it needs, or not at all. What is wrong
raises `EndpointError` with a text that names the input.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from authzsvc.errors import AuthzError
from authzsvc.gateway.filter_settings import FilterSettings

HOST_PORT = re.compile(r"\A(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})\Z")


class EndpointError(AuthzError):
    """Text that names no endpoint."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where something listens: `host` and `port`, or `path` of a unix socket (then the host is empty)."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """`HOST:PORT`, `[IPV6]:PORT` or `unix:/path`; port 0 lets the system choose. Raises `EndpointError`."""
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            if not path.startswith("/"):
                raise EndpointError(f"`{text}` is no unix socket (write unix:/path)")
            return cls(path=path)
        match = HOST_PORT.match(text)
        if match is None or int(match["port"]) > 65535:
            raise EndpointError(f"`{text}` is no endpoint (write HOST:PORT, [IPV6]:PORT or unix:/path)")
        return cls(host=match["v6"] or match["host"], port=int(match["port"]))

    @property
    def is_unix(self) -> bool:
        """Whether this is a unix socket."""
        return bool(self.path)

    @property
    def is_ip(self) -> bool:
        """Whether the host is an address rather than a name."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return self.is_unix or self.host == "localhost" or (self.is_ip and ipaddress.ip_address(self.host).is_loopback)

    def __str__(self) -> str:
        if self.is_unix:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerTls:
    """TLS that FIX clients meet: PEM files. With `client_ca`, a client must present a certificate of that authority."""

    cert: str
    key: str
    client_ca: str | None = None


@dataclass(frozen=True, slots=True)
class ClientTls:
    """TLS towards the venue or the decision service.

    The peer's certificate must be of the authority in `ca` and carry `server_name` (where that is absent: the
    endpoint's host). `cert` and `key` are our own certificate, both or none.
    """

    ca: str
    cert: str | None = None
    key: str | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """One gateway: FIX clients come to `listen`, go on to `upstream`, and `service` decides about each message."""

    listen: Endpoint
    upstream: Endpoint
    service: Endpoint
    listen_tls: ServerTls | None = None
    upstream_tls: ClientTls | None = None
    service_tls: ClientTls | None = None
    admin: Endpoint | None = None
    """Envoy's admin interface, which can stop the proxy: off, or on loopback."""
    max_connections: int = 10_000
    """FIX connections at once, over all listeners; beyond it new ones are closed."""
    filter: FilterSettings = field(default_factory=FilterSettings)
