"""What is counted of cumulative reports, however they come."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from typing import Any

import pytest

from authzsvc import accounts
from authzsvc.accounts import Ledger, Traffic
from authzsvc.contract.traffic import Kind, TrafficReport
from authzsvc.fix.direction import Direction

D, F = "inbound:D:order:create:equity", "inbound:F:order:cancel"
T0 = 1000.0
"""When the ledgers of the tests begin."""


def report(session: Any = "s", *, began_at: Any = T0 + 1, ended: Any = False, **totals: int) -> TrafficReport:  # noqa: ANN401 (beside any totals)
    """A report; `d` and `f` are short for kinds."""
    return TrafficReport(session, began_at, ended, {{"d": D, "f": F}.get(name, name): n for name, n in totals.items()})


def news(traffic: Traffic | None) -> list[tuple[str, int, int]]:
    counts = traffic.counts if traffic else ()
    return [(count.kind.msg_type if count.kind else "other", count.count, count.total) for count in counts]


def test_differences() -> None:
    ledger = Ledger(T0)
    first = ledger.take(report(d=3, f=1), T0 + 2)
    assert news(first) == [("D", 3, 3), ("F", 1, 1)]
    assert first is not None
    assert first.counts[0].kind == Kind(Direction.INBOUND, "D", "order:create:equity")
    assert not first.resumed
    assert news(ledger.take(report(d=5, f=1), T0 + 3)) == [("D", 2, 5)]
    assert ledger.take(report(d=5, f=1, ended=True), T0 + 4) is None


@pytest.mark.parametrize("late", [{"d": 3}, {"d": 5, "f": 1}, {"d": 0}, {}])
def test_what_is_repeated_or_overtaken_adds_nothing(late: dict[str, int]) -> None:
    ledger = Ledger(T0)
    ledger.take(report(d=5, f=1), T0 + 2)
    assert ledger.take(report(**late), T0 + 3) is None
    assert news(ledger.take(report(d=6, f=1), T0 + 4)) == [("D", 1, 6)]


def test_connections_are_apart() -> None:
    ledger = Ledger(T0)
    ledger.take(report("a", d=5), T0 + 2)
    assert news(ledger.take(report("b", d=5), T0 + 2)) == [("D", 5, 5)]


def test_of_a_connection_older_than_the_ledger_only_the_totals_are_told_at_first() -> None:
    ledger = Ledger(T0)
    traffic = ledger.take(report(began_at=T0 - 60, d=5), T0 + 2)
    assert traffic is not None
    assert (traffic.resumed, news(traffic)) == (True, [("D", 0, 5)])
    traffic = ledger.take(report(began_at=T0 - 60, d=7, f=2), T0 + 3)
    assert traffic is not None
    assert (traffic.resumed, news(traffic)) == (False, [("D", 2, 7), ("F", 2, 2)])


def test_an_older_connection_that_has_nothing_to_tell_yet_is_counted_from_its_first_message() -> None:
    ledger = Ledger(T0)
    assert ledger.take(report(began_at=T0 - 60), T0 + 2) is None
    assert news(ledger.take(report(began_at=T0 - 60, d=7), T0 + 3)) == [("D", 7, 7)]


def test_a_connection_that_does_not_say_when_it_began_may_be_any() -> None:
    assert news(Ledger(T0).take(report(began_at=0, d=7), T0 + 3)) == [("D", 0, 7)]


def test_what_was_silent_for_long_is_forgotten_and_not_counted_again() -> None:
    ledger = Ledger(T0)
    ledger.take(report(d=5), T0 + 2)
    ledger.forget(T0 + 2 + accounts.FORGET_S)
    assert (len(ledger), ledger.numbers) == (0, 0)
    assert news(ledger.take(report(d=6), T0 + 2000)) == [("D", 0, 6)]


def test_what_has_ended_is_forgotten_without_a_trace() -> None:
    ledger = Ledger(T0)
    ledger.take(report("a", began_at=T0 + 5, d=5, ended=True), T0 + 6)
    ledger.forget(T0 + 6 + accounts.FORGET_S)
    assert news(ledger.take(report("b", began_at=T0 + 4, d=6), T0 + 2000)) == [("D", 6, 6)]


def test_what_had_to_make_room_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MAX_CONNECTIONS", 1)
    ledger = Ledger(T0)
    ledger.take(report("a", d=5, ended=True), T0 + 2)
    ledger.take(report("b", began_at=T0 + 3, d=5), T0 + 4)
    assert news(ledger.take(report("a", d=5, ended=True), T0 + 5)) == [("D", 0, 5)]


def test_a_beginning_in_the_future_takes_nothing_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MAX_CONNECTIONS", 1)
    ledger = Ledger(T0)
    ledger.take(report("odd", began_at=9e18, d=1), T0 + 2)
    ledger.take(report("b", began_at=T0 + 3, d=1), T0 + 4)
    assert news(ledger.take(report("c", began_at=T0 + 5, d=6), T0 + 6)) == [("D", 6, 6)]


def test_a_connection_has_so_many_kinds_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MAX_KINDS", 3)
    ledger = Ledger(T0)
    kinds = [f"inbound:U{number}:s" for number in range(6)]
    assert len(news(ledger.take(report(**dict.fromkeys(kinds[:2], 1)), T0 + 2))) == 2
    assert news(ledger.take(report(**dict.fromkeys(kinds[:5], 2)), T0 + 3)) == [
        ("U0", 1, 2),
        ("U1", 1, 2),
        ("U2", 2, 2),
        ("other", 4, 4),
    ]
    assert ledger.take(report(**{kinds[4]: 2}), T0 + 4) is None, "a late one, of a kind that is not told apart"
    assert news(ledger.take(report(**dict.fromkeys(reversed(kinds), 2)), T0 + 4)) == [("other", 2, 6)]
    assert ledger.numbers == 4


def test_memory_is_bounded_by_connections_and_by_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MAX_CONNECTIONS", 10)
    monkeypatch.setattr(accounts, "MAX_NUMBERS", 30)
    ledger = Ledger(T0)
    for number in range(200):
        kinds = {f"inbound:U{kind}:s": 1 for kind in range(number % 7)}
        ledger.take(report(str(number), **kinds), T0 + 2 + number)
        assert len(ledger) <= 10
        assert ledger.numbers <= 30


def test_a_hundred_thousand_connections() -> None:
    """And some more than it may remember; strings come from the wire, each anew."""
    ledger = Ledger(T0)
    more = accounts.MAX_CONNECTIONS // 10
    tracemalloc.start()
    try:
        for number in range(accounts.MAX_CONNECTIONS + more):
            totals = {f"inbound:{kind}:order:create:equity": number + 1 for kind in "DFG"}
            ledger.take(TrafficReport(f"session-{number}", T0 + 1, False, totals), T0 + 2)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(ledger), ledger.numbers) == (accounts.MAX_CONNECTIONS, 3 * accounts.MAX_CONNECTIONS)
    assert size / accounts.MAX_CONNECTIONS < 1000, "bytes for each"


WEIGHTS = {"pass": 8, "report": 10, "end": 1, "service": 1, "envoy": 1, "time": 1}


@pytest.mark.parametrize(("most", "in_order"), [(100, False), (2, True)])
@pytest.mark.parametrize("seed", range(100))
def test_however_reports_come_nothing_is_counted_twice(
    seed: int, most: int, in_order: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections pass messages; their reports are repeated, lost and shuffled, and both sides are restarted.

    A report that was overtaken by another does not come to a service that was started in between: it was on a stream to
    the one before. A connection that had to be forgotten is reported on in order.
    """
    chance = random.Random(seed)
    monkeypatch.setattr(accounts, "MAX_CONNECTIONS", most)
    passed: dict[str, Counter[str]] = {}
    began: dict[str, float] = {}
    alive: dict[int, str] = {}
    on_the_way: list[TrafficReport] = []
    counted: Counter[tuple[str, str]] = Counter()
    totals: Counter[tuple[str, str]] = Counter()
    told: dict[tuple[str, str], int] = {}
    now, ledger = T0, Ledger(T0)

    def deliver(some: TrafficReport) -> None:
        traffic = ledger.take(some, now)
        for count in traffic.counts if traffic else ():
            assert count.kind is not None
            assert count.count >= 0
            key = some.session, f"inbound:{count.kind.msg_type}:{count.kind.scope}"
            counted[key] += count.count
            totals[key] = max(totals[key], count.total)
        for kind, number in some.totals.items():
            told[some.session, kind] = max(told.get((some.session, kind), 0), number)

    def overtaken(some: TrafficReport) -> bool:
        return any(some.totals.get(kind, 0) < number for (name, kind), number in told.items() if name == some.session)

    for step in chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=300):
        which = chance.randrange(3)
        now += 1
        if step == "service":
            ledger = Ledger(now)
            on_the_way = [some for some in on_the_way if not overtaken(some)]
        elif step == "envoy":
            alive.clear()
            on_the_way.clear()
        elif step == "time":
            now += accounts.FORGET_S / 2
            on_the_way.clear()  # nothing is on its way for so long
        else:
            if which not in alive:
                alive[which] = f"session-{len(passed)}"
                passed[alive[which]], began[alive[which]] = Counter(), now - 0.5
            session = alive[which]
            if step == "pass":
                passed[session][chance.choice((D, F))] += chance.randint(1, 1000)
            else:
                ended = step == "end"
                on_the_way.append(TrafficReport(session, began[session], ended, dict(passed[session])))
                if ended:
                    del alive[which]
        if on_the_way and chance.random() < 0.7:
            which = 0 if in_order else chance.randrange(len(on_the_way))
            deliver(on_the_way[which])
            if chance.random() < 0.7:
                del on_the_way[which]
    for session, kinds in passed.items():
        for kind, number in kinds.items():
            key = session, kind
            assert counted[key] <= number, "counted twice"
            assert totals[key] == told.get(key, 0), "told, and not in the audit"
