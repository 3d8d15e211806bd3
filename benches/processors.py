"""Processor time of processes, and where they may run (Linux)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


def cpu_us(pid: int) -> float:
    """Processor time of all of a process's threads so far, in microseconds (`schedstat` counts nanoseconds)."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in _tasks(pid)) / 1000


@contextmanager
def on_one_processor(pids: Iterable[int]) -> Iterator[None]:
    """Keep these processes, and ourselves with the children we start, on one processor; then let them all go."""
    allowed = os.sched_getaffinity(0)
    everyone = [os.getpid(), *pids]
    _confine(everyone, {max(allowed)})
    try:
        yield
    finally:
        _confine(everyone, allowed)


@contextmanager
def apart(some: Iterable[int], others: Iterable[int]) -> Iterator[None]:
    """Keep `some` processes on a processor of their own, the others, ourselves and our children on another, and both
    awake; then let them all go. Where there is one processor, all share it."""
    allowed = os.sched_getaffinity(0)
    first, second = min(allowed), max(allowed)
    some, others = list(some), [os.getpid(), *others]
    _confine(some, {first})
    _confine(others, {second})
    try:
        with _awake({first, second}):
            yield
    finally:
        _confine([*some, *others], allowed)


_TURNING = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(100_000):
        pass
"""


@contextmanager
def _awake(processors: set[int]) -> Iterator[None]:
    """On each processor something turns for as long as nothing else wants to run there (`SCHED_IDLE`)."""
    with ExitStack() as ending:
        for processor in processors:
            turning = subprocess.Popen([sys.executable, "-c", _TURNING])
            ending.callback(turning.wait)
            ending.callback(turning.kill)
            os.sched_setaffinity(turning.pid, {processor})
            os.sched_setscheduler(turning.pid, os.SCHED_IDLE, os.sched_param(0))
        yield


def _confine(pids: Iterable[int], processors: set[int]) -> None:
    for pid in pids:
        for task in _tasks(pid):
            # A thread may end meanwhile.
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), processors)


def _tasks(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").iterdir())
