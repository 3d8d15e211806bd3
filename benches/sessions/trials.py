"""The trials, each on parts of its own: a first decision, thousands of Logons, slow introspection, the kill switch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from authzsvc.errors import ToolError
from benches.rig import SCOPES
from benches.sessions.crowd import Ends, Logons
from benches.sessions.hall import Extra, Hall, hall
from benches.sessions.introspection import SlowServer, opaque, slow_server
from benches.sessions.memory import Resident, resident

REASON = "halted by the bench"
STORM = 64
"""Logons at once where their own time is of no interest."""
WARM_S = 3.0
"""For this long sessions trade before they are ended, an order each a second."""
DELAY_S = 2.0
WAITING = 32
"""Logons that wait for introspection at any moment."""
SLOW = 6 * WAITING
ROUNDS = 2
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Memory:
    """What the service and Envoy have in memory."""

    service: Resident
    envoy: Resident


@dataclass(frozen=True, slots=True)
class Many:
    """Sessions that all stay."""

    logons: Logons
    before: Memory
    after: Memory
    """With all sessions and their watches."""
    idle: Memory
    """The same after a while in which the sessions sent nothing but Heartbeats."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Logons one after another, in microseconds."""

    alone_us: tuple[float, ...]
    beside_us: tuple[float, ...]
    """While others waited for introspection."""


@dataclass(frozen=True, slots=True)
class Killed:
    """The kill switch."""

    call_ms: float
    hit: int
    """Sessions, as the service says."""
    ends: Ends


def first_decisions(directory: Path, sessions: int) -> Logons:
    """Sessions begin one after another, each with an order as soon as it is logged on; all stay until the last has."""
    with hall(directory) as parts, parts.crowd(sessions) as crowd:
        found = crowd.log_on(1, order=True)
        crowd.leave()
    return found


def many(directory: Path, sessions: int, idle_s: float) -> Many:
    """Sessions log on one after another and stay."""
    with hall(directory) as parts:
        before = _memory(parts)
        with parts.crowd(sessions) as crowd:
            logons = crowd.log_on(1)
            parts.wait_for_watches(sessions)
            after = _memory(parts)
            time.sleep(idle_s)
            parts.wait_for_watches(sessions)
            idle = _memory(parts)
            crowd.leave()
    return Many(logons, before, after, idle)


def _memory(parts: Hall) -> Memory:
    return Memory(resident(parts.service), resident(parts.envoy))


def beside_slow(directory: Path, sessions: int) -> Beside:
    """Logons with a JWT, alone and while others wait for an introspection that takes 2 s, by turns."""
    tokens, answers = opaque([f"S{number:06d}" for number in range(SLOW * ROUNDS)], SCOPES)
    alone: list[float] = []
    beside: list[float] = []
    with slow_server(answers, DELAY_S) as server:
        # The filter gives an answer 500 ms unless told otherwise, so slow Logons would be refused before they can wait.
        extra = Extra(server.url, int(DELAY_S * 1000) + 8_000)
        with hall(directory, extra) as parts:
            for number in range(ROUNDS):
                alone += _log_on(parts, sessions // ROUNDS)
                part = list(tokens.items())[number * SLOW : (number + 1) * SLOW]
                beside += _beside(parts, server, dict(part), sessions // ROUNDS)
    return Beside(tuple(alone), tuple(beside))


def _beside(parts: Hall, server: SlowServer, tokens: dict[str, str], sessions: int) -> tuple[float, ...]:
    asked = server.asked
    with parts.crowd_of(tokens) as slow:
        slow.begin_logons(WAITING)
        deadline = time.monotonic() + _PATIENCE_S
        while server.waiting < WAITING // 2:
            if time.monotonic() > deadline:
                raise ToolError("no Logon waits for introspection")
            time.sleep(0.01)
        found = _log_on(parts, sessions)
        if server.asked - asked == len(tokens) and not server.waiting:
            raise ToolError("the Logons outlasted the slow ones beside them (is the machine busy?)")
        ended = slow.logons()
        if ended.refused:
            raise ToolError(f"{ended.refused} slow Logons were refused: `{ended.why}`")
        slow.leave()
    return found


def _log_on(parts: Hall, sessions: int) -> tuple[float, ...]:
    with parts.crowd(sessions) as crowd:
        found = crowd.log_on(1)
        crowd.leave()
    return found.logons_us


def kill(directory: Path, sessions: int) -> Killed:
    """Live sessions that trade are all ended by one command."""
    with hall(directory) as parts, parts.crowd(sessions) as crowd:
        crowd.log_on(STORM)
        parts.wait_for_watches(sessions)
        crowd.trade(1000)
        time.sleep(WARM_S)
        began = time.perf_counter()
        done = parts.kill_all(REASON)
        took, returned = time.perf_counter() - began, time.time()
        ends = crowd.probe(returned)
    if ends.refused_ms and REASON not in ends.text:
        raise ToolError(f"the sessions were ended with `{ends.text}` instead of the reason")
    return Killed(took * 1000, done.hit, ends)
