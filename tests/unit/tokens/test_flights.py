"""One piece of work a key, however many wait."""

from __future__ import annotations

import asyncio

import pytest

from authzsvc.tokens.flights import Flights


class Work:
    """Counts how often it was begun, and waits for its gate."""

    def __init__(self) -> None:
        self.begun = 0
        self.gate = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        await self.gate.wait()
        return number


async def test_who_comes_while_it_is_under_way_shares_it() -> None:
    flights: Flights[int] = Flights(10)
    work = Work()
    tasks = [flights.start(b"key", work) for _ in range(5)]
    assert len(flights) == 1
    work.gate.set()
    assert [await task for task in tasks if task] == [1] * 5
    await asyncio.sleep(0)
    assert len(flights) == 0
    again = flights.start(b"key", work)
    assert again is not None
    assert await again == 2


async def test_no_more_than_so_many_and_some_room_is_kept() -> None:
    flights: Flights[int] = Flights(4)
    work = Work()
    started = [flights.start(bytes([i]), work, share=0.5) for i in range(4)]
    assert [task is not None for task in started] == [True, True, False, False]
    more = [flights.start(bytes([i]), work) for i in range(2, 6)]
    assert [task is not None for task in more] == [True, True, False, False]
    assert flights.start(b"\0", work) is started[0]
    await flights.close()


async def test_one_who_is_cancelled_leaves_it_to_the_others() -> None:
    flights: Flights[int] = Flights(1)
    work = Work()

    async def waiting() -> int:
        task = flights.start(b"key", work)
        assert task is not None
        return await asyncio.shield(task)

    first, second = asyncio.create_task(waiting()), asyncio.create_task(waiting())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    work.gate.set()
    assert await second == 1


async def test_a_failure_that_nobody_waits_for_is_not_complained_of() -> None:
    flights: Flights[int] = Flights(1)
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))

    async def failing() -> int:
        raise ValueError

    task = flights.start(b"key", failing)
    while len(flights):
        await asyncio.sleep(0)
    del task
    assert complaints == []


async def test_closing_ends_everything() -> None:
    flights: Flights[int] = Flights(10)
    tasks = [flights.start(bytes([i]), Work()) for i in range(3)]
    await flights.close()
    assert len(flights) == 0
    for task in tasks:
        assert task is not None
        with pytest.raises(asyncio.CancelledError):
            await task
