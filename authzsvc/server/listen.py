"""Where the server listens: a unix socket, a TCP address with or without TLS.

A socket that a dead service left behind is removed; one on which somebody answers, or a file that is no socket, is not
touched but refused.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import stat
from pathlib import Path

import grpc

from authzsvc import files
from authzsvc.errors import Fault, SettingsFaults
from authzsvc.server.fronted import Server
from authzsvc.settings import Listen, Tls
from authzsvc.settings.admin import AdminTls

_log = logging.getLogger(__name__)


def bind(server: Server, listen: Listen) -> list[str]:
    """Bind all addresses; returns them as they came to be. Raises `SettingsFaults`."""
    addresses = []
    if listen.unix is not None:
        addresses.append(_bind_unix(server, listen.unix))
    if listen.tcp is not None:
        addresses.append(_bind_tcp(server, listen.tcp, listen.tls))
    return addresses


def release(listen: Listen) -> None:
    """Remove the unix socket."""
    if listen.unix is not None:
        with contextlib.suppress(OSError):
            os.unlink(listen.unix)


def _bind_unix(server: Server, path: Path) -> str:
    clear(path, "listen.unix")
    address = f"unix:{path.absolute()}"
    try:
        server.add_insecure_port(address)
    except RuntimeError:
        raise refused("listen.unix", f"`{path}` cannot be listened on", "does its directory exist?") from None
    return address


def clear(path: Path, key: str) -> None:
    """Prepares a path for a socket: removes a socket on which nobody answers.

    Raises `SettingsFaults`, which names `key`. Whoever can replace the socket could answer in the service's place, so a
    directory that everyone can write to is refused.
    """
    try:
        files.check_directory(path)
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise refused(key, f"`{path}` cannot be listened on: {files.problem(error)}") from None
    if not stat.S_ISSOCK(mode):
        raise refused(key, f"`{path}` is there and is no socket", "remove it or take another path")
    if _answers(path):
        raise refused(key, f"`{path}` is in use by a running service", "stop it or take another path")
    try:
        os.unlink(path)
    except OSError as error:
        raise refused(key, f"`{path}` cannot be removed: {files.problem(error)}", "take another path") from None


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _bind_tcp(server: Server, address: str, tls: Tls | None) -> str:
    host = address.rpartition(":")[0].strip("[]")
    if tls is None and host not in ("127.0.0.1", "::1", "localhost"):
        _log.warning("listening beyond loopback without tls: access tokens travel in clear", extra={"tcp": address})
    try:
        port = (
            server.add_secure_port(address, credentials(tls, "listen.tls"))
            if tls
            else server.add_insecure_port(address)
        )
    except RuntimeError:
        raise refused("listen.tcp", f"`{address}` cannot be listened on", "is it taken?") from None
    return f"{address.rpartition(':')[0]}:{port}"


def credentials(tls: Tls | AdminTls, section: str) -> grpc.ServerCredentials:
    """The server's certificate, and with `client_ca` the demand for the client's. Raises `SettingsFaults`."""
    key, cert = _read(f"{section}.key", tls.key), _read(f"{section}.cert", tls.cert)
    authority = _read(f"{section}.client_ca", tls.client_ca) if tls.client_ca else None
    return grpc.ssl_server_credentials([(key, cert)], authority, require_client_auth=authority is not None)


def _read(key: str, path: Path) -> bytes:
    try:
        return files.read(path, files.MAX_PEM_BYTES)
    except OSError as error:
        raise refused(key, f"`{path}` cannot be read: {files.problem(error)}") from None


def refused(key: str, text: str, hint: str = "") -> SettingsFaults:
    """A setting that cannot be carried out."""
    return SettingsFaults([Fault("settings", 0, key, text, hint)])
