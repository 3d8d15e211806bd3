"""The tables of a run."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from benches.aims import AIM_HEADINGS, AIMS, aim_rows
from benches.figures import summarize
from benches.report import HEADINGS, INSTEAD_HEADINGS, figure_rows, instead_rows, markdown, screen_tables
from benches.variants import INSTEAD, Variant
from tests.unit.benches.samples import MACHINE, a_round, with_others


def test_what_people_would_use_instead_is_told_by_what_the_gateway_is_of_it() -> None:
    rows = instead_rows(summarize([with_others(a_round())]), {})
    assert [len(row) for row in rows] == [len(INSTEAD_HEADINGS)] * 6
    assert rows[3][1:] == ("5,000", "800.0", "1800.0", "1.00 times", "0.50 times")
    assert rows[5][1:] == ("20,000", "160.0", "200.0", "100 times", "0.20 times")


def test_what_could_not_be_had_is_told_and_fails_nothing() -> None:
    found = summarize([a_round()])
    rows = instead_rows(found, {Variant.OPA: "`go` is missing"})
    assert [row[1] for row in rows[3:]] == ["`go` is missing", "not measured", "not measured"]
    assert not {row[0] for row in aim_rows(found)} & {"opa_throughput", "quickfix_throughput"}


def test_a_row_a_variant_with_a_cell_for_each_heading() -> None:
    rows = figure_rows(summarize([a_round()]))
    assert [len(row) for row in rows] == [len(HEADINGS)] * (len(Variant) - len(INSTEAD))
    assert rows[2][1:] == ("3,000,000", "0.75", "32.0", "64.0", "+2.0", "+4.0", "0.30")
    assert rows[1][1:] == ("4,000,000", "", "30.0", "60.0", "", "", "0.20")
    assert rows[3][2] == "0.005"


def test_markdown_has_all_tables_and_names_the_machine() -> None:
    lines = markdown(MACHINE, summarize([with_others(a_round())]), {}).splitlines()
    tables = [line for line in lines if line.startswith("|")]
    assert len(tables) == 2 + len(Variant) - len(INSTEAD) + 2 + 3 + len(INSTEAD) + 2 + len(AIMS)
    assert {line.count("|") for line in tables} == {
        len(headings) + 1 for headings in (HEADINGS, INSTEAD_HEADINGS, AIM_HEADINGS)
    }
    assert lines[-1].startswith("A Processor, 2 cores")
    assert "Envoy 1.40.0" in lines[-1]
    assert "With 2 cores" in lines[-1]
    assert "a second cannot" not in markdown(replace(MACHINE, cores=8), summarize([a_round()]), {})


def test_the_screen_shows_the_same_cells() -> None:
    console = Console(width=240)
    with console.capture() as shown:
        for table in screen_tables(MACHINE, summarize([a_round()]), {}):
            console.print(table)
    text = shown.get()
    for cell in ("3,000,000", "+2.0", "A Processor", "at most 3 µs"):
        assert cell in text
