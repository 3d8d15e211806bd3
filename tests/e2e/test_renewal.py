"""A fresh token in a running session: the gateway answers, the venue sees a TestRequest, the scopes change there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from authzsvc.demo.stack import Stack
from authzsvc.demo.wire import Message
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import CustomRenewal, Renewal
from authzsvc.tokens.development import DevelopmentIssuer
from tests.e2e import tokens
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.rig import TRADER, Client, Rig, eventually

STOCK = (*TRADER, "order:create:equity", "order:create:market")
RENEWED = "1"
FIXT = "FIXT.1.1"


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Stack:
    """A stack that knows a form for old versions too."""
    custom = CustomRenewal(request="UREQ", response="URSP")
    return start_stack(FilterSettings(check=PATIENT, renewal=Renewal(custom=custom)))


def request(fresh: str, tag: int = 925, number: int = 1) -> tuple[str, list[tuple[int, object]]]:
    """A UserRequest with a fresh token."""
    return "BE", [(923, f"r{number}"), (924, 1), (553, "algo"), (tag, fresh)]


async def renew(client: Client, fresh: str, tag: int = 925) -> Message:
    """Renew; the answer."""
    heard = len(client.received)
    sent = client.send(*request(fresh, tag))
    answer = await client.wait_for_type("BF", 10, heard)
    assert (answer.get(923), answer.get(553)) == (sent.get(923), "algo")
    return answer


async def at_venue(rig: Rig, client: Client, messages: Iterable[Message]) -> list[str]:
    """The types that the venue saw under the numbers of these."""
    return [(await rig.at_venue(message, client)).type for message in messages]


def assert_never_at_venue(rig: Rig, client: Client, *secrets: str) -> None:
    """Not a byte of them."""
    everything = b"".join(message.raw for message in rig.session(client).received)
    for secret in secrets:
        assert secret.encode() not in everything
        assert not any(part.encode() in everything for part in secret.split(".") if part)


@pytest.mark.parametrize("tag", [925, 554])
async def test_more_scopes(rig: Rig, tag: int) -> None:
    client = await rig.log_on(*TRADER)
    await client.reject_of(client.stock_order())
    fresh = rig.token(client.comp_id, *STOCK)
    answer = await renew(client, fresh, tag)
    assert (answer.get(926), answer.get(927)) == (RENEWED, "")
    order = client.stock_order()
    assert await at_venue(rig, client, [order]) == ["D"]
    assert await at_venue(rig, client, [m for m in client.sent.values() if m.type == "BE"]) == ["1"]
    assert_never_at_venue(rig, client, fresh)
    await rig.assert_whole(client)
    event = await rig.event(client.comp_id, event="renewal")
    assert (event["verdict"], event["msg_type"]) == ("allow", "BE")


@pytest.mark.parametrize(("before", "after"), [(TRADER, STOCK), (STOCK, TRADER)], ids=["more", "fewer"])
async def test_the_scopes_switch_at_that_message(rig: Rig, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """All in one segment: what stands before the request is judged by the old token, what follows by the new."""
    client = await rig.log_on(*before)
    stock = ("D", [(11, "o"), (55, "ACME"), (167, "CS"), (54, 1), (38, 1), (40, 1)])
    fresh = rig.token(client.comp_id, *after)
    sent = client.burst([stock] * 20 + [request(fresh)] + [stock] * 20)
    forwarded, denied = ["D"] * 20, ["1"] * 20
    expected = [*denied, "1", *forwarded] if after is STOCK else [*forwarded, "1", *denied]
    assert await at_venue(rig, client, sent) == expected
    await client.wait_for_type("BF")
    await client.wait_until(lambda: len(client.of_type("j")) == 20)
    assert_never_at_venue(rig, client, fresh)
    await rig.assert_whole(client)


async def test_twice_in_a_row(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    stock = ("D", [(11, "o"), (55, "ACME"), (167, "CS"), (54, 1), (38, 1), (40, 1)])
    more, fewer = rig.token(client.comp_id, *STOCK), rig.token(client.comp_id, *TRADER)
    sent = client.burst([request(more), stock, request(fewer, number=2), stock, request(more, number=3), stock])
    assert await at_venue(rig, client, sent) == ["1", "D", "1", "1", "1", "D"]
    await client.wait_until(lambda: len(client.of_type("BF")) == 3)
    assert [(answer.get(923), answer.get(926)) for answer in client.of_type("BF")] == [
        ("r1", RENEWED),
        ("r2", RENEWED),
        ("r3", RENEWED),
    ]
    await rig.assert_whole(client)


async def test_a_token_that_does_not_do(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The session goes on as it was, under the scopes that it had."""
    client = await rig.log_on(*TRADER)
    good = rig.token(client.comp_id, *STOCK)
    stranger = DevelopmentIssuer.create(tmp_path_factory.mktemp("stranger"))
    bad = {
        rig.token(client.comp_id, *STOCK, claims={"sub": "somebody-else"}): "access token not accepted",
        rig.token(client.comp_id, *STOCK, client_id="another"): "access token not accepted",
        rig.token("ANOTHER", *STOCK, claims={"sub": client.comp_id.lower()}, client_id=client.comp_id.lower()): (
            "SenderCompID is not the token's"
        ),
        rig.token(client.comp_id, *STOCK, ttl_s=-1): "access token expired",
        rig.token(client.comp_id, *STOCK, audience="another"): "token is not for this gateway",
        stranger.mint(scopes=STOCK, subject=client.comp_id.lower()): "access token not accepted",
        tokens.tampered(good, scope="admin"): "access token not accepted",
        tokens.unsigned(good): "access token not accepted",
        "garbage": "access token not accepted",
    }
    for fresh, text in bad.items():
        answer = await renew(client, fresh)
        assert answer.get(926) not in ("", RENEWED)
        assert answer.get(927) == text
    await client.reject_of(client.stock_order())
    spread = client.spread()
    assert await at_venue(rig, client, [spread]) == ["AB"]
    assert_never_at_venue(rig, client, *bad)
    await rig.assert_whole(client)

    def refused() -> list[tuple[str, str]]:
        events = (event for event in rig.events(client.comp_id) if event["event"] == "renewal")
        return [(event["verdict"], event["severity"]) for event in events]

    await eventually(lambda: len(refused()) == len(bad), "all refusals in the audit")
    assert set(refused()) == {("deny", "high")}


