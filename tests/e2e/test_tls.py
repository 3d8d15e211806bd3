"""A TLS listener that wants client certificates: who has none, or a stranger's, does not get as far as FIX."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from cryptography import x509

from authzsvc.demo.stack import Stack
from authzsvc.gateway import ServerTls
from tests.e2e.certificates import Authority, Pem
from tests.e2e.conftest import StartStack
from tests.e2e.rig import TRADER, Client, Line, Rig, eventually, fresh_comp_id

URI = "spiffe://desk.example/algo"
DNS = "algo.desk.example"


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, authority: Authority) -> Stack:
    """A stack that listens with TLS."""
    server = authority.issue_server()
    return start_stack(listen_tls=ServerTls(server.cert, server.key, client_ca=authority.ca))


def context(authority: Authority, own: Pem | None) -> ssl.SSLContext:
    """A client's side of TLS."""
    made = ssl.create_default_context(cafile=authority.ca)
    if own is not None:
        made.load_cert_chain(own.cert, own.key)
    return made


async def log_on(rig: Rig, tls: ssl.SSLContext) -> Client:
    """A FIX session over TLS."""
    client = Client(fresh_comp_id(), rig.venue.comp_id)
    rig.clients.append(client)
    client.attach(*await asyncio.open_connection("127.0.0.1", rig.stack.port, ssl=tls, server_hostname="localhost"))
    client.log_on(rig.token(client.comp_id, *TRADER))
    await client.wait_for_type("A")
    return client


@pytest.mark.parametrize(
    ("names", "principal"),
    [
        ([x509.DNSName(DNS), x509.UniformResourceIdentifier(URI)], URI),
        ([x509.DNSName(DNS)], DNS),
        ([], "CN=algo"),
    ],
    ids=["uri", "dns", "subject"],
)
async def test_the_principal_is_in_the_audit(
    rig: Rig, authority: Authority, names: list[x509.GeneralName], principal: str
) -> None:
    client = await log_on(rig, context(authority, authority.issue("algo", *names)))
    spread = client.spread()
    assert (await rig.at_venue(spread, client)).raw == spread.raw
    for event in ("logon", "message"):
        assert (await rig.event(client.comp_id, event=event))["session"]["principal"] == principal

    client.write(client.draft().with_header(34, "0"))
    assert (await rig.event(client.comp_id, event="report"))["session"]["principal"] == principal


async def hear_something(rig: Rig, tls: ssl.SSLContext) -> bytes:
    """A byte from the gateway. In TLS 1.3 a client learns of its refusal only after its own side of the handshake."""
    line: Line = await rig.line(ssl=tls, server_hostname="localhost")
    line.send(b"8=FIX.4.4|")
    return await line.read(1)


async def assert_refused(rig: Rig, tls: ssl.SSLContext, stat: str) -> None:
    """No FIX is spoken: Envoy refuses the certificate."""
    connections, refused = rig.venue.connections, count(rig, stat)
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await hear_something(rig, tls)
    await eventually(lambda: count(rig, stat) > refused, stat)
    assert rig.venue.connections == connections


def count(rig: Rig, stat: str) -> int:
    return sum(value for name, value in rig.stack.stats().items() if name.endswith(stat))


async def test_no_certificate(rig: Rig, authority: Authority) -> None:
    await assert_refused(rig, context(authority, None), "ssl.fail_verify_no_cert")


async def test_a_certificate_of_another_authority(
    rig: Rig, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "ca").issue("algo")
    await assert_refused(rig, context(authority, stranger), "ssl.fail_verify_error")


async def test_a_plain_client(rig: Rig) -> None:
    connections = rig.venue.connections
    line = await rig.line()
    line.send(b"8=FIX.4.4\x019=5\x01")
    await line.read_to_end()
    assert rig.venue.connections == connections
