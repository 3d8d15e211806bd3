"""The real server on a unix socket, over real gRPC; once as a process, with real signals."""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from authzsvc.errors import AuthzError, KeysError, MappingFaults
from authzsvc.server.lifecycle import SERVICE, running
from authzsvc.settings import Settings
from authzsvc.tokens.development import DevelopmentIssuer
from tests.unit.checks import MAPPING, SCOPES, Answer, check, logon

from .conftest import Site

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def token(issuer: DevelopmentIssuer, **more: Any) -> str:  # noqa: ANN401
    return issuer.mint(scopes=SCOPES, comp_id="ALGO", **more)


@asynccontextmanager
async def channel(path: Path) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"unix:{path}", options=[("grpc.use_local_subchannel_pool", 1)]) as made:
        yield made


async def asked(made: grpc.aio.Channel, request: Any) -> Answer:  # noqa: ANN401
    return Answer(await AuthorizationStub(made).Check(request, timeout=10, wait_for_ready=True))


async def health(made: grpc.aio.Channel, service: str = "") -> int:
    request = health_pb2.HealthCheckRequest(service=service)
    answer = await health_pb2_grpc.HealthStub(made).Check(request, timeout=10, wait_for_ready=True)
    return int(answer.status)


async def test_serves_checks_and_says_so(site: Site) -> None:
    async with running(site.settings()) as service, channel(site.socket) as made:
        await service.ready
        assert [await health(made, name) for name in ("", SERVICE)] == [SERVING, SERVING]
        good = token(site.issuer)
        assert (await asked(made, logon(good))).allowed
        answers = await asyncio.gather(*[asked(made, check(good)) for _ in range(200)])
        assert all(answer.allowed for answer in answers)
        assert not (await asked(made, check(good, msg_type="D"))).allowed
    assert not site.socket.exists()
    assert len(site.audit.read_bytes().splitlines()) == 202


async def test_not_serving_until_the_keys_are_there(site: Site) -> None:
    arrived = asyncio.Event()
    body = site.issuer.jwks_path.read_bytes()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        status = b"200 OK" if arrived.is_set() else b"503 Not Yet"
        writer.write(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n\r\n" + (body if arrived.is_set() else b""))
        await writer.drain()
        writer.close()

    jwks_server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{jwks_server.sockets[0].getsockname()[1]}/jwks"
    entry = {
        "issuer": site.issuer.name,
        "audience": "fix-gateway",
        "algorithms": ["ES256"],
        "jwks": {"url": url, "min_refresh_s": 0.02},
    }
    async with (
        jwks_server,
        running(site.settings(tokens={"issuers": [entry]})) as service,
        channel(site.socket) as made,
    ):
        assert await health(made) == NOT_SERVING
        refused = await asked(made, logon(token(site.issuer)))
        assert refused.text == "authorization server not available"
        arrived.set()
        await asyncio.wait_for(service.ready, 10)
        assert await health(made) == SERVING
        assert (await asked(made, logon(token(site.issuer)))).allowed


async def test_the_health_of_the_keys(site: Site) -> None:
    entry = {
        "issuer": site.issuer.name,
        "audience": "fix-gateway",
        "algorithms": ["ES256"],
        "jwks": {"file": str(site.issuer.jwks_path), "refresh_s": 0.05, "min_refresh_s": 0.05},
    }

    async def becomes(made: grpc.aio.Channel, wanted: int) -> None:
        async with asyncio.timeout(10):
            while await health(made, "keys") != wanted:
                await asyncio.sleep(0.05)

    async with running(site.settings(tokens={"issuers": [entry]})) as service, channel(site.socket) as made:
        await service.ready
        await becomes(made, SERVING)
        site.issuer.jwks_path.rename(site.directory / "away")
        await becomes(made, NOT_SERVING)
        assert await health(made) == SERVING
        assert (await asked(made, logon(token(site.issuer)))).allowed
        (site.directory / "away").rename(site.issuer.jwks_path)
        await becomes(made, SERVING)


async def test_reflection_is_opt_in(site: Site) -> None:
    async def services(made: grpc.aio.Channel) -> set[str]:
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        call = reflection_pb2_grpc.ServerReflectionStub(made).ServerReflectionInfo(iter([request]), timeout=10)
        return {entry.name async for answer in call for entry in answer.list_services_response.service}

    async with running(site.settings()), channel(site.socket) as made:
        with pytest.raises(grpc.aio.AioRpcError):
            await services(made)
    async with running(site.settings(reflection=True)), channel(site.socket) as made:
        assert SERVICE in await services(made)


async def test_faults_end_the_start(site: Site) -> None:
    settings = site.settings()
    (site.directory / "mapping.yaml").write_text("version: 1\nscopes: {a: {grants: [{message: Nonsense}]}}\n")
    with pytest.raises(MappingFaults):
        async with running(settings):
            pass
    site.issuer.jwks_path.unlink()
    (site.directory / "mapping.yaml").write_text(MAPPING)
    with pytest.raises(KeysError, match="cannot read the key set"):
        async with running(settings):
            pass
    assert not site.socket.exists()


def settings_with(site: Site, name: str, fifo: Path) -> Settings:
    """Settings in which one file, named by its key, is a FIFO."""
    issuer = {"issuer": site.issuer.name, "audience": "a", "algorithms": ["ES256"]}
    asked: dict[str, Any] = {"id": "service", "method": "client_secret_basic", "secret_file": str(fifo)}
    tls = {key: str(site.directory / "mapping.yaml") for key in ("cert", "key", "client_ca")}
    of_issuers: dict[str, dict[str, Any]] = {
        "jwks.file": {"jwks": {"file": str(fifo)}},
        "http.ca": {"http": {"ca": str(fifo)}},
        "http.key": {"http": {"cert": tls["cert"], "key": str(fifo)}},
        "secret_file": {"introspection": {"client": asked}},
        "key_file": {"introspection": {"client": asked | {"method": "private_key_jwt", "key_file": str(fifo)}}},
    }
    if name in of_issuers:
        return site.settings(tokens={"issuers": [issuer | of_issuers[name]]})
    section, _, key = name.partition(".tls.")
    if key:
        address = {"tcp": "127.0.0.1:0", "tls": tls | {key: str(fifo)}}
        return site.settings(**{section: address})
    return site.settings(**({name: str(fifo)} if name != "audit.path" else {"audit": {"path": str(fifo)}}))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "name",
    ["mapping", "mapping_key", "audit.path", "jwks.file", "http.ca", "http.key", "secret_file", "key_file",
     "listen.tls.cert", "listen.tls.key", "listen.tls.client_ca", "admin.tls.cert", "admin.tls.key",
     "admin.tls.client_ca"],
)  # fmt: skip
async def test_a_fifo_in_the_place_of_any_file_ends_the_start(site: Site, name: str) -> None:
    fifo = site.directory / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(AuthzError, match="it is a FIFO, not a regular file") as caught:
        async with running(settings_with(site, name, fifo)):
            pytest.fail("it started")
    assert str(fifo) in str(caught.value)


