"""Mappings of a commit: with their includes, and with faults that name what was asked for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from authzsvc.errors import MappingFaults, ToolError
from authzsvc.workflow import revisions
from tests.unit.workflow.desk import DESK


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, timeout=60)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose first commit has a mapping with an include, and whose second has a broken one."""
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    git("init", "-q")
    desk = tmp_path / "mappings" / "desk.yaml"
    desk.parent.mkdir()
    desk.write_text(DESK.replace("lists:\n  restricted: {values: [EVIL, WORSE]}\n", "include: [lists.yaml]\n"))
    (desk.parent / "lists.yaml").write_text("lists:\n  restricted: {values: [EVIL, WORSE]}\n")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    desk.write_text(desk.read_text().replace("FIX.5.0SP2", "FIX.9"))
    git("commit", "-q", "-a", "-m", "two")
    return tmp_path


def test_a_path(tmp_path: Path) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text(DESK)
    assert revisions.compile_at(str(path)).name == "desk"


@pytest.mark.parametrize("where", ["git:HEAD~1:mappings/desk.yaml", "git:HEAD~1:./mappings/desk.yaml"])
def test_a_commit(repository: Path, where: str) -> None:
    assert revisions.compile_at(where).name == "desk"


def test_from_below(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository / "mappings")
    assert revisions.compile_at("git:HEAD~1:./desk.yaml").digest
    assert revisions.compile_at("git:HEAD~1:mappings/desk.yaml").digest


def test_faults_name_what_was_asked_for(repository: Path) -> None:
    with pytest.raises(MappingFaults) as caught:
        revisions.compile_at("git:HEAD:mappings/desk.yaml")
    assert {fault.file for fault in caught.value.faults} == {"git:HEAD:mappings/desk.yaml"}


def test_nothing_is_left_behind(repository: Path) -> None:
    with revisions.at("git:HEAD~1:mappings/desk.yaml") as path:
        assert path.is_file()
    assert not path.exists()


@pytest.mark.parametrize(
    ("where", "complaint"),
    [
        ("git:", "names no commit and path"),
        ("git:HEAD", "names no commit and path"),
        ("git:HEAD:", "names no commit and path"),
        ("git:nowhere:mappings/desk.yaml", "there is no such commit"),
        ("git:--help:mappings/desk.yaml", "there is no such commit"),
        ("git:HEAD:nowhere/desk.yaml", "nowhere"),
        ("git:HEAD:../desk.yaml", "outside"),
    ],
)
def test_what_git_does_not_have(repository: Path, where: str, complaint: str) -> None:
    with pytest.raises(ToolError, match=complaint):
        revisions.compile_at(where)


def test_a_file_that_the_commit_does_not_have(repository: Path) -> None:
    with pytest.raises(MappingFaults, match=r"git:HEAD:mappings/other\.yaml: cannot be read"):
        revisions.compile_at("git:HEAD:mappings/other.yaml")


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ToolError, match="not a git repository"):
        revisions.compile_at("git:HEAD:desk.yaml")
