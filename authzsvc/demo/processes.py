"""Child processes that never outlive us: ended in order when a block is left, killed by the kernel when we are."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from authzsvc.errors import ToolError

PR_SET_PDEATHSIG = 1
LAST_WORDS = 4000

T = TypeVar("T")


def die_with_parent() -> None:
    """To be run in a child before its program: it is killed when we end."""
    # Linux, prctl(2): the child gets the signal when the thread that started it ends.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A child process whose output goes to a file."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                preexec_fn=die_with_parent,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """It has not ended."""
        return self._child.poll() is None

    def wait_for(self, ready: Callable[[], T | None], timeout_s: float = 30.0) -> T:
        """Wait until `ready` gives something; a process that ends or takes long: `ToolError` with its last words."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and self.running:
            found = ready()
            if found is not None:
                return found
            time.sleep(0.02)
        state = "is not ready" if self.running else f"ended with code {self._child.returncode}"
        words = self.log.read_text(errors="replace")[-LAST_WORDS:].strip()
        raise ToolError(f"{self.name} {state}; it said:\n{words}")

    def stop(self, timeout_s: float = 10.0) -> int:
        """Ask it to end, insist if it does not; its exit code."""
        if self.running:
            self._child.terminate()
        try:
            return self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it at once; its exit code."""
        self._child.kill()
        return self._child.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._child.send_signal(number)
