"""Envoys of the benches: without the filter, in front of somebody else's service, with two services to ask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from authzsvc.demo.processes import Process
from authzsvc.demo.stack import Stack
from authzsvc.gateway import FilterSettings, GatewayOptions, envoy_config
from authzsvc.gateway.filter_settings import Cache, Check
from authzsvc.gateway.options import Endpoint
from authzsvc.gateway.tools import envoy_command, envoy_environment, find_envoy, find_filter

_NOWHERE = Endpoint("127.0.0.1", 0)
"""The addresses are the stack's to set."""
_PATIENCE_MS = 15_000
_ACCOUNTS = ("access_log", "access_log_options")


def gateway(*, cache: bool) -> GatewayOptions:
    """The gateway as it is, or with one Check a message; patient, for a busy machine's figures are told, not failed."""
    settings = FilterSettings(cache=Cache(enabled=cache), check=Check(timeout_ms=_PATIENCE_MS))
    return GatewayOptions(_NOWHERE, _NOWHERE, _NOWHERE, filter=settings)


class Front(Stack):
    """An Envoy with the filter that asks the service of another stack (`checks_to`)."""

    def start(self) -> Stack:
        """Start Envoy alone."""
        self.start_envoy()
        return self


class PlainStack(Front):
    """An Envoy whose listener has `tcp_proxy` and no filter."""

    def start_envoy(self) -> None:
        """Start it and wait until it listens."""
        config = envoy_config(self._gateway_options())
        for chain in config["static_resources"]["listeners"][0]["filter_chains"]:
            chain["filters"] = [_plain(entry) for entry in chain["filters"] if entry["name"].endswith("tcp_proxy")]
        path, admin = self.directory / "envoy.yaml", self.directory / "envoy-admin"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        command = [*envoy_command(find_envoy(), path, concurrency=1), "--admin-address-path", str(admin)]
        self.envoy = Process("plain Envoy", command, self.envoy_log, envoy_environment(find_filter()))
        self.admin = self.envoy.wait_for(lambda: admin.read_text() or None if admin.exists() else None)
        self.port = self.envoy.wait_for(self._listening)


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    """Without the accounts of a filter that is not there."""
    typed = {key: value for key, value in entry["typed_config"].items() if key not in _ACCOUNTS}
    return {**entry, "typed_config": typed}


@dataclass
class TwoServices(Stack):
    """A service of its own and another stack's (`other`), asked by turns; both accept the other's tokens."""

    other: Path | None = None
    """The other service's unix socket."""

    def bootstrap(self) -> dict[str, Any]:
        """Envoy's configuration, with both sockets in the cluster."""
        config = super().bootstrap()
        authz = next(cluster for cluster in config["static_resources"]["clusters"] if cluster["name"] == "authz")
        endpoints = authz["load_assignment"]["endpoints"][0]["lb_endpoints"]
        endpoints.append({"endpoint": {"address": {"pipe": {"path": str(self.other)}}}})
        return config
