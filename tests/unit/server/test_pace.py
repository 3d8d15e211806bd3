"""How many frames pass, whole and byte by byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.server.pace import BURST, CREDIT_PER_S, Frames, Pace
from benches.floods import wire

COST = {wire.HEADERS: 30, wire.RST_STREAM: 20}
BACK = 27
SETTINGS = wire.frame(wire.SETTINGS, 0, 0)


def frames(credit: float) -> Frames:
    return Frames(Pace(), credit)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3), st.binary(max_size=40)), max_size=30),
    st.lists(st.integers(1, 50), min_size=1, max_size=30),
)
def test_whatever_the_pieces_every_frame_costs_its_type(sent: list[tuple[int, int, bytes]], sizes: list[int]) -> None:
    data = wire.PREFACE + b"".join(wire.frame(kind, 0, stream, payload) for kind, stream, payload in sent)
    read, at = frames(1_000.0), 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        piece = data[at : at + size]
        assert read.passed(piece) == len(piece)
        at += size
    assert read.credit == 1_000.0 - cost(sent)


def cost(sent: list[tuple[int, int, bytes]]) -> int:
    """A stream's headers cost 3 once it has data, and 30 until then."""
    begun, total = set[int](), 0
    for kind, stream, payload in sent:
        total += COST.get(kind, 1)
        if kind == wire.HEADERS:
            begun.add(stream)
        if kind == wire.DATA and len(payload) >= 5 and stream in begun:
            total -= BACK
        if kind == wire.RST_STREAM or (kind == wire.DATA and len(payload) >= 5):
            begun.discard(stream)
    return total


def test_streams_without_data_are_few() -> None:
    read = Frames(Pace())
    read.passed(wire.PREFACE)
    read.go_on(0.0)
    begun = [wire.frame(wire.HEADERS, wire.END_HEADERS, 2 * each + 1, b"x") for each in range(10_000)]
    read.go_on(1.0)
    assert read.passed(b"".join(begun)) < 80 * len(begun[0])


def test_without_credit_the_next_frame_waits_and_the_one_begun_ends() -> None:
    long = wire.frame(wire.DATA, 0, 1, bytes(100))
    data = wire.PREFACE + SETTINGS + long + SETTINGS * 3
    read = frames(2.0)
    at = read.passed(data[:50])
    assert at == 50
    assert read.passed(data, at) == len(wire.PREFACE + SETTINGS + long)
    at = len(wire.PREFACE + SETTINGS + long)
    assert read.go_on(1.0) == pytest.approx(1 / CREDIT_PER_S)
    assert read.passed(data, at) == at
    assert read.go_on(1.0 + 2 / CREDIT_PER_S) == 0.0
    assert read.passed(data, at) == at + 18


def test_credit_comes_back_and_is_bounded() -> None:
    read = frames(BURST)
    assert read.go_on(1_000.0) == 0.0
    read.credit = -CREDIT_PER_S
    assert read.go_on(1_000.5) == pytest.approx(0.5, abs=0.01)
    assert read.go_on(2_000.0) == 0.0
    assert read.credit == BURST


def test_connections_that_wait_share_the_rate_and_others_have_theirs() -> None:
    pace = Pace(waiting=4)
    waits, other = Frames(pace, credit=0.0, at=1.0), Frames(pace, at=1.0)
    assert waits.go_on(1.0) == pytest.approx(4 / CREDIT_PER_S)
    other.credit -= CREDIT_PER_S / 4 * 0.1
    assert other.go_on(1.1) == 0.0
    assert other.credit == pytest.approx(BURST)


def test_a_check_is_cheap() -> None:
    """More Checks than a service can answer pass without waiting."""
    read = Frames(Pace())
    read.passed(wire.PREFACE)
    read.go_on(0.0)
    call, now = wire.call(wire.CHECK, bytes(1_000), 1), 0.0
    for _ in range(20_000):
        now += 1 / 10_000
        read.go_on(now)
        assert read.passed(call) == len(call)
