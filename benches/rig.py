"""The parts on loopback: the venue, the decision service with an Envoy in front of it, and a plain Envoy.

The plain Envoy has the gateway's own configuration without the filter, so that nothing else differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from authzsvc.demo.processes import Process
from authzsvc.demo.stack import Stack
from authzsvc.gateway import envoy_config
from authzsvc.gateway.tools import envoy_command, envoy_environment, find_envoy, find_filter
from benches import load
from benches.processors import cpu_us
from benches.report import Variant

MAPPING = Path(__file__).with_name("mapping.yaml")
SCOPES = ("order:create:equity",)
COMP_ID = "BENCH"
GRANTED, EXEMPT = "D", "6"
"""MsgTypes (35) that the mapping grants by a scope, and that it exempts."""


class PlainStack(Stack):
    """An Envoy whose listener has `tcp_proxy` and no filter."""

    def start(self) -> Stack:
        """Start Envoy alone: there is nobody to ask."""
        self.start_envoy()
        return self

    def start_envoy(self) -> None:
        """Start it and wait until it listens."""
        config = envoy_config(self._gateway_options())
        for chain in config["static_resources"]["listeners"][0]["filter_chains"]:
            chain["filters"] = [entry for entry in chain["filters"] if entry["name"].endswith("tcp_proxy")]
        path, admin = self.directory / "envoy.yaml", self.directory / "envoy-admin"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        command = [*envoy_command(find_envoy(), path, concurrency=1), "--admin-address-path", str(admin)]
        self.envoy = Process("plain Envoy", command, self.envoy_log, envoy_environment(find_filter()))
        self.admin = self.envoy.wait_for(lambda: admin.read_text() or None if admin.exists() else None)
        self.port = self.envoy.wait_for(self._listening)


@dataclass(frozen=True, slots=True)
class Way:
    """A way from the client to the venue."""

    port: int
    msg_type: str
    envoy: int | None = None
    service: int | None = None
    """Process ids."""

    def cpu_us(self) -> tuple[float, float]:
        """Processor time so far of Envoy and of the service."""
        envoy, service = (0.0 if pid is None else cpu_us(pid) for pid in (self.envoy, self.service))
        return envoy, service


@dataclass(frozen=True, slots=True)
class Rig:
    """All that runs."""

    client: load.Client
    venue: int
    """Its process id."""
    ways: dict[Variant, Way]

    def pids(self) -> set[int]:
        """Every process of it."""
        found = {pid for way in self.ways.values() for pid in (way.envoy, way.service) if pid is not None}
        return found | {self.venue}


@contextmanager
def rig(directory: Path) -> Iterator[Rig]:
    """Start all parts, with their files in `directory`; end them."""
    program = load.build()
    with ExitStack() as parts:
        venue = load.Venue(program, directory / "venue.log")
        parts.callback(venue.stop)
        plain = parts.enter_context(PlainStack(directory / "plain", venue.port, MAPPING))
        gateway = parts.enter_context(Stack(directory / "gateway", venue.port, MAPPING))
        token = gateway.issuer.mint(scopes=SCOPES, subject="bench", client_id="bench", comp_id=COMP_ID)
        envoy, service = _pid(gateway.envoy), _pid(gateway.service)
        ways = {
            Variant.DIRECT: Way(venue.port, GRANTED),
            Variant.TCP_PROXY: Way(plain.port, GRANTED, _pid(plain.envoy)),
            Variant.NOCHECK: Way(gateway.port, EXEMPT, envoy, service),
            Variant.CHECK: Way(gateway.port, GRANTED, envoy, service),
        }
        yield Rig(load.Client(program, token), venue.pid, ways)


def _pid(process: Process | None) -> int | None:
    return None if process is None else process.pid
