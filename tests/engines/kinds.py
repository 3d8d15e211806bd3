"""The engines that there are, and which play against which."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.authorization_server import NODE
from tests.engines.engine import Kind

ROOT = Path(__file__).parents[2]
DRIVERS = Path(__file__).parent / "drivers"
BUILT = ROOT / "build/engines"

QUICKFIX = Kind(
    "quickfix",
    (sys.executable, str(DRIVERS / "quickfix_driver.py")),
    (("PYTHONPATH", str(BUILT / "quickfix")),),
    lacks=frozenset({"uncounted_logout:client"}),
)
QUICKFIXJ = Kind(
    "quickfixj",
    ("java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{BUILT}/quickfixj/*:{BUILT}/quickfixj", "Driver"),
    patience_s=20.0,
    connects_in_s=8.0,
    lacks=frozenset({"answer_to_reset:client"}),
)
QUICKFIXGO = Kind(
    "quickfixgo",
    (str(BUILT / "quickfixgo/driver"),),
    (("DICTIONARIES", str(BUILT / "quickfix/share/quickfix")),),
    lacks=frozenset({"answer_to_reset:client", "next_expected"}),
)
JSPUREFIX = Kind(
    "jspurefix",
    (str(NODE), str(DRIVERS / "jspurefix/driver.cjs")),
    (("NODE_PATH", str(BUILT / "jspurefix/node_modules")),),
    pads=True,
    lacks=frozenset({"crossing", "live_reset", "next_expected", "open_range", "schedule"}),
)
KINDS = {kind.name: kind for kind in (QUICKFIX, QUICKFIXJ, QUICKFIXGO, JSPUREFIX)}


def padded_pairs(names: list[str]) -> list[tuple[Kind, Kind]]:
    """Client and venue: each engine that pads BodyLength (9), in both parts, against each that does not."""
    kinds = [KINDS[name] for name in dict.fromkeys([*names, QUICKFIX.name])]
    return [(client, venue) for client in kinds for venue in kinds if client.pads != venue.pads]


def pairs(names: list[str]) -> list[tuple[Kind, Kind]]:
    """Client and venue: each engine in both parts, QuickFIX on the other side, which is the one all are measured by."""
    found = {}
    for name in names:
        kind = KINDS[name]
        found[kind.name, QUICKFIX.name] = (kind, QUICKFIX)
        if "venue" not in kind.lacks:
            found[QUICKFIX.name, kind.name] = (QUICKFIX, kind)
    return list(found.values())
