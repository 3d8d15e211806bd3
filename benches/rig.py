"""The parts on loopback: venue, decision services with Envoys in front, a plain Envoy, what people would use instead.

The plain Envoy has the gateway's own configuration without the filter, so that nothing else differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from authzsvc.demo.processes import Process
from authzsvc.demo.stack import Stack, find_mapping
from authzsvc.errors import ToolError
from authzsvc.tokens.development import AUDIENCE, DevelopmentIssuer
from benches import load
from benches.instead import bridging, opa
from benches.instead.bridging import Bridge
from benches.processors import cpu_us
from benches.stacks import Front, PlainStack, TwoServices, gateway
from benches.variants import INSTEAD, Variant

MAPPING = Path(__file__).with_name("mapping.yaml")
SCOPES = ("order:create:equity",)
DESK = (
    "order:create:equity", "order:create:future", "order:create:option_multileg", "order:create:gtc", "order:replace",
    "order:cancel", "order:status", "trade:view:all",
)  # fmt: skip
"""What the desk's mixed day needs of the institutional mapping."""
COMP_ID = "BENCH"
GRANTED, EXEMPT, MIXED = "D", "6", "mixed"
"""MsgTypes (35) that the mapping grants by a scope, and that it exempts; a desk's day under the institutional one."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way from the client to the venue."""

    client: load.Client
    port: int
    traffic: str
    envoy: int | None = None
    services: tuple[int, ...] = ()
    """Process ids."""
    bridge: Bridge | None = None
    """Stands there for the time of a run, and then is who is asked."""

    def cpu_us(self) -> tuple[float, float]:
        """Processor time so far of Envoy and of the services."""
        return 0.0 if self.envoy is None else cpu_us(self.envoy), sum(map(cpu_us, self.services))

    def throughput(self, run: load.Run) -> float:
        """Messages a second at saturation. Raises `ToolError`."""
        if self.bridge is None:
            return self.client.throughput(self.port, self.traffic, run)
        with self.bridge.running("bridged") as port:
            return self.client.throughput(port, self.traffic, run, "bridged")

    def round_trips_us(self, run: load.Run) -> list[float]:
        """The round trip of each message. Raises `ToolError`."""
        if self.bridge is None:
            return self.client.round_trips_us(self.port, self.traffic, run)
        with self.bridge.running("latency") as port:
            return self.client.round_trips_us(port, self.traffic, run)

    def lane(self) -> load.Lane:
        """Beside others at once; not where a bridge stands there."""
        return load.Lane(self.client, self.port, self.traffic)


@dataclass(frozen=True, slots=True)
class Rig:
    """All that runs."""

    program: Path
    """The load's."""
    venue: int
    """Its process id."""
    ways: Mapping[Variant, Way]
    missing: Mapping[Variant, str]
    """What could not be had, and why."""

    def pids(self) -> set[int]:
        """Every process of it."""
        envoys = {way.envoy for way in self.ways.values() if way.envoy is not None}
        return envoys | self.services() | {self.venue}

    def services(self) -> set[int]:
        """Those of them that are asked."""
        return {pid for way in self.ways.values() for pid in way.services}


