"""The README against the tree: its map names what is there and all that is there, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
MAP = README.split("## A map of the code")[1].split("\n## ")[0]
MAPPED = re.findall(r"^\| `([^`]+)` \|", MAP, re.MULTILINE)


def test_all_that_the_map_names_is_there() -> None:
    assert [path for path in MAPPED if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("folder", ["authzsvc", "envoy/core/src"])
def test_the_map_names_every_part_of(folder: str) -> None:
    children = {
        f"{folder}/{path.name}"
        for path in (ROOT / folder).iterdir()
        if path.name not in {"__init__.py", "__main__.py", "__pycache__", "_filter", "_mappings", "py.typed"}
    }
    assert children == {path for path in MAPPED if Path(path).parent == Path(folder)}


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
