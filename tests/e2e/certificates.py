"""A certificate authority for one test run."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.secrets import USED

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Pem:
    """A certificate and its key, as files."""

    cert: str
    key: str


class Authority:
    """Issues certificates into a directory."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _draft(self._name, self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.ca = _write(directory / f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *alternatives: x509.GeneralName) -> Pem:
        """A certificate of that common name, with these subject alternative names."""
        key = ec.generate_private_key(ec.SECP256R1())
        draft = _draft(_name(name), self._name, key)
        if alternatives:
            draft = draft.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        certificate = draft.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        cert = _write(self._directory / f"{name}-cert.pem", certificate)
        key_file = _write(self._directory / f"{name}-key.pem", private)
        USED.key_file(Path(key_file))
        return Pem(cert, key_file)

    def issue_workload(self, spiffe_id: str) -> Pem:
        """A certificate of a workload's SPIFFE ID (an X.509-SVID: one URI SAN)."""
        return self.issue(spiffe_id.rpartition("/")[2], x509.UniformResourceIdentifier(spiffe_id))

    def issue_host(self, name: str) -> Pem:
        """A client certificate of a DNS name."""
        return self.issue(name, x509.DNSName(name))

    def issue_server(self) -> Pem:
        """A certificate for loopback."""
        return self.issue("gateway", x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _draft(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
    )


def _write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)
