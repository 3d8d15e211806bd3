"""A client of the tests' authorization server: how it is registered there, and how it shows who it is."""

from __future__ import annotations

import base64
import secrets
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.e2e.secrets import USED

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

Method = Literal["client_secret_basic", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"]


@dataclass(frozen=True)
class Client:
    """A client, and what its tokens say. With `private_key_jwt` it makes its own key; `key` has it in PEM."""

    id: str
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    scope: str = ""
    """What it may ask for, and what it gets where it asks for nothing."""
    method: Method = "client_secret_basic"
    bound: bool = False
    """Its tokens are bound to its certificate (RFC 8705 3)."""
    subject: tuple[str, str] | None = None
    """Of `tls_client_auth`: (`san_dns` | `san_uri` | `subject_dn`, the value)."""
    claims: Mapping[str, object] = field(default_factory=dict)
    """More claims, in JWTs and in introspection alike."""
    payload: Mapping[str, object] = field(default_factory=dict)
    """The last word on its JWTs' claims; None takes one out."""
    header: Mapping[str, object] = field(default_factory=dict)
    """More in its JWTs' headers."""
    resource: str = ""
    """What its tokens are for unless it says; "" is the server's `JWT`."""
    ttl_s: int | None = None
    introspection_algorithm: str = "RS256"
    """Of the answers that it gets as JWTs (RFC 9701)."""

    @cached_property
    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """The key of `private_key_jwt` (ES256)."""
        return ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def key(self) -> str:
        """`private_key` as PEM."""
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        pem = self.private_key.private_bytes(*form).decode()
        USED.add_pem(pem)
        return pem

    @property
    def key_id(self) -> str:
        """The name of its key."""
        return f"{self.id}-key"

    def registration(self) -> dict[str, object]:
        """What the server is told of it."""
        entry: dict[str, object] = {
            "client_id": self.id,
            "token_endpoint_auth_method": self.method,
            "scope": self.scope or None,
            "tls_client_certificate_bound_access_tokens": self.bound,
            "introspection_signed_response_alg": self.introspection_algorithm,
            "claims": self.claims,
            "payload": self.payload,
            "header": self.header,
            "resource": self.resource or None,
            "ttl_s": self.ttl_s,
        }
        if self.method == "client_secret_basic":
            USED.add(self.secret)
            entry["client_secret"] = self.secret
        if self.method == "private_key_jwt":
            public = jwt.algorithms.ECAlgorithm.to_jwk(self.private_key.public_key(), as_dict=True)
            entry["jwks"] = {"keys": [{**public, "kid": self.key_id, "use": "sig", "alg": "ES256"}]}
        if self.subject is not None:
            entry[f"tls_client_auth_{self.subject[0]}"] = self.subject[1]
        return {name: value for name, value in entry.items() if value is not None}

    def authentication(self, audience: str) -> tuple[dict[str, str], dict[str, str]]:
        """What of a form and of the headers says who it is (RFC 6749 2.3.1, RFC 7523 2.2, RFC 8705 2)."""
        if self.method == "client_secret_basic":
            pair = f"{urllib.parse.quote_plus(self.id)}:{urllib.parse.quote_plus(self.secret)}"
            return {}, {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        if self.method == "private_key_jwt":
            return {"client_assertion": self._assertion(audience), "client_assertion_type": ASSERTION}, {}
        return {"client_id": self.id}, {}

    def _assertion(self, audience: str) -> str:
        now = int(time.time())
        claims = {"iss": self.id, "sub": self.id, "aud": audience, "iat": now, "exp": now + 60}
        claims["jti"] = secrets.token_hex(8)
        assertion = jwt.encode(claims, self.private_key, "ES256", headers={"kid": self.key_id})
        USED.add_token(assertion)
        return assertion
