"""Finds out who an operator is, from the socket that the call came over.

Over the unix socket, which only its owner can open, operators give their name themselves; the audit marks it as
claimed. Over TLS a certificate or an access token proves who they are, or both if the settings ask for both; then the
token's subject is the name. A token must satisfy all that its issuer's settings demand of a FIX client's token: that it
belongs to the certificate of the connection, and that its server says that it is active.

Invariants: a call over TCP is never taken for a local one, because the transport and not a header says which it is; no
claim of a token is used before the authenticator has accepted the token.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc

from authzsvc.errors import AdminError, TokenError
from authzsvc.sessions.acts import MAX_NAME, Operator
from authzsvc.settings.admin import AdminSettings, AdminToken
from authzsvc.tokens.certificate import Certificate, from_pem
from authzsvc.tokens.claims import Identity
from authzsvc.tokens.credential import Credential, Scheme

CLAIMED_BY = "x-operator"
LOCAL = "unix:"
UNNAMED = "unnamed"

Authenticate = Callable[[Credential, Certificate], Awaitable[Identity]]
"""Returns who presents a credential over the connection with that certificate. Raises `TokenError`."""

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
        authenticate: Authenticate,
        revoked: Callable[[Identity], bool] = lambda _identity: False,
    ) -> None:
        """`revoked` says whether an operator has revoked a token."""
        self._local = settings.unix is not None
        self._certificate = settings.tls is not None and settings.tls.client_ca is not None
        self._names = tuple(settings.operators)
        self._token = settings.token
        self._authenticate = authenticate
        self._revoked = revoked

    async def operator(self, peer: str, metadata: Mapping[str, str], transport: Mapping[str, Any]) -> Operator:
        """The caller, by gRPC's peer, headers and auth context. Raises `AccessError`."""
        if peer.startswith(LOCAL):
            if not self._local:
                raise AccessError(grpc.StatusCode.PERMISSION_DENIED, "no unix socket is open to operators")
            return Operator(_claimed(metadata), claimed=True, address="unix")
        name, certificate = "", certificate_of(transport)
        if self._certificate:
            name = self._certified(certificate)
        if self._token is not None:
            name = await self._authorized(self._token, metadata, certificate, name)
        if not name:
            raise AccessError(grpc.StatusCode.UNAUTHENTICATED, "no way for operators to prove who they are is set")
        return Operator(name, claimed=False, address=peer)

    def _certified(self, certificate: Certificate) -> str:
        names = [name for name in certificate.names() if len(name) <= MAX_NAME * 2 and name.isprintable()]
        if not names:
            raise AccessError(grpc.StatusCode.UNAUTHENTICATED, "no client certificate, or one without a name")
        if not self._names:
            return names[0]
        known = [name for name in self._names if certificate.has(name)]
        if not known:
            text = "the client certificate's name is not one of `admin.operators`"
            raise AccessError(grpc.StatusCode.PERMISSION_DENIED, text, names[0])
        return known[0]

    async def _authorized(
        self, wanted: AdminToken, metadata: Mapping[str, str], certificate: Certificate, name: str
    ) -> str:
        found = _BEARER.fullmatch(metadata.get("authorization", "").strip())
        if found is None:
            raise AccessError(grpc.StatusCode.UNAUTHENTICATED, "no access token (give `--token-file`)", name)
        try:
            identity = await self._authenticate(Credential(Scheme.BEARER, found[1]), certificate)
        except TokenError as error:
            raise AccessError(grpc.StatusCode.UNAUTHENTICATED, error.text, name) from None
        if self._revoked(identity):
            raise AccessError(grpc.StatusCode.UNAUTHENTICATED, "access token revoked", identity.subject)
        if identity.issuer != wanted.issuer or wanted.scope not in identity.scopes:
            text = f"the access token has no scope `{wanted.scope}` of `{wanted.issuer}` (ask for it)"
            raise AccessError(grpc.StatusCode.PERMISSION_DENIED, text, identity.subject)
        return identity.subject


def certificate_of(transport: Mapping[str, Any]) -> Certificate:
    """Returns the verified client certificate of gRPC's auth context, or an empty one where the client showed none."""
    return from_pem(next(iter(transport.get("x509_pem_cert") or ()), b""))


def _claimed(metadata: Mapping[str, str]) -> str:
    name = metadata.get(CLAIMED_BY, "").strip() or UNNAMED
    if len(name) > MAX_NAME or not name.isprintable():
        raise AccessError(
            grpc.StatusCode.INVALID_ARGUMENT, f"`{CLAIMED_BY}` is not up to {MAX_NAME} printable characters"
        )
    return LOCAL + name
