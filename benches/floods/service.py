"""Runs a decision service as a process with all its listeners, and measures its memory."""

from __future__ import annotations

import datetime
import json
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from authzsvc.demo.stack import LOOPBACK, Stack
from authzsvc.tokens.development import ISSUER

MAPPING = Path(__file__).parents[1] / "mapping.yaml"
SCOPES = ("order:create:equity",)
COMP_ID = "BENCH"


@dataclass(frozen=True)
class Service:
    """A running service."""

    stack: Stack
    decisions: str
    """`listen.tcp`, in clear."""
    admin: str
    """`admin.tcp`, with TLS and for holders of a token."""
    metrics: str

    @property
    def pid(self) -> int:
        """The process."""
        assert self.stack.service is not None
        return self.stack.service.pid

    def memory_mib(self) -> int:
        """What the process has in use."""
        return self._status("VmRSS")

    def peak_mib(self) -> int:
        """The most that it has had in use since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Begin anew with the peak."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def floods(self) -> list[dict[str, Any]]:
        """The audit's lines about floods."""
        return [event for event in self.stack.events() if event["event"] == "flood"]

    def _status(self, name: str) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1]) // 1024


@contextmanager
def service(directory: Path, **settings: Any) -> Iterator[Service]:  # noqa: ANN401
    """Run a service for as long as this lasts; `settings` are merged into its sections."""
    decisions, admin, metrics = (free_address() for _ in range(3))
    cert, key = certificate(directory)
    sections: dict[str, Any] = {
        "listen": {"unix": str(directory / "service" / "authzsvc.sock"), "tcp": decisions},
        "admin": {
            "unix": str(directory / "service" / "admin.sock"),
            "tcp": admin,
            "tls": {"cert": str(cert), "key": str(key)},
            "token": {"issuer": ISSUER, "scope": "fix:admin"},
        },
        "metrics": {"tcp": metrics},
    }
    for name, more in settings.items():
        sections[name] = {**sections.get(name, {}), **more}
    stack = Stack(directory / "service", 0, MAPPING, service_settings=sections)
    stack.start_service()
    try:
        yield Service(stack, decisions, admin, metrics)
    finally:
        stack.stop()


def free_address() -> str:
    """An address on loopback below the range that the kernel hands out by itself."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as trial:
            try:
                trial.bind((LOOPBACK, port))
            except OSError:
                continue
        return f"{LOOPBACK}:{port}"


def certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate for `localhost`, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    paths = directory / "server.crt", directory / "server.key"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for path, data in zip(paths, (made.public_bytes(serialization.Encoding.PEM), private), strict=True):
        path.write_bytes(data)
    return paths


def lines(log: Path) -> list[dict[str, Any]]:
    """The service's log, as far as it is JSON."""
    found = []
    for line in log.read_text(errors="replace").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
