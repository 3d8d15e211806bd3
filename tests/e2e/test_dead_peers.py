"""A client that is dead ends no connection by itself: TCP keepalive and its silence tell.

Each session has a HeartBtInt (108) of a second, so that its client may be silent for 10 s, the least bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest
import pytest_asyncio

from authzsvc.demo.stack import Stack
from tests.e2e.conftest import StartStack
from tests.e2e.rig import TRADER, HandVenue, Line, Rig, eventually, fresh_comp_id, logon_draft
from tests.e2e.test_hangup import message

BOUND_S = 10.0
SLACK_S = 5.0
KEEPALIVE = "02"
"""The timer of a socket in `/proc/net/tcp` that has nothing to send again."""


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, hand_venue: HandVenue) -> Stack:
    """A stack in front of the venue by hand."""
    return start_stack(upstream_port=hand_venue.port)


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def clean(hand_venue: HandVenue) -> AsyncIterator[None]:
    """No connection of another test."""
    await hand_venue.hang_up()
    yield
    await hand_venue.hang_up()


async def log_on(rig: Rig, hand_venue: HandVenue, comp_id: str) -> tuple[Line, Line]:
    """A session: the client's end, and the venue's."""
    client = await rig.line()
    draft = logon_draft(comp_id, rig.token(comp_id, *TRADER))
    client.send(replace(draft, body=draft.body.replace("108=30|", "108=1|")).whole())
    venue = await hand_venue.line()
    assert (await venue.message()).type == "A"
    venue.send(message("A", "98=0|108=1|141=Y|", seq=1, sender="VENUE", target=comp_id))
    assert (await client.message()).type == "A"
    return client, venue


def timers(local: int | None, remote: int | None) -> set[str]:
    """The timers of established sockets with these ports."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, here, there, state, _, timer, *_ = line.split()
        ports = [int(address.split(":")[1], 16) for address in (here, there)]
        if state == "01" and local in {None, ports[0]} and remote in {None, ports[1]}:
            found.add(timer.split(":")[0])
    return found


async def test_keepalive_on_both_sides(rig: Rig, hand_venue: HandVenue) -> None:
    await log_on(rig, hand_venue, fresh_comp_id())
    await eventually(lambda: timers(rig.stack.port, None) == {KEEPALIVE}, "keepalive towards the client")
    await eventually(lambda: timers(None, hand_venue.port) == {KEEPALIVE}, "keepalive towards the venue")


async def _is_silent(rig: Rig, hand_venue: HandVenue, comp_id: str) -> None:
    """Though the venue talks on."""
    _, venue = await log_on(rig, hand_venue, comp_id)
    began = monotonic()
    ended = asyncio.create_task(venue.read_to_end(BOUND_S + SLACK_S))
    for number in range(2, 1_000):
        if ended.done():
            break
        venue.send(message("0", "", seq=number, sender="VENUE", target=comp_id))
        await asyncio.sleep(0.5)
    assert await ended == b""
    assert BOUND_S - 0.5 < monotonic() - began < BOUND_S + SLACK_S


async def _reads_nothing(rig: Rig, hand_venue: HandVenue, comp_id: str) -> None:
    """Bytes wait for it in Envoy, which would close its connection only behind them."""
    client, venue = await log_on(rig, hand_venue, comp_id)
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    news = message("B", f"148={'x' * 60_000}|", seq=2, sender="VENUE", target=comp_id)
    for _ in range(250):
        venue.send(news)
    await venue.read_to_end(BOUND_S + SLACK_S)


def _too_much(comp_id: str) -> list[bytes]:
    """More than the kernel's buffers and Envoy's hold."""
    text = "x" * 50_000
    return [message("0", f"58={text}|", seq=n, sender=comp_id, target="VENUE") for n in range(2, 500)]


async def _is_not_read(rig: Rig, hand_venue: HandVenue, comp_id: str) -> None:
    """A venue that takes nothing for longer than the bound, but talks on, stops the reads from the client, which is not
    dead for that."""
    client, venue = await log_on(rig, hand_venue, comp_id)
    venue.writer.transport.pause_reading()  # type: ignore[attr-defined]
    words = _too_much(comp_id)
    client.send(b"".join(words))
    for number in range(2, 10):
        await asyncio.sleep(BOUND_S / 4)
        venue.send(message("0", "", seq=number, sender="VENUE", target=comp_id))
    venue.writer.transport.resume_reading()  # type: ignore[attr-defined]
    for word in words:
        assert (await venue.message()).raw == word


async def _leaves_a_dead_venue(rig: Rig, hand_venue: HandVenue, comp_id: str) -> None:
    """A venue that takes nothing and says nothing stops the reads, so that nobody sees the client leave."""
    client, venue = await log_on(rig, hand_venue, comp_id)
    venue.writer.transport.pause_reading()  # type: ignore[attr-defined]
    client.send(b"".join(_too_much(comp_id)))
    await asyncio.sleep(1.0)
    client.reset()
    await asyncio.sleep(2 * BOUND_S + SLACK_S)


async def test_silence(rig: Rig, hand_venue: HandVenue) -> None:
    """All at once, for each takes its time. The identities of the dead are free."""
    silent = rig.stat("sessions_silent")
    running, comp_ids = [], []
    for case in (_is_silent, _reads_nothing, _leaves_a_dead_venue, _is_not_read):
        comp_ids.append(fresh_comp_id())
        running.append(asyncio.create_task(case(rig, hand_venue, comp_ids[-1])))
        await asyncio.sleep(1.0)  # the venue's connections come in this order
    await asyncio.gather(*running)
    assert rig.stat("sessions_silent") == silent + 3
    for comp_id in comp_ids[:3]:
        await log_on(rig, hand_venue, comp_id)
