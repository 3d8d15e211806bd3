"""`python -m benches.sessions`: the trials, their tables, and `build/bench.json`. Missed aims are told, not failed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benches import record
from benches.aims import AIM_HEADINGS
from benches.command import run_command
from benches.load import ROOT
from benches.rounds import this_machine
from benches.sessions import report, trials
from benches.sessions.open_files import raise_limit
from benches.sessions.storm import storm
from benches.tables import screen_table

SPARE_FILES = 500
ROUNDS = 3
"""Of the first decisions: one thing on the machine beside us is soon a hundredth of them."""

console = Console()


def main(
    sessions: Annotated[
        int, typer.Option(min=10, max=9_000, help="Of the Logons in a row, for the memory, and all at once.")
    ] = 5_000,
    some: Annotated[int, typer.Option(min=10, max=5_000, help="Of the other trials.")] = 1_000,
    idle_s: Annotated[float, typer.Option(min=0, max=600, help="Before the memory is looked at again.")] = 35.0,
    out: Annotated[Path, typer.Option(help="Where the figures go, as JSON.")] = ROOT / "build" / "bench.json",
) -> None:
    """First decisions, Logons in a row, slow introspection, the kill switch and memory, through the real Envoy."""
    machine = this_machine()
    # Envoy has a connection on each side for each session.
    raise_limit(2 * max(sessions, some) + SPARE_FILES)
    with tempfile.TemporaryDirectory(prefix="fix-bench-") as directory:
        place = Path(directory)
        console.print("first decisions")
        firsts = [trials.first_decisions(place / f"firsts-{number}", some) for number in range(ROUNDS)]
        console.print("Logons in a row, memory")
        many = trials.many(place / "many", sessions, idle_s)
        console.print("slow introspection")
        beside = trials.beside_slow(place / "beside", some)
        console.print("kill switch")
        killed = trials.kill(place / "kill", some)
        console.print("all at once")
        stormed = storm(place / "storm", sessions)
    results = report.summarize(firsts, many, beside, killed, stormed)
    console.print(screen_table(report.HEADINGS, report.figure_rows(results), caption=str(machine)))
    console.print(screen_table(AIM_HEADINGS, report.aim_rows(results)))
    print(f"\n{report.markdown(machine, results)}")
    record.write(out, machine, results, keep_load=True)
    console.print(f"written: {out}")


if __name__ == "__main__":
    run_command(main)
