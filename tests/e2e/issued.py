"""What the tests with a real authorization server share: its clients, its place in the service's settings, and Logons
with what it gave out.

A client of the server may log on under several CompIDs, so that each test has a session that no other one had.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import cycle
from pathlib import Path
from typing import Any

from authzsvc.demo.stack import LOOPBACK
from authzsvc.demo.wire import Message
from tests.authorization_client import Client as OAuthClient
from tests.authorization_server import AUDIENCE, AuthorizationServer
from tests.e2e.certificates import Authority, Pem
from tests.e2e.rig import PATIENCE_S, TRADER, Client, Rig
from tests.e2e.secrets import USED

ACCOUNT = "ALGO-1"
"""Where the venue books the trades."""
NOT_ACCEPTED = "access token not accepted"
EXPIRED = "access token expired"
NOT_FOR_US = "token is not for this gateway"
NOT_BOUND = "client certificate is not the token's"
REVOKED = "access token revoked"
REFUSED = "client credentials not accepted"
TOO_MANY = "too many failed logons"
UNAVAILABLE = "authorization server not available"
BAD_CREDENTIALS, LOCKED, NOT_NOW, PASSWORD_EXPIRED = "5", "6", "7", "8"

_COMP_IDS = 96
"""More than any module needs of one client's."""
_numbers: defaultdict[str, Iterator[int]] = defaultdict(lambda: cycle(range(1, _COMP_IDS + 1)))


def trader(client_id: str, *scopes: str, claims: Mapping[str, object] | None = None, **options: Any) -> OAuthClient:  # noqa: ANN401 (those of the client)
    """A client of the server that may trade what AlgoProvider may, under its own CompIDs."""
    comp_ids = [f"{client_id.upper()}-{number}" for number in range(1, _COMP_IDS + 1)]
    its_own = {"fix_comp_id": comp_ids, "accounts": [ACCOUNT], **(claims or {})}
    return OAuthClient(client_id, scope=" ".join(scopes or TRADER), claims=its_own, **options)


def comp_id_of(client_id: str) -> str:
    """A CompID of that client's which nobody has used lately, and nobody in this module."""
    return f"{client_id.upper()}-{next(_numbers[client_id])}"


def issuer(server: AuthorizationServer, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (settings)
    """The server in the service's settings; keys by discovery, and read again soon."""
    entry = {"issuer": server.issuer, "audience": AUDIENCE, "algorithms": ["ES256"], **more}
    return deepcopy({**entry, "jwks": {"min_refresh_s": 0.2, **more.get("jwks", {})}})  # YAML would write aliases


def secret_file(folder: Path, client: OAuthClient) -> str:
    """A client's secret, where the service may read it."""
    file = folder / f"{client.id}.secret"
    file.touch(mode=0o600)
    file.write_text(client.secret)
    USED.add(client.secret)
    USED.exempt(file)
    return str(file)


def key_file(folder: Path, client: OAuthClient) -> str:
    """The key of its assertions, where the service may read it."""
    file = folder / f"{client.id}.pem"
    file.touch(mode=0o600)
    file.write_text(client.key)
    USED.exempt(file)
    return str(file)


def tls_of(authority: Authority, own: Pem | None) -> ssl.SSLContext:
    """A FIX client's side of TLS."""
    context = ssl.create_default_context(cafile=authority.ca)
    if own is not None:
        context.load_cert_chain(own.cert, own.key)
    return context


class Caller(Client):
    """A client that knows its address, by which the audit tells its connections apart."""

    address = ""

    def attach(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: Message | None = None) -> None:
        host, port, *_ = writer.get_extra_info("sockname")
        self.address = f"{host}:{port}"
        super().attach(reader, writer, first)


async def begin(
    rig: Rig, comp_id: str, *credential: tuple[int, object], tls: ssl.SSLContext | None = None, version: str = "FIX.4.4"
) -> Caller:
    """Send a Logon with that credential."""
    client = Caller(comp_id, rig.venue.comp_id, version)
    rig.clients.append(client)
    host = None if tls is None else "localhost"
    client.attach(*await asyncio.open_connection(LOOPBACK, rig.stack.port, ssl=tls, server_hostname=host))
    more = ((1137, 9),) if version == "FIXT.1.1" else ()
    client.logon((*credential, *more), reset=True)
    return client


async def log_on(rig: Rig, comp_id: str, *credential: tuple[int, object], **options: Any) -> Caller:  # noqa: ANN401 (those of `begin`)
    """A client whose Logon was accepted."""
    client = await begin(rig, comp_id, *credential, **options)
    answer = await client.wait_for(lambda message: message.type in {"A", "5"}, PATIENCE_S)
    assert answer.type == "A", f"refused: {answer.get(58)}"
    return client


async def refusal(client: Client) -> Message:
    """The Logout that answers the Logon, and ends the connection."""
    await client.wait_for(lambda message: message.type in {"A", "5"}, PATIENCE_S)
    await client.closed(PATIENCE_S)
    assert [(message.type, message.seq) for message in client.received] == [("5", 1)]
    return client.received[0]


async def assert_refused(
    rig: Rig,
    comp_id: str,
    *credential: tuple[int, object],
    text: str,
    reason: str,
    status: str = BAD_CREDENTIALS,
    **options: Any,  # noqa: ANN401 (those of `begin`)
) -> None:
    """The Logon goes nowhere; the client is told `text`, and the audit has `reason`."""
    connections = rig.venue.connections
    client = await begin(rig, comp_id, *credential, version="FIXT.1.1", **options)
    logout = await refusal(client)
    assert (logout.get(58), logout.get(1409)) == (text, status)
    assert rig.venue.connections == connections
    assert comp_id not in rig.venue.sessions
    event = await rig.event(client.address, event="logon")
    assert (event["verdict"], event["severity"]) == ("deny", "high")
    assert reason in event["reason"]


async def assert_trades(rig: Rig, client: Client) -> None:
    """A spread comes to the venue byte for byte, its report comes back, and what has no scope is rejected in place."""
    spread, heard = client.spread(), len(client.received)
    assert (await rig.at_venue(spread, client)).raw == spread.raw
    await client.wait_for(lambda message: message.get(11) == spread.get(11), PATIENCE_S, heard)
    reject = await client.reject_of(client.stock_order(), PATIENCE_S)
    assert (reject.get(380), reject.get(58)) == ("6", "Insufficient permissions")
    await rig.assert_whole(client)
