"""A real HTTP server on loopback whose answers tests set, and certificates for it."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Reply:
    """What to answer: `body` after `wait_s`, in `pieces` with a pause between them."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    pieces: int = 1
    pause_s: float = 0.0
    chunked: bool = False


@dataclass
class Asked:
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Web:
    """The server."""

    url: str = ""
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    certificates: list[bytes | None] = field(default_factory=list)
    """The client's, a connection."""

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls = writer.get_extra_info("ssl_object")
        self.certificates.append(tls.getpeercert(True) if tls else None)
        try:
            while line := await reader.readline():
                await self._one(line.decode().split(), reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, words: list[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        headers: dict[str, str] = {}
        while (line := (await reader.readline()).decode().strip()) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.asked.append(Asked(words[0], words[1], headers, body))
        reply = self.replies.get(words[1].partition("?")[0], Reply(status=404))
        await asyncio.sleep(reply.wait_s)
        size = {"Transfer-Encoding": "chunked"} if reply.chunked else {"Content-Length": str(len(reply.body))}
        lines = [
            f"HTTP/1.1 {reply.status} x",
            *(f"{name}: {value}" for name, value in {**size, **reply.headers}.items()),
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        step = max(1, len(reply.body) // reply.pieces)
        for start in range(0, len(reply.body), step):
            piece = reply.body[start : start + step]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if reply.chunked else piece)
            await writer.drain()
            await asyncio.sleep(reply.pause_s)
        writer.write(b"0\r\n\r\n" if reply.chunked else b"")
        await writer.drain()


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Web]:
    """A server from start to end."""
    web = Web()
    server = await asyncio.start_server(web.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    web.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield web
    finally:
        server.close()


@dataclass
class Authority:
    """A certificate authority of one's own, and where it keeps its files."""

    directory: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.directory.mkdir(exist_ok=True)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        certificate = self._certificate(self.name, self.key, x509.BasicConstraints(True, None))
        self.ca = self.directory / "ca.pem"
        self.ca.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, address: str = "127.0.0.1") -> tuple[Path, Path]:
        """A certificate and its key, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._certificate(subject, key, names)
        cert_path, key_path = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return cert_path, key_path

    def server(self, name: str = "server", address: str = "127.0.0.1", *, ask: bool = False) -> ssl.SSLContext:
        """TLS for a server; with `ask` clients must show a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(name, address))
        if ask:
            context.load_verify_locations(self.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(extension, critical=False)
            .sign(self.key, hashes.SHA256())
        )
