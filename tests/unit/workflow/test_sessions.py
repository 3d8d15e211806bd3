"""What clients hold, from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from authzsvc.errors import MappingFaults
from authzsvc.workflow import sessions
from authzsvc.workflow.sessions import Held


def test_scopes_roles_and_claims(tmp_path: Path) -> None:
    path = tmp_path / "sessions.yaml"
    path.write_text('ALGO:\n  scopes: ["order:cancel"]\n  roles: [trader]\n  claims: {accounts: [A1]}\nOTHER: {}\n')
    assert sessions.read(path) == {
        "ALGO": Held(frozenset({"order:cancel", "role:trader"}), {"accounts": ["A1"]}),
        "OTHER": Held(),
    }


@pytest.mark.parametrize("text", ["", "ALGO: 1", "ALGO: {scope: [a]}", "ALGO: {scopes: a}", "- a", "a: &x {}\nb: *x"])
def test_faults_have_their_place(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sessions.yaml"
    path.write_text(text)
    with pytest.raises(MappingFaults, match=r"sessions\.yaml:\d"):
        sessions.read(path)
