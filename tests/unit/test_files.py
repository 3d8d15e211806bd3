"""Only regular files are read, and nobody waits for one."""

from __future__ import annotations

import ast
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from authzsvc import files
from authzsvc.files import UnfitError

pytestmark = pytest.mark.timeout(10)


def test_a_regular_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    assert files.read(path, 7) == b"content"
    files.check(path)


def test_links_are_followed_as_kubernetes_has_them(tmp_path: Path) -> None:
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "file").write_bytes(b"content")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "file").symlink_to("..data/file")
    assert files.read(tmp_path / "file", 100) == b"content"


def test_a_larger_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with pytest.raises(OSError, match="it is larger than 6 bytes") as caught:
        files.read(path, 6)
    assert files.problem(caught.value) == "it is larger than 6 bytes"


@pytest.fixture(params=["fifo", "socket", "directory", "device"])
def unfit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / str(request.param)
    match request.param:
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "device":
            path = Path("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        if request.param == "socket":
            listening.bind(str(path))
        link = tmp_path / "link"
        link.symlink_to(path)
        yield link


@pytest.mark.parametrize(
    "use",
    [
        lambda path: files.read(path, 10),
        lambda path: files.open_to_read(path),
        lambda path: files.open_to_append(path, 0o600),
        lambda path: files.check(path),
    ],
)
def test_nothing_else_is_opened(unfit: Path, use: Callable[[Path], object]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(UnfitError, match=r"it is a .*, not a regular file \(put a regular file in its place\)"):
        use(unfit)
    assert len(os.listdir("/proc/self/fd")) == before


def test_one_that_comes_between_the_look_and_the_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()
    seen = os.stat(tmp_path / "file")
    monkeypatch.setattr(os, "stat", lambda _: seen)
    with pytest.raises(UnfitError, match="a FIFO"):
        files.read(tmp_path / "fifo", 10)


def test_what_is_not_there_is_told_as_ever(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        files.read(tmp_path / "none", 10)
    assert files.problem(caught.value) == "no such file or directory"


def test_a_file_is_made_to_be_appended_to(tmp_path: Path) -> None:
    for text in (b"1", b"2"):
        descriptor = files.open_to_append(tmp_path / "log", 0o600)
        os.write(descriptor, text)
        os.close(descriptor)
    assert (tmp_path / "log").read_bytes() == b"12"


def test_a_directory_that_everyone_can_write_to(tmp_path: Path) -> None:
    files.check_directory(tmp_path / "file")
    tmp_path.chmod(0o777)
    with pytest.raises(UnfitError, match=r"can be written by everyone \(take another, or `chmod o-w`\)"):
        files.check_directory(tmp_path / "file")


def test_in_one_with_the_sticky_bit_a_file_must_be_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o1777)
    files.check_directory(tmp_path / "file")
    (tmp_path / "file").touch()
    files.check_directory(tmp_path / "file")
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(UnfitError, match="belongs to another user"):
        files.check_directory(tmp_path / "file")


def test_a_directory_that_is_not_there_or_is_none(tmp_path: Path) -> None:
    with pytest.raises(UnfitError, match=r"none`: no such file or directory \(make it\)"):
        files.check_directory(tmp_path / "none" / "file")
    (tmp_path / "file").touch()
    with pytest.raises(UnfitError, match="is no directory"):
        files.check_directory(tmp_path / "file" / "file")


def test_the_directory_of_what_a_link_leads_to_counts_too(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    (tmp_path / "link").symlink_to("shared/file")
    with pytest.raises(UnfitError, match="shared` can be written by everyone"):
        files.check_directory(tmp_path / "link")


PACKAGE = Path(files.__file__).parent
OPENS_BY_ITSELF = {
    "fix/dictionary.py": "reads a table of the package",
    "sessions/database.py": "makes the store's file anew, and leaves the rest to SQLite",
    "tokens/development.py": "writes development keys",
    "workflow/signing.py": "writes signatures and keys",
    "fix/build_tables.py": "makes tables of the package",
    "policy/schema.py": "makes the published schema",
    "cli/mapping_export.py": "writes where it is told to",
    "cli/mapping_matrix.py": "writes where it is told to",
    "cli/mapping_migrate.py": "writes a mapping's files anew",
    "cli/mapping_test.py": "writes where it is told to",
    "workflow/imports/finish.py": "writes the imported mapping where it is told to",
    "workflow/trees.py": "writes into its own temporary directory",
    "server/gate.py": "reads how much memory the process has, as the kernel tells it",
}
"""Modules that open files without `files`, with the reason."""
OPENING = ("open", "read_bytes", "read_text", "write_bytes", "write_text", "fdopen")


def opened_in(module: Path) -> set[str]:
    """The calls of a module that open a file."""
    calls = [node.func for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call)]
    names = {ast.unparse(call) for call in calls}
    return {name for name in names if name.rpartition(".")[2] in OPENING}


NOT_FILES = {"SqliteStore.open", "self.open", "registry.open", "self.registry.open", "self._open", "files.open"}


def test_every_module_leaves_the_opening_of_files_to_one() -> None:
    found = {
        name
        for module in PACKAGE.rglob("*.py")
        if (name := module.relative_to(PACKAGE).as_posix()) != "files.py" and not name.startswith(("demo/", "_gen/"))
        if opened_in(module) - NOT_FILES
    }
    assert found == OPENS_BY_ITSELF.keys()
