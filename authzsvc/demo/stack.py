"""The real parts on loopback: the decision service and Envoy with the filter, in front of a venue.

Everything lives in one directory: sockets, keys, configurations, logs, the audit. The end-to-end tests, the benches and
the demo all stand on this.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

import authzsvc
from authzsvc.demo.processes import Process
from authzsvc.errors import ToolError
from authzsvc.gateway import Endpoint, GatewayOptions, envoy_config
from authzsvc.gateway.tools import envoy_command, envoy_environment, find_envoy, find_filter
from authzsvc.tokens.development import AUDIENCE, DevelopmentIssuer

LOOPBACK = "127.0.0.1"


def find_mapping(name: str) -> Path:
    """A mapping that ships with the project: from the checkout, else from inside the package. Raises `ToolError`."""
    package = Path(authzsvc.__file__).parent
    for folder in (package.parent / "mappings", package / "_mappings"):
        if (folder / name).is_file():
            return folder / name
    raise ToolError(f"the mapping `{name}` is neither in the checkout nor in the package (install it again)")


@dataclass
class Stack:
    """A decision service and an Envoy in front of the venue at `upstream_port`."""

    directory: Path
    upstream_port: int
    mapping: Path
    gateway: GatewayOptions | None = None
    """What the gateway is beyond its addresses: TLS, the filter's settings."""
    service_settings: dict[str, Any] = field(default_factory=dict)
    """Settings of the service that go over the ones here."""
    listen_port: int = 0
    concurrency: int = 1
    checks_to: Path | None = None
    """The unix socket that Envoy asks, where that is not the service's own but something in between."""

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.issuer = DevelopmentIssuer.create(self.directory / "development-keys")
        self.socket = self.directory / "authzsvc.sock"
        self.admin_socket = self.directory / "admin.sock"
        self.audit = self.directory / "audit.jsonl"
        self.service_log = self.directory / "authzsvc.log"
        self.envoy_log = self.directory / "envoy.log"
        self.service: Process | None = None
        self.envoy: Process | None = None
        self.port = 0
        self.admin = ""

    # --- the decision service ---

    def start_service(self) -> None:
        """Start it and wait until it serves."""
        config = self.directory / "authzsvc.yaml"
        config.write_text(yaml.safe_dump(self._service_settings(), sort_keys=False))
        command = [sys.executable, "-m", "authzsvc", "serve", "--config", str(config)]
        self.service = Process("the decision service", command, self.service_log, _plain_environment())
        self.service.wait_for(self._serving)

    def _service_settings(self) -> dict[str, Any]:
        issuer = {
            "issuer": self.issuer.name,
            "audience": [AUDIENCE],
            "algorithms": ["ES256"],
            "jwks": {"file": str(self.issuer.jwks_path)},
        }
        return {
            "mapping": str(self.mapping),
            "tokens": {"issuers": [issuer]},
            "audit": {"path": str(self.audit)},
            "admin": {"unix": str(self.admin_socket)},
            **self.service_settings,
            "listen": {"unix": str(self.socket), **self.service_settings.get("listen", {})},
            "sessions": {
                "store": str(self.directory / "sessions.db"),
                **self.service_settings.get("sessions", {}),
            },
        }

    def _serving(self) -> bool | None:
        if not self.socket.exists():
            return None
        with grpc.insecure_channel(f"unix:{self.socket}") as channel:
            try:
                answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=1)
            except grpc.RpcError:
                return None
        return True if answer.status == health_pb2.HealthCheckResponse.SERVING else None

    # --- Envoy ---

    def start_envoy(self) -> None:
        """Start it and wait until it listens."""
        config = self.directory / "envoy.yaml"
        config.write_text(yaml.safe_dump(self.bootstrap(), sort_keys=False))
        admin_file = self.directory / "envoy-admin"
        admin_file.unlink(missing_ok=True)
        command = [*self.envoy_command(config), "--admin-address-path", str(admin_file)]
        self.envoy = Process("Envoy", command, self.envoy_log, envoy_environment(find_filter()))
        self.admin = self.envoy.wait_for(lambda: admin_file.read_text() or None if admin_file.exists() else None)
        self.port = self.envoy.wait_for(self._listening)

    def envoy_command(self, config: Path) -> list[str]:
        """The command line that starts it."""
        return envoy_command(find_envoy(), config, concurrency=self.concurrency)

    def bootstrap(self) -> dict[str, Any]:
        """Envoy's configuration."""
        return envoy_config(self._gateway_options())

    def _gateway_options(self) -> GatewayOptions:
        listen, upstream = Endpoint(LOOPBACK, self.listen_port), Endpoint(LOOPBACK, self.upstream_port)
        service = Endpoint(path=str(self.checks_to or self.socket))
        base = self.gateway or GatewayOptions(listen, upstream, service)
        return replace(base, listen=listen, upstream=upstream, service=service, admin=Endpoint(LOOPBACK, 0))

    def _listening(self) -> int | None:
        try:
            listeners = json.loads(self.ask_admin("/listeners?format=json"))
        except OSError:
            return None
        for listener in listeners.get("listener_statuses", []):
            return int(listener["local_address"]["socket_address"]["port_value"])
        return None

    def ask_admin(self, path: str, method: str = "GET") -> str:
        """A page of Envoy's admin interface; what changes something is a POST."""
        request = urllib.request.Request(f"http://{self.admin}{path}", method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return str(answer.read().decode())

    def stats(self) -> dict[str, int]:
        """Envoy's counters and gauges, the filter's under their own names."""
        pairs = (line.rsplit(": ", 1) for line in self.ask_admin("/stats").splitlines())
        numbers = {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
        return {name.removeprefix("dynamicmodulescustom."): int(value) for name, value in numbers.items()}

    # --- both ---

    def start(self) -> Stack:
        """Start both."""
        self.start_service()
        self.start_envoy()
        return self

    def stop(self) -> None:
        """End both, Envoy first, as clients come through it."""
        for process in (self.envoy, self.service):
            if process is not None:
                process.stop()

    def __enter__(self) -> Stack:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def events(self) -> list[dict[str, Any]]:
        """The audit so far: its whole lines, for the last one may still be on its way."""
        if not self.audit.exists():
            return []
        lines, _, _ = self.audit.read_text().rpartition("\n")
        return [json.loads(line) for line in lines.splitlines()]

    def wait_for_event(self, timeout_s: float = 5.0, **wanted: Any) -> dict[str, Any]:  # noqa: ANN401
        """The first audit event that has these values; raises `TimeoutError`."""
        deadline = time.monotonic() + timeout_s
        while True:
            for event in self.events():
                if all(event.get(name) == value for name, value in wanted.items()):
                    return event
            if time.monotonic() > deadline:
                raise TimeoutError(f"no audit event with {wanted}")
            time.sleep(0.02)


def _plain_environment() -> dict[str, str]:
    """Ours, without settings of another service that may stand in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AUTHZSVC_")}
