"""Hundreds of clients lose their connections and come back at the same moment: each is let in at its first Logon.

A network that fails and returns does this. Half of the clients reset their connections and half close them, and the
venue leaves its sides of the closed ones open, so that these sessions end only after `limits.logout_timeout_ms`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from time import monotonic

import pytest
import pytest_asyncio

from authzsvc.demo.stack import LOOPBACK, Stack
from authzsvc.demo.wire import Message, read_message
from authzsvc.gateway import FilterSettings
from tests.e2e.conftest import StartStack
from tests.e2e.rig import TRADER, Line, Rig, fresh_comp_id, logon_draft

CLIENTS = 400
ALL_BACK_S = 30.0


class StubbornVenue:
    """Answers every Logon, and never ends a connection by itself."""

    def __init__(self) -> None:
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0, backlog=2 * CLIENTS)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            logon = await read_message(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        header = ((49, logon.get(56)), (56, logon.get(49)), (34, 1), (52, logon.get(52)))
        writer.write(Message.build("FIX.4.4", "A", (*header, (98, 0), (108, 30), (141, "Y"))).raw)

    async def stop(self) -> None:
        """End all."""
        for writer in self._writers:
            writer.transport.abort()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stubborn_venue() -> AsyncIterator[StubbornVenue]:
    """The venue of this module."""
    venue = StubbornVenue()
    await venue.start()
    yield venue
    await venue.stop()


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, stubborn_venue: StubbornVenue) -> Stack:
    """A second Logon is refused, and the filter has its default settings."""
    return start_stack(
        FilterSettings(), upstream_port=stubborn_venue.port, service_settings={"sessions": {"second_logon": "refuse"}}
    )


async def log_on(rig: Rig, logon: bytes) -> tuple[Line, Message]:
    """A connection, and the answer to its Logon."""
    line = await rig.line()
    line.send(logon)
    return line, await line.message(ALL_BACK_S)


async def test_all_are_back_at_once(rig: Rig) -> None:
    comp_ids = [fresh_comp_id() for _ in range(CLIENTS)]
    logons = [logon_draft(comp_id, rig.token(comp_id, *TRADER)).whole() for comp_id in comp_ids]
    lines = []
    for start in range(0, CLIENTS, 50):
        sessions = await asyncio.gather(*(log_on(rig, logon) for logon in logons[start : start + 50]))
        assert {answer.type for _, answer in sessions} == {"A"}
        lines += [line for line, _ in sessions]
    assert rig.stat("sessions_active") == CLIENTS
    for number, line in enumerate(lines):
        if number % 2:
            line.reset()
        else:
            line.writer.close()
    began = monotonic()
    answers = await asyncio.gather(*(log_on(rig, logon) for logon in logons))
    assert Counter((answer.type, answer.get(58)) for _, answer in answers) == {("A", ""): CLIENTS}
    assert monotonic() - began < ALL_BACK_S
