"""Whoever sends bad credentials is locked out for a while, and does not lock out holders of good ones."""

from __future__ import annotations

import asyncio

import pytest

from authzsvc.demo.stack import Stack
from authzsvc.demo.wire import Message
from tests.e2e import tokens
from tests.e2e.conftest import StartStack
from tests.e2e.rig import PATIENCE_S, TRADER, Client, Rig, eventually, fresh_comp_id

FIXT = "FIXT.1.1"
TOO_MANY = "too many failed logons"
ATTEMPTS = 5
LOCK_S = 3.0


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Stack:
    """A stack that bears five guesses at a CompID, and a dozen from an address."""
    guessing = {"attempts": ATTEMPTS, "address_attempts": 12, "window_s": 60, "lock_s": LOCK_S}
    return start_stack(service_settings={"guessing": guessing})


async def log_on(rig: Rig, comp_id: str, token: str, version: str = FIXT) -> tuple[Client, Message]:
    """A Logon of that CompID, and what came back."""
    client = await rig.connect(comp_id, version)
    client.logon(((1137, 9), (554, token)) if version == FIXT else ((554, token),), reset=True)
    return client, await client.wait_for(lambda message: message.type in {"A", "5"}, PATIENCE_S)


async def words(rig: Rig, comp_id: str, token: str) -> tuple[str, str]:
    """Why a Logon is refused, and the SessionStatus; empty where it is not."""
    client, answer = await log_on(rig, comp_id, token)
    await (client.disconnect() if answer.type == "A" else client.closed())
    return answer.get(58), answer.get(1409)


async def test_a_lock(rig: Rig) -> None:
    known, target = fresh_comp_id(), fresh_comp_id()
    assert await words(rig, known, rig.token(known, *TRADER)) == ("", "")
    good = rig.token(target, *TRADER)
    bad = tokens.broken_signature(good)
    for _ in range(ATTEMPTS):
        assert await words(rig, target, bad) == ("access token not accepted", "5")
    # Now a bad token gets the answer that the client is locked out; a good one cannot be guessed, and is let in.
    assert await words(rig, target, bad) == (TOO_MANY, "6")
    event = await rig.event(target, reason="locked out after too many failed logons")
    assert (event["verdict"], event["severity"], event["session"]["subject"]) == ("deny", "high", "")
    assert await words(rig, target, good) == ("", "")

    # Neither the one who is known at this address nor, so far, a newcomer is touched.
    newcomer = fresh_comp_id()
    assert await words(rig, known, rig.token(known, *TRADER)) == ("", "")
    assert await words(rig, newcomer, rig.token(newcomer, *TRADER)) == ("", "")

    # More guesses under other names lock the address, but not for good tokens, whoever brings them.
    other = fresh_comp_id()
    while (await words(rig, other, tokens.broken_signature(rig.token(other))))[0] != TOO_MANY:
        other = fresh_comp_id()
    stranger = fresh_comp_id()
    for name in (known, newcomer, stranger):
        assert await words(rig, name, rig.token(name, *TRADER)) == ("", "")

    # The lock ends.
    for _ in range(50):
        if (await words(rig, other, tokens.broken_signature(rig.token(other))))[0] != TOO_MANY:
            break
        await asyncio.sleep(LOCK_S / 10)
    else:
        pytest.fail("locked for ever")
    client, answer = await log_on(rig, target, good)
    assert answer.type == "A"
    spread = client.spread()
    assert (await rig.at_venue(spread, client)).raw == spread.raw
    await rig.assert_whole(client)


async def test_what_is_no_guess(rig: Rig) -> None:
    """A token that has merely expired locks nobody out."""
    comp_id = fresh_comp_id()
    for _ in range(ATTEMPTS + 2):
        assert await words(rig, comp_id, rig.token(comp_id, ttl_s=-1)) == ("access token expired", "8")
    assert await words(rig, comp_id, rig.token(comp_id, *TRADER)) == ("", "")


async def test_renewals_are_guesses_too(rig: Rig) -> None:
    client = await rig.log_on(*TRADER)
    bad = tokens.broken_signature(rig.token(client.comp_id, *TRADER))

    async def renewed_with(token: str) -> str:
        heard = len(client.received)
        client.send("BE", [(923, "r"), (924, 1), (553, "x"), (925, token)])
        return (await client.wait_for_type("BF", PATIENCE_S, heard)).get(927)

    assert [await renewed_with(bad) for _ in range(ATTEMPTS + 1)] == ["access token not accepted"] * ATTEMPTS + [
        TOO_MANY
    ]
    spread = client.spread()
    assert (await rig.at_venue(spread, client)).raw == spread.raw
    await rig.assert_whole(client)
    await eventually(lambda: rig.stat("renewals_refused") >= ATTEMPTS + 1, "the count")
