"""An engine in a process of its own, told what to do and asked what it saw, in lines of JSON.

Every engine has a driver that speaks this (`docs/engines.md`): orders have an `id` and a `do`, and are answered with
`done` or `failed`; whatever the engine lets through to its application comes as `received`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from authzsvc.demo.processes import die_with_parent
from authzsvc.demo.wire import Message
from tests.e2e.rig import eventually
from tests.engines.versions import Version

Fields = Sequence[tuple[int, object]]
LONGEST_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the engines, and what it can do."""

    name: str
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    patience_s: float = 10.0
    connects_in_s: float = 2.0
    """At most, from the order to the Logon, on a busy machine."""
    pads: bool = False
    """It writes BodyLength (9) with leading zeros."""
    lacks: frozenset[str] = frozenset()
    """What the engine has not, or not in one part (`name:client`), by the names in the scenarios' `needs`."""

    def __str__(self) -> str:
        return self.name


class EngineError(AssertionError):
    """The engine's driver failed at an order."""


class Engine:
    """A running engine with one session."""

    def __init__(self, kind: Kind, role: str, folder: Path) -> None:
        self.kind = kind
        self.role = role
        self.folder = folder
        self.events: list[dict[str, Any]] = []
        self._received: list[Message] = []
        self._ids = count(1)
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self, version: Version, sender: str, target: str, port: int, **options: object) -> None:
        """Start the process; a venue then listens at the port, a client waits for `connect`."""
        self.folder.mkdir(parents=True)
        settings = {
            "role": self.role,
            "begin_string": version.begin_string,
            "application": version.application,
            "sender": sender,
            "target": target,
            "port": port,
            "store": str(self.folder),
            "heartbeat": 30,
            **options,
        }
        with (self.folder / "stderr").open("wb") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *self.kind.command,
                json.dumps(settings),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **dict(self.kind.environment)},
                limit=LONGEST_LINE,
                preexec_fn=die_with_parent,
            )
        self._reading = asyncio.create_task(self._read())
        await self.event("ready", timeout_s=3 * self.kind.patience_s)

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if line.startswith(b"{"):
                event = json.loads(line)
                if event["event"] == "received":
                    self._received.append(Message.parse(event["raw"].encode("latin-1"), empty_values=True))
                self.events.append(event)

    async def stop(self) -> None:
        """End it."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        if self._reading is not None:
            await self._reading

    # --- orders ---

    async def ask(self, do: str, **more: object) -> Any:  # noqa: ANN401 (JSON)
        """Have it do something; raises `EngineError`."""
        assert self._process is not None
        assert self._process.stdin is not None
        number = next(self._ids)
        self._process.stdin.write(json.dumps({"id": number, "do": do, **more}).encode() + b"\n")
        answer = await self._find(lambda event: event.get("id") == number, f"an answer to `{do}`")
        if answer["event"] == "failed":
            raise EngineError(f"{self}: `{do}`: {answer['error']}")
        return answer.get("result")

    async def send(self, msg_type: str, fields: Fields) -> None:
        """Send a message under the next number."""
        await self.ask("send", type=msg_type, fields=[(tag, str(value)) for tag, value in fields])

    async def numbers(self) -> tuple[int, int]:
        """The next number out, and the one that is awaited."""
        numbers = await self.ask("numbers")
        return numbers["out"], numbers["in"]

    # --- what it saw ---

    def received(self, *types: str) -> list[Message]:
        """What the engine let through, of these types."""
        return [message for message in self._received if not types or message.type in types]

    async def message(self, msg_type: str, **wanted: object) -> Message:
        """The first message let through of a type, with these values: `_11="o1"`; raises `TimeoutError`."""

        def find() -> Message | None:
            return first(self.received(), msg_type, wanted)

        return await eventually(find, f"{self}: {msg_type} with {wanted}", self.kind.patience_s)

    async def event(self, name: str, nth: int = 1, timeout_s: float = 0.0) -> dict[str, Any]:
        """The nth event of that name; raises `TimeoutError`."""

        def find() -> dict[str, Any] | None:
            found = [event for event in self.events if event["event"] == name]
            return found[nth - 1] if len(found) >= nth else None

        return await eventually(find, f"{self}: event `{name}`, {self.last_words()}", timeout_s or self.kind.patience_s)

    def count(self, name: str) -> int:
        """How many events of that name there were."""
        return sum(event["event"] == name for event in self.events)

    @property
    def logged_on(self) -> bool:
        """Whether the last that it told of its session is a Logon."""
        told = [event["event"] for event in self.events if event["event"] in {"logon", "logout"}]
        return told[-1:] == ["logon"]

    async def _find(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        return await eventually(
            lambda: next((event for event in self.events if wanted(event)), None), f"{self}: {what}", 15
        )

    def last_words(self) -> str:
        """The end of what it said on stderr."""
        return (self.folder / "stderr").read_text(errors="replace")[-2000:]

    def __str__(self) -> str:
        return f"{self.kind} as {self.role}"


def first(messages: Iterable[Message], msg_type: str, wanted: Mapping[str, object]) -> Message | None:
    """The first of that type with these values: `{"_11": "o1"}`."""
    values = {int(name[1:]): str(value) for name, value in wanted.items()}
    found = (message for message in messages if message.type == msg_type)
    return next((m for m in found if all(m.get(tag) == value for tag, value in values.items())), None)


def free_port() -> int:
    """A port that is free now: engines must be told theirs beforehand."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
