"""The playbook (`docs/playbook.md`), played: its commands in order, and a client that trades through its gateway."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from authzsvc.demo.venue import Venue
from authzsvc.demo.wire import Message
from authzsvc.gateway.tools import envoy_environment, find_envoy, find_filter
from tests.e2e.rig import PATIENCE_S, Client

ROOT = Path(__file__).parents[2]
PLAYBOOK = (ROOT / "docs" / "playbook.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", PLAYBOOK, re.DOTALL)
BLOCK_S = 60.0

ENVOY_STARTS = "envoy --config-path"
ENFORCED = "ALGO: enforce"


class Shell:
    """A shell in which the playbook's blocks run, one after the other."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, block: str) -> str:
        """Runs a block that must end with the exit code that its last line tells, or 0; gives what it printed.

        All of its commands but the last must end with 0.
        """
        told = re.search(r"# exit code ([0-9]+)\n\Z", block)
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f'(set -o errexit\n{block})\necho "__end__ $?"\n'.encode())
        await stdin.drain()
        printed = ""
        async with asyncio.timeout(BLOCK_S):
            while "__end__ " not in printed:
                line = await stdout.readline()
                assert line, printed
                printed += line.decode()
        said, _, code = printed.rpartition("__end__ ")
        assert code.strip() == (told[1] if told else "0"), f"{block}\n{said}"
        return said


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory with the commands `authzsvc` and `envoy`."""
    directory = tmp_path / "bin"
    directory.mkdir()
    commands = {"authzsvc": (sys.executable, "-m", "authzsvc"), "envoy": (str(find_envoy()),)}
    for name, command in commands.items():
        (directory / name).write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        (directory / name).chmod(0o755)
    return directory


@pytest_asyncio.fixture(loop_scope="session")
async def venue() -> AsyncIterator[Venue]:
    venue = Venue()
    await venue.start()
    yield venue
    await venue.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def shell(tmp_path: Path, tools: Path) -> AsyncIterator[Shell]:
    """A shell in an empty directory; what it left running ends with it."""
    place = tmp_path / "desk"
    place.mkdir(mode=0o700)
    who = {"GIT_AUTHOR_NAME": "desk", "GIT_AUTHOR_EMAIL": "desk@example.com"}
    environment = {
        **envoy_environment(find_filter()),
        **who,
        **{name.replace("AUTHOR", "COMMITTER"): value for name, value in who.items()},
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *("bash", "--norc"), stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT, cwd=place, env=environment,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield Shell(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        # The commands write keys and a token where they are told to; what else was written is searched for secrets.
        shutil.rmtree(place / "keys", ignore_errors=True)
        (place / "run" / "token").unlink(missing_ok=True)


async def record(venue: Venue, path: Path) -> None:
    """Write a day of ALGO at the venue, without any gateway, to a log."""
    client = Client("ALGO", venue.comp_id)
    reader, writer = await asyncio.open_connection("127.0.0.1", venue.port)
    client.attach(reader, writer)
    client.logon((), reset=True)
    await client.wait_for_type("A", PATIENCE_S)
    spread = client.spread()
    sent = [spread, client.replace(spread), client.cancel(spread), client.subscribe()]
    await client.wait_for_type("W", PATIENCE_S)
    day = [*sent, *client.received]
    path.write_bytes(b"".join(b"20260105-14:30:00 : " + message.raw + b"\n" for message in day))
    await client.disconnect()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def log_on(venue: Venue, port: int, token: str) -> Client:
    client = Client("ALGO", venue.comp_id)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            await asyncio.sleep(0.05)
    client.attach(reader, writer)
    client.log_on(token)
    await client.wait_for_type("A", PATIENCE_S)
    client.beat(0.2)  # a kill takes the place of a Heartbeat
    return client


async def arrives(venue: Venue, message: Message) -> None:
    await venue.session("ALGO").wait_for(lambda one: one.raw == message.raw, PATIENCE_S)


@pytest.mark.timeout(400)
async def test_the_playbook(shell: Shell, venue: Venue, tmp_path: Path) -> None:
    place = tmp_path / "desk"
    await record(venue, place / "day.log")
    port = free_port()
    client: Client | None = None
    printed = []
    for block in BLOCKS:
        printed.append(await shell.run(block.replace("9881", str(venue.port)).replace("9880", str(port))))
        if ENVOY_STARTS in block:
            client = await log_on(venue, port, (place / "run" / "token").read_text().strip())
            await arrives(venue, client.spread())
            await arrives(venue, client.stock_order())
            await is_recorded(place / "run" / "audit.jsonl")
        if ENFORCED in block:
            assert client is not None
            await is_enforced(client)
            await arrives(venue, client.spread())
    said = "".join(printed)
    assert "ALGO\tD\t" in said  # the stock order, let through in shadow
    assert "1 live session hit" in said
    assert client is not None
    assert (await client.wait_for_type("5", PATIENCE_S)).get(58) == "drill"


async def is_recorded(audit: Path) -> None:
    """Wait until the audit has the stock order, which passes in shadow."""
    async with asyncio.timeout(PATIENCE_S):
        while '"mode":"shadow"' not in audit.read_text():
            await asyncio.sleep(0.05)


async def is_enforced(client: Client) -> None:
    """Send orders until one is rejected: the service takes a change within a second or so."""
    async with asyncio.timeout(PATIENCE_S):
        while not client.of_type("j"):
            client.stock_order()
            await asyncio.sleep(0.1)
    assert client.of_type("j")[0].get(58) == "Insufficient permissions"


def test_every_phase_has_commands() -> None:
    phases = re.split(r"^## [1-4]\. ", PLAYBOOK, flags=re.MULTILINE)[1:]
    assert len(phases) == 4
    assert all("```sh" in phase for phase in phases)
