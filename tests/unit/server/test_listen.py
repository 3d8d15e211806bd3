from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from authzsvc.errors import SettingsFaults
from authzsvc.server.listen import bind, release
from authzsvc.settings import Listen, Tls


@pytest.fixture
async def server() -> AsyncIterator[grpc.aio.Server]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    yield server
    await server.stop(0)


def listening(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    made.listen()
    return made


async def test_both_at_once(server: grpc.aio.Server, tmp_path: Path) -> None:
    unix, tcp = bind(server, Listen(unix=tmp_path / "s", tcp="127.0.0.1:0"))
    assert unix == f"unix:{tmp_path / 's'}"
    assert int(tcp.removeprefix("127.0.0.1:")) > 0


async def test_a_stale_socket_is_removed(server: grpc.aio.Server, tmp_path: Path) -> None:
    listening(tmp_path / "s").close()
    assert bind(server, Listen(unix=tmp_path / "s")) == [f"unix:{tmp_path / 's'}"]


async def test_a_socket_in_use_is_left_alone(server: grpc.aio.Server, tmp_path: Path) -> None:
    with listening(tmp_path / "s"), pytest.raises(SettingsFaults, match="in use by a running service"):
        bind(server, Listen(unix=tmp_path / "s"))
    assert (tmp_path / "s").exists()


async def test_a_file_that_is_no_socket_is_left_alone(server: grpc.aio.Server, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("precious")
    with pytest.raises(SettingsFaults, match="is no socket"):
        bind(server, Listen(unix=tmp_path / "s"))
    assert (tmp_path / "s").read_text() == "precious"


async def test_a_directory_that_everyone_can_write_to(server: grpc.aio.Server, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(SettingsFaults, match=r"`listen\.unix` .* can be written by everyone \(take another, or"):
        bind(server, Listen(unix=tmp_path / "s"))
    assert not (tmp_path / "s").exists()
    tmp_path.chmod(0o1777)
    bind(server, Listen(unix=tmp_path / "s"))


async def test_a_link_in_the_sockets_place_is_left_alone(server: grpc.aio.Server, tmp_path: Path) -> None:
    listening(tmp_path / "other").close()
    (tmp_path / "s").symlink_to("other")
    with pytest.raises(SettingsFaults, match="is there and is no socket"):
        bind(server, Listen(unix=tmp_path / "s"))
    assert (tmp_path / "other").exists()


async def test_a_directory_that_is_not_there(server: grpc.aio.Server, tmp_path: Path) -> None:
    with pytest.raises(SettingsFaults, match=r"listen\.unix"):
        bind(server, Listen(unix=tmp_path / "none" / "s"))


async def test_a_port_that_is_taken(server: grpc.aio.Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsFaults, match=r"listen\.tcp"):
            bind(server, Listen(tcp=f"127.0.0.1:{port}"))


async def test_certificates_that_are_not_there(server: grpc.aio.Server, tmp_path: Path) -> None:
    tls = Tls(cert=tmp_path / "c", key=tmp_path / "k")
    with pytest.raises(SettingsFaults, match=r"listen\.tls\.key"):
        bind(server, Listen(tcp="127.0.0.1:0", tls=tls))


@pytest.mark.timeout(10)
async def test_a_certificate_that_is_a_fifo(server: grpc.aio.Server, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "k")
    with pytest.raises(SettingsFaults, match=r"`listen\.tls\.key` .*cannot be read: it is a FIFO, not a regular file"):
        bind(server, Listen(tcp="127.0.0.1:0", tls=Tls(cert=tmp_path / "c", key=tmp_path / "k")))


def test_release_removes_the_socket(tmp_path: Path) -> None:
    listening(tmp_path / "s").close()
    listen = Listen(unix=tmp_path / "s")
    release(listen)
    release(listen)
    assert not (tmp_path / "s").exists()
