"""The real Keycloak on loopback, with the realm that docker-compose imports.

TLS with a certificate of the test's own authority, client certificates asked for but not demanded, a database file in
the test's directory.

The JVM is started without `kc.sh`, whose shell would stand between: signals must reach the server itself (SIGSTOP makes
a server that accepts and never answers), and it must not outlive us.

Invariants: it listens on loopback only; at most 512 MB of heap; no secret but those made for the run.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import shutil
import signal
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from authzsvc.demo.processes import Process
from tests.e2e.certificates import Pem
from tests.e2e.secrets import USED
from tests.interop.distribution import HOME, ROOT, command

REALM = ROOT / "deploy/keycloak/realm.json"
ADMIN = "interop-admin"
START_S = 180.0
"""A cold JVM, an empty database and a busy machine."""
ANSWER_S = 5.0
"""How long an answer may take: the first one of its kind loads classes, which takes more than a second."""

_PLACEHOLDER = re.compile(r"\$\{([A-Z_]+)\}")


@dataclass
class Keycloak:
    """A Keycloak whose port, database and secrets stay the same from start to start."""

    directory: Path
    server: Pem
    client_ca: str
    """The authority of the certificate above, and of those that clients may show."""
    assertion: Pem
    """Its key signs the assertions of the client `algoprovider-jwt`."""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """The realm's placeholders, filled for this run."""

    def __post_init__(self) -> None:
        self.port = _free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.issuer = f"{self.url}/realms/fix"
        self.log = self.directory / "keycloak.log"
        for name in sorted(set(_PLACEHOLDER.findall(REALM.read_text()))):
            self.secrets.setdefault(name, secrets.token_urlsafe(24))
        self._admin_secret = secrets.token_urlsafe(24)
        for secret in (*self.secrets.values(), self._admin_secret):
            USED.add(secret)
        self._process: Process | None = None

    def start(self) -> None:
        """Start it, and wait until the realm is served. It ends with the thread that starts it: not in an executor."""
        into = HOME / "data/import"
        into.mkdir(parents=True, exist_ok=True)
        shutil.copy(REALM, into / "realm.json")
        self._process = Process("Keycloak", command(*self._arguments()), self.log, self._environment())
        with httpx.Client(verify=self.trust(), timeout=5, trust_env=False) as client:
            self._process.wait_for(lambda: self._ready(client), START_S)

    def _arguments(self) -> list[str]:
        return [
            "start",
            "--optimized",
            "--import-realm",
            f"--db-url=jdbc:h2:file:{self.directory}/keycloak;NON_KEYWORDS=VALUE",
            f"--hostname={self.url}",
            "--cache=local",
            "--http-host=127.0.0.1",
            f"--https-port={self.port}",
            f"--https-certificate-file={self.server.cert}",
            f"--https-certificate-key-file={self.server.key}",
            f"--https-trust-store-file={self.client_ca}",
            "--log-level=warn,org.keycloak.events:info",
        ]

    def _environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in ("PATH", "JAVA_HOME", "HOME") if name in os.environ},
            **self.secrets,
            "ALGOPROVIDER_CERTIFICATE": self.assertion_certificate,
            "KC_BOOTSTRAP_ADMIN_CLIENT_ID": ADMIN,
            "KC_BOOTSTRAP_ADMIN_CLIENT_SECRET": self._admin_secret,
        }

    @property
    def assertion_certificate(self) -> str:
        """As Keycloak wants to be told of it."""
        certificate = x509.load_pem_x509_certificate(Path(self.assertion.cert).read_bytes())
        return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()

    def _ready(self, client: httpx.Client) -> bool | None:
        try:
            answer = client.get(f"{self.issuer}/.well-known/openid-configuration")
        except httpx.HTTPError:
            return None
        return True if answer.status_code == 200 else None

    def trust(self, own: Pem | None = None) -> ssl.SSLContext:
        """A client's side of TLS, with a certificate of its own to show."""
        context = ssl.create_default_context(cafile=self.client_ca)
        if own is not None:
            context.load_cert_chain(own.cert, own.key)
        return context

    def stop(self) -> None:
        """End it; the database stays for the next start."""
        if self._process is not None:
            self._process.stop()

    def stall(self) -> None:
        """From now on the kernel accepts connections for it, and nothing is ever answered."""
        self._running().signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Answer again."""
        self._running().signal(signal.SIGCONT)

    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError("keycloak was not started")
        return self._process

    def admin(self, client: httpx.Client, realm: str = "fix") -> Admin:
        """Keycloak's admin API for a realm."""
        answer = client.post(
            f"{self.url}/realms/master/protocol/openid-connect/token",
            data={"grant_type": "client_credentials", "client_id": ADMIN, "client_secret": self._admin_secret},
        )
        answer.raise_for_status()
        return Admin(client, f"{self.url}/admin/realms/{realm}", answer.json()["access_token"])


