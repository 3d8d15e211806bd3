"""Value lists: written out, in files, and files from a hostile hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.source import MAX_BYTES
from tests.unit.policy.building import ask, build, told, told_of, write

RULE = "scopes: {a:b: {grants: [{message: D, when: {Symbol: {in_list: l}}}]}}\n"


def in_file(tmp_path: Path, content: bytes, rule: str = RULE) -> Path:
    (tmp_path / "l.txt").write_bytes(content)
    return write(tmp_path, m=f"lists: {{l: {{file: l.txt}}}}\n{rule}")


@pytest.mark.parametrize(
    "content",
    [b"A\nB C\nx#y\n", b"# all\nA   # why\r\n\n B C\r\n\tx#y", b"\xef\xbb\xbfA\nB C\nx#y", b"A\nA\nB C\nx#y\n"],
)
def test_a_file_has_one_value_a_line(tmp_path: Path, content: bytes) -> None:
    policy = compile_mapping(in_file(tmp_path, content))
    assert [ask(policy, f"D|55={symbol}").allowed for symbol in ("A", "B C", "x#y", "B", "# all")] == [
        *(True, True, True, False, False),
    ]
    assert str(tmp_path / "l.txt") in policy.files


def test_written_out_or_in_a_file_a_list_means_the_same(tmp_path: Path) -> None:
    written = build(f"lists: {{l: {{values: [B, A]}}}}\n{RULE}")
    assert compile_mapping(in_file(tmp_path, b"A\nB\n")).digest == written.digest
    assert compile_mapping(in_file(tmp_path, b"A\nB\nC\n")).digest != written.digest


def test_the_contents_of_a_long_list_are_part_of_the_meaning(tmp_path: Path) -> None:
    long = b"".join(b"S%d\n" % n for n in range(5000))
    one = compile_mapping(in_file(tmp_path, long)).digest
    assert compile_mapping(in_file(tmp_path, long + b"X\n")).digest != one


def test_values_of_a_list_can_go_by_name() -> None:
    policy = build(
        "lists: {l: {values: [CommonStock, FUT]}}\n"
        "scopes: {a:b: {grants: [{message: D, when: {SecurityType: {not_in_list: l}}}]}}\n"
    )
    assert [ask(policy, f"D|167={kind}").allowed for kind in ("CS", "FUT", "OPT")] == [False, False, True]
    assert str(policy.grants[0].conditions[0]) == "SecurityType not in list `l`"


def test_an_empty_file_is_an_empty_list(tmp_path: Path) -> None:
    assert not ask(compile_mapping(in_file(tmp_path, b"# none yet\n")), "D|55=A").allowed


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"A\n\xff\n", "l.txt:2: is not UTF-8"),
        (b"A\nB\x01C\n", "l.txt:2: has a character that no value should have"),
        (b"A\x00\n", "l.txt:1: has a character that no value should have"),
        (b"A\n" + b"x" * 257, "l.txt:2: is longer than 256 bytes"),
        (
            b"A\n" * (MAX_BYTES // 2 + 1),
            "m.yaml:5: `lists.l.file` `l.txt` cannot be read: it is larger than 5000000 bytes",
        ),
    ],
)
def test_files_that_are_no_lists(tmp_path: Path, content: bytes, fault: str) -> None:
    assert told_of(in_file(tmp_path, content))[0] == fault


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("none.txt", "`lists.l.file` `none.txt` cannot be read: no such file"),
        ("../x.txt", "`lists.l.file` `../x.txt` leaves the directory of the mapping"),
        ("/etc/passwd", "`lists.l.file` `/etc/passwd` is an absolute path"),
        ("link.txt", "`lists.l.file` `link.txt` leaves the directory of the mapping"),
        (
            ".",
            "`lists.l.file` `.` cannot be read: it is a directory, not a regular file (put a",
        ),
    ],
)
def test_paths_that_are_not_followed(tmp_path: Path, file: str, fault: str) -> None:
    (tmp_path / "x.txt").write_text("A\n")
    path = write(tmp_path / "in", m=f"lists: {{l: {{file: {file}}}}}\n{RULE}")
    (path.parent / "link.txt").symlink_to(tmp_path / "x.txt")
    assert f"m.yaml:5: {fault}" in told_of(path)[0]


def test_a_list_that_is_not_there() -> None:
    (fault,) = told("lists: {univers: {values: [A]}}\n" + RULE.replace("l}", "universe}"))
    assert fault.startswith("m.yaml:6: `scopes.a:b.grants[0].when.Symbol.in_list` ")
    assert fault.endswith("the mapping has no list `universe` (did you mean `univers`?)")


def test_a_list_of_other_things_than_the_tag_can_be() -> None:
    (fault,) = told("lists: {l: {values: [CS, XX, YY]}}\n" + RULE.replace("Symbol", "SecurityType"))
    assert "in_list` FIX.4.4 has no value of SecurityType `XX`" in fault
