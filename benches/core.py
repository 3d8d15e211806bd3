"""`python -m benches.core`: what the filter's core costs, in time and in instructions: the parser, and a warm session.

Time depends on the machine and on what else it does; instructions hardly do. So the time is only told (and added to
`build/bench.json`), and the instructions a message are held against the limits in `core.json`: callgrind counts a
short and a longer run of a program of `envoy/core/examples`, whose difference is without what starts and ends it.
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
from benches.results import Result
from benches.rounds import this_machine

LIMITS = Path(__file__).with_suffix(".json")
MANIFEST = ROOT / "envoy" / "Cargo.toml"
TARGET = ROOT / "envoy" / "target"
MESSAGES = {"parser": 1_024, "session": 1_632}
"""In each set of a program, as its source has it."""
SHORT, LONG = 2, 6
"""Rounds over all messages."""

Limits = Mapping[str, Mapping[str, int]]
"""The most instructions a message, by program and set."""


def main(
    check: Annotated[bool, typer.Option("--check", help="Only count, and fail above the limits.")] = False,
    out: Annotated[Path, typer.Option(help="Where the figures go, as JSON.")] = ROOT / "build" / "bench.json",
) -> None:
    """The core alone: nanoseconds, gigabytes a second and instructions a message."""
    limits: Limits = json.loads(LIMITS.read_text())
    counted, results = [], []
    for name in limits:
        program = build(name)
        counted += counts(program, limits[name])
        if not check:
            results += timed(program)
    if over := [result.name for result in counted if result.ratio is not None and result.ratio > 1]:
        message = f"more instructions than `{LIMITS.name}` allows: {', '.join(over)}"
        if check:
            raise AuthzError(message)
        print(message, file=sys.stderr)
    if not check:
        record.write(out, this_machine(), results + counted, keep_load=True)
        print(f"written: {out}")


def build(name: str) -> Path:
    """The program of that name, built as the filter is. Raises `ToolError`."""
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", str(MANIFEST)]
    try:
        subprocess.run([*command, "--target-dir", str(TARGET), "-p", "fix_authz_core", "--example", name], check=True)
    except FileNotFoundError:
        raise ToolError("`cargo` is missing (install Rust)") from None
    except subprocess.CalledProcessError:
        raise ToolError(f"`{MANIFEST}` cannot be built (the compiler said why)") from None
    return TARGET / "release" / "examples" / name


def timed(program: Path) -> list[Result]:
    """The median time of each set."""
    found = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout
    results = []
    for line in found.splitlines():
        one = json.loads(line)
        name, ns, speed = f"{program.name}_{one['set']}", one["ns_per_message"], one["gb_per_s"]
        print(f"{name}: {one['bytes_per_message']} bytes a message, {ns} ns, {speed} GB/s")
        results += [
            Result(f"{name}_gb_per_s", speed, "GB/s", None, None),
            Result(f"{name}_ns", ns, "ns", None, None),
        ]
    return results


def counts(program: Path, limits: Mapping[str, int]) -> list[Result]:
    """The instructions a message of each set, and what part of its limit they are. Raises `ToolError`."""
    if shutil.which("valgrind") is None:
        raise ToolError("`valgrind` is missing, and nothing else counts instructions (install valgrind)")
    results = []
    for name, limit in limits.items():
        short, long = collected(program, name, SHORT), collected(program, name, LONG)
        instructions = (long - short) / ((LONG - SHORT) * MESSAGES[program.name])
        print(f"{program.name}, {name}: {instructions:.0f} instructions a message, at most {limit}")
        full = f"{program.name}_{name}_instructions"
        results.append(Result(full, instructions, "1/message", limit, instructions / limit))
    return results


def collected(program: Path, name: str, rounds: int) -> int:
    """The instructions of one run. Raises `ToolError`."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(program), name, str(rounds)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", said.stderr)
    if said.returncode != 0 or found is None:
        raise ToolError(f"`valgrind` could not count the instructions of `{program.name}`")
    return int(found[1])


if __name__ == "__main__":
    try:
        typer.run(main)
    except AuthzError as error:
        sys.exit(f"error: {error}")
