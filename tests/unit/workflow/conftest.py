"""The desk's mapping and suite as files, as they are or changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy
from tests.unit.workflow.desk import DESK, SUITE, write_text


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write the desk's mapping, changed by (old, new) pairs of text."""

    def writing(*changes: tuple[str, str], name: str = "desk.yaml") -> Path:
        return write_text(tmp_path / name, DESK, changes)

    return writing


@pytest.fixture
def write_suite(tmp_path: Path) -> Callable[..., Path]:
    """Write the desk's suite, changed by (old, new) pairs of text."""

    def writing(*changes: tuple[str, str], name: str = "desk.test.yaml") -> Path:
        return write_text(tmp_path / name, SUITE, changes)

    return writing


@pytest.fixture
def desk(write: Callable[..., Path]) -> Policy:
    return compile_mapping(write())
