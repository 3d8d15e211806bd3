from __future__ import annotations

from pathlib import Path

from authzsvc.contract.generate import GENERATED, generate


def test_what_is_committed_is_what_the_schema_gives(tmp_path: Path) -> None:
    generate(tmp_path)
    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.py*")}
    assert len(made) == 4
    assert made == {name: (GENERATED / name).read_text() for name in made}
    committed = {path.relative_to(GENERATED) for path in GENERATED.rglob("*_pb2.py*")} - set(made)
    assert not {name for name in committed if "__pycache__" not in name.parts}
