"""The operators' side of a running stack: `authzsvc session` and `token revoke`, as the processes that they are."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import Any

from authzsvc.demo.stack import Stack

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Outcome:
    """What came of a command."""

    code: int
    output: str
    errors: str


async def command(*arguments: str) -> Outcome:
    """Run `authzsvc` with these arguments."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUTHZSVC_")}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "authzsvc", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    output, errors = await asyncio.wait_for(child.communicate(), PATIENCE_S)
    assert child.returncode is not None
    return Outcome(child.returncode, output.decode(), errors.decode())


@dataclass(frozen=True)
class Desk:
    """An operator at the service's unix socket."""

    stack: Stack

    async def ask(self, *arguments: str) -> Any:  # noqa: ANN401 (JSON)
        """Run a command that must succeed; what it says, as JSON."""
        outcome = await command(*arguments, "--json", "--admin", f"unix:{self.stack.admin_socket}")
        assert outcome.code == 0, outcome.errors
        return json.loads(outcome.output)

    async def kill(self, *arguments: str, reason: str = "runaway orders") -> Any:  # noqa: ANN401
        """`session kill`."""
        return await self.ask("session", "kill", *arguments, "--reason", reason)

    async def restore(self, *arguments: str) -> Any:  # noqa: ANN401
        """`session restore`."""
        return await self.ask("session", "restore", *arguments)

    async def revoke(self, *arguments: str, reason: str = "stolen") -> Any:  # noqa: ANN401
        """`token revoke`."""
        return await self.ask("token", "revoke", *arguments, "--reason", reason)

    async def sessions(self) -> dict[str, Any]:
        """`session list`, by the client's CompID."""
        return {one["sender_comp_id"]: one for one in await self.ask("session", "list")}
