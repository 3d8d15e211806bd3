"""Where venues put credentials: 554, 96 with 95, a pair of the venue's own; cut from the Logon, or left in it."""

from __future__ import annotations

import pytest

from authzsvc.demo.stack import Stack
from authzsvc.demo.wire import Message
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import DataFields, Token
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.forge import forge, without_field
from tests.e2e.rig import TRADER, Rig, fresh_comp_id, logon_draft


async def log_on(rig: Rig, comp_id: str, logon: bytes) -> Message:
    """What came to the venue for this Logon."""
    line = await rig.line()
    line.send(logon)
    assert (await line.message()).type == "A"
    session = rig.venue.session(comp_id)
    return await session.wait_for_type("A")


async def test_password(rig: Rig) -> None:
    comp_id = fresh_comp_id()
    logon = logon_draft(comp_id, rig.token(comp_id, *TRADER), more="58=x|").whole()
    assert (await log_on(rig, comp_id, logon)).raw == without_field(logon, 554)


async def test_raw_data(rig: Rig) -> None:
    comp_id = fresh_comp_id()
    token = rig.token(comp_id, *TRADER)
    logon = logon_draft(comp_id, None, more=f"95={len(token)}|96={token}|58=x|").whole()
    assert (await log_on(rig, comp_id, logon)).raw == without_field(logon, 95, 96)


async def test_password_comes_before_raw_data(rig: Rig) -> None:
    """The first tag configured is the token's; the other is as secret."""
    comp_id = fresh_comp_id()
    logon = logon_draft(comp_id, rig.token(comp_id, *TRADER), more="95=5|96=other|").whole()
    assert (await log_on(rig, comp_id, logon)).raw == without_field(logon, 554, 95, 96)


@pytest.fixture(scope="module")
def custom_stack(start_stack: StartStack) -> Stack:
    """A venue whose token stands in 5002, its length in 5001; 96 comes without its length."""
    fields = DataFields(pairs=[(5001, 5002)], without_length=[96])
    return start_stack(FilterSettings(check=PATIENT, token=Token(tags=[5002, 96]), data_fields=fields))


async def test_a_pair_of_the_venues_own(custom_stack: Stack, rig: Rig) -> None:
    custom = Rig(custom_stack, rig.venue)
    comp_id = fresh_comp_id()
    token = custom.token(comp_id, *TRADER)
    logon = logon_draft(comp_id, None, more=f"5001={len(token)}|5002={token}|58=x|").whole()
    assert (await log_on(custom, comp_id, logon)).raw == without_field(logon, 5001, 5002)
    await custom.release()


async def test_a_data_field_that_comes_without_its_length(custom_stack: Stack, rig: Rig) -> None:
    custom = Rig(custom_stack, rig.venue)
    comp_id = fresh_comp_id()
    logon = logon_draft(comp_id, None, more=f"96={custom.token(comp_id, *TRADER)}|58=x|").whole()
    assert (await log_on(custom, comp_id, logon)).raw == without_field(logon, 96)
    await custom.release()


async def test_a_tag_that_is_not_configured_is_no_token(custom_stack: Stack, rig: Rig) -> None:
    custom = Rig(custom_stack, rig.venue)
    client = await custom.connect()
    client.log_on(custom.token(client.comp_id, *TRADER))
    assert (await client.wait_for_type("5")).get(58) == "no access token"
    await custom.release()


@pytest.fixture(scope="module")
def keeping_stack(start_stack: StartStack) -> Stack:
    """A venue that checks a signature over the Logon: the token stays."""
    return start_stack(FilterSettings(check=PATIENT, token=Token(strip=False)))


async def test_a_token_that_stays(keeping_stack: Stack, rig: Rig) -> None:
    keeping = Rig(keeping_stack, rig.venue)
    comp_id = fresh_comp_id()
    logon = logon_draft(comp_id, keeping.token(comp_id, *TRADER), more="58=x|").whole()
    assert (await log_on(keeping, comp_id, logon)).raw == logon
    for file in (keeping_stack.audit, keeping_stack.service_log, keeping_stack.envoy_log):
        assert "eyJ" not in file.read_text()
    await keeping.release()


async def test_a_logon_with_its_fields_in_an_odd_order(rig: Rig) -> None:
    comp_id = fresh_comp_id()
    token = rig.token(comp_id, *TRADER)
    logon = forge(f"35=A|554={token}|56=VENUE|49={comp_id}|141=Y|108=30|98=0|52=x|34=1|")
    assert (await log_on(rig, comp_id, logon)).raw == without_field(logon, 554)
