"""Each FIX version gets the reject that it knows."""

from __future__ import annotations

import pytest

from tests.e2e import tokens
from tests.e2e.rig import TRADER, Client, Rig

TEXT = "Insufficient permissions"
FIXT = "FIXT.1.1"


async def log_on(rig: Rig, version: str, *scopes: str) -> Client:
    """A session of that version; FIXT names its application's version too."""
    more: list[tuple[int, object]] = [(1137, 9)] if version == FIXT else []
    return await rig.log_on(*scopes, version=version, more=more)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("FIX.4.0", {35: "3", 58: TEXT, 372: "", 379: "", 380: ""}),
        ("FIX.4.1", {35: "3", 58: TEXT, 372: "", 379: "", 380: ""}),
        ("FIX.4.2", {35: "j", 58: TEXT, 372: "D", 380: "0"}),
        ("FIX.4.3", {35: "j", 58: TEXT, 372: "D", 380: "6"}),
        ("FIX.4.4", {35: "j", 58: TEXT, 372: "D", 380: "6"}),
        (FIXT, {35: "j", 58: TEXT, 372: "D", 380: "6"}),
    ],
)
async def test_a_denied_order(rig: Rig, version: str, expected: dict[int, str]) -> None:
    client = await log_on(rig, version, *TRADER)
    order = client.stock_order()
    reject = await client.reject_of(order)
    assert {tag: reject.get(tag) for tag in expected} == expected
    assert (reject.get(8), reject.get(45)) == (version, order.get(34))
    assert expected[35] == "3" or reject.get(379) == order.get(11)

    event = await rig.event(client.comp_id, msg_type="D")
    assert (event["verdict"], event["session"]["begin_string"]) == ("deny", version)
    cancel = client.cancel(order)
    assert (await rig.at_venue(cancel, client)).raw == cancel.raw
    await rig.assert_whole(client)


@pytest.mark.parametrize("version", ["FIX.4.0", "FIX.4.2", "FIX.4.4", FIXT])
async def test_a_report_withheld(rig: Rig, version: str) -> None:
    client = await log_on(rig, version, "order:cancel")
    client.send("F", [(11, "c"), (41, "o")])
    gap = await client.wait_for_type("4")
    assert (gap.get(8), gap.get(123), gap.get(36)) == (version, "Y", "3")
    await rig.assert_whole(client)


@pytest.mark.parametrize("version", ["FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4"])
async def test_a_refused_logon_before_fixt(rig: Rig, version: str) -> None:
    client = await rig.connect(version=version)
    client.log_on(rig.token(client.comp_id, ttl_s=-1))
    logout = await client.wait_for_type("5")
    assert (logout.get(8), logout.get(58), logout.get(1409)) == (version, "access token expired", "")
    await client.closed()


async def test_a_refused_logon_says_its_session_status(rig: Rig) -> None:
    async def status(token: str, client: Client) -> str:
        client.logon(((1137, 9), (554, token)), reset=True)
        logout = await client.wait_for_type("5")
        await client.closed()
        return logout.get(1409)

    clients = [await rig.connect(version=FIXT) for _ in range(4)]
    good = [rig.token(client.comp_id, *TRADER) for client in clients]
    assert await status(rig.token(clients[0].comp_id, ttl_s=-1), clients[0]) == "8"
    assert await status(tokens.broken_signature(good[1]), clients[1]) == "5"
    assert await status(rig.token(clients[2].comp_id, claims={"nbf": 99_999_999_999}), clients[2]) == "7"
    assert await status(good[0], clients[3]) == "5"
