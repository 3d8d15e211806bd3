"""Refusals are counted one by one, and reported in few lines."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from authzsvc.floods import Flood, Reason
from authzsvc.server.refusals import LINES_AT_ONCE, MAX_HOSTS, PERIOD_S, Refusals


@dataclass
class Clock:
    now: float = 1_000.0
    told: list[Flood] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def refusals(self) -> Refusals:
        return Refusals(self.told.append, clock=self)


def test_the_first_refusal_is_told_at_once_and_those_that_follow_once_a_period() -> None:
    clock = Clock()
    refusals = clock.refusals()
    refusals.note("admin.tcp", Reason.COMPRESSED, "192.0.2.7")
    assert [flood.count for flood in refusals.due()] == [1]
    for _ in range(500):
        refusals.note("admin.tcp", Reason.COMPRESSED, "192.0.2.8")
    refusals.note("admin.tcp", Reason.COMPRESSED, "192.0.2.7")
    assert refusals.due() == []
    clock.now += PERIOD_S
    assert refusals.due() == [Flood("admin.tcp", Reason.COMPRESSED, 501, "192.0.2.8", 1_000.0, clock.now)]
    clock.now += PERIOD_S
    assert refusals.due() == []
    assert refusals.counts == {("admin.tcp", "compressed"): 502}


def test_listeners_and_reasons_are_told_apart() -> None:
    refusals = Clock().refusals()
    refusals.note("admin.tcp", Reason.LATE)
    refusals.note("listen.tcp", Reason.LATE)
    refusals.note("listen.tcp", Reason.HEADERS)
    assert {(flood.listener, flood.reason) for flood in refusals.due()} == {
        ("admin.tcp", Reason.LATE),
        ("listen.tcp", Reason.LATE),
        ("listen.tcp", Reason.HEADERS),
    }


def test_what_happens_in_ordinary_operation_is_told_only_in_numbers() -> None:
    clock = Clock()
    refusals = clock.refusals()
    for _ in range(999):
        refusals.note("listen.unix", Reason.ABANDONED)
    assert refusals.due() == []
    refusals.note("listen.unix", Reason.ABANDONED)
    assert [flood.count for flood in refusals.due()] == [1000]


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.floats(0, 30), st.integers(1, 50)), max_size=60))
def test_every_refusal_is_in_one_line_and_lines_are_few(acts: list[tuple[str, float, int]]) -> None:
    clock = Clock()
    refusals, told = clock.refusals(), list[Flood]()
    for listener, wait_s, count in acts:
        clock.now += wait_s
        refusals.note(listener, Reason.LATE, count=count)
        told += refusals.due()
    told += refusals.due(0.0)
    for listener in ("a", "b"):
        mine = [flood for flood in told if flood.listener == listener]
        assert sum(flood.count for flood in mine) == refusals.counts[listener, "late"]
        assert len(mine) <= 2 + (clock.now - 1_000.0) / PERIOD_S


def test_hosts_are_bounded() -> None:
    refusals = Clock().refusals()
    for number in range(10 * MAX_HOSTS):
        refusals.note("listen.tcp", Reason.LATE, f"host {number}")
    (kept,) = refusals._kept.values()
    assert len(kept.hosts) == MAX_HOSTS


def test_a_listener_has_so_many_lines_of_their_own_at_once_and_one_a_second() -> None:
    clock = Clock()
    refusals = clock.refusals()
    assert sum(refusals.has_line("admin.tcp") for _ in range(1_000)) == LINES_AT_ONCE
    assert refusals.has_line("admin.unix")
    clock.now += 2.0
    assert sum(refusals.has_line("admin.tcp") for _ in range(1_000)) == 2
