"""`python -m benches.fairness`: the trials, their tables, and `build/bench.json`. Missed aims are printed; the exit
code stays 0."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benches import record
from benches.aims import AIM_HEADINGS
from benches.command import run_command
from benches.fairness import report
from benches.fairness.trial import Plan, run
from benches.load import ROOT
from benches.rounds import this_machine
from benches.tables import screen_table

console = Console()


def main(
    orders: Annotated[int, typer.Option(min=10, max=10_000, help="Of the desk, in each trial.")] = 300,
    attackers: Annotated[int, typer.Option(min=1, max=100, help="Sessions that flood, all of one client.")] = 3,
    out: Annotated[Path, typer.Option(help="Where the figures go, as JSON.")] = ROOT / "build" / "bench.json",
) -> None:
    """What becomes of a desk's orders while another client floods, through the real Envoy on loopback."""
    machine = this_machine()
    plans = {
        report.ALONE: Plan(orders, attackers=0),
        report.REPLAYS: Plan(orders, attackers=attackers, replay=True),
        report.ORDERS: Plan(orders, attackers=attackers, replay=False),
    }
    outcomes = {}
    with tempfile.TemporaryDirectory(prefix="fix-bench-") as directory:
        for name, plan in plans.items():
            console.print(f"a desk's orders: {name}")
            outcomes[name] = asyncio.run(run(Path(directory) / name, plan))
    results = report.summarize(outcomes)
    console.print(screen_table(report.HEADINGS, report.figure_rows(results), caption=str(machine)))
    console.print(screen_table(AIM_HEADINGS, report.aim_rows(results)))
    print(f"\n{report.markdown(machine, results)}")
    record.write(out, machine, results, keep_load=True)
    console.print(f"written: {out}")


if __name__ == "__main__":
    run_command(main)