@contextmanager
def rig(directory: Path) -> Iterator[Rig]:
    """Start all parts, with their files in `directory`; end them."""
    program = load.build()
    with ExitStack() as parts:
        venue = load.Venue(program, directory / "venue.log")
        parts.callback(venue.stop)
        place = _Place(parts, directory, program, venue.port)
        ways = place.gateways()
        missing: dict[Variant, str] = {}
        for variants, more in ((INSTEAD[:2], place.opa), (INSTEAD[2:], place.quickfix)):
            try:
                ways |= more()
            except ToolError as error:
                missing |= dict.fromkeys(variants, str(error).splitlines()[0])
        yield Rig(program, venue.pid, ways, missing)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where parts are started."""

    parts: ExitStack
    directory: Path
    program: Path
    venue: int
    """Its port."""

    def gateways(self) -> dict[Variant, Way]:
        """Nothing, plain Envoy, and the gateway in all its ways."""
        enter, at = self.parts.enter_context, self.directory
        plain = enter(PlainStack(at / "plain", self.venue, MAPPING))
        # One of its own, as each filter has: an Envoy with two ways would have the warmer caches.
        mixed = enter(PlainStack(at / "plain-mixed", self.venue, MAPPING))
        cold = enter(Stack(at / "gateway", self.venue, MAPPING, gateway(cache=False)))
        single = {"decisions": {"batch": 1}}
        each = enter(Stack(at / "each", self.venue, MAPPING, gateway(cache=False), single))
        kept = enter(Front(at / "kept", self.venue, MAPPING, gateway(cache=True), checks_to=cold.socket))
        warm = enter(Stack(at / "warm", self.venue, find_mapping("institutional.yaml"), gateway(cache=True)))
        tokens = {"tokens": {"issuers": [_issuer(cold.issuer)]}}
        two = TwoServices(at / "two", self.venue, MAPPING, gateway(cache=False), tokens, other=cold.socket)
        enter(two)
        client, desk = self._client(cold.issuer, SCOPES), self._client(warm.issuer, DESK)
        of_each = self._client(each.issuer, SCOPES)
        one, other = (_pid(cold.service),), (_pid(two.service),)
        return {
            Variant.DIRECT: Way(client, self.venue, GRANTED),
            Variant.TCP_PROXY: Way(client, plain.port, GRANTED, _pid(plain.envoy)),
            Variant.NOCHECK: Way(client, cold.port, EXEMPT, _pid(cold.envoy), one),
            Variant.CHECK: Way(client, cold.port, GRANTED, _pid(cold.envoy), one),
            Variant.CHECK_ONE: Way(of_each, each.port, GRANTED, _pid(each.envoy), (_pid(each.service),)),
            Variant.CHECK_TWO: Way(client, two.port, GRANTED, _pid(two.envoy), one + other),
            Variant.KEPT: Way(client, kept.port, GRANTED, _pid(kept.envoy), one),
            Variant.MIXED: Way(desk, mixed.port, MIXED, _pid(mixed.envoy)),
            Variant.WARM: Way(desk, warm.port, MIXED, _pid(warm.envoy), (_pid(warm.service),)),
        }

    def opa(self) -> dict[Variant, Way]:
        """OPA behind the filter. Raises `ToolError` where it cannot be had."""
        opa.build()
        cold = opa.OpaStack(self.directory / "opa", self.venue, MAPPING, gateway(cache=False))
        self.parts.enter_context(cold)
        kept = Front(self.directory / "opa-kept", self.venue, MAPPING, gateway(cache=True), checks_to=cold.socket)
        self.parts.enter_context(kept)
        client, services = self._client(cold.issuer, SCOPES), (_pid(cold.service),)
        return {
            Variant.OPA: Way(client, cold.port, GRANTED, _pid(cold.envoy), services),
            Variant.OPA_KEPT: Way(client, kept.port, GRANTED, _pid(kept.envoy), services),
        }

    def quickfix(self) -> dict[Variant, Way]:
        """The bridge. Raises `ToolError` where it cannot be had."""
        found = bridging.find()
        issuer = DevelopmentIssuer.create(self.directory / "bridge-keys")
        bridge = Bridge(found, self.directory / "bridge", self.venue, issuer)
        return {Variant.QUICKFIX: Way(self._client(issuer, SCOPES), 0, GRANTED, bridge=bridge)}

    def _client(self, issuer: DevelopmentIssuer, scopes: tuple[str, ...]) -> load.Client:
        token = issuer.mint(scopes=scopes, subject="bench", client_id="bench", comp_id=COMP_ID)
        return load.Client(self.program, token)


def _issuer(issuer: DevelopmentIssuer) -> dict[str, object]:
    return {
        "issuer": issuer.name,
        "audience": [AUDIENCE],
        "algorithms": ["ES256"],
        "jwks": {"file": str(issuer.jwks_path)},
    }


def _pid(process: Process | None) -> int:
    if process is None:
        raise ToolError("a part was not started")
    return process.pid
