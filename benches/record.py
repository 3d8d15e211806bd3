"""`build/bench.json`: what the benches found, each adding its own figures to those of the others.

Figures are only comparable on one machine with one set of versions. So figures from another are dropped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benches.results import Machine, Result, as_json


def write(path: Path, machine: Machine, results: Sequence[Result], *, keep_load: bool = False) -> None:
    """Add figures to the file, made where it is not there. With `keep_load`, the load that it tells of stays."""
    after = merged(_read(path), machine, results, keep_load=keep_load)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(after, indent=2) + "\n")


def _read(path: Path) -> Mapping[str, Any]:
    """Read what the file holds; nothing, where it is not there or is not such a file."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    is_record = isinstance(found, dict) and isinstance(found.get("machine"), dict)
    return found if is_record and isinstance(found.get("results"), list) else {}


def merged(
    before: Mapping[str, Any], machine: Machine, results: Sequence[Result], *, keep_load: bool = False
) -> dict[str, Any]:
    """Give what the file holds next: figures of the same name are replaced, others of the same machine stay."""
    after = as_json(machine, results)
    known = before.get("machine", {})
    if {**known, "load": None} != {**after["machine"], "load": None}:
        return after
    if keep_load:
        after["machine"]["load"] = known["load"]
    names = {result.name for result in results}
    after["results"] = [kept for kept in before["results"] if kept["name"] not in names] + after["results"]
    return after
