"""`python -m benches.parser`: what framing and the strict parse cost, in time and in instructions.

Time depends on the machine and on what else it does; instructions hardly do. So the time is only told (and added to
`build/bench.json`), and the instructions a message are held against the limits in `parser.json`: callgrind counts a
short and a longer run of `envoy/core/examples/parser.rs`, whose difference is without what starts and ends a program.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from authzsvc.errors import AuthzError, ToolError
from benches import record
from benches.load import ROOT
from benches.report import Result
from benches.rounds import this_machine

LIMITS = Path(__file__).with_suffix(".json")
MANIFEST = ROOT / "envoy" / "Cargo.toml"
TARGET = ROOT / "envoy" / "target"
MESSAGES = 1_024
"""In each set, as `parser.rs` has it."""
SHORT, LONG = 2, 6
"""Rounds over all messages."""


def main(
    check: Annotated[bool, typer.Option("--check", help="Only count, and fail above the limits.")] = False,
    out: Annotated[Path, typer.Option(help="Where the figures go, as JSON.")] = ROOT / "build" / "bench.json",
) -> None:
    """The parser alone: nanoseconds, gigabytes a second and instructions a message."""
    program = build()
    limits: Mapping[str, int] = json.loads(LIMITS.read_text())
    counts = count(program, limits)
    for name, instructions in counts.items():
        print(f"{name}: {instructions:.0f} instructions a message, at most {limits[name]}")
    if check:
        if over := above(counts, limits):
            raise AuthzError(f"the parser takes more instructions than `{LIMITS.name}` allows: {', '.join(over)}")
        return
    results = timed(program) + [
        Result(f"parser_{name}_instructions", instructions, "1/message", limits[name], instructions / limits[name])
        for name, instructions in counts.items()
    ]
    record.write(out, this_machine(), results, keep_load=True)
    print(f"written: {out}")


def build() -> Path:
    """The program, built as the filter is. Raises `ToolError`."""
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", str(MANIFEST)]
    try:
        subprocess.run(
            [*command, "--target-dir", str(TARGET), "-p", "fix_authz_core", "--example", "parser"], check=True
        )
    except FileNotFoundError:
        raise ToolError("`cargo` is missing (install Rust)") from None
    except subprocess.CalledProcessError:
        raise ToolError(f"`{MANIFEST}` cannot be built (the compiler said why)") from None
    return TARGET / "release" / "examples" / "parser"


def timed(program: Path) -> list[Result]:
    """The median time of each set."""
    found = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout
    results = []
    for line in found.splitlines():
        one = json.loads(line)
        name, ns, speed = one["set"], one["ns_per_message"], one["gb_per_s"]
        print(f"{name}: {one['bytes_per_message']} bytes a message, {ns} ns, {speed} GB/s")
        results += [
            Result(f"parser_{name}_gb_per_s", speed, "GB/s", None, None),
            Result(f"parser_{name}_ns", ns, "ns", None, None),
        ]
    return results


def count(program: Path, sets: Mapping[str, int]) -> dict[str, float]:
    """The instructions a message of each set; none, with a word, where valgrind is missing."""
    if shutil.which("valgrind") is None:
        print("`valgrind` is missing, so no instructions were counted (install valgrind)", file=sys.stderr)
        return {}
    return {name: per_message(collected(program, name, SHORT), collected(program, name, LONG)) for name in sets}


def above(counts: Mapping[str, float], limits: Mapping[str, int]) -> list[str]:
    """The sets that take more than they may."""
    return [name for name, instructions in counts.items() if instructions > limits[name]]


def per_message(short: int, long: int) -> float:
    """What one message adds, from what both runs took."""
    return (long - short) / ((LONG - SHORT) * MESSAGES)


def collected(program: Path, name: str, rounds: int) -> int:
    """The instructions of one run. Raises `ToolError`."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(program), name, str(rounds)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", said.stderr)
    if said.returncode != 0 or found is None:
        raise ToolError("`valgrind` could not count the parser's instructions")
    return int(found[1])


if __name__ == "__main__":
    try:
        typer.run(main)
    except AuthzError as error:
        sys.exit(f"error: {error}")
