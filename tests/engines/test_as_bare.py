"""QuickFIX with the gateway in front of it answers a client as QuickFIX alone does, in every FIX version.

Our own scenarios, of every kind that QuickFIX's acceptance definitions have (`docs/engines.md`).
"""

from __future__ import annotations

import asyncio

import pytest

from tests.engines.acceptance.scenarios.fields import FIELDS
from tests.engines.acceptance.scenarios.frames import FRAMES
from tests.engines.acceptance.scenarios.identity import IDENTITY
from tests.engines.acceptance.scenarios.profile import PROFILE
from tests.engines.acceptance.scenarios.sequence import SEQUENCE
from tests.engines.acceptance.script import Scenario, brief
from tests.engines.acceptance.table import Table
from tests.engines.acceptance.transcript import difference
from tests.engines.versions import VERSIONS, Version

pytestmark = pytest.mark.quickfix_alone


@pytest.mark.parametrize("scenario", [*FIELDS, *FRAMES, *SEQUENCE, *IDENTITY], ids=str)
async def test_the_gateway_answers_as_the_bare_engine(table: Table, scenario: Scenario) -> None:
    async def play(version: Version) -> None:
        bare, through = await table.both(scenario.definition(version))
        assert brief(bare) == scenario.expected(version), version
        assert difference(bare, through) is None, f"{version}: {difference(bare, through)}"

    await asyncio.gather(*(play(version) for version in VERSIONS if scenario.covers(version)))


@pytest.mark.parametrize("scenario", PROFILE, ids=str)
async def test_what_the_profile_refuses_is_answered_and_the_session_goes_on(table: Table, scenario: Scenario) -> None:
    async def play(version: Version) -> None:
        through = await table.through(scenario.definition(version))
        assert brief(through) == scenario.expected(version), version

    await asyncio.gather(*(play(version) for version in VERSIONS if scenario.covers(version)))
