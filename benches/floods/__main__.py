"""`python -m benches.floods`: runs each flood on each listener, and times the others' answers meanwhile."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benches.command import run_command
from benches.floods.attack import Kind
from benches.floods.measure import Outcome, measure
from benches.floods.service import service

GRPC = (Kind.BOMBS, Kind.HALF_OPEN, Kind.CONNECTIONS, Kind.HANDSHAKES, Kind.HEADERS, Kind.CALLS)
ALL: dict[str, tuple[Kind, ...]] = {
    "listen.tcp": (*GRPC, Kind.HALF_OPEN_WIDE, Kind.FRAMES, Kind.RESETS),
    "admin.tcp": GRPC,
    "metrics.tcp": (Kind.CONNECTIONS, Kind.GARBAGE, Kind.SLOW, Kind.SCRAPES),
}
HEAD = "| flood | acts a second | listener | median ms | 99 % ms | longest ms | failed | memory MiB | refused |"


async def run(directory: Path, seconds: float, only: str, cpu: int) -> None:
    """Print a table's rows as they come."""
    print(f"{HEAD}\n|{'---|' * HEAD.count(' | ')}---|")
    with service(directory) as target:
        show(await measure(target, seconds, None, ""))
        for on, kinds in ALL.items():
            for kind in kinds:
                if only in f"{kind} on {on}":
                    show(await measure(target, seconds, kind, on, cpu))
        show(await measure(target, seconds, None, ""))


def show(outcome: Outcome) -> None:
    """A row for each listener that was asked."""
    refused = ", ".join(f"{reason} {count}" for reason, count in sorted(outcome.refused.items()))
    for index, answers in enumerate(outcome.answers):
        first = (outcome.name, f"{outcome.per_s:.0f}") if index == 0 else ("", "")
        last = (str(outcome.memory_mib), refused) if index == 0 else ("", "")
        times = [f"{answers.at(share):.1f}" for share in (0.5, 0.99, 1.0)]
        print("| " + " | ".join((*first, answers.listener, *times, str(answers.failed), *last)) + " |", flush=True)


def main(
    seconds: Annotated[float, typer.Option(min=1, help="How long each flood lasts.")] = 5.0,
    only: Annotated[str, typer.Option(help="Only floods whose name has this in it, as `bombs on admin.tcp`.")] = "",
    pin: Annotated[bool, typer.Option(help="The attacker has the last processor, the others the rest.")] = False,
) -> None:
    """Floods before authentication, against a real service."""
    cpu = -1
    if pin:
        *rest, cpu = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, rest or {cpu})  # the service inherits it
    with tempfile.TemporaryDirectory(prefix="fix-floods-") as directory:
        asyncio.run(run(Path(directory), seconds, only, cpu))


if __name__ == "__main__":
    run_command(main)
