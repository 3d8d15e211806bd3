"""The limit of open files."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from authzsvc.errors import ToolError
from benches.sessions.open_files import raise_limit


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_it_is_raised_as_far_as_it_goes_where_that_is_needed(limits: tuple[int, int]) -> None:
    hard = limits[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    raise_limit(500)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (512, hard)
    raise_limit(513)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


def test_a_system_that_does_not_let_us_is_told_of(limits: tuple[int, int]) -> None:
    if limits[1] == resource.RLIM_INFINITY:
        pytest.skip("this system has no limit")
    with pytest.raises(ToolError, match=r"ulimit -Hn"):
        raise_limit(limits[1] + 1)
