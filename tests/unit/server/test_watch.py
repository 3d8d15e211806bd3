"""Changes of files, however they come about."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from authzsvc.server.watch import Watch


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "within" / "file"
    path.parent.mkdir()
    path.write_text("one")
    return path


def seen(*files: Path) -> Watch:
    """Files read long after they were written, as far as their times tell."""
    watch = Watch()
    time.sleep(0.05)
    watch.begin()
    watch.end(files)
    assert not watch.changed
    return watch


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_text("one")
    other.replace(path)


def same_size_and_time(path: Path) -> None:
    before = path.stat()
    path.write_text("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: list[Callable[[Path], object]] = [
    lambda path: path.write_text("more"),
    same_size_and_time,
    replaced,
    Path.unlink,
    lambda path: (path.parent / "new.yaml").write_text("new"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed(file: Path, change: Callable[[Path], object]) -> None:
    watch = seen(file)
    change(file)
    assert watch.changed


def test_a_file_that_comes_to_be(tmp_path: Path) -> None:
    watch = seen(tmp_path / "none")
    (tmp_path / "none").write_text("here")
    assert watch.changed


def test_a_link_that_leads_elsewhere(tmp_path: Path, file: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "file").write_text("one")
    link = tmp_path / "link"
    link.symlink_to(file.parent)
    watch = seen(link / "file")
    link.unlink()
    link.symlink_to(other)
    assert watch.changed


def test_a_change_while_it_is_read_is_noticed_later(file: Path) -> None:
    first = Watch()
    first.begin()
    file.write_text("two")
    first.end([file])
    assert first.changed
    known = seen(file)
    known.begin()
    file.write_text("three")
    known.end([file])
    assert known.changed
