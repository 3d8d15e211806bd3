"""The bridge of `bridge.py` as a way from the client to the venue: a fresh one for each run."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from authzsvc.demo.processes import Process
from authzsvc.errors import ToolError
from authzsvc.tokens.development import AUDIENCE, DevelopmentIssuer
from benches.load import FIRST_SEQ, ROOT

INSTALLED = ROOT / "build" / "engines" / "quickfix"
"""Where `make setup-tests` puts QuickFIX."""


def find() -> Path:
    """Where QuickFIX is. Raises `ToolError`, with the reason in few words."""
    if not (INSTALLED / "quickfix.py").is_file():
        raise ToolError("QuickFIX is not installed (make setup-tests)")
    return INSTALLED


@dataclass(frozen=True, slots=True)
class Bridge:
    """How to start one."""

    quickfix: Path
    directory: Path
    venue: int
    """Its port."""
    issuer: DevelopmentIssuer

    @contextmanager
    def running(self, purpose: str) -> Iterator[int]:
        """A bridge that has logged on to the venue for this purpose; its port."""
        self.directory.mkdir(exist_ok=True)
        log = self.directory / "bridge.log"
        log.write_text("")
        port = _free_port()
        settings = {
            "listen": port,
            "upstream": self.venue,
            "directory": str(self.directory),
            "client": "BENCH",
            "venue": "VENUE",
            "purpose": purpose,
            "first_seq": FIRST_SEQ,
            "jwks": str(self.issuer.jwks_path),
            "issuer": self.issuer.name,
            "audience": AUDIENCE,
        }
        command = [sys.executable, str(Path(__file__).with_name("bridge.py")), json.dumps(settings)]
        environment = {**os.environ, "PYTHONPATH": str(self.quickfix)}
        process = Process("the QuickFIX bridge", command, log, environment)
        try:
            process.wait_for(lambda: "ready" in log.read_text() or None)
            yield port
        finally:
            process.stop()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
