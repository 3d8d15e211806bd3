"""Several files as one mapping, and paths from a hostile hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from authzsvc.policy import includes
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.source import MAX_BYTES
from tests.unit.policy.building import HEAD, ask, build, told_of, write

ORDERS = "scopes: {order:create: {grants: [{message: D}]}}\n"
QUOTES = "scopes: {quote:create: {grants: [{message: S}]}}\n"


def test_files_and_directories_make_one_mapping(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        m="include: [orders.yaml, quotes/]\n",
        orders=ORDERS + "include: [more/cancels.yaml]\n",
        more__cancels="scopes: {order:cancel: {grants: [{message: F}]}}\n"
        "forbid: [{name: f, message: D, when: {55: X}}]\n",
        quotes__b=QUOTES,
        quotes__a="scopes: {quote:cancel: {grants: [{message: Z}]}}\n",
    )
    policy = compile_mapping(path)
    assert policy.scopes == {"order:create", "order:cancel", "quote:create", "quote:cancel"}
    assert [file.replace(f"{tmp_path}/", "") for file in policy.files] == [
        "m.yaml",
        "orders.yaml",
        "more/cancels.yaml",
        "quotes/a.yaml",
        "quotes/b.yaml",
    ]
    assert ask(policy, "D|55=X", "order:create").forbid == "f"
    assert {grant.file.replace(f"{tmp_path}/", ""): grant.line for grant in policy.grants}["quotes/b.yaml"] == 1


def test_suites_hidden_files_and_the_schema_are_no_mappings(tmp_path: Path) -> None:
    path = write(tmp_path, m="include: [more]\n", more__a=ORDERS)
    for name in ("a.test.yaml", "b.test.yml", "schema.json", ".hidden.yaml", "notes.txt", "c.yaml.bak"):
        (tmp_path / "more" / name).write_text("{{{{")
    assert compile_mapping(path).scopes == {"order:create"}


def test_the_split_into_files_is_no_part_of_the_meaning(tmp_path: Path) -> None:
    path = write(tmp_path, m="include: [a.yaml, b.yaml]\n", a=ORDERS, b=QUOTES)
    whole = build("scopes: {quote:create: {grants: [{message: S}]}, order:create: {grants: [{message: D}]}}\n")
    assert compile_mapping(path).digest == whole.digest


def test_json_can_be_included(tmp_path: Path) -> None:
    path = write(tmp_path, m="include: [a.json]\n")
    (tmp_path / "a.json").write_text('{"scopes": {"a:b": {"grants": [{"message": "D"}]}}}')
    assert compile_mapping(path).scopes == {"a:b"}


def test_a_mapping_behind_a_link_of_its_own_is_read_where_it_is(tmp_path: Path) -> None:
    """As Kubernetes mounts one: each name is a link into a directory that is exchanged as a whole."""
    write(tmp_path / "..data", m="include: [a.yaml]\n", a=ORDERS)
    for name in ("m.yaml", "a.yaml"):
        (tmp_path / name).symlink_to(Path("..data") / name)
    assert compile_mapping(tmp_path / "m.yaml").scopes == {"order:create"}


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("none.yaml", "m.yaml:5: `include[0]` `none.yaml` cannot be read: no such file or directory"),
        ("../out/x.yaml", "`../out/x.yaml` leaves the directory of the mapping"),
        ("/etc/passwd", "`/etc/passwd` is an absolute path: paths are relative to this file"),
        ("link.yaml", "`link.yaml` leaves the directory of the mapping"),
        ("linked/", "`linked/` leaves the directory of the mapping"),
        ("half", "`half/link.yaml` leaves the directory of the mapping"),
        ("round.yaml", "`round.yaml` cannot be read:"),
        ("pipe.yaml", "`pipe.yaml` is no regular file"),
        ("empty", "`empty` is a directory without mapping files"),
        ("m.yaml", "m.yaml:5: `include[0]` includes itself: m.yaml → m.yaml"),
        ("'a\\0b'", "`a\\0b` cannot be read"),
        ('"a\\0b"', "`a?b` has a character that no path has"),
        ("a.yaml, ./sub/../a.yaml", "`include[1]` `a.yaml` is included twice (include each file once)"),
    ],
)
def test_paths_that_are_not_followed(tmp_path: Path, entry: str, fault: str) -> None:
    path = write(tmp_path / "in", m=f"include: [{entry}]\n{ORDERS}", a=QUOTES, sub__x=QUOTES)
    inside = path.parent
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x.yaml").write_text(QUOTES)
    (inside / "link.yaml").symlink_to(tmp_path / "out" / "x.yaml")
    (inside / "linked").symlink_to(tmp_path / "out")
    (inside / "round.yaml").symlink_to(inside / "round.yaml")
    (inside / "half").mkdir()
    (inside / "half" / "link.yaml").symlink_to("../../out/x.yaml")
    (inside / "empty").mkdir()
    os.mkfifo(inside / "pipe.yaml")
    found = told_of(path)
    assert len(found) == 1
    assert fault in found[0]


def test_a_loop_is_told_with_its_way(tmp_path: Path) -> None:
    path = write(tmp_path, m="include: [a.yaml]\n", a="include: [sub/]\n", sub__b=ORDERS + "include: [../a.yaml]\n")
    assert told_of(path) == ["sub/b.yaml:2: `include[0]` includes itself: a.yaml → b.yaml → a.yaml"]


def test_a_long_chain_ends(tmp_path: Path) -> None:
    chain = {f"f{n}": f"include: [f{n + 1}.yaml]\n" for n in range(1500)}
    found = told_of(write(tmp_path, m=f"include: [f0.yaml]\n{ORDERS}", **chain))
    assert found == [f"f{includes.MAX_DEPTH - 1}.yaml:1: `include[0]` is the end of a chain of more than 20 includes"]


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, m=f"include: [sub]\n{ORDERS}")
    (tmp_path / "sub").mkdir()
    for number in range(includes.MAX_FILES + 5):
        (tmp_path / "sub" / f"{number}.yaml").write_text("description: x\n")
    (fault,) = told_of(path)
    assert "makes the mapping larger than 1000 files or" in fault


def test_too_many_bytes_are_refused(tmp_path: Path) -> None:
    names = [f"f{number}" for number in range(includes.MAX_TOTAL_BYTES // MAX_BYTES + 1)]
    text = ("#" * MAX_BYTES + "\ndescription: x")[-MAX_BYTES:]
    path = write(tmp_path, m=f"include: [{', '.join(f'{name}.yaml' for name in names)}]\n{ORDERS}")
    for name in names:
        (tmp_path / f"{name}.yaml").write_text(text)
    (fault,) = told_of(path)
    assert "bytes" in fault


def test_a_file_of_50_mb_is_not_read_whole(tmp_path: Path) -> None:
    path = write(tmp_path, m=f"include: [large.yaml]\n{ORDERS}")
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(50_000_000)
    (fault,) = told_of(path)
    assert "larger than" in fault


@pytest.mark.parametrize(
    ("included", "fault"),
    [
        ("", "a.yaml:1: is no mapping: it has no keys (begin with `scopes:`, say)"),
        ("- a\n", "a.yaml:1: is no mapping"),
        ("name: other\n", "a.yaml:1: `name` is not a key of the language (it belongs in the mapping's top file)"),
        ("a: b: c\n", "a.yaml:1: mapping values are not allowed"),
        ("x:\n\t- y\n", "a.yaml:2: found character"),
        (
            "scopes: {order:create: {grants: [{message: F}]}}\n",
            "a.yaml:1: `scopes.order:create` is there twice, first in m.yaml:6",
        ),
        (
            "scopes: {x:y: {grants: [{message: Nope}]}}\n",
            "a.yaml:1: `scopes.x:y.grants[0].message` FIX.4.4 has no message",
        ),
        ("session: {identity: {SenderCompID: x}}\n", ""),
        ("rollout: {mode: shadow}\n", "a.yaml:1: `rollout.mode` is said twice, first in m.yaml:7 (keep one of them)"),
        ("scopes: {c:d: {grants: [{message: F}]}}\nlists: {l: {values: [x]}}\n", ""),
    ],
)
def test_faults_are_told_in_the_file_that_has_them(tmp_path: Path, included: str, fault: str) -> None:
    path = write(tmp_path, m=f"include: [a.yaml]\n{ORDERS}rollout: {{mode: enforce}}\n", a=included)
    if not fault:
        assert compile_mapping(path).name == "m"
        return
    assert any(found.startswith(fault) for found in told_of(path)), told_of(path)


def test_every_file_s_faults_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, m="include: [b.yaml, a.yaml]\nzz: 1\n", a="yy: 1\n", b="ww: 1\nvv: 2\n" + ORDERS)
    assert [found.split(" ")[0] for found in told_of(path)] == ["m.yaml:6:", "b.yaml:1:", "b.yaml:2:", "a.yaml:1:"]


def test_a_mapping_needs_a_scope_and_an_identity_somewhere(tmp_path: Path) -> None:
    path = write(tmp_path, m="include: [a.yaml]\n", a="description: nothing\n")
    assert told_of(path) == ["m.yaml:1: `scopes` is missing"]
    (tmp_path / "m.yaml").write_text(HEAD.replace("session: {identity: {}}\n", "include: [a.yaml]\n"))
    (tmp_path / "a.yaml").write_text(ORDERS)
    assert told_of(path) == ["m.yaml:1: `session.identity` is missing (an explicit `{}` binds nothing)"]
    (tmp_path / "a.yaml").write_text(ORDERS + "session: {identity: {SenderCompID: c}}\n")
    assert compile_mapping(path).identity == {"comp_id": "c"}
