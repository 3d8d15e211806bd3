"""Texts of YAML: what is written is read back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authzsvc.policy import source
from authzsvc.workflow.imports.scalars import comment, scalar
from authzsvc.workflow.imports.text import value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_a_text_is_read_as_it_was(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"# {comment(text)}\nkey: {scalar(text)}\nlist: [{scalar(text)}, x]\n", encoding="utf-8")
    data = source.read(path).data
    assert isinstance(data, dict)
    assert isinstance(data["list"], list)
    assert [str(data["key"]), str(data["list"][0])] == [text, text]


@pytest.mark.parametrize(
    ("text", "written"),
    [("order:cancel", "order:cancel"), ("1", "1"), ("-0", '"-0"'), ("05", '"05"'), ("no", '"no"'), ("a b", '"a b"')],
)
def test_plain_where_that_is_safe(text: str, written: str) -> None:
    assert scalar(text) == written


def test_data_on_one_line() -> None:
    assert value({"a": ["x", "y z"], "b": {"c": "1"}}) == '{a: [x, "y z"], b: {c: 1}}'
