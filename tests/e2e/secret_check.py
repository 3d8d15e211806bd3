"""The end of a run of tests: what the programs under test wrote is searched for the secrets, and a find fails the run.

Only folders that came into being during the tests of `here` are searched, for a run may hold other tests, which write
tokens into files of theirs on purpose.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.secrets import USED, Secrets


class SecretCheck:
    """The plug-in of one run."""

    def __init__(self, here: Path, used: Secrets = USED) -> None:
        self._here = here
        self._used = used
        self._base: Path | None = None
        self._before: set[Path] = set()
        self._folders: set[Path] = set()
        self._faults: list[str] = []

    def begin(self, base: Path) -> None:
        """The folder that the temporary folders of all tests stand in; called by the first test's fixtures."""
        self._base = base
        self._before = set(base.iterdir())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        if self._base is not None:
            self._before = set(self._base.iterdir())
        result = yield
        if self._base is not None and item.path.is_relative_to(self._here):
            self._folders |= set(self._base.iterdir()) - self._before
        return result

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._faults = [f"a secret was written down: {finding}" for finding in self._used.search(sorted(self._folders))]
        if self._folders and not len(self._used):
            self._faults.append("no secret was noted, so none was searched for")
        if self._faults:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._faults:
            terminalreporter.section("secrets", red=True)
        for fault in self._faults:
            terminalreporter.write_line(fault, red=True)
