"""Who an operator is: told by the way the call came in.

Over the unix socket, which only its owner can open, operators say their name themselves; the audit marks it as claimed.
Over TLS a certificate or an access token proves it, or both where both are asked for, and then the token's subject is
the name.

Invariants: a call that came over TCP is never taken for a local one, because the transport says which it is and no
header does; nothing is believed of a token before the verifier has accepted it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import grpc
from cryptography import x509

from authzsvc.errors import AdminError, TokenError
from authzsvc.sessions.acts import MAX_NAME, Operator
from authzsvc.settings.admin import AdminSettings, AdminToken
from authzsvc.tokens.claims import Identity

CLAIMED_BY = "x-operator"
LOCAL = "unix:"
UNNAMED = "unnamed"

_BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)


class AccessError(AdminError):
    """A caller who is not let in; `status` says whether another credential could help."""

    def __init__(self, status: grpc.StatusCode, text: str, who: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.who = who


class Access:
    """Decides who calls, and whether they may."""

    def __init__(
        self,
        settings: AdminSettings,
        verify: Callable[[str], Identity],
        revoked: Callable[[Identity], bool] = lambda _identity: False,
    ) -> None:
        """`verify` raises `TokenError`; `revoked` tells of tokens that an operator has revoked."""
        self._local = settings.unix is not None
        self._certificate = settings.tls is not None and settings.tls.client_ca is not None
        self._names = frozenset(settings.operators)
        self._token = settings.token
        self._verify = verify
        self._revoked = revoked

    def operator(self, peer: str, metadata: Mapping[str, str], transport: Mapping[str, Any]) -> Operator:
        """The caller, by gRPC's peer, headers and auth context. Raises `AccessError`."""
        if peer.startswith(LOCAL):
            if not self._local:
                raise AccessError(grpc.StatusCode.PERMISSION_DENIED, "no unix socket is open to operators")
            return Operator(_claimed(metadata), claimed=True, address="unix")
        name = ""
        if self._certificate:
            name = self._certified(transport)
        if self._token is not None:
            name = self._authorized(self._token, metadata, name)
        if not name:
            raise AccessError(grpc.StatusCode.UNAUTHENTICATED, "no way for operators to prove who they are is set")
        return Operator(name, claimed=False, address=peer)

    def _certified(self, transport: Mapping[str, Any]) -> str:
        names = certificate_names(transport)
        if not names:
            raise AccessError(grpc.StatusCode.UNAUTHENTICATED, "no client certificate, or one without a name")
        if not self._names:
            return names[0]
        known = [name for name in names if name in self._names]
        if not known:
            text = "the client certificate's name is not one of `admin.operators`"
            raise AccessError(grpc.StatusCode.PERMISSION_DENIED, text, names[0])
        return known[0]

    def _authorized(self, wanted: AdminToken, metadata: Mapping[str, str], name: str) -> str:
        found = _BEARER.fullmatch(metadata.get("authorization", "").strip())
        if found is None:
            raise AccessError(grpc.StatusCode.UNAUTHENTICATED, "no access token (give `--token-file`)", name)
        try:
            identity = self._verify(found[1])
        except TokenError as error:
            raise AccessError(grpc.StatusCode.UNAUTHENTICATED, error.text, name) from None
        if self._revoked(identity):
            raise AccessError(grpc.StatusCode.UNAUTHENTICATED, "access token revoked", identity.subject)
        if identity.issuer != wanted.issuer or wanted.scope not in identity.scopes:
            text = f"the access token has no scope `{wanted.scope}` of `{wanted.issuer}` (ask for it)"
            raise AccessError(grpc.StatusCode.PERMISSION_DENIED, text, identity.subject)
        return identity.subject


def certificate_names(transport: Mapping[str, Any]) -> list[str]:
    """The names in the verified client certificate of gRPC's auth context: URI, DNS and e-mail SANs, the subject."""
    pem = transport.get("x509_pem_cert") or [b""]
    try:
        certificate = x509.load_pem_x509_certificate(pem[0])
        names = _alternatives(certificate)
        subject = certificate.subject.rfc4514_string()
    except ValueError:
        return []
    return [name for name in (*names, subject) if 0 < len(name) <= MAX_NAME * 2 and name.isprintable()]


def _alternatives(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    kinds = (x509.UniformResourceIdentifier, x509.DNSName, x509.RFC822Name)
    return [name for kind in kinds for name in found.get_values_for_type(kind)]


def _claimed(metadata: Mapping[str, str]) -> str:
    name = metadata.get(CLAIMED_BY, "").strip() or UNNAMED
    if len(name) > MAX_NAME or not name.isprintable():
        raise AccessError(
            grpc.StatusCode.INVALID_ARGUMENT, f"`{CLAIMED_BY}` is not up to {MAX_NAME} printable characters"
        )
    return LOCAL + name
