"""OPA that answers the contract: the Go program in `benches/opa`, built through the Go module proxy, and its policy."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from authzsvc.demo.processes import Process
from authzsvc.demo.stack import Stack
from authzsvc.errors import ToolError
from authzsvc.tokens.development import AUDIENCE
from benches.load import ROOT

SOURCE = ROOT / "benches" / "opa"
PROGRAM = ROOT / "build" / "bench-opa"
MAX_AGE_S = 60
"""As the decision service says of its own answers."""
PATIENCE_S = 240.0


def build() -> Path:
    """The program, built where it is not up to date. Raises `ToolError`, with the reason in few words."""
    go = shutil.which("go")
    if go is None:
        raise ToolError("`go` is missing")
    command = [go, "build", "-mod=readonly", "-buildvcs=false", "-o", str(PROGRAM), "."]
    try:
        done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise ToolError(f"not built within {PATIENCE_S:.0f} s") from None
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise ToolError(f"cannot be built: {last[0]}")
    return PROGRAM


class OpaStack(Stack):
    """OPA in the place of the decision service."""

    def start_service(self) -> None:
        """Start it and wait until it listens."""
        known = self.directory / "data.json"
        issuer = {"name": self.issuer.name, "audience": AUDIENCE, "jwks": self.issuer.jwks_path.read_text()}
        known.write_text(json.dumps({"issuer": issuer, "max_age_s": MAX_AGE_S}))
        command = [
            str(PROGRAM), "-socket", str(self.socket), "-policy", str(SOURCE / "policy.rego"), "-data", str(known),
            "-log", str(self.directory / "decisions.jsonl"),
        ]  # fmt: skip
        self.service = Process("OPA", command, self.service_log)
        self.service.wait_for(lambda: self.socket.exists() or None)
