"""Resident memory, as the kernel tells it."""

from __future__ import annotations

import os

import pytest

from benches.sessions.memory import Resident, read, resident


def test_kilobytes_of_1024_become_megabytes_of_a_million() -> None:
    assert read("Name:\tx\nVmHWM:\t   3000 kB\nVmRSS:\t   1000 kB\n") == Resident(1.024, 3.072)


def test_our_own_is_there_and_no_more_than_its_peak() -> None:
    found = resident(os.getpid())
    assert 1 < found.now <= found.peak


@pytest.mark.parametrize("status", ["", "Name:\tkthreadd\n", "VmRSS:\t 10 kB\n", "VmRSS:\t 10 MB\nVmHWM:\t 10 MB\n"])
def test_what_is_not_told_is_an_error(status: str) -> None:
    with pytest.raises(ValueError, match="not told"):
        read(status)
