"""The Rust programs in `load/`: built, and run as the venue and as the client.

Python only starts them and reads what they print; no message passes through it.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from authzsvc.demo.processes import Process
from authzsvc.errors import ToolError

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "benches" / "load" / "Cargo.toml"
TARGET = ROOT / "build" / "bench-load"

PATIENCE_S = 60.0
FIRST_SEQ = 10_000_000
"""MsgSeqNum (34) of the client's Logon, as `load/src/fix.rs` has it."""


@dataclass(frozen=True, slots=True)
class Run:
    """How many messages a client sends, after how many that do not count."""

    warmup: int
    count: int


def build() -> Path:
    """The program, built where it is not up to date. Raises `ToolError`."""
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", str(MANIFEST)]
    try:
        subprocess.run([*command, "--target-dir", str(TARGET)], check=True)
    except FileNotFoundError:
        raise ToolError("`cargo` is missing (install Rust)") from None
    except subprocess.CalledProcessError:
        raise ToolError(f"`{MANIFEST}` cannot be built (the compiler said why)") from None
    return TARGET / "release" / "bench_load"


class Venue:
    """The venue, as a child process on a free port; as `exchange`, it serves thousands of sessions at once."""

    def __init__(self, program: Path, log: Path, role: str = "venue") -> None:
        self._process = Process("the venue", [str(program), role], log)
        self.pid = self._process.pid
        self.port = self._process.wait_for(lambda: _port(log))

    def stop(self) -> None:
        """End it."""
        self._process.stop()


def _port(log: Path) -> int | None:
    first, newline, _ = log.read_text().partition("\n")
    return int(first) if newline else None


@dataclass(frozen=True, slots=True)
class Client:
    """The client: who it is, and the program."""

    program: Path
    token: str

    def throughput(self, port: int, traffic: str, run: Run, purpose: str = "throughput") -> float:
        """Messages a second at saturation; `purpose` is `bridged` where FIX engines stand in between. `ToolError`."""
        told = self._told(port, purpose, traffic, run)
        return float(told["messages"] * 1e9 / told["elapsed_ns"])

    def round_trips_us(self, port: int, traffic: str, run: Run) -> list[float]:
        """The round trip of each message. Raises `ToolError`."""
        return [trip / 1000 for trip in self._told(port, "latency", traffic, run)["round_trips_ns"]]

    def _told(self, port: int, purpose: str, traffic: str, run: Run) -> dict[str, Any]:
        command = [str(self.program), "client", str(port), purpose, traffic, str(run.warmup), str(run.count)]
        try:
            # The token goes in by standard input: a command line is for all to see.
            done = subprocess.run(command, input=self.token, capture_output=True, text=True, timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise ToolError(f"the client took longer than {PATIENCE_S:.0f} s ({purpose}, `{traffic}`)") from None
        if done.returncode:
            raise ToolError(f"the client failed ({purpose}, `{traffic}`): {done.stderr.strip()}")
        told: dict[str, Any] = json.loads(done.stdout)
        return told
