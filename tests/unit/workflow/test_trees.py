"""Commits that hold what no mapping should: each is a fault with exit code 2, and nothing leaves the directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from authzsvc.cli.app import main
from authzsvc.errors import MappingFaults, ToolError
from authzsvc.policy.source import MAX_BYTES
from authzsvc.workflow import revisions, trees
from tests.unit.workflow.desk import DESK

WHERE = "git:HEAD:mappings/desk.yaml"
LISTED = DESK.replace("{values: [EVIL, WORSE]}", "{file: list.txt}")


def git(*arguments: str, given: bytes = b"") -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, timeout=60, input=given)
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository, and the directory of its mappings."""
    top = tmp_path / "repository"
    (top / "mappings").mkdir(parents=True)
    monkeypatch.chdir(top)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    git("init", "-q")
    (top / "mappings" / "desk.yaml").write_text(LISTED)
    return top / "mappings"


def commit() -> None:
    git("add", "-A")
    git("commit", "-q", "-m", "one")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside.txt", "../../../../../../../etc/passwd"])
def test_a_link_out_of_the_repository(
    repository: Path,
    target: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (repository.parent.parent / "outside.txt").write_text("EVIL\n")
    (repository / "list.txt").symlink_to(target)
    commit()
    with pytest.raises(ToolError, match=r"its link `mappings/list\.txt` leads out of the repository \(take it out\)"):
        revisions.compile_at(WHERE)
    monkeypatch.setattr(sys, "argv", ["authzsvc", "mapping", "diff", WHERE, "mappings/desk.yaml"])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert (exit_.value.code, capsys.readouterr().err.count("\n")) == (2, 1)


def test_one_that_leads_out_through_another(repository: Path) -> None:
    (repository / "list.txt").write_text("EVIL\n")
    (repository / "here").symlink_to(".")
    (repository / "away").symlink_to("here/../../../x")
    commit()
    with pytest.raises(ToolError, match="its link `mappings/away` leads out of the repository"):
        revisions.compile_at(WHERE)


def test_links_inside_are_followed(repository: Path) -> None:
    (repository / "lists").mkdir()
    (repository / "lists" / "evil.txt").write_text("EVIL\n")
    (repository / "list.txt").symlink_to("lists/evil.txt")
    commit()
    assert revisions.compile_at(WHERE).name == "desk"


def test_a_link_to_itself(repository: Path) -> None:
    (repository / "list.txt").symlink_to("list.txt")
    commit()
    with pytest.raises(MappingFaults, match=r"`list\.txt` cannot be read: too many"):
        revisions.compile_at(WHERE)


def test_a_submodule_is_not_there(repository: Path) -> None:
    (repository / "list.txt").write_text("EVIL\n")
    commit()
    tip = git("rev-parse", "HEAD")
    git("rm", "-q", "--cached", "mappings/list.txt")
    git("update-index", "--add", "--cacheinfo", f"160000,{tip},mappings/list.txt")
    git("commit", "-q", "-m", "two")
    with pytest.raises(MappingFaults, match=r"`list\.txt` cannot be read: no such file"):
        revisions.compile_at(WHERE)


def test_a_file_that_is_far_too_large(repository: Path) -> None:
    (repository / "list.txt").write_bytes(b"A\n" * MAX_BYTES)
    commit()
    with pytest.raises(MappingFaults, match=f"it is larger than {MAX_BYTES} bytes"):
        revisions.compile_at(WHERE)


def test_one_that_no_rule_needs_does_no_harm(repository: Path) -> None:
    (repository / "list.txt").write_text("EVIL\n")
    (repository / "video.bin").write_bytes(bytes(MAX_BYTES + 1))
    commit()
    assert revisions.compile_at(WHERE).name == "desk"


def test_names_that_are_not_utf_8(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "list.txt").write_text("EVIL\n")
    Path(os.fsdecode(bytes(repository) + b"/\xff.txt")).write_text("x")
    Path(os.fsdecode(bytes(repository) + b"/\xff\n.yaml")).write_text(LISTED)
    commit()
    assert revisions.compile_at(WHERE).name == "desk"
    assert revisions.compile_at(os.fsdecode(b"git:HEAD:mappings/\xff\n.yaml")).name == "desk"
    with pytest.raises(MappingFaults, match="cannot be read: no such file"):
        revisions.compile_at(os.fsdecode(b"git:HEAD:mappings/\xfe.yaml"))


@pytest.mark.parametrize("limit", ["MAX_FILES", "MAX_TOTAL_BYTES"])
def test_a_directory_of_more_than_mappings(repository: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    (repository / "list.txt").write_text("EVIL\n")
    commit()
    monkeypatch.setattr(trees, limit, 1)
    with pytest.raises(ToolError, match=r"has more than .* \(give the mappings a directory of their own\)"):
        revisions.compile_at(WHERE)


@pytest.mark.parametrize("name", [b"..", b"."])
def test_a_forged_tree_writes_nothing_outside(repository: Path, name: bytes) -> None:
    (repository / "list.txt").write_text("EVIL\n")
    commit()
    blob = git("hash-object", "-w", "--stdin", given=b"forged")
    inner = git("mktree", given=f"100644 blob {blob}\tforged.txt".encode())
    forged = b"40000 " + name + b"\0" + bytes.fromhex(inner)
    tree = git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", given=forged)
    top = git("mktree", given=f"040000 tree {tree}\tmappings".encode())
    made = git("commit-tree", top, "-m", "forged")
    with pytest.raises(ToolError, match="leads out of the repository"):
        revisions.compile_at(f"git:{made}:mappings/desk.yaml")


def test_a_repository_that_is_not_whole(repository: Path) -> None:
    (repository / "list.txt").write_text("EVIL\n")
    commit()
    blob = git("rev-parse", "HEAD:mappings/list.txt")
    (repository.parent / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(ToolError, match=r"git did not give all of it \(is the repository whole\?\)"):
        revisions.compile_at(WHERE)


def test_files_with_any_content(repository: Path) -> None:
    (repository / "list.txt").write_bytes(b"")
    (repository / "other.txt").write_bytes(b"\n\n1 blob 5\n\0")
    commit()
    with revisions.at(WHERE) as path:
        for name in ("desk.yaml", "list.txt", "other.txt"):
            assert (path.parent / name).read_bytes() == (repository / name).read_bytes()
