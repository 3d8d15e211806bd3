"""The Envoy configuration, held against Envoy's own schema and against the real Envoy."""

from __future__ import annotations

import copy
import datetime
import socket
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from envoy.config.bootstrap.v3 import bootstrap_pb2
from envoy.extensions.access_loggers.grpc.v3 import als_pb2
from envoy.extensions.dynamic_modules.v3 import dynamic_modules_pb2
from envoy.extensions.filters.network.tcp_proxy.v3 import tcp_proxy_pb2
from envoy.extensions.resource_monitors.downstream_connections.v3 import downstream_connections_pb2
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from google.protobuf import json_format, struct_pb2

from authzsvc.gateway import (
    ClientTls,
    Endpoint,
    FilterSettings,
    GatewayOptions,
    ServerTls,
    envoy_config,
    envoy_environment,
    find_envoy,
    find_filter,
)
from authzsvc.gateway.filter_settings import load
from authzsvc.settings.bounds import GrpcBounds

NETWORK_FILTER = "envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter"
BOOTSTRAP_EXTENSION = "envoy.extensions.bootstrap.dynamic_modules.v3.DynamicModuleBootstrapExtension"

PLAIN = GatewayOptions(
    listen=Endpoint.parse("127.0.0.1:9880"),
    upstream=Endpoint.parse("venue.example:9881"),
    service=Endpoint.parse("unix:/run/authzsvc/check.sock"),
)


def full(folder: Path) -> GatewayOptions:
    """Every option used, with the certificate files in `folder`."""
    client = ClientTls(
        ca=str(folder / "ca.pem"),
        cert=str(folder / "cert.pem"),
        key=str(folder / "key.pem"),
        server_name="venue.example",
    )
    return GatewayOptions(
        listen=Endpoint.parse("[::1]:9880"),
        upstream=Endpoint.parse("10.0.0.7:9881"),
        service=Endpoint.parse("authz.example:9191"),
        listen_tls=ServerTls(
            cert=str(folder / "cert.pem"), key=str(folder / "key.pem"), client_ca=str(folder / "ca.pem")
        ),
        upstream_tls=client,
        service_tls=ClientTls(ca=str(folder / "ca.pem")),
        admin=Endpoint.parse("127.0.0.1:0"),
        max_connections=7,
        filter=load(None, ["data_fields.pairs=[[5001, 5002]]", "tag_headers=[55]", "context.gateway=east"]),
    )


