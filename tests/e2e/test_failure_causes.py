"""Why there was no usable answer is told as it was: by a counter of its own, in the report and in Envoy's log."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from authzsvc.demo.stack import Stack
from authzsvc.demo.venue import Venue
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Check
from tests.e2e.conftest import StartStack
from tests.e2e.rig import TRADER, Rig, eventually

SETTINGS = FilterSettings(check=Check(timeout_ms=500, logon_timeout_ms=500))
Change = Callable[[dict[str, Any]], None]


@dataclass
class Changed(Stack):
    """A stack whose Envoy has another configuration than the generated one."""

    change: Change = lambda _: None

    def bootstrap(self) -> dict[str, Any]:
        """The generated one, changed."""
        config = super().bootstrap()
        self.change(config)
        return config


def authz(config: dict[str, Any]) -> dict[str, Any]:
    """The cluster of the decision service."""
    cluster: dict[str, Any] = config["static_resources"]["clusters"][1]
    assert cluster["name"] == "authz"
    return cluster


def unchanged(_: dict[str, Any]) -> None:
    """As generated."""


def renamed(config: dict[str, Any]) -> None:
    cluster = authz(config)
    cluster["name"] = cluster["load_assignment"]["cluster_name"] = "another"
    config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][1]["typed_config"].pop("access_log", None)


def no_requests(config: dict[str, Any]) -> None:
    authz(config)["circuit_breakers"] = {"thresholds": [{"max_requests": 0}]}


def no_pending(config: dict[str, Any]) -> None:
    authz(config)["circuit_breakers"] = {"thresholds": [{"max_pending_requests": 0}]}


def no_hosts(config: dict[str, Any]) -> None:
    authz(config)["load_assignment"]["endpoints"] = []


CAUSES: list[tuple[str, Change, str, str]] = [
    ("stopped", unchanged, "timed_out", "the decision service did not answer in time"),
    ("killed", unchanged, "unreachable", "the decision service cannot be reached"),
    ("no hosts", no_hosts, "unreachable", "the decision service cannot be reached"),
    ("no cluster", renamed, "no_cluster", "Envoy has no cluster of the name in `check.cluster`"),
    ("no requests", no_requests, "breaker_full", "a circuit breaker of the decision service's cluster is full"),
    ("no pending", no_pending, "breaker_full", "a circuit breaker of the decision service's cluster is full"),
    ("no such method", unchanged, "grpc_error", "the decision service answered with gRPC status 12"),
]


@pytest.mark.parametrize(("name", "change", "counter", "words"), CAUSES, ids=[cause[0] for cause in CAUSES])
async def test_a_logon_that_could_not_be_decided(
    name: str, change: Change, counter: str, words: str, start_stack: StartStack, venue: Venue, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.sock"
    checks_to = empty if name == "no such method" else None
    server = grpc.aio.server()
    server.add_insecure_port(f"unix:{empty}")
    await server.start()
    stack = start_stack(SETTINGS, kind=Changed, change=change, checks_to=checks_to)
    service = stack.service
    assert service is not None
    match name:
        case "stopped":
            service.signal(signal.SIGSTOP)
        case "killed":
            service.kill()
    rig = Rig(stack, venue)
    client = await rig.connect()
    client.log_on(rig.token(client.comp_id, *TRADER))
    assert (await client.wait_for_type("5")).get(58) == "Authorization service not available"
    if name == "stopped":
        service.signal(signal.SIGCONT)
    assert rig.stat(f"calls_{counter}") == 1
    line = f"without a decision of the service: 1 denied; because: {words} (1)"
    await eventually(lambda: line in stack.envoy_log.read_text(), line)
    await rig.release()
    await server.stop(None)
