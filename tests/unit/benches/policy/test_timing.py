"""The race: who decides what, and how often."""

from __future__ import annotations

from benches.policy.timing import Contestant, microseconds, race


def test_every_contestant_decides_everything_once_beforehand_and_once_a_round() -> None:
    calls: list[tuple[str, int]] = []
    contestants = {
        name: Contestant(lambda asked, name=name: calls.append((name, asked)), (1, 2), 1)  # type: ignore[misc]
        for name in "ab"
    }
    taken = race(contestants, 3)
    assert set(taken) == {"a", "b"}
    order = [name for name, asked in calls if asked == 1]
    assert order == ["a", "b", "a", "b", "b", "a", "a", "b"]
    assert len(calls) == 2 * len(order)


def test_a_contestant_decides_as_often_as_it_was_told() -> None:
    calls: list[int] = []
    assert microseconds(Contestant(calls.append, (1, 2, 3), 4)) > 0
    assert calls == [1, 2, 3] * 4
