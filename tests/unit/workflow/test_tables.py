"""Tables: each form whole, and text that would be markup or a formula made harmless."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser

import pytest
from rich.console import Console

from authzsvc.workflow import tables
from authzsvc.workflow.tables import Format, Table

TABLE = Table("T", "made of x", ("A", "B"), (("one", "1"), ("one", "22"), ("two", "|*<b>")))


def test_plain() -> None:
    assert tables.write(TABLE, Format.TABLE) == ("T\nmade of x\n\nA    B\n---  -----\none  1\n     22\ntwo  |*<b>\n")


def test_markdown() -> None:
    lines = tables.write(TABLE, Format.MARKDOWN).splitlines()
    assert lines == [
        "# T",
        "",
        "made of x",
        "",
        "| A | B |",
        "|---|---|",
        "| one | 1 |",
        "| one | 22 |",
        "| two | \\|\\*\\<b\\> |",
    ]


def test_csv() -> None:
    rows = list(csv.reader(io.StringIO(tables.write(TABLE, Format.CSV))))
    assert rows == [["A", "B"], ["one", "1"], ["one", "22"], ["two", "|*<b>"]]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert f"'{cell}" in tables.write(Table("", "", ("A",), ((cell,),)), Format.CSV)


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_html() -> None:
    page = _Cells()
    page.feed(tables.write(TABLE, Format.HTML))
    assert page.tags.count("tr") == 4
    assert page.tags.count("td") == 6
    assert "b" not in page.tags
    assert "|*<b>" in page.text


def test_on_no_terminal_it_is_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(TABLE, Console(force_terminal=False))
    assert capsys.readouterr().out == tables.write(TABLE, Format.TABLE)


def test_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(TABLE, Console(force_terminal=True, width=80))
    shown = capsys.readouterr().out
    assert "|*<b>" in shown
    assert shown.count("one") == 1
