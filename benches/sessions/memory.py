"""Resident memory of a process (Linux, proc(5))."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_UNIT = 1024 / 1e6
"""The kernel's kB are 1024 bytes; ours are millions."""


@dataclass(frozen=True, slots=True)
class Resident:
    """Megabytes."""

    now: float
    peak: float


def resident(pid: int) -> Resident:
    """What the process has in memory, and the most it had. Raises `OSError` where there is no such process."""
    return read(Path(f"/proc/{pid}/status").read_text())


def read(status: str) -> Resident:
    """Read `VmRSS` and `VmHWM`. Raises `ValueError` where they are not told."""
    found = dict(re.findall(r"^(VmRSS|VmHWM):\s*(\d+) kB$", status, re.MULTILINE))
    if len(found) != 2:
        raise ValueError("the process's memory is not told")
    return Resident(int(found["VmRSS"]) * _UNIT, int(found["VmHWM"]) * _UNIT)
