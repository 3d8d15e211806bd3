"""A run in which a program wrote a secret down fails, and says where without repeating it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CONFTEST = """
from pathlib import Path
import pytest
from tests.e2e.secret_check import SecretCheck
from tests.e2e.secrets import recorded

check = SecretCheck(Path(__file__).parent / "watched")

def pytest_configure(config):
    config.pluginmanager.register(check)

@pytest.fixture(scope="session", autouse=True)
def noted(tmp_path_factory):
    check.begin(tmp_path_factory.getbasetemp())
    with recorded():
        yield
"""
TEST = """
from authzsvc.tokens.development import DevelopmentIssuer

def test_that_passes(tmp_path):
    token = DevelopmentIssuer.create(tmp_path / "keys").mint(scopes=["order:cancel"])
    (tmp_path / "service.log").write_text({text})
"""


def run(folder: Path, where: str, text: str) -> subprocess.CompletedProcess[str]:
    """A run of pytest in which one test has a program write `text`."""
    tests = folder / "tests"
    (tests / where).mkdir(parents=True)
    (tests / "conftest.py").write_text(CONFTEST)
    (tests / where / "test_it.py").write_text(TEST.format(text=text))
    options = [
        "-c",
        "/dev/null",
        "--rootdir",
        str(tests),
        "--basetemp",
        str(folder / "temporary"),
        "-p",
        "no:cacheprovider",
    ]
    command = [sys.executable, "-m", "pytest", *options, str(tests)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("text", ["token", "token[-40:]", "token.encode().hex()"])
def test_a_secret_in_a_log_fails_the_run(tmp_path: Path, text: str) -> None:
    answer = run(tmp_path, "watched", text)
    assert answer.returncode == pytest.ExitCode.TESTS_FAILED, answer.stdout
    assert "1 passed" in answer.stdout
    assert "a secret was written down: " in answer.stdout
    assert "service.log: byte " in answer.stdout
    assert "eyJ" not in answer.stdout


@pytest.mark.parametrize(("where", "text"), [("watched", "'a token, ***'"), ("elsewhere", "token")])
def test_other_runs_pass(tmp_path: Path, where: str, text: str) -> None:
    answer = run(tmp_path, where, text)
    assert answer.returncode == pytest.ExitCode.OK, answer.stdout
