"""`Ports`: the addresses of a gRPC server. A process of its own accepts the connections of a TCP address (`front`).

Behind a front, the server itself listens on a unix socket in a private directory. The front connects to it from a
socket whose name holds the client's address, so gRPC's name of the peer holds that address too (`peer_of`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

import grpc

from authzsvc.floods import Reason
from authzsvc.server.front import NAME
from authzsvc.server.refusals import Refusals
from authzsvc.settings.bounds import GrpcBounds

BACKLOG = 128
RESTART_S = 0.5
END_S = 2.0
_ABSTRACT = "unix-abstract:"

_log = logging.getLogger(__name__)


class Server(Protocol):
    """What addresses are added to."""

    def add_insecure_port(self, address: str) -> int:
        """Listen in clear; returns the port. Raises `RuntimeError`."""

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        """Listen with TLS; returns the port. Raises `RuntimeError`."""


class Ports:
    """Adds addresses to a server, and runs the front of the TCP one."""

    def __init__(self, server: Server, listener: str, bounds: GrpcBounds, refusals: Refusals) -> None:
        """`listener` is the settings' key of the socket."""
        self._server = server
        self._listener = listener
        self._bounds = bounds
        self._refusals = refusals
        self._listening: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._directory: Path | None = None
        self._clear = False

    def add_insecure_port(self, address: str) -> int:
        """Listen in clear; returns the port. Raises `RuntimeError`."""
        if not self._has_front(address):
            return self._server.add_insecure_port(address)
        port = self._listen(address)
        self._clear = True
        self._server.add_insecure_port(f"unix:{self._socket}")
        return port

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        """Listen with TLS; returns the port. Raises `RuntimeError`."""
        if not self._has_front(address):
            return self._server.add_secure_port(address, server_credentials)
        port = self._listen(address)
        self._server.add_secure_port(f"unix:{self._socket}", server_credentials)
        return port

    async def run(self) -> None:
        """Keep the front running, until cancelled."""
        while self._listening is not None:
            await self._run_once(self._listening)
            _log.error("the process that accepts connections has ended; it is started again", extra=self._facts)
            await asyncio.sleep(RESTART_S)

    def tell(self, connections: int) -> None:
        """Tell the front how many connections the server holds."""
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(b"%d\n" % connections)

    def close(self) -> None:
        """Let go of the sockets."""
        if self._listening is not None:
            self._listening.close()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def _socket(self) -> Path:
        assert self._directory is not None
        return self._directory / "s"

    @property
    def _facts(self) -> dict[str, str]:
        return {"listener": self._listener}

    def _has_front(self, address: str) -> bool:
        return self._bounds.front and not address.startswith("unix:")

    def _listen(self, address: str) -> int:
        try:
            self._listening = listen(address, BACKLOG)
        except OSError as error:
            raise RuntimeError(error.strerror) from None
        self._directory = Path(tempfile.mkdtemp(prefix="fix-authz-"))
        return int(self._listening.getsockname()[1])

    async def _run_once(self, listening: socket.socket) -> None:
        bounds = (str(self._bounds.connections), str(self._bounds.connections_per_s), "clear" if self._clear else "tls")
        descriptor = listening.fileno()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "authzsvc.server.front", str(descriptor), str(self._socket), *bounds),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(descriptor,),
        )
        self._process = process
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                self._note(line)
        finally:
            self._process = None
            assert process.stdin is not None
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), END_S)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    process.kill()

    def _note(self, line: bytes) -> None:
        for host, count in json.loads(line).items():
            self._refusals.note(self._listener, Reason.CONNECTIONS, host, count)


def listen(address: str, backlog: int) -> socket.socket:
    """Listen on `host:port`, without blocking. Raises `OSError`."""
    host, _, port = address.rpartition(":")
    family, kind, protocol, _, where = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(where)
        made.listen(backlog)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def peer_of(peer: str) -> str:
    """Return gRPC's name of the client, whether it came through a front or not (`ipv4:192.0.2.7:40001`, `unix:…`)."""
    parts = unquote(peer).split("/", 3)
    return parts[3] if len(parts) == 4 and parts[0] == _ABSTRACT + NAME else peer


def host_of(peer: str) -> str:
    """Return the host in a peer's name; `unix` for any peer of a unix socket."""
    family, _, rest = peer_of(peer).partition(":")
    return "unix" if family.startswith("unix") else unquote(rest).rpartition(":")[0]