def filters(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The filter chain of the one listener."""
    chain: list[dict[str, Any]] = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"]
    return chain


def cluster(config: dict[str, Any], name: str) -> dict[str, Any]:
    """The cluster called `name`."""
    found: dict[str, Any] = next(c for c in config["static_resources"]["clusters"] if c["name"] == name)
    return found


def write_certificates(folder: Path) -> None:
    """A self-signed certificate that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway.example")])
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36_500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    for file in ("ca.pem", "clients.pem", "cert.pem", "server.pem"):
        (folder / file).write_bytes(pem)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for file in ("key.pem", "server.key"):
        (folder / file).write_bytes(secret)


def validate(config: Path) -> subprocess.CompletedProcess[str]:
    """The real Envoy's opinion, with the real filter loaded."""
    return subprocess.run(
        [str(find_envoy()), "--mode", "validate", "--config-path", str(config)],
        env=envoy_environment(find_filter()),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("options", [PLAIN, full(Path("/etc/fix-gateway"))], ids=["plain", "full"])
def test_envoys_schema_accepts_it(options: GatewayOptions) -> None:
    config = copy.deepcopy(envoy_config(options))
    # The published stubs have all messages but the module's own.
    life = config.pop("bootstrap_extensions")[0]["typed_config"]
    assert life.pop("@type").endswith("/" + BOOTSTRAP_EXTENSION)
    json_format.ParseDict(life.pop("dynamic_module_config"), dynamic_modules_pb2.DynamicModuleConfig())
    assert life == {"extension_name": "fix_authz"}
    module = filters(config).pop(0)["typed_config"]
    assert module.pop("@type").endswith("/" + NETWORK_FILTER)
    json_format.ParseDict(module.pop("dynamic_module_config"), dynamic_modules_pb2.DynamicModuleConfig())
    json_format.ParseDict(module.pop("filter_config")["value"], struct_pb2.Struct())
    assert module == {"filter_name": "fix_authz"}
    parsed = json_format.ParseDict(config, bootstrap_pb2.Bootstrap())
    assert [c.name for c in parsed.static_resources.clusters] == ["venue", "authz"]
    assert parsed.HasField("admin") == (options.admin is not None)


def test_each_typed_config_names_a_message_that_exists() -> None:
    known = {
        tcp_proxy_pb2.TcpProxy.DESCRIPTOR.full_name,
        als_pb2.TcpGrpcAccessLogConfig.DESCRIPTOR.full_name,
        tls_pb2.DownstreamTlsContext.DESCRIPTOR.full_name,
        tls_pb2.UpstreamTlsContext.DESCRIPTOR.full_name,
        http_protocol_options_pb2.HttpProtocolOptions.DESCRIPTOR.full_name,
        downstream_connections_pb2.DownstreamConnectionsConfig.DESCRIPTOR.full_name,
        struct_pb2.Struct.DESCRIPTOR.full_name,
        NETWORK_FILTER,
        BOOTSTRAP_EXTENSION,
    }
    lines = yaml.safe_dump(envoy_config(full(Path("/etc")))).splitlines()
    named = {line.rpartition("/")[2] for line in lines if "'@type'" in line}
    assert named == known


@pytest.mark.parametrize("name", ["plain", "full", "gateway.yaml", "gateway-tls.yaml"])
def test_the_real_envoy_accepts_it_with_the_real_filter(name: str, tmp_path: Path) -> None:
    write_certificates(tmp_path)
    config = tmp_path / "envoy.yaml"
    if name.endswith(".yaml"):
        ready = Path(__file__).parents[3] / "envoy" / name
        config.write_text(ready.read_text().replace("/etc/fix-gateway", str(tmp_path)))
    else:
        config.write_text(yaml.safe_dump(envoy_config(PLAIN if name == "plain" else full(tmp_path))))
    answer = validate(config)
    assert answer.returncode == 0, answer.stderr


def test_the_real_envoy_refuses_a_setting_of_its_own_that_does_not_exist(tmp_path: Path) -> None:
    config = envoy_config(PLAIN)
    filters(config)[0]["typed_config"]["fail_open"] = True
    (tmp_path / "envoy.yaml").write_text(yaml.safe_dump(config))
    answer = validate(tmp_path / "envoy.yaml")
    assert answer.returncode != 0
    assert "fail_open" in answer.stderr


def test_the_filter_stands_before_a_proxy_that_waits_for_it() -> None:
    names = [f["name"] for f in filters(envoy_config(PLAIN))]
    assert names == ["envoy.filters.network.dynamic_modules", "envoy.filters.network.tcp_proxy"]
    proxy = filters(envoy_config(PLAIN))[1]["typed_config"]
    assert proxy["upstream_connect_mode"] == "ON_DOWNSTREAM_DATA"
    assert proxy["max_early_data_bytes"] == PLAIN.filter.limits.max_message_bytes
    assert proxy["idle_timeout"] == "0s"


def test_accounts_go_to_the_decision_service() -> None:
    settings = load(None, ["check.cluster=decider", "check.authority=decider.example", "accounting.interval_ms=1500"])
    proxy = filters(envoy_config(replace(PLAIN, filter=settings)))[1]["typed_config"]
    (log,) = proxy["access_log"]
    assert log["name"] == "envoy.access_loggers.tcp_grpc"
    common = log["typed_config"]["common_config"]
    assert common["log_name"] == "fix_authz"
    assert common["grpc_service"] == {"envoy_grpc": {"cluster_name": "decider", "authority": "decider.example"}}
    assert proxy["access_log_options"] == {"access_log_flush_interval": "1.5s"}


@pytest.mark.parametrize("off", ["cache.enabled=false", "accounting.enabled=false"])
def test_without_accounts_there_is_no_access_log(off: str) -> None:
    proxy = filters(envoy_config(replace(PLAIN, filter=load(None, [off]))))[1]["typed_config"]
    assert "access_log" not in proxy
    assert "access_log_options" not in proxy


def test_the_filter_is_told_all_its_settings() -> None:
    told = filters(envoy_config(PLAIN))[0]["typed_config"]["filter_config"]["value"]
    assert told == FilterSettings().as_struct()


def test_the_check_cluster_has_the_name_that_the_filter_calls() -> None:
    options = GatewayOptions(
        listen=PLAIN.listen,
        upstream=PLAIN.upstream,
        service=PLAIN.service,
        filter=load(None, ["check.cluster=decider"]),
    )
    config = envoy_config(options)
    assert cluster(config, "decider")["load_assignment"]["cluster_name"] == "decider"


def test_the_check_cluster_speaks_http2_and_does_not_break_in_a_burst() -> None:
    authz = cluster(envoy_config(PLAIN), "authz")
    (protocol,) = authz["typed_extension_protocol_options"].values()
    assert protocol["explicit_http_config"] == {
        "http2_protocol_options": {
            "max_concurrent_streams": GrpcBounds().streams // 2,
            "max_outbound_control_frames": 100_000,
        }
    }
    assert authz["circuit_breakers"]["thresholds"] == [{"max_requests": 100_000, "max_pending_requests": 100_000}]


def test_both_sides_of_the_gateway_have_keepalive() -> None:
    config = envoy_config(full(Path("/etc")))
    options = config["static_resources"]["listeners"][0]["socket_options"]
    assert {(option["level"], option["name"]): option["int_value"] for option in options} == {
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE): 1,
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE): 30,
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL): 10,
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT): 3,
    }
    keepalive = {"keepalive_time": 30, "keepalive_interval": 10, "keepalive_probes": 3}
    for name in ("venue", "authz"):
        assert cluster(config, name)["upstream_connection_options"] == {"tcp_keepalive": keepalive}


