"""Checks served in turn: a few identities' Checks, the order in which they are evaluated, and what is left out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.server.turns import OVERHEAD, SHORT, Turns

Asked = tuple[str, int]
"""Whose Check, and how many bytes."""


async def served(asked: Sequence[Asked]) -> list[Asked]:
    """Checks that all came at once, in the order in which they were evaluated."""
    turns, order = Turns(), list[Asked]()

    async def one(check: Asked) -> None:
        await turns.wait(*check)
        order.append(check)

    await asyncio.wait_for(asyncio.gather(*map(one, asked)), 20)
    assert not turns.must_wait(SHORT), "nothing is left behind"
    return order


async def test_a_lone_short_check_does_not_wait() -> None:
    turns = Turns()
    assert not turns.must_wait(SHORT)
    assert turns.must_wait(SHORT + 1)
    waiting = asyncio.create_task(turns.wait("a", SHORT + 1))
    await asyncio.sleep(0)
    assert turns.must_wait(1), "a short Check takes its turn where others wait"
    await asyncio.wait_for(waiting, 5)
    assert not turns.must_wait(1)


async def test_who_asks_little_goes_before_the_backlog_of_who_asks_much() -> None:
    flood: list[Asked] = [("crowder", 11_000)] * 200
    order = await served([*flood, ("desk", 900), *flood, ("other", 11_000)])
    assert order.index(("desk", 900)) == 0
    assert order.index(("other", 11_000)) <= 2


async def test_each_gets_its_share_by_cost() -> None:
    many: list[Asked] = [("small", 1_000)] * 400
    order = await served([*[("large", 10_000)] * 40, *many])
    first = Counter[str]()
    for name, size in order[:200]:
        first[name] += size + OVERHEAD
    assert abs(first["small"] - first["large"]) <= 10_000 + OVERHEAD


async def test_a_check_that_arrives_while_others_are_evaluated_goes_next() -> None:
    turns, order = Turns(), list[str]()

    async def long(number: int) -> None:
        await turns.wait("crowder", 11_000)
        order.append(f"crowder {number}")
        if number == 3:
            asyncio.get_running_loop().call_later(0.0005, begin)
        until = asyncio.get_running_loop().time() + 0.003
        while asyncio.get_running_loop().time() < until:
            pass

    late = list[asyncio.Task[None]]()

    def begin() -> None:
        late.append(asyncio.create_task(desk()))

    async def desk() -> None:
        assert turns.must_wait(900)
        await turns.wait("desk", 900)
        order.append("desk")

    await asyncio.wait_for(asyncio.gather(*(long(number) for number in range(20))), 20)
    await asyncio.gather(*late)
    assert order.index("desk") == 4


async def test_a_check_whose_caller_has_given_up_is_not_evaluated() -> None:
    turns, order = Turns(), list[int]()

    async def one(number: int) -> None:
        await turns.wait("a", 10_000)
        order.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(10)]
    await asyncio.sleep(0)
    for task in tasks[2:9]:
        task.cancel()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    assert order == [0, 1, 9]
    assert turns.abandoned == 7
    with pytest.raises(asyncio.CancelledError):
        await tasks[5]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20_000)), min_size=1, max_size=60))
def test_every_check_gets_its_turn_and_an_identitys_checks_keep_their_order(asked: list[Asked]) -> None:
    order = asyncio.run(served(asked))
    assert Counter(order) == Counter(asked)
    for name in "abc":
        assert [check for check in order if check[0] == name] == [check for check in asked if check[0] == name]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20_000)), min_size=1, max_size=60))
def test_no_identity_gets_ahead_of_another_that_waits_by_more_than_a_check(asked: list[Asked]) -> None:
    order = asyncio.run(served(asked))
    most = max(size for _, size in asked) + OVERHEAD
    left = Counter(name for name, _ in asked)
    used = Counter[str]()
    for name, size in order:
        used[name] += size + OVERHEAD
        left[name] -= 1
        assert all(used[name] <= used[other] + most for other in left if left[other])
