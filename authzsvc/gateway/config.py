"""Envoy's bootstrap for a FIX gateway, as a pure function of `GatewayOptions`.

A listener with two filters: the FIX filter, which holds the Logon until it is authorized, and `tcp_proxy`, which
connects upstream only when the filter hands it the first bytes (`ON_DOWNSTREAM_DATA`): a peer that is not
authenticated never causes a connection to the venue. Two clusters: `venue`, and the decision service over HTTP/2, which
is told by Envoy's access log, too, what decisions that the filter keeps have let through.

Invariants: nothing listens but what was asked for; a peer's certificate is always held against a name; the values are
plain data in Envoy's own words, fit for YAML and JSON.
"""

from __future__ import annotations

from typing import Any

from authzsvc.gateway.filter_settings import FilterSettings
from authzsvc.gateway.options import ClientTls, Endpoint, GatewayOptions, ServerTls

MODULE = "fix_authz"
"""Envoy loads `lib<MODULE>.so` from `ENVOY_DYNAMIC_MODULES_SEARCH_PATH`."""
VENUE = "venue"
LISTENER = "fix"

TYPES = "type.googleapis.com/"
MODULES = TYPES + "envoy.extensions.bootstrap.dynamic_modules.v3.DynamicModuleBootstrapExtension"
NETWORK_FILTERS = TYPES + "envoy.extensions.filters.network."
TLS_SOCKETS = TYPES + "envoy.extensions.transport_sockets.tls.v3."
AUTHZ_STREAMS = 256
"""Streams of a connection to the decision service: half of its `listen.bounds.streams`, because the service may count a
stream for a moment after Envoy has seen its end."""
AUTHZ_CONTROL_FRAMES = 100_000
"""How many frames such as resets of calls may wait for a service that reads nothing. With the default of 1,000, Envoy
closes the connection after as many Checks have timed out, and all watches on it fail together."""
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
ACCESS_LOG = "envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig"
CONNECTIONS_MONITOR = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"

KEEPALIVE = {"keepalive_time": 30, "keepalive_interval": 10, "keepalive_probes": 3}
"""Of the clusters (`envoy.config.core.v3.TcpKeepalive`, as `Cluster.upstream_connection_options.tcp_keepalive`): a peer
whose host is gone is found within a minute, if nothing waits for its acknowledgement."""
KEEPALIVE_OPTIONS = (
    ("SO_KEEPALIVE", 1, 9, 1),
    ("TCP_KEEPIDLE", 6, 4, KEEPALIVE["keepalive_time"]),
    ("TCP_KEEPINTVL", 6, 5, KEEPALIVE["keepalive_interval"]),
    ("TCP_KEEPCNT", 6, 6, KEEPALIVE["keepalive_probes"]),
)
"""The same of the listener (`envoy.config.listener.v3.Listener.socket_options`), with Linux's numbers of levels and
options. Accepted sockets inherit them. Envoy 1.40 also reads a `tcp_keepalive` there, but the published definition of
the message has none."""

NO_BREAKER = 100_000
"""Requests and connections are bounded elsewhere already; Envoy's default of 1024 would deny in a burst."""

Plain = dict[str, Any]


def envoy_config(options: GatewayOptions) -> Plain:
    """The whole bootstrap (`envoy.config.bootstrap.v3.Bootstrap`) in its JSON form."""
    config: Plain = {
        "bootstrap_extensions": [_life()],
        "static_resources": {"listeners": [_listener(options)], "clusters": [_venue(options), _authz(options)]},
        "overload_manager": _connection_limit(options.max_connections),
    }
    if options.admin is not None:
        config["admin"] = {"address": _address(options.admin)}
    return config


def _life() -> Plain:
    """The same module hears here that Envoy drains or stops; no filter is told."""
    return {
        "name": "envoy.bootstrap.dynamic_modules",
        "typed_config": {
            "@type": MODULES,
            "dynamic_module_config": {"name": MODULE, "do_not_close": True},
            "extension_name": MODULE,
        },
    }


def _listener(options: GatewayOptions) -> Plain:
    chain: Plain = {"filters": [_fix_filter(options), _tcp_proxy(options)]}
    if options.listen_tls is not None:
        chain["transport_socket"] = _server_tls(options.listen_tls)
    return {
        "name": LISTENER,
        "address": _address(options.listen),
        "socket_options": [
            {"description": name, "level": level, "name": option, "int_value": value, "state": "STATE_PREBIND"}
            for name, level, option, value in KEEPALIVE_OPTIONS
        ],
        # FIX has few, long connections: spread them evenly over the workers.
        "connection_balance_config": {"exact_balance": {}},
        "filter_chains": [chain],
    }


def _fix_filter(options: GatewayOptions) -> Plain:
    return {
        "name": "envoy.filters.network.dynamic_modules",
        "typed_config": {
            "@type": NETWORK_FILTERS + "dynamic_modules.v3.DynamicModuleNetworkFilter",
            # Unloading a library that other listeners' threads may still run is not worth its little memory.
            "dynamic_module_config": {"name": MODULE, "do_not_close": True},
            "filter_name": MODULE,
            "filter_config": {"@type": TYPES + "google.protobuf.Struct", "value": options.filter.as_struct()},
        },
    }


