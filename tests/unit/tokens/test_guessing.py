"""Failed logons counted, and lock-outs: alone, against a slow model, and under floods."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.tokens.guessing import Guessing, Limits, network

LIMITS = Limits(attempts=3, address_attempts=6, comp_id_attempts=8, window_s=100.0, lock_s=10.0, longest_lock_s=80.0)
LOOSE = replace(LIMITS, address_attempts=1_000_000, comp_id_attempts=1_000_000)
HOME, AWAY = "192.0.2.1", "198.51.100.7"


def fail(guessing: Guessing, times: int, comp_id: str, address: str, now: float) -> None:
    for _ in range(times):
        guessing.failed(comp_id, address, now)


def test_at_the_limit_it_is_locked_and_time_unlocks_it() -> None:
    guessing = Guessing(LIMITS)
    fail(guessing, 2, "ALGO", HOME, 0.0)
    assert guessing.locked("ALGO", HOME, 0.0) == 0.0
    guessing.failed("ALGO", HOME, 1.0)
    assert guessing.locked("ALGO", HOME, 1.0) == 10.0
    assert guessing.locked("ALGO", HOME, 10.5) == 0.5
    assert guessing.locked("ALGO", HOME, 11.0) == 0.0


def test_others_are_not_locked() -> None:
    guessing = Guessing(LIMITS)
    fail(guessing, 3, "ALGO", HOME, 0.0)
    assert guessing.locked("ALGO", AWAY, 0.0) == guessing.locked("DESK", HOME, 0.0) == 0.0


def test_failures_age_out_of_the_window() -> None:
    guessing = Guessing(LIMITS)
    fail(guessing, 2, "ALGO", HOME, 0.0)
    guessing.failed("ALGO", HOME, 100.0)
    assert guessing.locked("ALGO", HOME, 100.0) == 0.0
    guessing.failed("ALGO", HOME, 100.0)
    guessing.failed("ALGO", HOME, 100.0)
    assert guessing.locked("ALGO", HOME, 100.0) > 0.0


def test_each_further_lock_is_twice_as_long_up_to_the_longest() -> None:
    guessing, now, seen = Guessing(LOOSE), 0.0, []
    for _ in range(6):
        fail(guessing, 3, "ALGO", HOME, now)
        seen.append(guessing.locked("ALGO", HOME, now))
        now += seen[-1]
    assert seen == [10.0, 20.0, 40.0, 80.0, 80.0, 80.0]


def test_after_a_long_peace_the_next_lock_is_short_again() -> None:
    guessing = Guessing(LOOSE)
    fail(guessing, 3, "ALGO", HOME, 0.0)
    fail(guessing, 3, "ALGO", HOME, 10.0 + 79.0)
    assert guessing.locked("ALGO", HOME, 89.0) == 20.0
    fail(guessing, 3, "ALGO", HOME, 89.0 + 20.0 + 80.0)
    assert guessing.locked("ALGO", HOME, 189.0) == 10.0


def test_that_holds_too_among_many_others() -> None:
    """Old records are dropped in turn; one whose turn has not come counts no more than one that is gone."""
    guessing = Guessing(LOOSE)
    names = [f"CLIENT{i}" for i in range(200)]
    for name in names:
        fail(guessing, 3, name, HOME, 0.0)
    for name in names[:10]:
        fail(guessing, 3, name, HOME, 10.0 + 80.0)
        assert guessing.locked(name, HOME, 90.0) == 10.0


def test_failures_under_way_when_the_lock_falls_count_towards_the_next() -> None:
    guessing = Guessing(LOOSE)
    fail(guessing, 9, "ALGO", HOME, 0.0)
    assert guessing.locked("ALGO", HOME, 0.0) == 40.0


def test_an_address_that_tries_many_names() -> None:
    guessing = Guessing(LIMITS)
    for i in range(6):
        guessing.failed(f"CLIENT{i}", HOME, 0.0)
    assert guessing.locked("NEW", HOME, 0.0) == 10.0
    assert guessing.locked("NEW", AWAY, 0.0) == 0.0


def test_a_name_tried_from_many_addresses() -> None:
    guessing = Guessing(LIMITS)
    for i in range(8):
        guessing.failed("ALGO", f"192.0.2.{i}", 0.0)
    assert guessing.locked("ALGO", AWAY, 0.0) == 10.0
    assert guessing.locked("DESK", AWAY, 0.0) == 0.0


def test_nobody_can_lock_out_a_client_that_logged_on_lately_from_where_it_is() -> None:
    guessing = Guessing(LIMITS)
    guessing.succeeded("ALGO", HOME, 0.0)
    for i in range(100):
        guessing.failed("ALGO", f"192.0.2.{i + 2}", 1.0)
        guessing.failed(f"CLIENT{i}", HOME, 1.0)
    assert guessing.locked("ALGO", HOME, 1.0) == 0.0
    assert guessing.locked("ALGO", AWAY, 1.0) > 0.0
    assert guessing.locked("DESK", HOME, 1.0) > 0.0


def test_a_known_client_is_locked_for_its_own_failures() -> None:
    guessing = Guessing(LIMITS)
    guessing.succeeded("ALGO", HOME, 0.0)
    fail(guessing, 3, "ALGO", HOME, 1.0)
    assert guessing.locked("ALGO", HOME, 1.0) == 10.0


def test_to_be_known_ends() -> None:
    guessing = Guessing(replace(LIMITS, known_s=50.0))
    guessing.succeeded("ALGO", HOME, 0.0)
    for i in range(8):
        guessing.failed("ALGO", f"192.0.2.{i + 2}", 49.0)
    assert guessing.locked("ALGO", HOME, 49.9) == 0.0
    assert guessing.locked("ALGO", HOME, 50.0) > 0.0


def test_a_good_logon_takes_no_failure_back() -> None:
    guessing = Guessing(LIMITS)
    guessing.succeeded("OWN", HOME, 0.0)
    for _ in range(3):
        guessing.failed("OWN", HOME, 1.0)
        guessing.succeeded("OWN", HOME, 1.0)
    assert guessing.locked("OWN", HOME, 1.0) == 10.0


def flood(guessing: Guessing, times: int) -> None:
    source = random.Random(4)
    for _ in range(times):
        guessing.failed(source.randbytes(8).hex(), f"10.{source.randrange(1 << 24)}", 1.0)


def test_a_flood_frees_nobody_and_locks_out_nobody_who_is_known() -> None:
    guessing = Guessing(replace(LIMITS, capacity=200))
    fail(guessing, 3, "GUESSER", HOME, 0.0)
    fail(guessing, 2, "ALMOST", AWAY, 0.0)
    guessing.succeeded("ALGO", AWAY, 0.0)
    flood(guessing, 3_000)
    assert guessing.locked("GUESSER", HOME, 1.0) >= 9.0
    assert guessing.locked("ALGO", AWAY, 1.0) == 0.0
    guessing.failed("ALMOST", AWAY, 2.0)
    assert guessing.locked("ALMOST", AWAY, 2.0) >= 10.0


def test_a_flood_does_not_grow_the_memory() -> None:
    guessing = Guessing(replace(LIMITS, capacity=200))
    flood(guessing, 30_000)
    assert len(guessing) <= 4 * (200 + 4_096) + 4 * 200
    guessing.succeeded("ALGO", AWAY, 1.0)
    assert guessing.locked("ALGO", AWAY, 1.0) == 0.0


def test_who_comes_in_a_full_table_is_counted_too() -> None:
    guessing = Guessing(replace(LIMITS, capacity=10))
    for i in range(50):
        guessing.failed(f"CLIENT{i}", f"192.0.2.{i}", 0.0)
    fail(guessing, 3, "LATE", AWAY, 1.0)
    assert guessing.locked("LATE", AWAY, 1.0) >= 10.0


def test_after_a_flood_the_memory_is_given_back() -> None:
    guessing = Guessing(replace(LIMITS, capacity=100))
    for i in range(1_000):
        guessing.failed(f"CLIENT{i}", f"10.{i}", 0.0)
    assert len(guessing) > 300
    for i in range(1_000):
        guessing.failed("ALGO", HOME, 1_000.0 + i)
    assert len(guessing) < 20


def test_names_of_any_length_and_content_cost_the_same() -> None:
    guessing = Guessing(LIMITS)
    for name in ("", "x" * 100_000, "\ud800", "a:b", "é"):
        fail(guessing, 3, name, HOME + name, 0.0)
        assert guessing.locked(name, HOME + name, 0.0) > 0.0
    assert guessing.locked("a", "b", 0.0) == 0.0


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
        ("2001:db8:0:1::9", "2001:db8:0:1::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("@socket", "@socket"),
        ("", ""),
    ],
)
def test_what_an_address_counts_as(address: str, counts_as: str) -> None:
    assert network(address) == counts_as


def test_an_ipv6_client_cannot_hop_within_its_network() -> None:
    guessing = Guessing(LIMITS)
    for i in range(6):
        guessing.failed(f"CLIENT{i}", f"2001:db8::{i}", 0.0)
    assert guessing.locked("NEW", "2001:db8::ffff", 0.0) > 0.0


@dataclass
class Model:
    """One key's record, computed anew from everything that ever happened."""

    limit: int
    failures: list[float] = field(default_factory=list)

    def locked(self, now: float) -> float:
        since: list[float] = []
        until, locks = 0.0, 0
        for at in self.failures:
            if at >= until + LIMITS.longest_lock_s:
                locks = 0
            since = [time for time in since if time > at - LIMITS.window_s] + [at]
            if len(since) >= self.limit:
                since = []
                until = max(until, at + min(LIMITS.longest_lock_s, LIMITS.lock_s * 2**locks))
                locks += 1
        return max(0.0, until - now)


