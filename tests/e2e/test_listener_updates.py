"""Listeners that come by xDS are changed and taken away: only the sessions of what is replaced end, and in sequence."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from authzsvc.demo.stack import LOOPBACK, Stack
from authzsvc.gateway import FilterSettings
from authzsvc.gateway.filter_settings import Drain
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.rig import PATIENCE_S, TRADER, Client, Rig, eventually, fresh_comp_id

LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
GOING_DOWN = "The gateway is going down: log on again"
BEAT_S = 0.05
DRAIN_TIME_S = 30
"""After that Envoy would close them."""

Plain = dict[str, Any]


class Dynamic(Stack):
    """An Envoy that reads its listeners from a file: `fix`, and `other` beside it."""

    listeners: tuple[Plain, ...] = ()

    def bootstrap(self) -> Plain:
        config = super().bootstrap()
        (fix,) = config["static_resources"].pop("listeners")
        other = copy.deepcopy(fix) | {"name": "other"}
        filter_settings(other)["drain"]["listener"] = "other"
        self.publish(fix, other)
        config["node"] = {"id": "gateway", "cluster": "gateways"}
        source = {"path_config_source": {"path": str(self._file)}, "resource_api_version": "V3"}
        config["dynamic_resources"] = {"lds_config": source}
        return config

    def envoy_command(self, config: Path) -> list[str]:
        return [*super().envoy_command(config), "--drain-time-s", str(DRAIN_TIME_S)]

    @property
    def _file(self) -> Path:
        return self.directory / "listeners.yaml"

    def publish(self, *listeners: Plain) -> None:
        """Have Envoy take these listeners and no others."""
        self.listeners = listeners
        fresh = self._file.with_suffix(".new")
        fresh.write_text(yaml.safe_dump({"resources": [{"@type": LISTENER, **listener} for listener in listeners]}))
        fresh.rename(self._file)

    def port_of(self, name: str) -> int:
        """Where a listener listens."""
        statuses = json.loads(self.ask_admin("/listeners?format=json"))["listener_statuses"]
        (port,) = [one["local_address"]["socket_address"]["port_value"] for one in statuses if one["name"] == name]
        return int(port)

    def _listening(self) -> int | None:
        return self.port_of("fix") if super()._listening() else None


def filter_settings(listener: Plain) -> Plain:
    settings: Plain = listener["filter_chains"][0]["filters"][0]["typed_config"]["filter_config"]["value"]
    return settings


@pytest_asyncio.fixture(loop_scope="session")
async def stack(start_stack: StartStack) -> Stack:
    """A stack of the test's own."""
    drain = Drain(listener="fix", spread_ms=100, wait_ms=60_000)
    return start_stack(FilterSettings(check=PATIENT, drain=drain), kind=Dynamic)


def dynamic(rig: Rig) -> Dynamic:
    assert isinstance(rig.stack, Dynamic)
    return rig.stack


async def beside(rig: Rig) -> Client:
    """A client of the other listener, logged on."""
    client = Client(fresh_comp_id(), rig.venue.comp_id)
    rig.clients.append(client)
    await client.connect(LOOPBACK, dynamic(rig).port_of("other"))
    client.logon(((554, rig.token(client.comp_id, *TRADER)),), reset=True)
    await client.wait_for_type("A", PATIENCE_S)
    return client


def in_place(stack: Stack) -> int:
    """How many listeners Envoy has changed by some of their filter chains."""
    return stack.stats()["listener_manager.listener_in_place_updated"]


async def assert_trades(rig: Rig, client: Client) -> None:
    order = client.spread()
    assert (await rig.at_venue(order, client)).raw == order.raw
    await rig.assert_whole(client)


async def trading(rig: Rig) -> Client:
    """A client that trades, and then sends nothing but Heartbeats."""
    client = await rig.log_on(*TRADER)
    await assert_trades(rig, client)
    client.beat(BEAT_S)
    return client


