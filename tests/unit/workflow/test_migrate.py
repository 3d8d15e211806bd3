"""A mapping of version 1, rewritten for the newest version: it means the same, and its text stays."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.errors import MappingFaults
from authzsvc.policy.compiler import compile_mapping
from authzsvc.workflow.migrate import NEWEST, migrate
from tests.unit.policy.test_reference import mappings, slow

fewer = settings(slow, max_examples=40)

TOP = """\
# The desk's mapping.
version: 1 # of the language
name: desk
fix: FIX.4.4
include: [rules.yaml]
session: {identity: {}}
scopes:
  order:create: {grants: [{message: D}]}   # anything
  order:create:restricted: {grants: [{message: D}]}
"""
RULES = """\
forbid:
  # What compliance has stopped.
  - name: restricted
    message: D
    unless: # these
      - order:create:restricted
    when: {Symbol: EVIL}
  - unless: [order:create:restricted]
    name: first
    message: D
  - {name: flow, message: D, unless: [order:create:restricted], when: {1: A}}
  - {name: said, message: D, unless: [order:create:restricted], wildcards_lift: false}
  - {name: never, message: D, unless: []}
"""


def write(folder: Path, newline: str = "\n") -> Path:
    for name, text in (("desk.yaml", TOP), ("rules.yaml", RULES)):
        (folder / name).write_bytes(text.replace("\n", newline).encode())
    return folder / "desk.yaml"


def applied(path: Path) -> list[str]:
    """Migrate in place, and give what was said of it."""
    changed = migrate(path)
    for one in changed:
        one.path.write_bytes(one.raw)
    return [f"{one.path.name}:{note.line}: {note.text}" for one in changed for note in one.notes]


def test_what_is_written_and_what_stays(tmp_path: Path) -> None:
    path = write(tmp_path)
    before = compile_mapping(path).digest
    assert applied(path) == [
        "rules.yaml:5: wildcards lift the forbid `restricted`, as before",
        "rules.yaml:8: wildcards lift the forbid `first`, as before",
        "rules.yaml:11: wildcards lift the forbid `flow`, as before",
        "desk.yaml:2: version 2 of the language",
        "desk.yaml:6: outbound messages that no grant names pass, as before",
    ]
    after = compile_mapping(path)
    assert (after.version, after.digest) == (NEWEST, before)
    opened = TOP.replace("{identity: {}}", "{outbound: open, identity: {}}")
    assert path.read_text() == opened.replace("version: 1", "version: 2")
    lines = (tmp_path / "rules.yaml").read_text().splitlines()
    assert lines[4:6] == ["    wildcards_lift: true", "    unless: # these"]
    assert lines[8:10] == ["  - wildcards_lift: true", "    unless: [order:create:restricted]"]
    assert lines[12].startswith("  - {name: flow, message: D, wildcards_lift: true, unless: [")
    written = [line for line in lines if "wildcards_lift: true" not in line]
    assert [line for line in RULES.splitlines() if line in written] == [
        line for line in RULES.splitlines() if not line.startswith(("  - unless", "  - {name: flow"))
    ]
    assert migrate(path) == ()


def test_each_file_keeps_its_meaning_until_the_top_file_is_written(tmp_path: Path) -> None:
    path = write(tmp_path)
    before = compile_mapping(path).digest
    for one in migrate(path):
        one.path.write_bytes(one.raw)
        assert compile_mapping(path).digest == before


@pytest.mark.parametrize("said", ["open", "closed"])
def test_what_is_said_of_outbound_stays(tmp_path: Path, said: str) -> None:
    path = write(tmp_path)
    path.write_text(TOP.replace("{identity: {}}", "{identity: {}}\nrollout: {}"))
    (tmp_path / "rules.yaml").write_text(f"session:\n  outbound: {said}\n{RULES}")
    applied(path)
    assert compile_mapping(path).closed is (said == "closed")


def test_line_ends_and_a_byte_order_mark_stay(tmp_path: Path) -> None:
    path = write(tmp_path, "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    applied(path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf# The")
    assert b"\n" not in (tmp_path / "rules.yaml").read_bytes().replace(b"\r\n", b"")


def test_a_mapping_with_faults_is_not_touched(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(TOP.replace("message: D", "message: Nws"))
    with pytest.raises(MappingFaults):
        migrate(path)


def test_what_a_program_cannot_rewrite_is_a_fault(tmp_path: Path) -> None:
    path = write(tmp_path)
    explicit = "    ? unless\n    : [order:create:restricted]\n"
    (tmp_path / "rules.yaml").write_text(
        RULES.replace("    unless: # these\n      - order:create:restricted\n", explicit)
    )
    compile_mapping(path)
    with pytest.raises(MappingFaults, match="cannot be rewritten by a program"):
        migrate(path)


@fewer
@given(mappings(), st.sampled_from(["block", "flow", "json"]))
def test_a_migrated_mapping_has_the_digest_of_the_old_one(data: dict[str, Any], form: str) -> None:
    data["version"] = 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("m.json" if form == "json" else "m.yaml")
        path.write_text(json.dumps(data) if form == "json" else yaml.safe_dump(data, default_flow_style=form == "flow"))
        try:
            before = compile_mapping(path)
        except MappingFaults:
            return
        applied(path)
        after = compile_mapping(path)
    assert (after.version, after.digest) == (NEWEST, before.digest)
