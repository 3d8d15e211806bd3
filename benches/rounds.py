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
from benches.load import Client, Run
from benches.processors import on_one_processor
from benches.report import Machine, Round, Sample, Variant, percentile
from benches.rig import Rig, Way

SATURATE = {
    Variant.DIRECT: Run(warmup=100_000, count=1_000_000),
    Variant.TCP_PROXY: Run(warmup=100_000, count=1_000_000),
    Variant.NOCHECK: Run(warmup=100_000, count=1_000_000),
    Variant.CHECK: Run(warmup=500, count=6_000),
}
PING_PONG = {
    Variant.DIRECT: Run(warmup=300, count=3_000),
    Variant.TCP_PROXY: Run(warmup=300, count=3_000),
    Variant.NOCHECK: Run(warmup=300, count=3_000),
    Variant.CHECK: Run(warmup=200, count=1_500),
}


def rounds(rig: Rig, count: int) -> Iterator[Round]:
    """Take `count` rounds."""
    for _ in range(count):
        loads = {variant: _saturate(rig.client, variant, way) for variant, way in rig.ways.items()}
        with on_one_processor(rig.pids()):
            trips = {variant: _ping_pong(rig.client, variant, way) for variant, way in rig.ways.items()}
        yield {variant: Sample(*loads[variant], *trips[variant]) for variant in rig.ways}


def _saturate(client: Client, variant: Variant, way: Way) -> tuple[float, float, float]:
    """Messages a second, and Envoy's and the service's microseconds of processor time for each."""
    run = SATURATE[variant]
    before = way.cpu_us()
    throughput = client.throughput(way.port, way.msg_type, run)
    envoy, service = (
        (now - earlier) / (run.warmup + run.count) for now, earlier in zip(way.cpu_us(), before, strict=True)
    )
    return throughput, envoy, service


def _ping_pong(client: Client, variant: Variant, way: Way) -> tuple[float, float]:
    """The round trip's p50 and p99, in microseconds."""
    trips = client.round_trips_us(way.port, way.msg_type, PING_PONG[variant])
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