async def test_the_old_tokens_end_ends_nothing(rig: Rig) -> None:
    client = await rig.log_on(*TRADER, ttl_s=3)
    others = rig.token("ANOTHER", ttl_s=3)
    assert (await renew(client, rig.token(client.comp_id, *TRADER))).get(926) == RENEWED
    while (await renew(client, others)).get(927) != "access token expired":
        await asyncio.sleep(0.1)
    spread = client.spread()
    assert await at_venue(rig, client, [spread]) == ["AB"]
    assert client.of_type("5") == []
    assert [event for event in rig.events(client.comp_id) if event["event"] == "watch"] == []
    await rig.assert_whole(client)


async def test_the_fresh_tokens_end_ends_it(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    assert (await renew(client, rig.token(client.comp_id, *TRADER, ttl_s=2))).get(926) == RENEWED
    await rig.event(client.comp_id, event="watch", verdict="deny")
    last = client.spread()
    assert (await client.wait_for_type("5")).get(58) == "access token expired"
    assert await at_venue(rig, client, [last]) == ["5"]


async def test_without_a_token_it_is_a_message_like_others(rig: Rig) -> None:
    """Its scope decides: the venue's own users, not the gateway's."""
    client = await rig.log_on("user:logon")
    allowed = client.send("BE", [(923, "u1"), (924, 1), (553, "jane")])
    assert (await rig.at_venue(allowed, client)).raw == allowed.raw
    other = await rig.log_on(*TRADER)
    denied = other.send("BE", [(923, "u1"), (924, 1), (553, "jane")])
    assert (await other.reject_of(denied)).get(372) == "BE"
    await rig.assert_whole(client)
    await rig.assert_whole(other)


@pytest.mark.parametrize("version", ["FIX.4.0", "FIX.4.2", "FIX.4.3"])
async def test_the_form_for_old_versions(rig: Rig, version: str) -> None:
    client = await rig.log_on(*TRADER, version=version)
    fresh = rig.token(client.comp_id, *STOCK)
    sent = client.send("UREQ", [(923, "r1"), (924, 1), (553, "algo"), (925, fresh)])
    answer = await client.wait_for_type("URSP")
    assert (answer.get(923), answer.get(926)) == ("r1", RENEWED)
    order = client.stock_order()
    assert await at_venue(rig, client, [sent, order]) == ["1", "D"]
    assert_never_at_venue(rig, client, fresh)
    await rig.assert_whole(client)


async def test_fixt(rig: Rig) -> None:
    client = await rig.log_on(*TRADER, version=FIXT, more=[(1137, 9)])
    assert (await renew(client, rig.token(client.comp_id, *STOCK))).get(926) == RENEWED
    assert await at_venue(rig, client, [client.stock_order()]) == ["D"]
    await rig.assert_whole(client)


async def test_while_the_service_is_down(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    assert rig.stack.service is not None
    rig.stack.service.kill()
    try:
        answer = await renew(client, rig.token(client.comp_id, *STOCK))
        assert answer.get(926) not in ("", RENEWED)
        assert answer.get(927) != ""
    finally:
        rig.stack.start_service()
    await client.reject_of(client.stock_order())
    assert (await renew(client, rig.token(client.comp_id, *STOCK))).get(926) == RENEWED
    assert await at_venue(rig, client, [client.stock_order()]) == ["D"]
    await rig.assert_whole(client)