EVENTS = st.lists(
    st.tuples(st.sampled_from("AB"), st.sampled_from([HOME, AWAY]), st.integers(0, 60).map(float)), max_size=60
)


@settings(max_examples=200, deadline=None)
@given(EVENTS)
def test_as_the_model_says(events: list[tuple[str, str, float]]) -> None:
    guessing, now = Guessing(LIMITS), 0.0
    models: dict[str, Model] = {}
    for comp_id, address, later in events:
        now += later
        keys = ((f"{comp_id} {address}", 3), (address, 6), (comp_id, 8))
        expected = max(models.get(key, Model(limit)).locked(now) for key, limit in keys)
        assert guessing.locked(comp_id, address, now) == expected
        guessing.failed(comp_id, address, now)
        for key, limit in keys:
            models.setdefault(key, Model(limit)).failures.append(now)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.booleans(), st.integers(0, 5)), max_size=200),
    st.integers(1, 8),
)
def test_memory_is_bounded_and_no_lock_ends_early(events: list[tuple[int, int, bool, int]], capacity: int) -> None:
    limits = replace(LIMITS, capacity=capacity, known_s=30.0)
    guessing, now = Guessing(limits), 0.0
    locked_until: dict[tuple[str, str], float] = {}
    for comp, place, good, later in events:
        now += later
        key = (f"C{comp}", f"192.0.2.{place}")
        if good:
            guessing.succeeded(*key, now)
            locked_until.clear()  # who becomes known is judged anew
        else:
            guessing.failed(*key, now)
        left = guessing.locked(*key, now)
        if left:
            locked_until[key] = max(locked_until.get(key, 0.0), now + left)
        for (name, address), until in locked_until.items():
            if now < until:
                assert guessing.locked(name, address, now) == pytest.approx(until - now)
        assert len(guessing) <= 4 * (capacity + 4_096) + 4 * capacity


def test_an_attempt_under_two_names_counts_once_against_its_address() -> None:
    guessing = Guessing(Limits(attempts=100, address_attempts=4, comp_id_attempts=100))
    for number in range(3):
        guessing.failed(f"COMP-{number}", "192.0.2.1", 0.0)
        guessing.failed("client", "192.0.2.1", 0.0, once_more=True)
    assert guessing.locked("NEW", "192.0.2.1", 0.0) == 0
    guessing.failed("COMP-4", "192.0.2.1", 0.0)
    assert guessing.locked("NEW", "192.0.2.1", 0.0) > 0