async def assert_logged_out(rig: Rig, client: Client) -> None:
    """The client was told, long before Envoy would have closed, and the venue saw a Logout under the next number."""
    session = rig.session(client)
    assert (await client.wait_for_type("5", PATIENCE_S)).get(58) == GOING_DOWN
    await client.closed(PATIENCE_S)
    await session.closed(PATIENCE_S)
    assert (session.received[-1].type, session.received[-1].get(58)) == ("5", GOING_DOWN)
    assert (client.faults, session.faults) == ([], [])


def removed(fix: Plain, other: Plain) -> list[Plain]:
    del fix
    return [other]


def with_other_settings(fix: Plain, other: Plain) -> list[Plain]:
    """Envoy changes the filter chain in place."""
    filter_settings(fix)["limits"]["max_fields"] = 1_000
    return [fix, other]


def with_another_buffer(fix: Plain, other: Plain) -> list[Plain]:
    """Envoy replaces the listener as a whole."""
    return [fix | {"per_connection_buffer_limit_bytes": 500_000}, other]


@pytest.mark.parametrize("change", [removed, with_other_settings, with_another_buffer])
async def test_sessions_of_a_listener_end_in_sequence(rig: Rig, change: Callable[[Plain, Plain], list[Plain]]) -> None:
    stack = dynamic(rig)
    client, neighbour = await rig.log_on(*TRADER), await beside(rig)
    early = await rig.line()
    for each in (client, neighbour):
        await assert_trades(rig, each)
        each.beat(BEAT_S)
    stack.publish(*change(*copy.deepcopy(stack.listeners)))
    await assert_logged_out(rig, client)
    assert await early.read_to_end() == b""
    await assert_trades(rig, neighbour)

    stack.port = stack.port_of(stack.listeners[0]["name"])
    assert (await rig.log_on_again(client, *TRADER)).type == "A"
    await asyncio.sleep(0.5)
    for each in (client, neighbour):
        await assert_trades(rig, each)


async def test_a_listener_that_comes_back(rig: Rig) -> None:
    stack = dynamic(rig)
    fix, other = stack.listeners
    client = await trading(rig)
    stack.publish(other)
    await assert_logged_out(rig, client)
    stack.publish(fix, other)
    stack.port = await eventually(stack._listening, "the listener")
    assert (await rig.log_on_again(client, *TRADER)).type == "A"
    await assert_trades(rig, client)
    client.beat(BEAT_S)
    stack.publish(other)
    await client.wait_until(lambda: len(client.of_type("5")) == 2)


async def test_a_change_that_envoy_refuses_ends_nothing(rig: Rig) -> None:
    """Though the settings of one of its filter chains were read, and are good."""
    stack = dynamic(rig)
    fix, other = copy.deepcopy(stack.listeners)
    client = await trading(rig)
    filter_settings(fix)["limits"]["max_fields"] = 1_000
    bad = copy.deepcopy(fix["filter_chains"][0]) | {"filter_chain_match": {"destination_port": 1}}
    bad["filters"][0]["typed_config"]["filter_config"]["value"]["limits"]["max_fields"] = 1
    fix["filter_chains"].append(bad)
    stack.publish(fix, other)
    await eventually(lambda: stack.stats()["listener_manager.lds.update_rejected"] == 1, "the refusal")
    await asyncio.sleep(0.5)
    await assert_trades(rig, client)
    assert client.connected
    assert rig.stat("sessions_draining") == 0


async def test_a_filter_chain_that_comes_beside_ends_nothing(rig: Rig) -> None:
    """Nor do its changes; Envoy keeps the chain that has the filter."""
    stack = dynamic(rig)
    fix, other = copy.deepcopy(stack.listeners)
    client = await trading(rig)
    added: Plain = {
        "filter_chain_match": {"destination_port": 1},
        "filters": [copy.deepcopy(fix["filter_chains"][0]["filters"][1])],
    }
    fix["filter_chains"].append(added)
    for number in (1, 2):
        added["filters"][0]["typed_config"]["stat_prefix"] = f"beside-{number}"
        stack.publish(fix, other)
        await eventually(lambda n=number: in_place(stack) == n, "the change")  # type: ignore[misc]
    await asyncio.sleep(0.5)
    await assert_trades(rig, client)
    assert rig.stat("sessions_draining") == 0
