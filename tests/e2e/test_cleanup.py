"""Nothing is left: when a stack stops, its processes are gone, and so are its sockets."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from authzsvc.demo.stack import Stack
from authzsvc.demo.venue import Venue
from authzsvc.errors import ToolError
from tests.e2e.conftest import stack_factory
from tests.e2e.rig import TRADER, Rig, eventually


@pytest.fixture
def ending() -> Iterator[ExitStack]:
    """Ends the test's stack, should the test not have done so."""
    with ExitStack() as ending:
        yield ending


def alive(pid: int) -> bool:
    """The process has not ended."""
    status = Path(f"/proc/{pid}/stat")
    # The state stands behind the name in brackets; Z has ended, and only waits to be asked about.
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def listens(port: int) -> bool:
    """Somebody takes connections on that port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def pids(stack: Stack) -> list[int]:
    """Both processes."""
    assert stack.envoy is not None
    assert stack.service is not None
    return [stack.envoy.pid, stack.service.pid]


async def test_after_a_stop(tmp_path: Path, venue: Venue, ending: ExitStack) -> None:
    stack = stack_factory(tmp_path, venue, ending)()
    rig = Rig(stack, venue)
    client = await rig.log_on(*TRADER)  # a session is open
    assert all(alive(pid) for pid in pids(stack))
    assert listens(stack.port)
    assert stack.socket.exists()

    stack.stop()
    assert not any(alive(pid) for pid in pids(stack))
    assert not listens(stack.port)
    assert not stack.socket.exists()
    await client.closed()
    await rig.release()
    stack.stop()  # once more does no harm


def test_after_a_start_that_fails(tmp_path: Path, venue: Venue) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("version: 1\n")
    stack = Stack(tmp_path / "stack", venue.port, mapping)
    with pytest.raises(ToolError, match="decision service ended with code 2"), stack:
        pass
    assert stack.service is not None
    assert not alive(stack.service.pid)
    assert not stack.socket.exists()


OWNER = """
import pathlib, sys, time
from authzsvc.demo.processes import Process
print(Process("a sleeper", ["sleep", "600"], pathlib.Path(sys.argv[1])).pid, flush=True)
time.sleep(600)
"""


async def test_a_process_whose_owner_is_killed(tmp_path: Path) -> None:
    """The kernel ends what a killed owner cannot."""
    command = [sys.executable, "-c", OWNER, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert alive(pid)
        owner.kill()
    await eventually(lambda: not alive(pid), "the end of the process")
