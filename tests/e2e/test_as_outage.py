"""The authorization server is away while the decision service is started again: sessions wait for both, and go on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from authzsvc.demo.stack import Stack
from tests.authorization_server import AuthorizationServer
from tests.e2e.conftest import LENIENT, StartStack
from tests.e2e.issued import NOT_NOW, UNAVAILABLE, assert_refused, assert_trades, comp_id_of, issuer, log_on, trader
from tests.e2e.rig import PATIENCE_S, Client, Rig

ATTEMPTS = 2


class Restarted(Stack):
    """A stack that takes a service for started once it says anything of the keys."""

    def _serving(self) -> bool | None:
        said = self.service_log.read_text()
        return True if self.socket.exists() and ("keys loaded" in said or "keys not refreshed" in said) else None

    def restart_service(self) -> None:
        """End it, and start it again."""
        assert self.service is not None
        self.service.stop()
        self.service_log.rename(self.directory / "authzsvc-before.log")
        self.start_service()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorizationServer]:
    """A server that goes and comes."""
    with AuthorizationServer(tmp_path_factory.mktemp("server"), [trader("algo"), trader("late")]) as server:
        yield server


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, server: AuthorizationServer) -> Restarted:
    """A gateway that locks out whoever guesses."""
    guessing = {**LENIENT, "attempts": ATTEMPTS}
    settings = {"tokens": {"issuers": [issuer(server)]}, "guessing": guessing, "drain_s": 0.5}
    started = start_stack(kind=Restarted, service_settings=settings)
    assert isinstance(started, Restarted)
    return started


async def test_both_away(rig: Rig, stack: Restarted, server: AuthorizationServer) -> None:
    """Nobody's token can be told from a bad one meanwhile; that ends no session and makes nobody a guesser."""
    client = await log_on(rig, comp_id_of("algo"), (554, server.client_credentials("algo")))
    await assert_trades(rig, client)
    token = server.client_credentials("late")
    server.stop()
    try:
        stack.restart_service()
        reject = await client.reject_of(client.spread(), PATIENCE_S)
        assert (reject.get(380), reject.get(58)) == ("4", UNAVAILABLE)
        late = comp_id_of("late")
        for _ in range(ATTEMPTS + 1):
            reason = "have not been read yet"
            await assert_refused(rig, late, (554, token), text=UNAVAILABLE, reason=reason, status=NOT_NOW)
    finally:
        server.start()
    await passes_again(rig, client)
    await assert_trades(rig, client)
    await assert_trades(rig, await log_on(rig, late, (554, token)))
    assert client.of_type("5") == []


async def passes_again(rig: Rig, client: Client) -> None:
    """Orders, until one comes to the venue as it was sent."""
    for _ in range(200):
        spread = client.spread()
        if (await rig.at_venue(spread, client)).raw == spread.raw:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("no order came through")