def _tcp_proxy(options: GatewayOptions) -> Plain:
    proxy: Plain = {
        "@type": NETWORK_FILTERS + "tcp_proxy.v3.TcpProxy",
        "stat_prefix": LISTENER,
        "cluster": VENUE,
        "upstream_connect_mode": "ON_DOWNSTREAM_DATA",
        "max_early_data_bytes": options.filter.limits.max_message_bytes,
        # Heartbeats tell whether a FIX session lives; 0s turns Envoy's own timeout off.
        "idle_timeout": "0s",
    }
    if options.filter.keeps_accounts:
        proxy |= _accounts(options.filter)
    return {"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}


def _accounts(settings: FilterSettings) -> Plain:
    """What the filter has noted of the connection goes to the decision service, at its interval and at the end."""
    log = {
        "@type": TYPES + ACCESS_LOG,
        "common_config": {
            "log_name": MODULE,
            "transport_api_version": "V3",
            "grpc_service": {
                "envoy_grpc": {"cluster_name": settings.check.cluster, "authority": settings.check.authority}
            },
            "buffer_flush_interval": "1s",
        },
    }
    return {
        "access_log": [{"name": "envoy.access_loggers.tcp_grpc", "typed_config": log}],
        "access_log_options": {"access_log_flush_interval": f"{settings.accounting.interval_ms / 1000:g}s"},
    }


def _venue(options: GatewayOptions) -> Plain:
    cluster = _cluster(VENUE, options.upstream, options.upstream_tls)
    cluster["circuit_breakers"] = _breakers("max_connections", "max_pending_requests")
    return cluster


def _authz(options: GatewayOptions) -> Plain:
    cluster = _cluster(options.filter.check.cluster, options.service, options.service_tls)
    cluster["circuit_breakers"] = _breakers("max_requests", "max_pending_requests")
    # Envoy learns of the service's own bound only with a connection's first answer, which a burst does not wait for.
    http2 = {"max_concurrent_streams": AUTHZ_STREAMS, "max_outbound_control_frames": AUTHZ_CONTROL_FRAMES}
    streams = {"http2_protocol_options": http2}
    cluster["typed_extension_protocol_options"] = {
        HTTP_OPTIONS: {"@type": TYPES + HTTP_OPTIONS, "explicit_http_config": streams}
    }
    return cluster


def _cluster(name: str, endpoint: Endpoint, tls: ClientTls | None) -> Plain:
    resolved = endpoint.is_unix or endpoint.is_ip
    cluster: Plain = {"name": name, "type": "STATIC" if resolved else "STRICT_DNS", "connect_timeout": "5s"}
    if not resolved:
        cluster["dns_lookup_family"] = "V4_PREFERRED"
    cluster["load_assignment"] = {
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(endpoint)}}]}],
    }
    if not endpoint.is_unix:
        cluster["upstream_connection_options"] = {"tcp_keepalive": dict(KEEPALIVE)}
    if tls is not None:
        cluster["transport_socket"] = _client_tls(tls, endpoint)
    return cluster


def _address(endpoint: Endpoint) -> Plain:
    if endpoint.is_unix:
        return {"pipe": {"path": endpoint.path}}
    return {"socket_address": {"address": endpoint.host, "port_value": endpoint.port}}


def _breakers(*limits: str) -> Plain:
    return {"thresholds": [dict.fromkeys(limits, NO_BREAKER)]}


def _connection_limit(connections: int) -> Plain:
    return {
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": TYPES + CONNECTIONS_MONITOR,
                    "max_active_downstream_connections": connections,
                },
            }
        ]
    }


def _server_tls(tls: ServerTls) -> Plain:
    common = _common_tls(tls.cert, tls.key)
    context: Plain = {"@type": TLS_SOCKETS + "DownstreamTlsContext", "common_tls_context": common}
    if tls.client_ca is not None:
        common["validation_context"] = {"trusted_ca": {"filename": tls.client_ca}}
        context["require_client_certificate"] = True
    return _tls_socket(context)


def _client_tls(tls: ClientTls, endpoint: Endpoint) -> Plain:
    name = tls.server_name or endpoint.host
    by_address = tls.server_name is None and endpoint.is_ip
    common = _common_tls(tls.cert, tls.key)
    common["validation_context"] = {
        "trusted_ca": {"filename": tls.ca},
        "match_typed_subject_alt_names": [
            {"san_type": "IP_ADDRESS" if by_address else "DNS", "matcher": {"exact": name}},
        ],
    }
    context: Plain = {"@type": TLS_SOCKETS + "UpstreamTlsContext", "common_tls_context": common}
    if not by_address:
        context["sni"] = name
    return _tls_socket(context)


def _common_tls(cert: str | None, key: str | None) -> Plain:
    common: Plain = {"tls_params": {"tls_minimum_protocol_version": "TLSv1_2"}}
    if cert is not None and key is not None:
        common["tls_certificates"] = [{"certificate_chain": {"filename": cert}, "private_key": {"filename": key}}]
    return common


def _tls_socket(context: Plain) -> Plain:
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}
