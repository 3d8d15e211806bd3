"""Tables, for the README and for the screen. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Make one table, its first column on the left."""
    rule = ["---"] + ["---:"] * (len(headings) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in [headings, rule, *rows])


def screen_table(headings: Sequence[str], rows: Sequence[Sequence[str]], caption: str | None = None) -> Table:
    """Make one table, its first column on the left."""
    table = Table(caption=caption)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index else "left")
    for row in rows:
        table.add_row(*(cell.replace("`", "") for cell in row))
    return table
