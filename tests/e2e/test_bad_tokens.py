"""Logons that are refused: a Logout straight to the client, a high-severity event, and no connection to the venue."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from authzsvc.demo.wire import Message
from authzsvc.tokens.development import DevelopmentIssuer
from tests.e2e import tokens
from tests.e2e.rig import TRADER, Rig, fresh_comp_id, logon_draft

NOT_ACCEPTED = "access token not accepted"

BAD_TOKENS: dict[str, tuple[Callable[[Rig, str], str], str]] = {
    "expired": (lambda rig, who: rig.token(who, *TRADER, ttl_s=-1), "access token expired"),
    "not yet valid": (
        lambda rig, who: rig.token(who, *TRADER, claims={"nbf": int(time.time()) + 600}),
        "access token not yet valid",
    ),
    "of another issuer": (lambda rig, who: rig.token(who, *TRADER, claims={"iss": "https://x.invalid"}), NOT_ACCEPTED),
    "for another audience": (
        lambda rig, who: rig.token(who, *TRADER, audience="another"),
        "token is not for this gateway",
    ),
    "with no audience": (lambda rig, who: rig.token(who, *TRADER, claims={"aud": None}), NOT_ACCEPTED),
    "with no expiry": (lambda rig, who: rig.token(who, *TRADER, claims={"exp": None}), NOT_ACCEPTED),
    "with more scopes than were signed": (
        lambda rig, who: tokens.tampered(rig.token(who, "order:cancel"), scope=" ".join(TRADER)),
        NOT_ACCEPTED,
    ),
    "with a broken signature": (lambda rig, who: tokens.broken_signature(rig.token(who, *TRADER)), NOT_ACCEPTED),
    "with no signature": (lambda rig, who: rig.token(who).rpartition(".")[0] + ".", NOT_ACCEPTED),
    "alg none": (lambda rig, who: tokens.unsigned(rig.token(who, *TRADER)), NOT_ACCEPTED),
    "HS256 with the public key": (
        lambda rig, who: tokens.signed_with_public_key(rig.token(who, *TRADER), rig.stack.issuer),
        NOT_ACCEPTED,
    ),
    "no JWT": (lambda _rig, _who: "hunter2", NOT_ACCEPTED),
    "longer than any token": (lambda _rig, _who: "x" * 40_000, NOT_ACCEPTED),
    "with bytes that are no UTF-8": (lambda _rig, _who: "caf\xe9\xff", NOT_ACCEPTED),
}


async def assert_refused(rig: Rig, comp_id: str, logon: bytes, text: str) -> Message:
    """The Logon is answered with Logout, audited, and goes nowhere."""
    connections = rig.venue.connections
    line = await rig.line()
    line.send(logon)
    logout = Message.parse(await line.read_to_end())
    assert (logout.type, logout.seq, logout.get(58)) == ("5", 1, text)
    assert (logout.get(49), logout.get(56)) == ("VENUE", comp_id)
    event = await rig.event(comp_id, event="logon")
    assert (event["verdict"], event["severity"]) == ("deny", "high")
    assert rig.venue.connections == connections
    assert comp_id not in rig.venue.sessions
    return logout


@pytest.mark.parametrize(("make", "text"), BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
async def test_a_token_that_is_not_accepted(rig: Rig, make: Callable[[Rig, str], str], text: str) -> None:
    comp_id = fresh_comp_id()
    token = make(rig, comp_id)
    await assert_refused(rig, comp_id, logon_draft(comp_id, token).whole(), text)
    assert token.rpartition(".")[2][:40] not in rig.stack.audit.read_text() or token.endswith(".")


async def test_another_key(rig: Rig, tmp_path: Path) -> None:
    comp_id = fresh_comp_id()
    forger = DevelopmentIssuer.create(tmp_path)
    token = forger.mint(scopes=TRADER, comp_id=comp_id)
    await assert_refused(rig, comp_id, logon_draft(comp_id, token).whole(), NOT_ACCEPTED)
    assert "key id" in (await rig.event(comp_id, event="logon"))["reason"]


async def test_another_key_under_the_same_name(rig: Rig, tmp_path: Path) -> None:
    comp_id = fresh_comp_id()
    forger = dataclasses.replace(DevelopmentIssuer.create(tmp_path), key_id=rig.stack.issuer.key_id)
    token = forger.mint(scopes=TRADER, comp_id=comp_id)
    await assert_refused(rig, comp_id, logon_draft(comp_id, token).whole(), NOT_ACCEPTED)
    assert "signature" in (await rig.event(comp_id, event="logon"))["reason"]


async def test_no_token(rig: Rig) -> None:
    comp_id = fresh_comp_id()
    await assert_refused(rig, comp_id, logon_draft(comp_id, None).whole(), "no access token")


async def test_the_token_of_another(rig: Rig) -> None:
    comp_id = fresh_comp_id()
    token = rig.token(fresh_comp_id(), *TRADER)
    await assert_refused(rig, comp_id, logon_draft(comp_id, token).whole(), "SenderCompID is not the token's")


async def test_a_token_without_a_comp_id(rig: Rig) -> None:
    comp_id = fresh_comp_id()
    token = rig.token(comp_id, *TRADER, claims={"fix_comp_id": None})
    await assert_refused(rig, comp_id, logon_draft(comp_id, token).whole(), "SenderCompID is not the token's")


async def test_a_token_of_several_comp_ids(rig: Rig) -> None:
    client = await rig.connect()
    token = rig.token(client.comp_id, *TRADER, claims={"fix_comp_id": ["OTHER", client.comp_id]})
    client.log_on(token)
    await client.wait_for_type("A")


async def test_a_token_that_is_right_but_empty(rig: Rig) -> None:
    """No scopes: the session stands, and may do nothing."""
    client = await rig.log_on()
    for order in (client.spread(), client.stock_order(), client.subscribe()):
        assert (await client.reject_of(order)).get(380) == "6"
    await rig.assert_whole(client)


async def test_a_token_that_expires_in_mid_session(rig: Rig) -> None:
    """The next message is replaced by a Logout, and the venue's answer closes both ends."""
    client = await rig.connect()
    client.log_on(rig.token(client.comp_id, *TRADER, ttl_s=2))
    await client.wait_for_type("A")

    for _ in range(60):
        client.spread()
        await asyncio.sleep(0.1)
        if client.of_type("5"):
            break
    logout = await client.wait_for_type("5")
    assert logout.get(58) == "access token expired"
    await client.closed()
    await rig.session(client).closed()
    assert "5" in [message.type for message in rig.session(client).received]
    # The watch tells it first, unless a message comes in the same moment.
    event = await rig.event(client.comp_id, verdict="deny")
    assert (event["severity"], "expired" in event["reason"]) == ("high", True)
