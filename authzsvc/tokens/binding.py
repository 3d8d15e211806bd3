"""Whether a token belongs to the client certificate that it came with.

Two bindings can be demanded for each issuer: the certificate's digest in the token (`cnf`, RFC 8705, 3.1), and a claim
that holds one of the certificate's names, as a name of the same kind. Pure; Envoy has verified the certificate, and
that the client holds its key.

Invariant: a token that names a certificate is never good without it, whatever the settings. (`claims` refuses a token
that is bound in another way, which cannot be checked here.)
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum

from authzsvc.errors import TokenError
from authzsvc.policy.claims import claim_values
from authzsvc.tokens.certificate import Certificate
from authzsvc.tokens.claims import Identity

NOT_BOUND = "client certificate is not the token's"

_DIGEST = re.compile(r"[0-9a-f]{64}")


class CertificateDemand(StrEnum):
    """What is demanded of a token."""

    IF_BOUND = "if_bound"
    """One that names a certificate comes with it; one that names none is good without."""
    REQUIRED = "required"
    """It names a certificate, and comes with it."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What an issuer's tokens have to do with the client's certificate."""

    certificate: CertificateDemand = CertificateDemand.IF_BOUND
    name_claim: str = ""
    """The path of a claim that must be or hold a name of the certificate. The form of the claim's value says of which
    kind the name is. Empty if no name is demanded."""


def check(identity: Identity, certificate: Certificate, binding: Binding) -> None:
    """Raise `TokenError` unless the token's holder is the certificate's."""
    if identity.confirmation:
        _check_digest(identity.confirmation, certificate)
    elif binding.certificate is CertificateDemand.REQUIRED:
        raise _refused("the token names no certificate (`cnf` with `x5t#S256`), and its issuer's tokens must")
    if binding.name_claim:
        _check_name(identity, certificate, binding.name_claim)


def _check_digest(confirmation: str, certificate: Certificate) -> None:
    """The digests are compared as base64url text, so that what is no canonical base64url equals none."""
    if not _DIGEST.fullmatch(certificate.sha256):
        raise _refused("the token is bound to a certificate, and the client showed none")
    seen = base64.urlsafe_b64encode(bytes.fromhex(certificate.sha256)).rstrip(b"=")
    if not hmac.compare_digest(seen, confirmation.encode("utf-8", "surrogatepass")):
        raise _refused("the token is bound to another certificate than the client's")


def _check_name(identity: Identity, certificate: Certificate, path: str) -> None:
    wanted = {value for value in claim_values(identity.claims, path) if value}
    if not wanted:
        raise _refused(f"the token's claim `{path}` names no certificate")
    if not any(certificate.has(value) for value in wanted):
        raise _refused(f"none of the certificate's names is in the token's claim `{path}`")


def _refused(reason: str) -> TokenError:
    return TokenError(NOT_BOUND, reason)
