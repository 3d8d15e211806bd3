"""Reports that come again."""

from __future__ import annotations

from authzsvc.server.repeats import Repeats


def test_the_same_bytes_are_a_repeat() -> None:
    repeats = Repeats()
    assert [repeats.is_repeat(raw) for raw in (b"a", b"b", b"a", b"b", b"c")] == [False, False, True, True, False]


def test_the_latest_are_remembered() -> None:
    repeats = Repeats(2)
    assert not repeats.is_repeat(b"a")
    assert not repeats.is_repeat(b"b")
    assert repeats.is_repeat(b"a")
    assert not repeats.is_repeat(b"c")
    assert not repeats.is_repeat(b"b")
    assert repeats.is_repeat(b"c")
