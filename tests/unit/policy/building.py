"""Mappings for tests: a head, and what follows it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

import pytest

from authzsvc.errors import MappingFaults
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.compiler import compile_mapping, compile_source
from authzsvc.policy.engine import Policy, Question, Verdict
from authzsvc.policy.source import parse

HEAD = "version: 1\nname: m\nfix: FIX.4.4\nsession: {identity: {}}\n"
"""Four lines: what follows begins on line 5."""


def build(text: str, head: str = HEAD) -> Policy:
    """Compile a mapping without other files."""
    return compile_source(parse((head + text).encode(), "m.yaml"))


def told(text: str, head: str = HEAD) -> list[str]:
    """Give the faults of a mapping that does not compile."""
    with pytest.raises(MappingFaults) as caught:
        build(text, head)
    return [str(fault) for fault in caught.value.faults]


def write(folder: Path, **files: str) -> Path:
    """Write files (`m` is the top one; `__` stands for a slash) and give the top one's path."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD + text if name == "m" else text)
    return folder / "m.yaml"


def told_of(path: Path) -> list[str]:
    """Give the faults of a mapping's files, as seen from their directory."""
    with pytest.raises(MappingFaults) as caught:
        compile_mapping(path)
    return [str(fault).replace(f"{path.parent}/", "") for fault in caught.value.faults]


def ask(
    policy: Policy, message: str, scopes: str = "a:b", comp_id: str = "", claims: Mapping[str, object] | None = None
) -> Verdict:
    """Decide `D|55=A|38=1` inbound, or outbound where it begins with `<`."""
    direction = Direction.OUTBOUND if message.startswith("<") else Direction.INBOUND
    msg_type, _, body = message.lstrip("<").partition("|")
    fields = Fields.parse(f"{body}|".replace("|", "\x01").encode("latin-1") if body else b"")
    return policy.decide(Question(direction, msg_type, fields, frozenset(scopes.split()), claims or {}, comp_id))


def calls(policy: Policy, question: Question) -> int:
    """Count the functions that a decision calls, once its caches are filled."""
    policy.decide(question)
    count = 0

    def note(_frame: FrameType, event: str, _what: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        policy.decide(question)
    finally:
        sys.setprofile(None)
    return count
