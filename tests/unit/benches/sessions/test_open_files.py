"""The limit of open files."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from resource import RLIM_INFINITY

import pytest

from authzsvc.errors import ToolError
from benches.sessions.open_files import Limits, raise_limit, raised

IN_A_CHILD = """\
import resource
from benches.sessions.open_files import raise_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 512))
raise_limit(513)
"""


@pytest.fixture
def limits() -> Iterator[Limits]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("before", "needed", "after"),
    [
        ((512, 1024), 512, (512, 1024)),
        ((512, 1024), 513, (1024, 1024)),
        ((512, 1024), 1024, (1024, 1024)),
        ((512, RLIM_INFINITY), 512, (512, RLIM_INFINITY)),
        ((512, RLIM_INFINITY), 513, (RLIM_INFINITY, RLIM_INFINITY)),
        ((RLIM_INFINITY, RLIM_INFINITY), 513, (RLIM_INFINITY, RLIM_INFINITY)),
    ],
)
def test_it_is_raised_as_far_as_it_goes_where_that_is_needed(before: Limits, needed: int, after: Limits) -> None:
    assert raised(before, needed) == after


def test_what_a_system_does_not_allow_is_told_of() -> None:
    with pytest.raises(ToolError, match=r"may have 1024 files open and 1025 are needed .* ulimit -Hn"):
        raised((512, 1024), 1025)


def test_it_is_this_process_that_may_have_more(limits: Limits) -> None:
    hard = limits[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    raise_limit(256)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (256, hard)
    raise_limit(257)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


def test_it_is_this_systems_limit_that_counts() -> None:
    """Lowered for good, and so in a process of its own."""
    child = subprocess.run([sys.executable, "-c", IN_A_CHILD], capture_output=True, text=True, check=False)
    assert child.returncode == 1
    assert "ToolError: a process may have 512 files open and 513 are needed (raise it: ulimit -Hn)" in child.stderr