@pytest.mark.parametrize("name", ["listen", "admin", "audit", "sessions"])
async def test_a_directory_that_everyone_can_write_to_ends_the_start(site: Site, name: str) -> None:
    shared = site.directory / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    key = {"listen": "unix", "admin": "unix", "audit": "path", "sessions": "store"}[name]
    with pytest.raises(AuthzError, match=r"/shared` can be written by everyone \(take another, or `chmod o-w`\)"):
        async with running(site.settings(**{name: {key: str(shared / "file")}})):
            pytest.fail("it started")
    assert list(shared.iterdir()) == []


async def test_a_second_service_on_the_same_socket_is_refused(site: Site) -> None:
    async with running(site.settings()), channel(site.socket) as made:
        with pytest.raises(AuthzError, match="in use"):
            async with running(site.settings()):
                pass
        assert await health(made) in (SERVING, NOT_SERVING)


def certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for `localhost`, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = directory / f"{name}.crt", directory / f"{name}.key"
    cert_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_path, key_path


async def test_mutual_tls(site: Site) -> None:
    cert, key = certificate(site.directory, "server")
    client_cert, client_key = certificate(site.directory, "client")
    tls = {"cert": str(cert), "key": str(key), "client_ca": str(client_cert)}
    settings = site.settings(listen={"tcp": "127.0.0.1:0", "tls": tls})
    async with running(settings) as service:
        await service.ready
        target = service.addresses[0].replace("127.0.0.1", "localhost")
        anonymous = grpc.ssl_channel_credentials(cert.read_bytes())
        async with grpc.aio.secure_channel(target, anonymous) as made:
            with pytest.raises(grpc.aio.AioRpcError):
                await AuthorizationStub(made).Check(logon(token(site.issuer)), timeout=5)
        known = grpc.ssl_channel_credentials(cert.read_bytes(), client_key.read_bytes(), client_cert.read_bytes())
        async with grpc.aio.secure_channel(target, known) as made:
            assert (await asked(made, logon(token(site.issuer)))).allowed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_a_real_process(site: Site, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "authzsvc", "serve", "--config", str(site.config())]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        async with channel(site.socket) as made:
            good = token(site.issuer)
            assert (await asked(made, logon(good))).allowed
            calls = [asyncio.create_task(asked(made, check(good))) for _ in range(100)]
            await asyncio.gather(*calls[:1])
            process.send_signal(number)
            done = await asyncio.gather(*calls, return_exceptions=True)
        _, log = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    answered = [answer for answer in done if isinstance(answer, Answer)]
    assert all(answer.allowed for answer in answered)
    recorded = {json.loads(line)["decision_id"] for line in site.audit.read_bytes().splitlines()}
    assert {answer.headers["x-fix-decision-id"] for answer in answered} <= recorded
    records = [json.loads(line) for line in log.splitlines()]
    messages = [record["message"] for record in records]
    (ready,) = (record for record in records if record["message"] == "serving")
    assert (len(ready["mapping"]), ready["commit"]) == (64, "")
    assert [text for text in messages if text in ("serving", "draining", "stopped")] == [
        "serving",
        "draining",
        "stopped",
    ]
    assert not site.socket.exists()
