from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benches.processors import apart, on_one_processor


@pytest.fixture
def sleeper() -> Iterator[int]:
    """A process that does nothing."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


def _turning() -> set[int]:
    """Our children that run when nothing else does, and where."""
    mine = [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]
    return {processor for pid in mine if os.sched_getscheduler(pid) == os.SCHED_IDLE for processor in _places(pid)}


def _places(pid: int) -> set[int]:
    return os.sched_getaffinity(pid)


def test_all_are_on_one_processor_and_then_anywhere_again(sleeper: int) -> None:
    allowed = _places(0)
    with on_one_processor([sleeper]):
        assert _places(sleeper) == _places(0) == {max(allowed)}
    assert _places(sleeper) == _places(0) == allowed


def test_some_are_apart_from_the_others_and_no_processor_of_theirs_sleeps(sleeper: int) -> None:
    allowed = _places(0)
    with apart([sleeper], []):
        assert (_places(sleeper), _places(0)) == ({min(allowed)}, {max(allowed)})
        assert _turning() == {min(allowed), max(allowed)}
    assert _places(sleeper) == _places(0) == allowed
    assert _turning() == set()
