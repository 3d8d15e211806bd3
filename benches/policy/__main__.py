"""`python -m benches.policy`: decide, compare, print the tables, add to `build/bench.json`. Missed aims do not fail."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from authzsvc.errors import AuthzError
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy
from benches import record, replay
from benches.aims import AIM_HEADINGS
from benches.command import run_command
from benches.load import ROOT
from benches.policy import report, sizes
from benches.policy.day import ALGO_PROVIDER, DAY, SCOPES, Message
from benches.policy.engines import Engine, engines
from benches.policy.timing import Contestant, race
from benches.rounds import this_machine
from benches.tables import screen_table

SMALL, LARGE = (10, 10), (10_000, 2_000)
"""Scopes, and rules on one message."""
LOADS = 3
DAYS = 20
QUESTIONS = 100

console = Console()


def main(
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Rounds, each of all engines.")] = 15,
    out: Annotated[Path, typer.Option(help="Where the figures go, as JSON.")] = ROOT / "build" / "bench.json",
) -> None:
    """The time of a decision: against casbin, cedarpy and regopy, and by the size of the mapping."""
    machine = this_machine()
    contestants = engines()
    check(contestants)
    by_engine = race_engines(contestants, rounds)
    by_size, load_s = race_sizes(rounds)
    results = report.summarize(by_engine, by_size, load_s, replay.measure())
    show(report.ENGINE_HEADINGS, report.engine_rows(by_engine))
    show(report.SIZE_HEADINGS, report.size_rows(by_size))
    show(AIM_HEADINGS, report.aim_rows(results))
    record.write(out, machine, results, keep_load=True)
    console.print(f"written: {out}")


def check(contestants: Sequence[Engine]) -> None:
    """Hold all verdicts against the day's and each other's, for each scope alone too: a fast wrong answer is no answer.

    Raises `AuthzError`, which names the engine and the message.
    """
    ours, *rivals = contestants
    for held in (ALGO_PROVIDER, SCOPES, *(frozenset((scope,)) for scope in sorted(SCOPES))):
        for message in DAY:
            said = ours.decide(ours.prepare(held, message))
            wrong = [rival.name for rival in rivals if rival.decide(rival.prepare(held, message)) != said]
            if held == ALGO_PROVIDER and said != message.allowed:
                wrong.append(ours.name)
            if wrong:
                where = f"35={message.msg_type} with {', '.join(sorted(held))}"
                raise AuthzError(f"{' and '.join(wrong)} decided otherwise on `{where}`, so nothing was timed")


def race_engines(contestants: Sequence[Engine], rounds: int) -> dict[str, report.Times]:
    """Give each engine's times over AlgoProvider's day, and over what is allowed and what is denied of it."""
    parts = {
        "day": DAY,
        "allowed": tuple(message for message in DAY if message.allowed),
        "denied": tuple(message for message in DAY if not message.allowed),
    }
    taken = {
        part: race({engine.name: ready(engine, some) for engine in contestants}, rounds) for part, some in parts.items()
    }
    return {engine.name: report.Times(**{part: taken[part][engine.name] for part in parts}) for engine in contestants}


def ready(engine: Engine, messages: Sequence[Message]) -> Contestant:
    """Prepare messages for an engine."""
    return Contestant(engine.decide, tuple(engine.prepare(ALGO_PROVIDER, message) for message in messages), DAYS)


def race_sizes(rounds: int) -> tuple[list[report.Sizes], float]:
    """Give the kinds of question under a small and a large mapping, and the seconds that the large one loads in."""
    with tempfile.TemporaryDirectory(prefix="policy-bench-") as directory:
        small, _ = load(Path(directory), *SMALL)
        large, seconds = load(Path(directory), *LARGE)
    asked = {"small": (small, sizes.questions(SMALL[1])), "large": (large, sizes.questions(LARGE[1]))}
    taken = race(
        {
            f"{size} {kind}": Contestant(policy.decide, found, QUESTIONS)
            for size, (policy, questions) in asked.items()
            for kind, found in questions.items()
        },
        rounds,
    )
    return [report.Sizes(kind, taken[f"small {kind}"], taken[f"large {kind}"]) for kind in asked["small"][1]], seconds


def load(directory: Path, scopes: int, rules: int) -> tuple[Policy, float]:
    """Compile a mapping of this size, and time it: from the YAML file to the policy, the median of a few."""
    path = directory / f"{scopes}.yaml"
    path.write_text(sizes.mapping_text(scopes, rules))
    taken = []
    for _ in range(LOADS):
        begin = perf_counter()
        policy = compile_mapping(path)
        taken.append(perf_counter() - begin)
    return policy, median(taken)


def show(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    console.print(screen_table(headings, [[escape(cell) for cell in row] for row in rows]))


if __name__ == "__main__":
    run_command(main)
