"""A mapping that goes to and fro under load, and a kill at the end: nothing passes that the mapping in force forbids.

The command of `consistency` plays the same at any size.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.consistency import Size, play


@pytest.mark.parametrize("services", [1, 2])
@pytest.mark.parametrize("cache", [True, False], ids=["cached", "asked"])
async def test_nothing_passes_under_or_after_the_mapping_that_forbids_it(
    tmp_path: Path, services: int, cache: bool
) -> None:
    size = Size(sessions=6, rate=20.0, reloads=2, services=services, restarts=cache, cache=cache, grace_s=1.5)
    found = await play(size, tmp_path)
    assert found.orders > 100
    assert 0 < found.passed < found.orders
    assert (found.under, found.after, found.killed, found.denied, found.kills) == (0, 0, 0, 0, [])
