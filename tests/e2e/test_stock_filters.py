"""Envoy's own ext_authz filters, network and HTTP, pointed at the same service: sensible answers."""

from __future__ import annotations

import ipaddress
import ssl
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509

from authzsvc.demo.stack import Stack
from authzsvc.gateway import ServerTls
from tests.e2e.certificates import Authority
from tests.e2e.conftest import StartStack
from tests.e2e.rig import HandVenue, Line, Rig, eventually, fresh_comp_id

ADMITTED = "spiffe://desk.example/admitted"
TYPES = "type.googleapis.com/"
GRPC = {"envoy_grpc": {"cluster_name": "authz"}}


class NetworkStack(Stack):
    """Envoy with the stock network filter, behind TLS with client certificates."""

    def bootstrap(self) -> dict[str, Any]:
        config = super().bootstrap()
        (chain,) = config["static_resources"]["listeners"][0]["filter_chains"]
        ext_authz = {
            "@type": TYPES + "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz",
            "stat_prefix": "stock",
            "transport_api_version": "V3",
            "grpc_service": GRPC,
            "include_peer_certificate": True,
        }
        proxy = chain["filters"][1]
        for key in ("upstream_connect_mode", "max_early_data_bytes"):
            del proxy["typed_config"][key]
        chain["filters"] = [{"name": "envoy.filters.network.ext_authz", "typed_config": ext_authz}, proxy]
        return config


class HttpStack(Stack):
    """Envoy with the stock HTTP filter, in front of a page."""

    def bootstrap(self) -> dict[str, Any]:
        config = super().bootstrap()
        (chain,) = config["static_resources"]["listeners"][0]["filter_chains"]
        ext_authz = {
            "@type": TYPES + "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            "transport_api_version": "V3",
            "grpc_service": GRPC,
        }
        router = {"@type": TYPES + "envoy.extensions.filters.http.router.v3.Router"}
        page = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "the page"}}}
        manager = {
            "@type": TYPES + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "stock",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [page]}]},
            "http_filters": [
                {"name": "envoy.filters.http.ext_authz", "typed_config": ext_authz},
                {"name": "envoy.filters.http.router", "typed_config": router},
            ],
        }
        chain["filters"] = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
        return config


# --- network ---


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, authority: Authority, hand_venue: HandVenue) -> Stack:
    """Connections are admitted by their certificate."""
    server = authority.issue("gateway", x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    return start_stack(
        kind=NetworkStack,
        listen_tls=ServerTls(server.cert, server.key, client_ca=authority.ca),
        upstream_port=hand_venue.port,
        service_settings={"admission": {"principals": [ADMITTED]}},
    )


@pytest_asyncio.fixture(loop_scope="session")
async def upstream(hand_venue: HandVenue) -> AsyncIterator[HandVenue]:
    """Whatever is behind Envoy."""
    await hand_venue.hang_up()
    yield hand_venue
    await hand_venue.hang_up()


async def connect(
    rig: Rig,
    authority: Authority,
    name: str,
    kind: type[x509.UniformResourceIdentifier | x509.DNSName] = x509.UniformResourceIdentifier,
) -> Line:
    own = authority.issue("client", kind(name))
    tls = ssl.create_default_context(cafile=authority.ca)
    tls.load_cert_chain(own.cert, own.key)
    return await rig.line(ssl=tls)


async def test_an_admitted_connection(rig: Rig, authority: Authority, upstream: HandVenue) -> None:
    line = await connect(rig, authority, ADMITTED)
    line.send(b"any bytes")
    assert await (await upstream.line()).read(9) == b"any bytes"
    event = await rig.event(line.address, event="connection")
    assert (event["verdict"], event["session"]["principal"]) == ("allow", ADMITTED)


async def test_a_connection_that_is_not_admitted(rig: Rig, authority: Authority, upstream: HandVenue) -> None:
    line = await connect(rig, authority, "spiffe://desk.example/other")
    line.send(b"any bytes")
    assert await line.read_to_end() == b""
    event = await rig.event(line.address, event="connection")
    assert (event["verdict"], event["severity"]) == ("deny", "high")
    await eventually(lambda: rig.stack.stats().get("ext_authz.stock.denied"), "Envoy's own count")


async def test_a_dns_name_with_the_text_of_an_admitted_uri(rig: Rig, authority: Authority, upstream: HandVenue) -> None:
    line = await connect(rig, authority, ADMITTED, x509.DNSName)
    line.send(b"any bytes")
    assert await line.read_to_end() == b""
    event = await rig.event(line.address, event="connection")
    assert (event["verdict"], event["session"]["principal"]) == ("deny", ADMITTED)
    assert "no name of the kind" in event["reason"]


# --- HTTP ---


@pytest.fixture(scope="module")
def http_stack(start_stack: StartStack) -> Stack:
    """HTTP requests are asked about."""
    return start_stack(kind=HttpStack)


def get(stack: Stack, headers: dict[str, str]) -> tuple[int, str]:
    """The status and body of a page."""
    request = urllib.request.Request(f"http://127.0.0.1:{stack.port}/fix/inbound/AB", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def fix_headers(comp_id: str, token: str, msg_type: str) -> dict[str, str]:
    """What a FIX proxy sets, set by an HTTP caller."""
    return {
        "authorization": f"Bearer {token}",
        "x-fix-event": "message",
        "x-fix-direction": "inbound",
        "x-fix-begin-string": "FIX.4.4",
        "x-fix-msg-type": msg_type,
        "x-fix-msg-seq-num": "2",
        "x-fix-sender-comp-id": comp_id,
        "x-fix-target-comp-id": "VENUE",
    }


def test_plain_http_is_not_authorized(http_stack: Stack) -> None:
    assert get(http_stack, {}) == (403, "A FIX gateway does not authorize HTTP")
    assert http_stack.wait_for_event(event="http")["verdict"] == "deny"


def test_http_with_the_headers_of_the_contract(http_stack: Stack) -> None:
    comp_id = fresh_comp_id()
    token = http_stack.issuer.mint(scopes=["order:create:option_multileg"], subject="s", comp_id=comp_id)
    assert get(http_stack, fix_headers(comp_id, token, "AB")) == (200, "the page")
    assert get(http_stack, fix_headers(comp_id, token, "D")) == (403, "Insufficient permissions")
    assert get(http_stack, fix_headers(comp_id, "no token", "AB")) == (401, "access token not accepted")
    assert get(http_stack, fix_headers("ANOTHER", token, "AB")) == (403, "SenderCompID is not the token's")
