"""Kills, restarts and dropped connections under traffic: nothing is lost, doubled, withheld or left unanswered.

The command of `kills` plays the same at any size.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.kills import Kind, Size, play


@pytest.mark.parametrize(("kind", "faults"), [("service", 2), ("envoy", 3), ("rolling", 1), ("drops", 4)])
async def test_nothing_is_lost_doubled_withheld_or_left_unanswered(tmp_path: Path, kind: Kind, faults: int) -> None:
    found = await play(Size(kind, faults, sessions=4), tmp_path)
    assert found.denied > 10
    assert found.reports > 10
    assert found.breaches == 0, found.words
