"""What a client, the gateway and an operator ask of the realm, over plain HTTP."""

from __future__ import annotations

import base64
import json
import time
import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.e2e.certificates import Pem
from tests.e2e.secrets import USED
from tests.interop.keycloak import Admin, Keycloak

GATEWAY = "fix-gateway"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SECRETS = {
    GATEWAY: "GATEWAY_SECRET",
    "algoprovider": "ALGOPROVIDER_SECRET",
    "algoprovider-lightweight": "ALGOPROVIDER_SECRET",
    "options-desk": "OPTIONS_DESK_SECRET",
    "trader": "TRADER_SECRET",
}
"""The clients that have a secret, and the realm's placeholder for it."""


@dataclass
class Realm(AbstractContextManager["Realm"]):
    """The realm `fix`, asked over one connection pool."""

    keycloak: Keycloak
    assertion: Pem
    """The key of the client `algoprovider-jwt`."""

    def __post_init__(self) -> None:
        self._http = httpx.Client(verify=self.keycloak.trust(), timeout=30, trust_env=False)

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @property
    def endpoints(self) -> str:
        """What Keycloak's endpoints begin with."""
        return f"{self.keycloak.issuer}/protocol/openid-connect"

    def secret(self, client_id: str) -> str:
        """A client's secret in this run."""
        return self.keycloak.secrets[SECRETS[client_id]]

    def token(self, client_id: str, **form: str) -> str:
        """An access token by the client-credentials grant (RFC 6749, 4.4)."""
        return granted(self.ask_token(client_id, client_secret=self.secret(client_id), **form))

    def asserted_token(self, **claims: object) -> httpx.Response:
        """Ask for a token with a signed assertion (RFC 7523, 2.2), these claims over the right ones."""
        form = {"client_assertion_type": ASSERTION, "client_assertion": self.signed(**claims)}
        return self.ask_token("algoprovider-jwt", **form)

    def signed(self, **claims: object) -> str:
        """An assertion of `algoprovider-jwt`."""
        now = int(time.time())
        own = {"iss": "algoprovider-jwt", "sub": "algoprovider-jwt", "aud": self.keycloak.issuer, "iat": now}
        key: Any = load_pem_private_key(Path(self.assertion.key).read_bytes(), None)
        return jwt.encode({**own, "jti": str(uuid.uuid4()), "exp": now + 30, **claims}, key, "ES256")

    def bound_token(self, own: Pem | None) -> httpx.Response:
        """Ask for a token with a certificate (RFC 8705, 2), or without any."""
        with httpx.Client(verify=self.keycloak.trust(own), timeout=30, trust_env=False) as client:
            form = {"grant_type": "client_credentials", "client_id": "algoprovider-mtls"}
            return client.post(f"{self.endpoints}/token", data=form)

    def ask_token(self, client_id: str, **form: str) -> httpx.Response:
        """The token endpoint's answer."""
        form = {"grant_type": "client_credentials", "client_id": client_id, **form}
        return self._http.post(f"{self.endpoints}/token", data=form)

    def introspect(self, token: str, secret: str | None = None, client_id: str = GATEWAY) -> httpx.Response:
        """What the gateway, or another, is told of a token (RFC 7662)."""
        auth = (client_id, self.secret(client_id) if secret is None else secret)
        return self._http.post(f"{self.endpoints}/token/introspect", auth=auth, data={"token": token})

    def revoke(self, client_id: str, token: str) -> None:
        """A client gives its token up (RFC 7009)."""
        auth = (client_id, self.secret(client_id))
        self._http.post(f"{self.endpoints}/revoke", auth=auth, data={"token": token}).raise_for_status()

    def get(self, url: str) -> httpx.Response:
        """A document."""
        return self._http.get(url)

    def signing_keys(self) -> set[str]:
        """The ids of the keys that tokens may be signed with."""
        return {key["kid"] for key in self.get(f"{self.endpoints}/certs").json()["keys"] if key["use"] == "sig"}

    def admin(self, realm: str = "fix") -> Admin:
        """The administrator of this realm, or of another one."""
        return self.keycloak.admin(self._http, realm)


def granted(answer: httpx.Response) -> str:
    """The access token in an answer; it is a secret from now on."""
    assert answer.status_code == 200, answer.text
    token = str(answer.json()["access_token"])
    USED.add_token(token)
    return token


def claims(token: str) -> dict[str, Any]:
    """What a JWT says, unverified."""
    payload = token.split(".")[1]
    decoded = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert isinstance(decoded, dict)
    return decoded


def key_id(token: str) -> str:
    """The key that a JWT says it is signed with."""
    return str(jwt.get_unverified_header(token)["kid"])
