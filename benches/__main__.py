"""`python -m benches`: measure, print the tables, add to `build/bench.json`. Missed aims are told, not failed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from benches import figures, record, report
from benches.command import run_command
from benches.load import ROOT
from benches.rig import rig
from benches.rounds import rounds, this_machine

console = Console()


def main(
    count: Annotated[int, typer.Option("--rounds", min=1, max=50, help="Rounds, each of all variants.")] = 9,
    out: Annotated[Path, typer.Option(help="Where the figures go, as JSON.")] = ROOT / "build" / "bench.json",
) -> None:
    """Throughput and latency of the gateway against plain tcp_proxy, through the real Envoy on loopback."""
    machine = this_machine()
    with tempfile.TemporaryDirectory(prefix="fix-bench-") as directory, rig(Path(directory)) as parts:
        taken = list(track(rounds(parts, count), "measuring", total=count, console=console))
        missing = parts.missing
    results = figures.summarize(taken)
    for table in report.screen_tables(machine, results, missing):
        console.print(table)
    print(f"\n{report.markdown(machine, results, missing)}")
    record.write(out, machine, results)
    console.print(f"written: {out}")


if __name__ == "__main__":
    run_command(main)
