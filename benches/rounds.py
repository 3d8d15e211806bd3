"""The rounds: every variant's throughput, then every variant's latency, over and over.

For the throughput, every part runs where the kernel puts it. For the latency all parts share one processor: of a round
trip but one of them is at work at any moment, and a sleeping processor (a virtual one above all) takes longer to wake
than a message takes to the venue and back. So what is measured is the length of the path, not the sleep.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from authzsvc.gateway.tools import find_envoy
from benches.load import Run
from benches.processors import on_one_processor
from benches.report import Machine, Round, Sample, Variant, percentile
from benches.rig import Rig, Way

_FLOOD, _TOGETHER, _CHECKS, _BRIDGE = Run(100_000, 1_000_000), Run(2_000, 30_000), Run(500, 6_000), Run(500, 5_000)
_FLOWING = (
    Variant.DIRECT,
    Variant.TCP_PROXY,
    Variant.NOCHECK,
    Variant.KEPT,
    Variant.MIXED,
    Variant.WARM,
    Variant.OPA_KEPT,
)
SATURATE = {
    **dict.fromkeys(_FLOWING, _FLOOD),
    Variant.CHECK: _TOGETHER,
    Variant.CHECK_ONE: _CHECKS,
    Variant.CHECK_TWO: _TOGETHER,
    Variant.OPA: _CHECKS,
    Variant.QUICKFIX: _BRIDGE,
}
_PINGS, _CHECK_PINGS = Run(300, 3_000), Run(200, 1_500)
# The mixed day takes 816 messages until every decision has been met; what is measured has met them all.
_DAYS = Run(1_000, 3_000)
PING_PONG = {
    **dict.fromkeys(_FLOWING, _PINGS),
    Variant.MIXED: _DAYS,
    Variant.WARM: _DAYS,
    Variant.CHECK: _CHECK_PINGS,
    Variant.CHECK_ONE: _CHECK_PINGS,
    Variant.CHECK_TWO: _CHECK_PINGS,
    Variant.OPA: _CHECK_PINGS,
    Variant.QUICKFIX: _CHECK_PINGS,
}


def rounds(rig: Rig, count: int) -> Iterator[Round]:
    """Take `count` rounds."""
    for _ in range(count):
        loads = {variant: _saturate(variant, way) for variant, way in rig.ways.items()}
        with on_one_processor(rig.pids()):
            trips = {variant: _ping_pong(variant, way) for variant, way in rig.ways.items()}
        yield {variant: Sample(*loads[variant], *trips[variant]) for variant in rig.ways}


def _saturate(variant: Variant, way: Way) -> tuple[float, float, float]:
    """Messages a second, and Envoy's and the services' microseconds of processor time for each."""
    run = SATURATE[variant]
    before = way.cpu_us()
    throughput = way.throughput(run)
    envoy, service = (
        (now - earlier) / (run.warmup + run.count) for now, earlier in zip(way.cpu_us(), before, strict=True)
    )
    return throughput, envoy, service


def _ping_pong(variant: Variant, way: Way) -> tuple[float, float]:
    """The round trip's p50 and p99, in microseconds."""
    trips = way.round_trips_us(PING_PONG[variant])
    return percentile(trips, 50), percentile(trips, 99)


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
