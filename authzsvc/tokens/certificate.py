"""`Certificate`: what a client's certificate says, as the proxy or gRPC saw it in the TLS handshake. Pure.

A name is compared only with names of its own kind. The form of a name from elsewhere (a claim, a setting) says of which
kind it is. No text has the forms of two kinds: a URI has a colon after its scheme, a subject has an equals sign after
its first attribute, and a DNS name has neither.

Invariant: a DNS SAN that holds the text of a URI is not that URI; the same holds for any two kinds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256


class NameKind(StrEnum):
    """The kinds of names in a certificate."""

    URI = "uri"
    DNS = "dns"
    EMAIL = "email"
    SUBJECT = "subject"


_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST = rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*\.?"
_FORMS = {
    NameKind.URI: re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+"),
    NameKind.SUBJECT: re.compile(r"[A-Za-z0-9.]+=.*", re.DOTALL),
    NameKind.EMAIL: re.compile(rf"[A-Za-z0-9.!#$%&'*+/?^_`{{|}}~-]+@{_HOST}"),
    NameKind.DNS: re.compile(_HOST),
}
"""RFC 3986, 4.3; RFC 4514, 3; RFC 5321, 4.1.2 (without an equals sign); RFC 1034, 3.5, and underscores."""


def kind_of(name: str) -> NameKind | None:
    """Returns the kind whose form a name has; None where it has the form of none."""
    return next((kind for kind, form in _FORMS.items() if form.fullmatch(name)), None)


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
    emails: tuple[str, ...] = ()
    """E-mail SANs, which a proxy does not send."""

    def has(self, name: str) -> bool:
        """Whether the certificate has that name, as a name of the kind whose form it has."""
        match kind_of(name):
            case NameKind.URI:
                return name in self.uris
            case NameKind.DNS:
                return name.lower() in {known.lower() for known in self.dns}
            case NameKind.EMAIL:
                return name in self.emails
            case NameKind.SUBJECT:
                return name == self.subject
            case None:
                return False

    def is_named(self, principal: str) -> bool:
        """Whether the certificate has the name that Envoy took from it (a URI SAN, else a DNS SAN, else the subject) as
        a name of the kind that its form says. Envoy formats subjects in its own way, so a name that is none of the
        other kinds is taken for the subject."""
        if kind_of(principal) in (NameKind.URI, NameKind.DNS):
            return self.has(principal)
        return principal not in {*self.uris, *self.dns}

    def names(self) -> Iterator[str]:
        """Yields the names that have the form of their kind: URI SANs, DNS SANs, e-mail SANs, the subject."""
        kinds = (
            (NameKind.URI, self.uris),
            (NameKind.DNS, self.dns),
            (NameKind.EMAIL, self.emails),
            (NameKind.SUBJECT, (self.subject,)),
        )
        for kind, names in kinds:
            yield from (name for name in names if kind_of(name) is kind)


NO_CERTIFICATE = Certificate()


def from_pem(pem: bytes) -> Certificate:
    """Reads a verified certificate. Returns an empty one where the bytes are no certificate that can be read."""
    try:
        found = x509.load_pem_x509_certificate(pem)
        return Certificate(
            sha256=found.fingerprint(SHA256()).hex(),
            uris=_alternatives(found, x509.UniformResourceIdentifier),
            dns=_alternatives(found, x509.DNSName),
            subject=found.subject.rfc4514_string(),
            emails=_alternatives(found, x509.RFC822Name),
        )
    except (ValueError, x509.DuplicateExtension):
        return NO_CERTIFICATE


def _alternatives(
    certificate: x509.Certificate, kind: type[x509.UniformResourceIdentifier | x509.DNSName | x509.RFC822Name]
) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name) for name in found.get_values_for_type(kind))
