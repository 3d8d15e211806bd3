"""Processor time of processes, and where they may run (Linux)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
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


def _confine(pids: Iterable[int], processors: set[int]) -> None:
    for pid in pids:
        for task in _tasks(pid):
            # A thread may end meanwhile.
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), processors)


def _tasks(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").iterdir())
