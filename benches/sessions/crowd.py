"""Many FIX clients, as one child process that is led by lines (`benches/load/src/crowd.rs`).

Invariants: no answer is waited for without end; tokens go in by standard input, never by the command line.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from authzsvc.errors import ToolError

PATIENCE_S = 300.0
"""The program itself gives up sooner, and says why."""
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Logons:
    """What became of Logons; the times in microseconds."""

    elapsed_s: float
    logons_us: tuple[float, ...]
    """From the beginning of the connection to the answer to the Logon."""
    firsts_us: tuple[float, ...]
    """From the first order to the report on it."""
    refused: int
    why: str
    """What the first refused one was told."""


@dataclass(frozen=True, slots=True)
class Ends:
    """How sessions ended that went on sending."""

    refused_ms: tuple[float, ...]
    """For each: from the moment that was named to its end as the client sees it; 0 where that came before."""
    cut: int
    """How many of them saw their connection end and no Logout."""
    live: int
    """Sessions that go on."""
    text: str


class Crowd:
    """Clients that come to one port; a context manager, at whose end they are gone."""

    def __init__(self, program: Path, port: int, tokens: Mapping[str, str]) -> None:
        """`tokens`: of each CompID."""
        self._child = subprocess.Popen(
            [str(program), "crowd", str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self._heard = b""
        for comp_id, token in tokens.items():
            self._say(f"session {comp_id} {token}")

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self._in.close()
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._out.close()

    def begin_logons(self, window: int, *, order: bool = False) -> None:
        """Have all log on, so many at once; with `order`, each sends one then. `logons` tells what became of it."""
        self._say(f"logon {window} {'order' if order else 'nothing'}")

    def logons(self) -> Logons:
        """Wait for what `begin_logons` began. Raises `ToolError`."""
        told = self._answer("logon")
        return Logons(
            told["elapsed_ns"] / 1e9,
            tuple(took / 1e3 for took in told["logons_ns"]),
            tuple(took / 1e3 for took in told["firsts_ns"]),
            told["refused"],
            told["why"],
        )

    def log_on(self, window: int, *, order: bool = False) -> Logons:
        """Both. Raises `ToolError` where a Logon is refused."""
        self.begin_logons(window, order=order)
        found = self.logons()
        if found.refused:
            raise ToolError(f"{found.refused} Logons were refused: `{found.why}`")
        return found

    def trade(self, every_ms: int) -> None:
        """From now on each session sends an order so often."""
        self._say(f"pace {every_ms}")
        self._answer("pace")

    def probe(self, since: float) -> Ends:
        """Each session sends an order now and then every 100 ms until it is logged out; `since` is Unix time."""
        self._say(f"probe {int(since * 1e9)}")
        told = self._answer("probe")
        refused = tuple(took / 1e6 for took in told["refused_ns"])
        return Ends(refused, told["cut"], told["live"], told["text"])

    def leave(self) -> int:
        """All log out; how many."""
        self._say("leave")
        return int(self._answer("leave")["sessions"])

    @property
    def _in(self) -> IO[bytes]:
        assert self._child.stdin is not None
        return self._child.stdin

    @property
    def _out(self) -> IO[bytes]:
        assert self._child.stdout is not None
        return self._child.stdout

    def _say(self, line: str) -> None:
        # Where the program has ended, the missing answer tells.
        with contextlib.suppress(BrokenPipeError):
            self._in.write(line.encode() + b"\n")

    def _answer(self, what: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            while b"\n" not in self._heard:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise ToolError(f"the clients took longer than {PATIENCE_S:.0f} s (`{what}`)")
                chunk = self._out.read(_CHUNK)
                if not chunk:
                    raise ToolError(f"the clients have ended (`{what}`; they said why)")
                self._heard += chunk
        line, _, self._heard = self._heard.partition(b"\n")
        told: dict[str, Any] = json.loads(line)
        return told
