"""Sessions that outlive their token, by setting: `deny` lets them do nothing but get flat, `session` anything."""

from __future__ import annotations

import pytest

from authzsvc.demo.processes import Process
from authzsvc.demo.stack import LOOPBACK, Stack
from authzsvc.demo.wire import Message
from tests.e2e.conftest import StartStack
from tests.e2e.rig import TRADER, Client, Rig, eventually

EXPIRED = "access token expired"
TTL_S = 2.0


@pytest.fixture(scope="module", params=["deny", "session"])
def mode(request: pytest.FixtureRequest) -> str:
    """The setting."""
    return str(request.param)


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory, mode: str) -> Stack:
    """A stack for each, that remembers its sessions."""
    store = tmp_path_factory.mktemp("store") / "sessions.db"
    return start_stack(service_settings={"sessions": {"on_expiry": mode, "store": str(store)}})


async def until_expired(rig: Rig, client: Client) -> None:
    """Wait until the token has expired for the service too."""
    token = client.sent[1].get(554)

    async def refused() -> bool:
        line = await rig.line()
        stranger = Client(client.comp_id + "-X", "VENUE")
        line.send(stranger.make("A", [(98, 0), (108, 30), (141, "Y"), (554, token)], 1).raw)
        return (await line.message()).get(58) == EXPIRED

    while not await refused():
        pass


async def passes(rig: Rig, client: Client, message: Message) -> None:
    assert (await rig.at_venue(message, client)).raw == message.raw


async def assert_refused_logon(rig: Rig, client: Client) -> None:
    """A new Logon needs a token that holds."""
    heard = len(client.received)
    token = client.sent[1].get(554)
    await client.disconnect()
    await rig.session(client).closed()
    await client.connect(LOOPBACK, rig.stack.port)
    client.logon(((554, token),), reset=True)
    await client.closed()
    assert [(message.type, message.get(58)) for message in client.received[heard:]] == [("5", EXPIRED)]


async def test_an_order_after_the_end(rig: Rig, mode: str) -> None:
    client = await rig.log_on(*TRADER, ttl_s=TTL_S)
    order = client.spread()
    await passes(rig, client, order)
    await until_expired(rig, client)

    second = client.spread()
    if mode == "deny":
        reject = await client.reject_of(second)
        assert (reject.get(58), reject.get(380)) == (EXPIRED, "6")
        assert (await rig.at_venue(second, client)).type == "1"
    else:
        await passes(rig, client, second)
    await passes(rig, client, client.cancel(order))
    reports = 2 if mode == "deny" else 3
    await client.wait_until(lambda: len(client.of_type("8")) == reports)
    await rig.assert_whole(client)
    await assert_refused_logon(rig, client)


async def test_its_scopes_still_bind(rig: Rig) -> None:
    """What reduces risk needs its scope as ever."""
    client = await rig.log_on("order:create:option_multileg", "trade:view:own", ttl_s=TTL_S)
    order = client.spread()
    await passes(rig, client, order)
    await until_expired(rig, client)
    reject = await client.reject_of(client.cancel(order))
    assert reject.get(58) == "Insufficient permissions"
    await client.reject_of(client.stock_order())
    await rig.assert_whole(client)


async def test_a_restart_of_the_service(rig: Rig, mode: str) -> None:
    client = await rig.log_on(*TRADER, ttl_s=TTL_S)
    order = client.spread()
    await passes(rig, client, order)
    await until_expired(rig, client)
    for end in (Process.stop, Process.kill):
        assert rig.stack.service is not None
        end(rig.stack.service)
        rig.stack.start_service()
        second = client.spread()
        if mode == "deny":
            assert (await client.reject_of(second)).get(58) == EXPIRED
        else:
            await passes(rig, client, second)
        await passes(rig, client, client.cancel(order))
    await rig.assert_whole(client)


async def test_a_renewal_makes_it_whole(rig: Rig) -> None:
    client = await rig.log_on(*TRADER, ttl_s=TTL_S)
    await until_expired(rig, client)
    fresh = rig.token(client.comp_id, *TRADER)
    client.send("BE", [(923, "r1"), (924, 1), (553, "algo"), (925, fresh)])
    answer = await client.wait_for_type("BF")
    assert (answer.get(926), answer.get(927)) == ("1", "")
    await passes(rig, client, client.spread())
    await rig.assert_whole(client)


async def test_a_renewed_token_expires_too(rig: Rig) -> None:
    """The scopes of the latest token are those that hold."""
    client = await rig.log_on(*TRADER, ttl_s=3600)
    fresh = rig.token(client.comp_id, "order:cancel", "trade:view:own", ttl_s=TTL_S)
    client.send("BE", [(923, "r1"), (924, 1), (553, "algo"), (925, fresh)])
    assert (await client.wait_for_type("BF")).get(926) == "1"
    client.sent[1] = Message.build("FIX.4.4", "A", [(34, 1), (554, fresh)])
    await until_expired(rig, client)
    assert (await client.reject_of(client.spread())).get(58) == "Insufficient permissions"
    await passes(rig, client, client.send("F", [(11, "c"), (41, "o")]))
    await rig.assert_whole(client)


async def test_the_warning_ahead(rig: Rig, mode: str) -> None:
    """Where the end means something, it is said."""
    client = await rig.log_on(*TRADER, ttl_s=TTL_S)

    def warned() -> bool:
        lines = rig.stack.service_log.read_text().splitlines()
        return any("expires soon" in line and f'"{client.comp_id}"' in line for line in lines)

    if mode == "deny":
        await eventually(warned, "the warning")
    await until_expired(rig, client)
    assert warned() is (mode == "deny")
