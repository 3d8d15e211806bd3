"""The counterparties of the bench among themselves, without a gateway between them."""

from __future__ import annotations

import asyncio

import pytest

from benches.fairness.counterparties import Exchange, Line, flood, trade


async def test_a_desk_that_trades_with_the_exchange_has_all_its_orders_decided() -> None:
    async with Exchange() as exchange:
        line = await Line.log_on(exchange.port, "DESK", "token")
        answers = await trade(line, 20, 500.0)
        await line.close()
    assert (answers.sent, len(answers.took_ms), answers.unavailable, answers.denied) == (20, 20, 0, 0)
    assert answers.decided == 1.0
    assert exchange.received == {"DESK": 21}


async def test_orders_that_nobody_answers_are_not_decided() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    line = Line("DESK", *await asyncio.open_connection("127.0.0.1", port))
    answers = await trade(line, 3, 500.0, grace_s=0.1)
    await line.close()
    server.close()
    assert (answers.sent, answers.decided) == (3, 0.0)


@pytest.mark.parametrize("replay", [True, False])
async def test_a_flood_goes_on_until_it_is_cancelled(replay: bool) -> None:
    async with Exchange() as exchange:
        line = await Line.log_on(exchange.port, "CROWDER", "token")
        flooding = asyncio.create_task(flood(line, replay=replay))
        while exchange.received["CROWDER"] < 20:
            await asyncio.sleep(0.01)
        assert not flooding.done()
        flooding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flooding
        await line.close()
