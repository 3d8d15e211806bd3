"""The parties of a definition: the engine that accepts, and the gateway in front of one.

A lane is all that one definition at a time needs: a bare engine, and another one behind a listener of the gateway. All
lanes share one Envoy and one decision service. The definitions name the same CompIDs again and again, so each listener
has a tenant of its own: sessions of different tenants are different to the decision service.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from authzsvc.demo.processes import die_with_parent
from authzsvc.demo.stack import LOOPBACK, Stack
from authzsvc.gateway import Endpoint, FilterSettings, envoy_config
from authzsvc.gateway.filter_settings import Check
from tests.engines.engine import free_port
from tests.engines.kinds import BUILT, DRIVERS
from tests.engines.versions import VERSIONS, Version

HERE = Path(__file__).parent
CLIENT, STRANGER, VENUE = "TW", "WT", "ISLD"
"""The CompIDs of all definitions: of the client, of one that the venue does not know, and of the venue."""
PATIENT = Check(timeout_ms=30_000, logon_timeout_ms=30_000)
"""A busy machine must not turn an answer into a failure: failures are not the theme."""
LENIENT = {"attempts": 10_000, "address_attempts": 1_000_000, "comp_id_attempts": 1_000_000}
"""All clients come from one address, and many Logons are bad on purpose."""
FOLDERS = {
    f"fix{version.level if version.level <= 50 else f'50sp{version.level - 50}'}": version for version in VERSIONS
}
"""The versions by the definitions' folders: `fix40` to `fix50sp2`."""


class Acceptor:
    """A QuickFIX acceptor in a process of its own, with one session."""

    def __init__(self, version: Version, folder: Path) -> None:
        self.port = free_port()
        self._version = version
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process and wait until it listens."""
        self._folder.mkdir(parents=True)
        settings = {
            "port": self.port,
            "begin_string": self._version.begin_string,
            "application": self._version.application,
            "sender": VENUE,
            "target": CLIENT,
            "store": str(self._folder),
        }
        with (self._folder / "stderr").open("wb") as errors:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(DRIVERS / "quickfix_acceptor.py"),
                json.dumps(settings),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": str(BUILT / "quickfix")},
                preexec_fn=die_with_parent,
            )
        if await self._line() != "ready":
            raise RuntimeError((self._folder / "stderr").read_text(errors="replace")[-2000:])

    async def idle(self) -> None:
        """Wait until its session is logged off."""
        assert self._process is not None
        assert self._process.stdin is not None
        async with asyncio.timeout(20):
            while True:
                self._process.stdin.write(b"?\n")
                if await self._line() == "off":
                    return
                await asyncio.sleep(0.02)

    async def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()

    async def stop(self) -> None:
        """End the process."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@dataclass(frozen=True, slots=True)
class Lane:
    """What one definition at a time is played with."""

    name: str
    bare: Acceptor
    behind: Acceptor
    """The one behind the gateway."""


def lane(name: str, version: Version, folder: Path) -> Lane:
    """The engines of a lane, not started yet."""
    return Lane(name, Acceptor(version, folder / name / "bare"), Acceptor(version, folder / name / "behind"))


class Gateway(Stack):
    """An Envoy with a listener for each lane, and a decision service."""

    def __init__(self, folder: Path, lanes: list[Lane]) -> None:
        super().__init__(folder, 0, HERE / "mapping.yaml", service_settings={"guessing": LENIENT})
        self._lanes = lanes
        self.ports: dict[str, int] = {}
        """Where each lane's clients connect."""

    def bootstrap(self) -> dict[str, Any]:
        """Envoy's configuration: that of a gateway of one listener, and the other listeners added."""
        whole: dict[str, Any] = {}
        for lane in self._lanes:
            settings = FilterSettings(check=PATIENT, context={"tenant": lane.name})
            options = replace(self._gateway_options(), upstream=Endpoint(LOOPBACK, lane.behind.port), filter=settings)
            one = envoy_config(options)
            listener, venue = one["static_resources"]["listeners"][0], one["static_resources"]["clusters"][0]
            listener["name"] = venue["name"] = venue["load_assignment"]["cluster_name"] = lane.name
            listener["filter_chains"][0]["filters"][-1]["typed_config"]["cluster"] = lane.name
            if whole:
                whole["static_resources"]["listeners"].append(listener)
                whole["static_resources"]["clusters"].append(venue)
            else:
                whole = one
        return whole

    def _listening(self) -> int | None:
        try:
            statuses = json.loads(self.ask_admin("/listeners?format=json")).get("listener_statuses", [])
        except OSError:
            return None
        self.ports = {
            status["name"]: int(status["local_address"]["socket_address"]["port_value"]) for status in statuses
        }
        return 1 if len(self.ports) == len(self._lanes) else None

    def credential(self) -> bytes:
        """A field with an access token. It is for both CompIDs, so that it is the venue that refuses the stranger."""
        claims = {"fix_comp_id": [CLIENT, STRANGER]}
        return b"554=" + self.issuer.mint(scopes=["acceptance:all"], claims=claims).encode()
