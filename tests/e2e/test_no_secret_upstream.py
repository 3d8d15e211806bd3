"""No secret goes upstream: not from a Logon that holds several, and not in a later message."""

from __future__ import annotations

from pathlib import Path

import pytest

from authzsvc.demo.stack import Stack
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Secrets, Token
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.forge import without_field
from tests.e2e.rig import TRADER, Rig

MAPPING = """\
version: 1
name: secrets
fix: FIX.4.4
session:
  identity: {SenderCompID: fix_comp_id}
  exempt: [UserRequest, News]
scopes:
  order:create:equity:
    grants: [{message: NewOrderSingle}]
"""
REQUEST = [(923, "r1"), (924, 1)]


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mapping") / "mapping.yaml"
    path.write_text(MAPPING)
    return path


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, mapping: Path) -> Stack:
    """The default settings, and a mapping that lets every UserRequest pass."""
    return start_stack(mapping=mapping)


@pytest.fixture(scope="module")
def cutting(start_stack: StartStack, mapping: Path) -> Stack:
    """Secrets of later messages are cut."""
    return start_stack(FilterSettings(check=PATIENT, secrets=Secrets(in_messages="cut")), mapping=mapping)


async def test_a_token_that_stands_in_the_logon_three_times(rig: Rig) -> None:
    client = await rig.connect()
    token = rig.token(client.comp_id, *TRADER)
    client.logon(((554, token), (95, len(token)), (96, token), (925, token), (58, "x")), reset=True)
    await client.wait_for_type("A")
    logon = rig.session(client).received[0]
    assert logon.raw == without_field(client.sent[1].raw, 554, 95, 96, 925)
    assert token.encode() not in logon.raw


@pytest.mark.parametrize(("username", "passes"), [("algo", True), ("jane", False)])
async def test_a_username_is_the_clients_or_cut(rig: Rig, username: str, passes: bool) -> None:
    client = await rig.connect()
    token = rig.token(client.comp_id, *TRADER, claims={"preferred_username": "algo"})
    client.logon(((553, username), (554, token)), reset=True)
    await client.wait_for_type("A")
    logon = rig.session(client).received[0]
    assert logon.raw == without_field(client.sent[1].raw, 554, *(() if passes else (553,)))


async def test_a_user_request_that_is_no_renewal_in_its_version(rig: Rig) -> None:
    client = await rig.log_on("order:create:equity", version="FIX.4.2")
    fresh = rig.token(client.comp_id, "order:create:equity")
    request = client.send("BE", [*REQUEST, (553, "algo"), (925, fresh)])
    answer = await client.reject_of(request)
    assert (answer.get(372), answer.get(380), answer.get(58)) == ("BE", "0", "Message holds a credential")
    assert (await rig.at_venue(request, client)).type == "1"
    reason = f"secret: BE {request.seq} was denied, because tag 925 is secret in it"
    assert (await rig.event(client.comp_id, event="report", reason=reason))["verdict"] == "deny"
    order = client.send("D", [(11, "x"), (55, "ACME")])
    assert (await rig.at_venue(order, client)).raw == order.raw
    assert all(fresh.encode() not in message.raw for message in rig.session(client).received)
    await rig.assert_whole(client)


async def test_the_content_of_a_news_is_no_secret(rig: Rig) -> None:
    client = await rig.log_on("order:create:equity")
    news = client.send("B", [(148, "hello"), (33, 1), (58, "x"), (95, 4), (96, "data")])
    assert (await rig.at_venue(news, client)).raw == news.raw


async def test_secrets_of_later_messages_may_be_cut(cutting: Stack, rig: Rig) -> None:
    other = Rig(cutting, rig.venue)
    client = await other.log_on("order:create:equity", version="FIX.4.2")
    fresh = other.token(client.comp_id, "order:create:equity")
    request = client.send("BE", [*REQUEST, (925, fresh), (95, len(fresh)), (96, fresh)])
    assert (await other.at_venue(request, client)).raw == without_field(request.raw, 925, 95, 96)
    order = client.send("D", [(11, "x"), (554, "secret"), (55, "ACME")])
    assert (await other.at_venue(order, client)).raw == without_field(order.raw, 554)
    await other.assert_whole(client)
    await other.release()


async def test_a_second_credential_may_refuse_the_logon(start_stack: StartStack, rig: Rig) -> None:
    strict = Rig(start_stack(FilterSettings(check=PATIENT, secrets=Secrets(in_logon="refuse"))), rig.venue)
    client = await strict.connect()
    client.logon(((554, strict.token(client.comp_id, *TRADER)), (925, "another")), reset=True)
    assert (await client.wait_for_type("5")).get(58) == "Logon holds another credential"
    await strict.event(client.comp_id, event="report", reason="secret: a Logon with a second credential was refused")
    assert client.comp_id not in strict.venue.sessions
    await strict.release()


async def test_the_venues_own_password_may_pass_and_the_token_not_beside_it(start_stack: StartStack, rig: Rig) -> None:
    settings = FilterSettings(check=PATIENT, token=Token(tags=[5_000]), secrets=Secrets(in_logon="pass"))
    own = Rig(start_stack(settings), rig.venue)
    client = await own.connect()
    token = own.token(client.comp_id, *TRADER)
    client.logon(((5_000, token), (553, "venue-user"), (554, "venue-password"), (925, token)), reset=True)
    await client.wait_for_type("A")
    assert own.session(client).received[0].raw == without_field(client.sent[1].raw, 5_000, 925)
    await own.release()
