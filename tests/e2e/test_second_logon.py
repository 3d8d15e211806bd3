"""One live session a FIX identity: a second Logon is refused or takes over; and whoever is gone holds nobody up."""

from __future__ import annotations

import asyncio
import signal

import pytest

from authzsvc.demo.peer import Peer
from authzsvc.demo.stack import Stack
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Check
from tests.e2e.conftest import StartStack
from tests.e2e.rig import PATIENCE_S, TRADER, Client, Rig

LOGGED_ON = "session is already logged on"
FIXT = "FIXT.1.1"


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Stack:
    """A second Logon is refused."""
    return start_stack(service_settings={"sessions": {"second_logon": "refuse"}})


@pytest.fixture(scope="module")
def generous(start_stack: StartStack) -> Stack:
    """A second Logon takes over."""
    return start_stack(service_settings={"sessions": {"second_logon": "takeover"}})


@pytest.fixture(scope="module")
def usual(start_stack: StartStack) -> Stack:
    """A filter that waits as long as it does by default."""
    return start_stack(FilterSettings(check=Check()))


async def assert_trades(rig: Rig, client: Client) -> None:
    order = client.spread()
    await rig.session(client).wait_for(lambda message: message.raw == order.raw, PATIENCE_S)
    await rig.assert_whole(client)


async def second(rig: Rig, client: Client, version: str = "FIX.4.4") -> Client:
    """Another connection that logs on as that client."""
    other = await rig.connect(client.comp_id, version)
    more = [(1137, 9)] if version == FIXT else []
    other.logon((*more, (554, rig.token(client.comp_id, *TRADER))), reset=True)
    return other


@pytest.mark.parametrize("version", ["FIX.4.4", FIXT])
async def test_refused(rig: Rig, version: str) -> None:
    client = await rig.log_on(*TRADER, version=version, more=[(1137, 9)] if version == FIXT else [])
    await assert_trades(rig, client)
    for _ in range(2):
        other = await second(rig, client, version)
        logout = await other.wait_for_type("5")
        await other.closed()
        assert (logout.get(58), logout.get(1409)) == (LOGGED_ON, "7" if version == FIXT else "")
        await assert_trades(rig, client)
    event = await rig.event(client.comp_id, event="logon", verdict="deny")
    assert event["reason"].startswith("a session of the same FIX identity is live")


async def test_another_target_or_sub_id_is_another_session(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    line = await rig.line()
    logon = [(98, 0), (108, 30), (141, "Y"), (554, rig.token(client.comp_id, *TRADER))]
    line.send(Peer(client.comp_id, "VENUE").make("A", [(50, "desk-2"), *logon], 1).raw)
    assert (await line.message()).type == "A"


async def test_a_client_that_comes_back_at_once(rig: Rig) -> None:
    """Whether it closes or resets its connection, and though the word of that may be slower than its Logon."""
    client = await rig.log_on(*TRADER)
    for _ in range(10):
        await client.disconnect()
        assert (await rig.log_on_again(client, *TRADER)).type == "A"
        await assert_trades(rig, client)


async def test_a_client_that_comes_back_from_behind_a_half_close(rig: Rig) -> None:
    line = await rig.line()
    peer = Peer("HALF-OPEN", "VENUE")
    logon = peer.make("A", [(98, 0), (108, 30), (141, "Y"), (554, rig.token("HALF-OPEN", *TRADER))], 1)
    line.send(logon.raw)
    assert (await line.message()).type == "A"
    line.half_close()
    await rig.venue.session("HALF-OPEN").closed()
    other = await rig.line()
    other.send(logon.raw)
    assert (await other.message()).type == "A"
    await rig.venue.sessions.pop("HALF-OPEN").disconnect()


@pytest.mark.parametrize("patience", ["ours", "the default"])
async def test_after_envoy_was_killed(rig: Rig, usual: Stack, patience: str) -> None:
    """Its calls to the service are reset with it."""
    rig.stack = rig.stack if patience == "ours" else usual
    client = await rig.log_on(*TRADER)
    await assert_trades(rig, client)
    assert rig.stack.envoy is not None
    rig.stack.envoy.kill()
    rig.stack.start_envoy()
    assert (await rig.log_on_again(client, *TRADER)).type == "A"
    await assert_trades(rig, client)


@pytest.mark.parametrize("patience", ["ours", "the default"])
async def test_after_both_were_killed(
    rig: Rig, usual: Stack, patience: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What the store says of the session is soon believed no more, as nobody watches it."""
    rig.stack = rig.stack if patience == "ours" else usual
    rig.stack.service_settings["sessions"] = {"store": str(tmp_path_factory.mktemp("store") / "sessions.db")}
    assert rig.stack.service is not None
    assert rig.stack.envoy is not None
    rig.stack.service.stop()
    rig.stack.start_service()
    client = await rig.log_on(*TRADER)
    await assert_trades(rig, client)
    await asyncio.sleep(0.5)  # written behind, in batches
    rig.stack.envoy.kill()
    rig.stack.service.kill()
    rig.stack.start_service()
    rig.stack.start_envoy()
    for _ in range(5):
        other = await rig.connect(client.comp_id)
        other.log_on(rig.token(client.comp_id, *TRADER))
        if (await other.wait_for(lambda message: message.type in {"A", "5"}, PATIENCE_S)).type == "A":
            return
    raise AssertionError("the identity is not free")


async def test_a_hanging_envoy_holds_on(rig: Rig) -> None:
    """It is not gone: the first session goes on when it does."""
    client = await rig.log_on(*TRADER)
    await assert_trades(rig, client)
    assert rig.stack.envoy is not None
    rig.stack.envoy.signal(signal.SIGSTOP)
    await asyncio.sleep(0.3)
    rig.stack.envoy.signal(signal.SIGCONT)
    other = await second(rig, client)
    assert (await other.wait_for_type("5")).get(58) == LOGGED_ON
    await assert_trades(rig, client)


async def test_taken_over(rig: Rig, generous: Stack) -> None:
    """The first is cut off without a word, and the second trades."""
    rig.stack = generous
    client = await rig.log_on(*TRADER)
    await assert_trades(rig, client)
    heard = len(client.received)
    disconnected = rig.stat("sessions_disconnected")
    other = await second(rig, client)
    await other.wait_for_type("A")
    await client.closed()
    assert client.received[heard:] == []
    assert rig.stat("sessions_disconnected") == disconnected + 1
    await assert_trades(rig, other)
    event = await rig.event(client.comp_id, event="watch", verdict="deny")
    assert event["reason"] == "another connection logged on under the same FIX identity"


async def test_taken_over_again_and_again(rig: Rig, generous: Stack) -> None:
    rig.stack = generous
    client = await rig.log_on(*TRADER)
    for _ in range(5):
        other = await second(rig, client)
        await other.wait_for_type("A")
        await client.closed()
        await assert_trades(rig, other)
        client = other


async def test_several_at_once(rig: Rig, stack: Stack) -> None:
    """One of them is let in."""
    client = await rig.connect()
    others = [await second(rig, client) for _ in range(5)]
    answers = [await each.wait_for(lambda m: m.type in {"A", "5"}, PATIENCE_S) for each in others]
    assert sorted(answer.type for answer in answers) == ["5", "5", "5", "5", "A"]
    assert {answer.get(58) for answer in answers if answer.type == "5"} == {LOGGED_ON}