def test_plain_options_open_one_port_and_no_admin() -> None:
    config = envoy_config(PLAIN)
    assert "admin" not in config
    assert len(config["static_resources"]["listeners"]) == 1
    assert "transport_socket" not in yaml.safe_dump(config)


@pytest.mark.parametrize(
    ("service", "kind"),
    [
        ("unix:/run/a.sock", "STATIC"),
        ("127.0.0.1:1", "STATIC"),
        ("[::1]:1", "STATIC"),
        ("authz.example:1", "STRICT_DNS"),
    ],
)
def test_only_names_are_resolved(service: str, kind: str) -> None:
    options = GatewayOptions(listen=PLAIN.listen, upstream=PLAIN.upstream, service=Endpoint.parse(service))
    assert cluster(envoy_config(options), "authz")["type"] == kind


def test_a_client_authority_makes_certificates_required() -> None:
    chain = envoy_config(full(Path("/etc")))["static_resources"]["listeners"][0]["filter_chains"][0]
    context = chain["transport_socket"]["typed_config"]
    assert context["require_client_certificate"] is True
    assert context["common_tls_context"]["validation_context"] == {"trusted_ca": {"filename": "/etc/ca.pem"}}


@pytest.mark.parametrize(
    ("upstream", "name", "san", "sni"),
    [
        ("venue.example:1", None, {"san_type": "DNS", "matcher": {"exact": "venue.example"}}, "venue.example"),
        ("10.0.0.7:1", None, {"san_type": "IP_ADDRESS", "matcher": {"exact": "10.0.0.7"}}, None),
        ("10.0.0.7:1", "v.example", {"san_type": "DNS", "matcher": {"exact": "v.example"}}, "v.example"),
    ],
)
def test_a_peers_certificate_is_held_against_a_name(
    upstream: str, name: str | None, san: dict[str, object], sni: str | None
) -> None:
    options = GatewayOptions(
        listen=PLAIN.listen,
        upstream=Endpoint.parse(upstream),
        service=PLAIN.service,
        upstream_tls=ClientTls(ca="/etc/ca.pem", server_name=name),
    )
    context = cluster(envoy_config(options), "venue")["transport_socket"]["typed_config"]
    assert context["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"] == [san]
    assert context.get("sni") == sni
