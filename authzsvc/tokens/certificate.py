"""`Certificate`: what a client's certificate says, as the proxy saw it in the TLS handshake."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client's certificate; all of it is empty where the client showed none."""

    sha256: str = ""
    """SHA-256 of its DER form, as 64 lower-case hexadecimal digits."""
    uris: tuple[str, ...] = ()
    """URI SANs (RFC 5280, 4.2.1.6), such as a SPIFFE ID."""
    dns: tuple[str, ...] = ()
    """DNS SANs."""
    subject: str = ""
    """The subject's distinguished name (RFC 2253)."""


NO_CERTIFICATE = Certificate()
