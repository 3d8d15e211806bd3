"""Whatever the strict profile lets through, other engines read as we did (`docs/strict-profile.md`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from tests.differential.messages import APART, GROUPS, PAIRS, framed, messages
from tests.differential.readings import QUICKFIX, Gateway, QuickFix, same_values, simplefix_reads

HEAD = b"35=D\x0134=7\x0149=ALGO\x0156=VENUE\x0152=20261120-10:00:00\x01"
EXAMPLES = 1_000
HIGHEST = 50_000
unhurried = settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    """Our parser."""
    gateway = Gateway()
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def quickfix() -> QuickFix:
    """The real engine; `make test` builds it."""
    if not QUICKFIX.exists():
        pytest.fail("quickfix is not built (make setup-tests)")
    return QuickFix()


def assert_simplefix_agrees(gateway: Gateway, message: bytes) -> bool:
    """Says whether there was something to compare."""
    ours = gateway.read(message)
    theirs = simplefix_reads(message) if ours is not None else None
    if ours is None or theirs is None:
        return False
    assert theirs == ours, message
    return True


def assert_quickfix_agrees(gateway: Gateway, quickfix: QuickFix, message: bytes) -> int:
    """Says how many of its readings there were to compare."""
    ours = gateway.read(message)
    if ours is None:
        return 0
    readings = {name: fields for name, fields in quickfix.reads(message).items() if fields is not None}
    for name, theirs in readings.items():
        assert same_values(ours, theirs), (name, message)
    return len(readings)


def test_simplefix_reads_as_we_do(gateway: Gateway) -> None:
    """Random messages: the same fields in the same order."""
    seen: Counter[bool] = Counter()

    @unhurried
    @given(message=messages())
    def agree(message: bytes) -> None:
        seen[assert_simplefix_agrees(gateway, message)] += 1

    agree()
    assert seen[True] > EXAMPLES / 10


def test_quickfix_reads_as_we_do(gateway: Gateway, quickfix: QuickFix) -> None:
    """Random messages, with every dictionary and without: the same values of each tag."""
    seen: Counter[bool] = Counter()

    @unhurried
    @given(message=messages())
    def agree(message: bytes) -> None:
        seen[assert_quickfix_agrees(gateway, quickfix, message) > 0] += 1

    agree()
    assert seen[True] > EXAMPLES / 10


def neighbours() -> Iterator[bytes]:
    """Each tag as a plain number, and the next one as a value that it could be the length of."""
    for tag in range(11, HIGHEST):
        yield framed(b"FIX.4.4", HEAD + b"%d=9\x01%d=abc\x01167=CS\x01" % (tag, tag + 1))


def lengths() -> Iterator[bytes]:
    """Each pair with the tags around it, and twice with different lengths."""
    for length, data in PAIRS + APART:
        pair = b"%d=3\x01%d=abc\x01" % (length, data)
        for tag in {length - 1, length + 1, data - 1, data + 1} - {length, data}:
            for number in (1, 9, 20):
                beside = b"%d=%d\x01" % (tag, number)
                yield framed(b"FIX.4.4", HEAD + beside + pair + b"167=CS\x011=abcdefghijklmn\x01")
                yield framed(b"FIX.4.4", HEAD + pair + beside + b"167=CS\x01")
        longer = b"%d=9\x01%d=a_167=FUT\x01" % (length, data)
        yield framed(b"FIX.4.4", HEAD + pair + longer + b"55=X\x01")
        yield framed(b"FIX.4.4", HEAD + longer + pair + b"55=ACME\x01")
    for group in GROUPS:
        for msg_type in (b"D", b"AB", b"B", b"8", b"s"):
            yield framed(b"FIX.4.4", HEAD.replace(b"35=D", b"35=" + msg_type) + group + b"\x0155=X\x01")


@pytest.mark.parametrize("forged", [lengths, neighbours])
def test_simplefix_pairs_no_other_fields(gateway: Gateway, forged: object) -> None:
    """What looks like a length and its data is so to all, or to none."""
    assert callable(forged)
    assert sum(assert_simplefix_agrees(gateway, message) for message in forged()) > 0


@pytest.mark.parametrize("forged", [lengths, neighbours])
def test_quickfix_pairs_no_other_fields(gateway: Gateway, quickfix: QuickFix, forged: object) -> None:
    """As above."""
    assert callable(forged)
    assert sum(assert_quickfix_agrees(gateway, quickfix, message) for message in forged()) > 0
