"""All sessions at once: they log on together, are idle, trade steadily, and are killed by one command.

What an idle session takes in Envoy is told above what it takes in a plain one, measured with as many connections.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from authzsvc.errors import ToolError
from benches import load
from benches.processors import cpu_us
from benches.rig import MAPPING
from benches.sessions.crowd import Crowd, Ends, Logons
from benches.sessions.hall import Extra, Hall, hall
from benches.sessions.memory import resident
from benches.stacks import PlainStack

AT_ONCE = 256
"""Logons that are on their way at any moment."""
SETTLE_S = 3.0
FLOW_S = 6.0
EVERY_MS = 1000
"""Each session sends an order so often."""
REASON = "halted by the bench"
_PATIENT = Extra(check_timeout_ms=15_000)
_FORWARDED = "fix_authz.inbound_forwarded"


@dataclass(frozen=True, slots=True)
class Flow:
    """What went through while all traded."""

    per_s: float
    """Messages."""
    envoy_us: float
    """Envoy's processor time for each of them, its report included."""


@dataclass(frozen=True, slots=True)
class Storm:
    """What was found."""

    logons: Logons
    session_kb: float
    """Envoy's memory for an idle session, in thousands of bytes."""
    plain_kb: float
    """The same in an Envoy without the filter."""
    flow: Flow
    ends: Ends


def storm(directory: Path, sessions: int) -> Storm:
    """Let so many sessions live and end. Raises `ToolError`."""
    plain_kb = _plain(directory.with_name(f"{directory.name}-plain"), sessions)
    with hall(directory, _PATIENT) as parts, parts.crowd(sessions) as crowd:
        before = resident(parts.envoy).now
        logons = crowd.log_on(AT_ONCE)
        parts.wait_for_watches(sessions)
        time.sleep(SETTLE_S)
        session_kb = (resident(parts.envoy).now - before) * 1000 / sessions
        crowd.trade(EVERY_MS)
        # The first order of each session is asked about.
        time.sleep(SETTLE_S)
        flow = _flow(parts)
        parts.kill_all(REASON)
        ends = crowd.probe(time.time())
    # Where every connection was cut before its Logout was read there is no text; how many were is told.
    if ends.text and REASON not in ends.text:
        raise ToolError(f"the sessions were ended with `{ends.text}` instead of the reason")
    return Storm(logons, session_kb, plain_kb, flow, ends)


def _flow(parts: Hall) -> Flow:
    began, cpu, count = time.perf_counter(), cpu_us(parts.envoy), parts.stack.stats()[_FORWARDED]
    time.sleep(FLOW_S)
    passed = parts.stack.stats()[_FORWARDED] - count
    used, took = cpu_us(parts.envoy) - cpu, time.perf_counter() - began
    return Flow(passed / took, used / max(passed, 1))


def _plain(directory: Path, sessions: int) -> float:
    """What a connection takes in an Envoy that has `tcp_proxy` alone, in thousands of bytes."""
    directory.mkdir()
    program = load.build()
    exchange = load.Venue(program, directory / "exchange.log", "exchange")
    try:
        stack = PlainStack(directory / "stack", exchange.port, MAPPING)
        with stack:
            if stack.envoy is None:
                raise ToolError("a part was not started")
            before = resident(stack.envoy.pid).now
            with Crowd(program, stack.port, {f"P{number:06d}": "none" for number in range(sessions)}) as crowd:
                crowd.log_on(AT_ONCE)
                time.sleep(SETTLE_S)
                found = (resident(stack.envoy.pid).now - before) * 1000 / sessions
                crowd.leave()
    finally:
        exchange.stop()
    return found
