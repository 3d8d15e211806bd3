"""A table of text, written for a terminal, Markdown, HTML or a spreadsheet.

Invariants: text from a mapping never becomes markup, and never a formula of a spreadsheet.
"""

from __future__ import annotations

import csv
import html
import io
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from authzsvc.visible import printable


class Format(StrEnum):
    """How a table is written."""

    TABLE = "table"
    MARKDOWN = "markdown"
    HTML = "html"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under named columns."""

    title: str
    note: str
    """One line under the title: what the table was made of."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def write(table: Table, form: Format) -> str:
    """Write a table; the text ends with a newline."""
    writers = {Format.TABLE: _plain, Format.MARKDOWN: _markdown, Format.HTML: _html, Format.CSV: _csv}
    return writers[form](table)


def show(table: Table, console: Console) -> None:
    """Print a table on a terminal, what repeats from row to row only once; as plain text where it is none."""
    if not console.is_terminal:
        sys.stdout.write(printable(_plain(table)))
        return
    grid = RichTable(title=table.title, caption=table.note, box=box.SIMPLE_HEAD, title_style="bold")
    for column in table.columns:
        grid.add_column(column, overflow="fold")
    for row in _merged(table.rows):
        grid.add_row(*(Text(cell) for cell in row))
    console.print(grid)


def _plain(table: Table) -> str:
    """Columns of equal width, wide enough for the widest cell."""
    lines = [table.columns, *_merged(table.rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(table.columns))]
    rule = tuple("-" * width for width in widths)
    shown = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (table.columns, rule, *lines[1:])
    )
    return "\n".join((table.title, table.note, "", *shown, ""))


def _merged(rows: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Blank the first cell of a row where it is that of the row above."""
    merged: list[tuple[str, ...]] = []
    above = ""
    for first, *rest in rows:
        merged.append(("" if first == above else first, *rest))
        above = first
    return merged


def _markdown(table: Table) -> str:
    lines = [f"# {_escaped(table.title)}", "", _escaped(table.note), ""]
    lines += [_bar(table.columns), "|" + "---|" * len(table.columns)]
    lines += [_bar(tuple(map(_escaped, row))) for row in table.rows]
    return "\n".join((*lines, ""))


def _bar(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(cell: str) -> str:
    """Take away the meaning that Markdown gives to characters."""
    plain = cell.replace("\\", "\\\\")
    for char in "|*_<>[]`#":
        plain = plain.replace(char, f"\\{char}")
    return plain


_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#1a1a1a}table{border-collapse:collapse}"
    "th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #ddd;vertical-align:top}"
    "th{position:sticky;top:0;background:#fff;border-bottom:2px solid #333}tbody tr:hover{background:#f4f6f8}"
)


def _html(table: Table) -> str:
    """One page that needs nothing else, and runs nothing."""
    head = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in table.columns)
    body = "\n".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    title, note = html.escape(table.title), html.escape(table.note)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1><p>{note}</p>\n"
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></body></html>\n"
    )


def _csv(table: Table) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([_no_formula(cell) for cell in row] for row in table.rows)
    return out.getvalue()


def _no_formula(cell: str) -> str:
    """Keep a spreadsheet from computing with a cell."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
