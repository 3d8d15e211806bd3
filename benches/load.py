"""The Rust programs in `load/`: built, and run as the venue and as the client.

Python only starts them and reads what they print; no message passes through it.
"""

from __future__ import annotations

import json
import subprocess
from array import array
from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class Turns:
    """How often each of several ways has its turn, after how many round trips that do not count."""

    warmup: int
    turns: int
    block: int
    """Round trips a turn."""


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
        return _told(command, self.token, f"{purpose}, `{traffic}`")


@dataclass(frozen=True, slots=True)
class Lane:
    """A client's session on one of several ways at once."""

    client: Client
    port: int
    traffic: str


def by_turns_us(program: Path, lanes: Sequence[Lane], turns: Turns) -> list[list[array[float]]]:
    """The round trips of each lane, a block a turn (`load/src/turns.rs`). Raises `ToolError`."""
    numbers = map(str, (turns.warmup, turns.turns, turns.block))
    command = [str(program), "turns", *numbers, *(f"{lane.port}:{lane.traffic}" for lane in lanes)]
    told = _told(command, "".join(f"{lane.client.token}\n" for lane in lanes), f"{len(lanes)} ways by turns")
    return [
        [array("d", (trip / 1000 for trip in trips[at : at + turns.block])) for at in range(0, len(trips), turns.block)]
        for trips in told["round_trips_ns"]
    ]


def _told(command: Sequence[str], tokens: str, what: str) -> dict[str, Any]:
    try:
        # Tokens go in by standard input: a command line is for all to see.
        done = subprocess.run(command, input=tokens, capture_output=True, text=True, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise ToolError(f"the client took longer than {PATIENCE_S:.0f} s ({what})") from None
    if done.returncode:
        raise ToolError(f"the client failed ({what}): {done.stderr.strip()}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told
