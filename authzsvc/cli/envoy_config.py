"""`authzsvc envoy-config`: print a complete Envoy configuration for a FIX gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml

from authzsvc.gateway import ClientTls, Endpoint, GatewayOptions, ServerTls, envoy_config
from authzsvc.gateway.filter_settings import load
from authzsvc.gateway.options import EndpointError

CLIENTS, VENUE, SERVICE, FILTER = "FIX clients", "The venue", "The decision service", "The filter and Envoy"


def _endpoint(text: str) -> Endpoint:
    try:
        return Endpoint.parse(text)
    except EndpointError as error:
        raise typer.BadParameter(str(error)) from error


def _tcp(text: str) -> Endpoint:
    endpoint = _endpoint(text)
    if endpoint.is_unix:
        raise typer.BadParameter(f"`{text}` is a unix socket where a TCP address belongs (write HOST:PORT)")
    return endpoint


def _listener(text: str) -> Endpoint:
    endpoint = _tcp(text)
    if not endpoint.is_ip:
        raise typer.BadParameter(f"`{text}` names a host where Envoy wants an address (write 127.0.0.1:PORT)")
    return endpoint


def _loopback(text: str) -> Endpoint:
    endpoint = _listener(text)
    if not endpoint.is_loopback:
        raise typer.BadParameter(f"`{text}` is open to others: who reaches it can stop Envoy (write 127.0.0.1:PORT)")
    return endpoint


Listen = Annotated[
    Endpoint, typer.Option(parser=_listener, metavar="IP:PORT", help="Where they connect.", rich_help_panel=CLIENTS)
]
Upstream = Annotated[
    Endpoint, typer.Option(parser=_tcp, metavar="HOST:PORT", help="Where it listens.", rich_help_panel=VENUE)
]
Service = Annotated[
    Endpoint,
    typer.Option(parser=_endpoint, metavar="unix:/PATH|HOST:PORT", help="Where it listens.", rich_help_panel=SERVICE),
]
Certificate = Annotated[str | None, typer.Option(metavar="PEM", help="Our certificate.", rich_help_panel=CLIENTS)]
Key = Annotated[str | None, typer.Option(metavar="PEM", help="Its key.", rich_help_panel=CLIENTS)]
ClientCa = Annotated[
    str | None,
    typer.Option(metavar="PEM", help="The authority whose certificate they must show.", rich_help_panel=CLIENTS),
]
UpstreamTls = Annotated[
    str | None, typer.Option(metavar="PEM", help="TLS, with this authority.", rich_help_panel=VENUE)
]
UpstreamName = Annotated[
    str | None, typer.Option(metavar="NAME", help="Its certificate's name [its host].", rich_help_panel=VENUE)
]
UpstreamCertificate = Annotated[str | None, typer.Option(metavar="PEM", help="Our certificate.", rich_help_panel=VENUE)]
UpstreamKey = Annotated[str | None, typer.Option(metavar="PEM", help="Its key.", rich_help_panel=VENUE)]
ServiceTls = Annotated[
    str | None, typer.Option(metavar="PEM", help="TLS, with this authority.", rich_help_panel=SERVICE)
]
ServiceName = Annotated[
    str | None, typer.Option(metavar="NAME", help="Its certificate's name [its host].", rich_help_panel=SERVICE)
]
ServiceCertificate = Annotated[
    str | None, typer.Option(metavar="PEM", help="Our certificate.", rich_help_panel=SERVICE)
]
ServiceKey = Annotated[str | None, typer.Option(metavar="PEM", help="Its key.", rich_help_panel=SERVICE)]
FilterConfig = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The filter's settings, YAML or JSON.", rich_help_panel=FILTER)
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One of them: limits.max_fields=512.", rich_help_panel=FILTER),
]
MaxConnections = Annotated[int, typer.Option(min=1, help="FIX connections at once.", rich_help_panel=FILTER)]
Admin = Annotated[
    Endpoint | None,
    typer.Option(parser=_loopback, metavar="IP:PORT", help="Envoy's admin, on loopback [off].", rich_help_panel=FILTER),
]


def command(
    listen: Listen,
    upstream: Upstream,
    service: Service,
    tls_cert: Certificate = None,
    tls_key: Key = None,
    client_ca: ClientCa = None,
    upstream_tls: UpstreamTls = None,
    upstream_tls_name: UpstreamName = None,
    upstream_tls_cert: UpstreamCertificate = None,
    upstream_tls_key: UpstreamKey = None,
    service_tls: ServiceTls = None,
    service_tls_name: ServiceName = None,
    service_tls_cert: ServiceCertificate = None,
    service_tls_key: ServiceKey = None,
    filter_config: FilterConfig = None,
    overrides: Set = None,
    max_connections: MaxConnections = 10_000,
    admin: Admin = None,
) -> None:
    """Print a complete Envoy configuration for a FIX gateway, as YAML.

    Envoy looks for the filter's library in ENVOY_DYNAMIC_MODULES_SEARCH_PATH.
    """
    options = GatewayOptions(
        listen=listen,
        upstream=upstream,
        service=service,
        listen_tls=_server_tls(tls_cert, tls_key, client_ca),
        upstream_tls=_client_tls(
            "--upstream-tls", upstream, upstream_tls, upstream_tls_name, upstream_tls_cert, upstream_tls_key
        ),
        service_tls=_client_tls(
            "--service-tls", service, service_tls, service_tls_name, service_tls_cert, service_tls_key
        ),
        admin=admin,
        max_connections=max_connections,
        filter=load(filter_config, overrides or ()),
    )
    typer.echo(yaml.safe_dump(envoy_config(options), sort_keys=False), nl=False)


def _server_tls(cert: str | None, key: str | None, client_ca: str | None) -> ServerTls | None:
    if cert is not None and key is not None:
        return ServerTls(cert=cert, key=key, client_ca=client_ca)
    if cert is not None or key is not None:
        raise typer.BadParameter("`--tls-cert` and `--tls-key` belong together (give both)")
    if client_ca is not None:
        raise typer.BadParameter("`--client-ca` needs TLS (give --tls-cert and --tls-key)")
    return None


def _client_tls(
    option: str, endpoint: Endpoint, ca: str | None, name: str | None, cert: str | None, key: str | None
) -> ClientTls | None:
    if ca is None:
        if name is not None or cert is not None or key is not None:
            raise typer.BadParameter(f"`{option}-…` needs `{option}` (give the authority's PEM file)")
        return None
    if (cert is None) != (key is None):
        raise typer.BadParameter(f"`{option}-cert` and `{option}-key` belong together (give both)")
    if name is None and endpoint.is_unix:
        raise typer.BadParameter(f"`{option}` over a unix socket needs `{option}-name` (a socket has no host)")
    return ClientTls(ca=ca, cert=cert, key=key, server_name=name)
