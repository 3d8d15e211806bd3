"""A result, and the machine that it is from, as `build/bench.json` has them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """One figure, as `build/bench.json` has it."""

    name: str
    value: float
    unit: str
    baseline: float | None
    """What it is compared with, in the same unit: `tcp_proxy`'s figure unless said otherwise; absent where none is."""
    ratio: float | None
    """Value by baseline."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the figures are from."""

    cpu: str
    cores: int
    kernel: str
    envoy: str
    python: str
    load: float
    """Runnable processes over the minute before the run: beyond some tenths, the machine was not ours alone."""

    def __str__(self) -> str:
        software = f"Envoy {self.envoy} with one worker, Python {self.python}, Linux {self.kernel}"
        return f"{self.cpu}, {self.cores} cores (load before the run {self.load:.1f}); {software}"


def as_json(machine: Machine, results: Sequence[Result]) -> dict[str, Any]:
    """What `build/bench.json` holds."""
    return {"machine": asdict(machine), "results": [asdict(result) for result in results]}
