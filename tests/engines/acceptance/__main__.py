"""Plays QuickFIX's acceptance definitions at the bare engine and through the gateway, and tells where the two differ.

    python -m tests.engines.acceptance --definitions DIR [--only 14d] [--jobs 2]

DIR has a folder for each version (`fix40` to `fix50sp2`) with the definitions, such as `_test/definitions/server` of
quickfixgo, which the Go module cache has once its driver is built. Each definition is played straight at QuickFIX, then
at the gateway with an access token in the Logon. One that differs is played again before it is believed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.engines.acceptance.definition import Definition, read
from tests.engines.acceptance.parties import FOLDERS
from tests.engines.acceptance.table import Table
from tests.engines.acceptance.transcript import Difference, difference

AGAIN = 2


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a definition."""

    name: str
    difference: Difference | None
    seconds: float

    def __str__(self) -> str:
        verdict = "same" if self.difference is None else "DIFFERS"
        return f"{verdict:8}{self.seconds:6.1f} s  {self.name:60}{self.difference or ''}"


async def compare(definition: Definition, table: Table) -> Result:
    """Play a definition both ways, more than once where the first comparison fails."""
    found: Difference | None = None
    begun = time.monotonic()
    for _ in range(AGAIN):
        found = difference(*await table.both(definition))
        if found is None:
            break
    return Result(definition.name, found, time.monotonic() - begun)


async def run(definitions: list[Definition], jobs: int, folder: Path) -> list[Result]:
    """The results of all, each printed as soon as it is there."""
    queues: dict[str, list[Definition]] = {}
    # The slowest wait for several heartbeats: they come first.
    for definition in sorted(definitions, key=lambda one: (one.heartbeat_s, len(one.steps))):
        queues.setdefault(definition.version, []).append(definition)
    table = Table(folder, queues, jobs)
    results: list[Result] = []

    async def work(queue: list[Definition]) -> None:
        while queue:
            results.append(await compare(queue.pop(), table))
            print(results[-1], flush=True)

    try:
        await table.start()
        await asyncio.gather(*(work(queue) for queue in queues.values() for _ in range(jobs)))
    finally:
        await table.stop()
    return results


def summary(results: list[Result]) -> str:
    """How many of each version are the same, and of all."""
    versions = [result.name.partition("/")[0] for result in results]
    same = Counter(result.name.partition("/")[0] for result in results if result.difference is None)
    lines = [f"{version:10}{same[version]:4} of {versions.count(version)}" for version in sorted(set(versions))]
    texts = sum(result.difference is not None and result.difference.text_alone for result in results)
    lines.append(f"{'all':10}{same.total():4} of {len(results)}; of the others, {texts} differ in Text (58) alone")
    return "\n".join(lines)


def find(folder: Path, only: str) -> list[Definition]:
    """The definitions in the folders of the versions, those with `only` in their name."""
    files = [file for version in FOLDERS for file in sorted((folder / version).glob("*.def"))]
    return [read(file) for file in files if only in f"{file.parent.name}/{file.stem}"]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines.acceptance", description=__doc__)
    parser.add_argument("--definitions", type=Path, required=True, help="the folder that has fix40, fix41, …")
    parser.add_argument("--only", default="", help="a part of the name: `14d`, `fix44/`, `fix42/14d`")
    parser.add_argument("--jobs", type=int, default=2, help="how many definitions of a version are played at once")
    parser.add_argument("--at-least", type=int, default=0, help="fail unless so many are the same")
    options = parser.parse_args()
    definitions = find(options.definitions, options.only)
    if not definitions:
        print(f"`{options.definitions}` has no such definitions", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        results = asyncio.run(run(definitions, options.jobs, Path(folder)))
    print(summary(results))
    return 0 if sum(result.difference is None for result in results) >= options.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