@dataclass
class Admin:
    """The few things that the tests ask of the realm's administrator."""

    client: httpx.Client
    url: str
    token: str = field(repr=False)

    def rotate_keys(self, algorithm: str = "RS256", priority: int = 200) -> str:
        """Sign with a new key from now on; the name of its component. The old keys are still published."""
        realm = self._ask("GET", "").json()["id"]
        config = {"priority": [str(priority)], "algorithm": [algorithm], "enabled": ["true"], "active": ["true"]}
        component = {
            "name": f"interop-{priority}",
            "parentId": realm,
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "config": config,
        }
        return self._ask("POST", "/components", json=component).headers["location"].rsplit("/", 1)[1]

    def remove_key(self, component: str) -> None:
        """Neither sign with it nor publish it any longer."""
        self._ask("DELETE", f"/components/{component}")

    @contextmanager
    def changed(self, client_id: str, **changes: object) -> Iterator[None]:
        """The client is another one within the block; attributes are added to those that it has."""
        (client,) = self._ask("GET", f"/clients?clientId={client_id}").json()
        more = changes.pop("attributes", {})
        assert isinstance(more, dict)
        attributes = {**client["attributes"], **more}
        self._ask("PUT", f"/clients/{client['id']}", json={**client, **changes, "attributes": attributes})
        try:
            yield
        finally:
            self._ask("PUT", f"/clients/{client['id']}", json=client)

    @contextmanager
    def imported(self, document: Mapping[str, Any], *, scopes: bool = True) -> Iterator[dict[str, Any]]:
        """Within the block, the realm has the roles of an export and, with `scopes`, its client scopes.

        Gives the answer of the partial import.
        """
        created = document["clientScopes"] if scopes else ()
        for scope in created:
            self._ask("POST", "/client-scopes", json=scope)
        try:
            yield dict(self._ask("POST", "/partialImport", json=document).json())
        finally:
            for scope in created:
                self._ask("DELETE", f"/client-scopes/{self._scope(scope['name'])['id']}")
            for role in document["roles"]["realm"]:
                self._ask("DELETE", f"/roles/{role['name']}")

    def create_realm(self, name: str, document: Mapping[str, Any]) -> None:
        """Create another realm, as from a file with these resources."""
        realms = self.url.rsplit("/", 1)[0]
        headers = {"authorization": f"Bearer {self.token}"}
        made = {"realm": name, "enabled": True, **document}
        self.client.post(realms, headers=headers, json=made).raise_for_status()

    def delete_realm(self) -> None:
        """Delete the realm of this administrator."""
        self._ask("DELETE", "")

    def give_scope(self, client_id: str, scope: str) -> None:
        """Have each token of a client hold a client scope."""
        (client,) = self._ask("GET", f"/clients?clientId={client_id}").json()
        self._ask("PUT", f"/clients/{client['id']}/default-client-scopes/{self._scope(scope)['id']}")

    def give_role(self, client_id: str, role: str) -> None:
        """Give a client's service account a realm role, and let its tokens name it."""
        (client,) = self._ask("GET", f"/clients?clientId={client_id}").json()
        account = self._ask("GET", f"/clients/{client['id']}/service-account-user").json()
        found = [self.role(role)]
        self._ask("POST", f"/users/{account['id']}/role-mappings/realm", json=found)
        self._ask("POST", f"/clients/{client['id']}/scope-mappings/realm", json=found)

    def role(self, name: str) -> dict[str, Any]:
        """A realm role."""
        return dict(self._ask("GET", f"/roles/{name}").json())

    def composites(self, name: str) -> set[str]:
        """The roles that a realm role is composed of."""
        return {role["name"] for role in self._ask("GET", f"/roles/{name}/composites").json()}

    def scopes(self) -> set[str]:
        """The realm's client scopes."""
        return {scope["name"] for scope in self._ask("GET", "/client-scopes").json()}

    def _scope(self, name: str) -> dict[str, Any]:
        (found,) = (scope for scope in self._ask("GET", "/client-scopes").json() if scope["name"] == name)
        return dict(found)

    def _ask(self, method: str, path: str, json: object = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"}
        answer = self.client.request(method, self.url + path, headers=headers, json=json)
        answer.raise_for_status()
        return answer


def _free_port() -> int:
    """A port that is free now; Keycloak must be told its own beforehand, as its issuer names it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
