"""The rounds: every variant's throughput, then every variant's latency, over and over.

For the throughput, every part runs where the kernel puts it. For the latency parts are kept in their places, and no
processor sleeps: a sleeping one (a virtual one above all) takes longer to wake than a message takes to the venue and
back. So what is measured is the length of the path, not the sleep.

Where nobody is asked, all parts share one processor, as but one of them is at work at any moment, and the variants,
whose latencies lie microseconds apart, take turns within a round (`trips` says why); QuickFIX, whose bridge is made for
each run, comes alone. Where a service is asked, which takes ten times as long, it has a processor, and all others
another: where there is traffic, a service does not run where Envoy's worker does.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

from authzsvc.gateway.tools import find_envoy
from benches.figures import Round, Sample
from benches.load import Run, Turns, by_turns_us
from benches.processors import apart, on_one_processor
from benches.results import Machine
from benches.rig import Rig, Way
from benches.trips import Trips
from benches.variants import ALONE, ASKED, BY_TURNS, Variant

_FLOOD, _TOGETHER, _CHECKS, _BRIDGE = Run(100_000, 1_000_000), Run(2_000, 30_000), Run(500, 6_000), Run(500, 5_000)
SATURATE = {
    **dict.fromkeys(BY_TURNS, _FLOOD),
    Variant.CHECK: _TOGETHER,
    Variant.CHECK_ONE: _CHECKS,
    Variant.CHECK_TWO: _TOGETHER,
    Variant.OPA: _CHECKS,
    Variant.QUICKFIX: _BRIDGE,
}
TRIPS = Run(1_000, 2_000)
"""Round trips of the variants that take no turns."""
LEAD_IN = 56
"""Round trips at the beginning of each turn that do not count: after some fifty, a trip is as long as any later one."""
# The mixed day takes 816 messages until every decision has been met; what is measured has met them all. Each way is as
# often behind each other after twice as many turns as there are ways, be it seven, or six without OPA.
TURNS = Turns(warmup=1_000, turns=84, block=LEAD_IN + 200)


def rounds(rig: Rig, count: int) -> Iterator[Round]:
    """Take `count` rounds."""
    for _ in range(count):
        loads = {variant: _saturate(variant, way) for variant, way in rig.ways.items()}
        with on_one_processor(rig.pids()):
            trips = {**_by_turns(rig), **_alone(rig, ALONE)}
        with apart(rig.services(), rig.pids() - rig.services()):
            trips |= _alone(rig, ASKED)
        yield {variant: Sample(*loads[variant], trips[variant]) for variant in rig.ways}


def _saturate(variant: Variant, way: Way) -> tuple[float, float, float]:
    """Messages a second, and Envoy's and the services' microseconds of processor time for each."""
    run = SATURATE[variant]
    before = way.cpu_us()
    throughput = way.throughput(run)
    envoy, service = (
        (now - earlier) / (run.warmup + run.count) for now, earlier in zip(way.cpu_us(), before, strict=True)
    )
    return throughput, envoy, service


def _by_turns(rig: Rig) -> dict[Variant, Trips]:
    ways = {variant: way for variant, way in rig.ways.items() if variant in BY_TURNS}
    found = by_turns_us(rig.program, [way.lane() for way in ways.values()], TURNS)
    return {variant: Trips.of_turns(blocks, LEAD_IN) for variant, blocks in zip(ways, found, strict=True)}


def _alone(rig: Rig, variants: Collection[Variant]) -> dict[Variant, Trips]:
    ways = {variant: way for variant, way in rig.ways.items() if variant in variants}
    return {variant: Trips((way.round_trips_us(TRIPS),)) for variant, way in ways.items()}


def this_machine() -> Machine:
    """The machine as it is before a run."""
    version = subprocess.run([str(find_envoy()), "--version"], capture_output=True, text=True, check=True).stdout
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return Machine(
        cpu=model[1].strip() if model else platform.machine(),
        cores=os.cpu_count() or 1,
        kernel=platform.release(),
        envoy=_envoy_version(version),
        python=platform.python_version(),
        load=os.getloadavg()[0],
    )


def _envoy_version(text: str) -> str:
    found = re.search(r"/(\d+\.\d+\.\d+)/", text)
    return found[1] if found else "unknown"
