"""One trial: a desk trades at a steady rate through the real Envoy and the real service while another client floods."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from authzsvc.demo.stack import Stack
from authzsvc.gateway import FilterSettings, GatewayOptions
from authzsvc.gateway.filter_settings import Cache
from authzsvc.gateway.options import Endpoint
from benches.fairness.counterparties import Answers, Exchange, Line, flood, trade

MAPPING = Path(__file__).with_name("mapping.yaml")
DESK, CROWDER = "DESK", "CROWDER"
WARM_S = 1.0
"""The flood is at its full strength after this."""
_NOWHERE = Endpoint("127.0.0.1", 0)
_UNCACHED = FilterSettings(cache=Cache(enabled=False))
"""Without cached decisions, each order of the desk needs a Check."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried."""

    orders: int = 100
    per_s: float = 10.0
    attackers: int = 3
    """Sessions that flood, all of one client."""
    replay: bool = True
    """They flood with replays; else with new messages."""
    settings: FilterSettings = _UNCACHED


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    answers: Answers
    flooded_per_s: float
    """Messages of the flood that were decided: what took their place reached the venue."""
    ended: int
    """Sessions of the flood that the gateway ended."""


async def run(directory: Path, plan: Plan) -> Outcome:
    """Start all parts, with their files in `directory`; end them. Raises `ToolError` where a part cannot be had."""
    async with Exchange() as exchange:
        gateway = GatewayOptions(_NOWHERE, _NOWHERE, _NOWHERE, filter=plan.settings)
        stack = Stack(directory, exchange.port, MAPPING, gateway=gateway)
        try:
            await asyncio.to_thread(stack.start)
            return await _run(stack, exchange, plan)
        finally:
            await asyncio.to_thread(stack.stop)


async def _run(stack: Stack, exchange: Exchange, plan: Plan) -> Outcome:
    desk = await Line.log_on(stack.port, DESK, _token(stack, DESK, "order:create:equity"))
    names = [f"{CROWDER}-{number}" for number in range(plan.attackers)]
    crowd = [await Line.log_on(stack.port, name, _token(stack, name, "order:create:brokered")) for name in names]
    floods = [asyncio.create_task(flood(line, replay=plan.replay)) for line in crowd]
    await asyncio.sleep(WARM_S)
    before, began = _reached(exchange, names), time.perf_counter()
    answers = await trade(desk, plan.orders, plan.per_s)
    flooded = (_reached(exchange, names) - before) / (time.perf_counter() - began)
    ended = sum(each.done() for each in floods)
    for each in floods:
        each.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await each
    for line in (desk, *crowd):
        await line.close()
    return Outcome(answers, flooded, ended)


def _token(stack: Stack, comp_id: str, scope: str) -> str:
    """A token for a session; those that flood are all of one client, each under a CompID of its own."""
    client = comp_id.partition("-")[0].lower()
    claims = {"firms": ["NOBODY"]}
    return stack.issuer.mint(scopes=(scope,), subject=client, client_id=client, comp_id=comp_id, claims=claims)


def _reached(exchange: Exchange, names: list[str]) -> int:
    return sum(exchange.received.get(name, 0) for name in names)
