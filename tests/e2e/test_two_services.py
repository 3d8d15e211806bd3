"""Two decision services behind one gateway: what one of them knows of a session, the other may not.

Envoy gives each call to the next of the two. So the Logon of a session may be known to one of them, and its watch, and
thereby its end, to the other.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from authzsvc.demo.stack import Stack
from tests.e2e.conftest import StartStack
from tests.e2e.rig import TRADER, Client, Rig

ROUNDS = 4


class Paired(Stack):
    """A second service beside the first, which trusts the same issuer and shares nothing else."""

    def __post_init__(self) -> None:
        super().__post_init__()
        settings = {name: section for name, section in self.service_settings.items() if name != "metrics"}
        self.other = Stack(self.directory / "other", self.upstream_port, self.mapping, service_settings=settings)
        self.other.issuer = self.issuer

    def start_service(self) -> None:
        super().start_service()
        self.other.start_service()

    def bootstrap(self) -> dict[str, Any]:
        config = super().bootstrap()
        (authz,) = [one for one in config["static_resources"]["clusters"] if one["name"] == "authz"]
        (locality,) = authz["load_assignment"]["endpoints"]
        locality["lb_endpoints"].append({"endpoint": {"address": {"pipe": {"path": str(self.other.socket)}}}})
        return config

    def stop(self) -> None:
        super().stop()
        self.other.stop()

    @property
    def services(self) -> tuple[Stack, Stack]:
        """Both, each as the stack that it is the service of."""
        return self, self.other


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Stack:
    """Both services with one Envoy."""
    return start_stack(kind=Paired)


def paired(rig: Rig) -> Paired:
    assert isinstance(rig.stack, Paired)
    return rig.stack


async def assert_trades(rig: Rig, client: Client) -> None:
    order = client.spread()
    assert (await rig.at_venue(order, client)).raw == order.raw
    await rig.assert_whole(client)


def logons_at(stack: Stack, client: Client) -> int:
    """How many of a client's Logons a service has let in."""
    events = [event for event in stack.events() if event["event"] == "logon" and event["verdict"] == "allow"]
    return sum(event["session"]["sender_comp_id"] == client.comp_id for event in events)


async def test_a_session_that_has_ended_holds_up_none_that_lives(rig: Rig) -> None:
    """Its Logon went to one service and its watch to the other, and those of the next the other way round."""
    client = await rig.log_on(*TRADER)
    for number in range(ROUNDS):
        await asyncio.sleep(0.2)  # its watch has been judged
        await assert_trades(rig, client)
        if number % 2:  # one Check, where an order and its report are two: the turns change
            await client.reject_of(client.stock_order())
        await client.disconnect()
        assert (await rig.log_on_again(client, *TRADER)).type == "A"
    await asyncio.sleep(0.2)
    await assert_trades(rig, client)
    assert rig.stat("sessions_disconnected") == 0
    assert all(logons_at(service, client) >= 2 for service in paired(rig).services)
