"""The metrics that the guide lists, against those that the running Envoy has: the same names, of the same types."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.e2e.rig import TRADER, Rig, eventually

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()
LISTED = dict(re.findall(r"^\| `(fix_authz\.[a-z_]+)` \| (counter|gauge|histogram) \|", GUIDE, re.MULTILINE))
PREFIX = "dynamicmodulescustom."
EACH = {"counter": "Counters", "gauge": "Gauges", "histogram": "Histograms"}


def names(rig: Rig, kind: str) -> set[str]:
    """The module's stats of one type."""
    page = json.loads(rig.stack.ask_admin(f"/stats?format=json&type={EACH[kind]}"))
    found: set[str] = set()
    for stat in page["stats"]:
        histograms = stat.get("histograms", {}).get("computed_quantiles", [])
        found |= {each["name"] for each in ([stat] if "name" in stat else histograms)}
    return {name.removeprefix(PREFIX) for name in found if name.startswith(PREFIX)}


async def test_the_guide_lists_what_envoy_has(rig: Rig) -> None:
    order = (await rig.log_on(*TRADER)).spread()
    assert order.type == "AB"
    await eventually(lambda: names(rig, "histogram"), "a histogram with values in it")
    running = {name: kind for kind in EACH for name in names(rig, kind)}
    assert running == LISTED


async def test_prometheus_has_the_same(rig: Rig) -> None:
    await rig.log_on(*TRADER)
    page = rig.stack.ask_admin("/stats/prometheus")
    typed = dict(re.findall(r"^# TYPE envoy_dynamicmodulescustom_(fix_authz_[a-z_]+) ([a-z]+)$", page, re.MULTILINE))
    assert typed == {name.replace(".", "_"): kind for name, kind in LISTED.items()}


def test_names_are_as_envoy_users_expect_them() -> None:
    """Lower snake case, counters without `_total`, gauges of what lives `_active`, histograms with their unit."""
    for name, kind in LISTED.items():
        assert re.fullmatch(r"fix_authz(\.[a-z][a-z]*(_[a-z]+)*)", name)
        assert not name.endswith("_total")
        assert (kind == "histogram") == name.endswith("_us")
        assert kind == "gauge" or not name.endswith("_active")


async def test_gauges_return_to_where_they_were(rig: Rig) -> None:
    gauges = ("connections_active", "logons_pending", "sessions_active", "sessions_draining", "queued_bytes")
    await eventually(lambda: rig.stat("connections_active") == 0, "connections of before to close")
    line = await rig.line()
    await eventually(lambda: rig.stat("logons_pending") == 1, "the connection")
    clients = [await rig.log_on(*TRADER) for _ in range(3)]
    assert [rig.stat(name) for name in gauges] == [4, 1, 3, 0, 0]
    await line.close()
    clients[0].logout()
    await clients[1].disconnect()
    await eventually(lambda: rig.stat("connections_active") == 1, "three connections to close")
    assert [rig.stat(name) for name in gauges] == [1, 0, 1, 0, 0]
    line = await rig.line()
    line.send(b"GET / HTTP/1.1\r\n\r\n")
    await line.read_to_end()
    await clients[2].disconnect()
    await eventually(lambda: rig.stat("connections_active") == 0, "all connections to close")
    assert [rig.stat(name) for name in gauges] == [0, 0, 0, 0, 0]
