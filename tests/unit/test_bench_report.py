"""The benches' pure part: statistics, the shape of the JSON, the tables."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from benches.report import (
    AIM_HEADINGS,
    AIMS,
    HEADINGS,
    Machine,
    Result,
    Round,
    Sample,
    Variant,
    aim_rows,
    as_json,
    figure_rows,
    markdown,
    percentile,
    screen_tables,
    summarize,
)

MACHINE = Machine("A Processor", 2, "6.1", "1.40.0", "3.11.7", 0.25)


def a_round(slower: float = 1.0) -> Round:
    return {
        Variant.DIRECT: Sample(8e6 / slower, 0.0, 0.0, 10.0 * slower, 20.0 * slower),
        Variant.TCP_PROXY: Sample(4e6 / slower, 0.2, 0.0, 30.0 * slower, 60.0 * slower),
        Variant.NOCHECK: Sample(3e6 / slower, 0.3, 0.0, 30.0 * slower + 2, 60.0 * slower + 4),
        Variant.CHECK: Sample(12e3 / slower, 30.0, 70.0, 400.0 * slower, 900.0 * slower),
    }


def results(*rounds: Round) -> dict[str, Result]:
    return {result.name: result for result in summarize(rounds or (a_round(),))}


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (1, 1), (50, 50), (50.5, 51), (99, 99), (99.1, 100), (100, 100)]
)
def test_a_percentile_is_one_of_the_values(percent: float, expected: float) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == expected


def test_a_percentile_of_one_value_is_that_value_and_of_none_there_is_none() -> None:
    assert percentile([7.5], 99) == 7.5
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_a_figure_is_the_median_of_the_rounds_and_its_ratio_is_to_tcp_proxy() -> None:
    found = results(a_round(), a_round(2.0), a_round(100.0))
    throughput = found["nocheck_throughput"]
    assert (throughput.value, throughput.baseline, throughput.ratio) == (1.5e6, 2e6, 0.75)
    assert found["check_p50_us"].value == 800.0
    assert found["check_service_cpu_us"].value == 70.0


def test_what_is_added_is_told_by_the_differences_within_the_rounds() -> None:
    found = results(a_round(), a_round(3.0), a_round(50.0))
    assert found["nocheck_p50_added_us"].value == pytest.approx(2.0)
    assert found["nocheck_p99_added_us"].value == pytest.approx(4.0)
    assert found["nocheck_p50_added_us"].baseline == 90.0


def test_what_has_no_baseline_has_no_ratio() -> None:
    found = results()
    for name in ("tcp_proxy_throughput", "tcp_proxy_p50_us", "check_service_cpu_us"):
        assert (found[name].baseline, found[name].ratio) == (None, None)


def test_the_json_has_every_promised_figure_in_the_promised_shape() -> None:
    document = json.loads(json.dumps(as_json(MACHINE, summarize([a_round()]))))
    assert document["machine"] == {
        "cpu": "A Processor", "cores": 2, "kernel": "6.1", "envoy": "1.40.0", "python": "3.11.7", "load": 0.25,
    }  # fmt: skip
    assert all(list(entry) == ["name", "value", "unit", "baseline", "ratio"] for entry in document["results"])
    names = [entry["name"] for entry in document["results"]]
    assert len(names) == len(set(names))
    assert set(names) >= {
        "tcp_proxy_throughput", "tcp_proxy_p50_us", "tcp_proxy_p99_us",
        "nocheck_throughput", "nocheck_p50_us", "nocheck_p99_us", "nocheck_p50_added_us",
        "check_throughput", "check_p50_us", "check_p99_us",
    }  # fmt: skip


def test_each_aim_is_reached_up_to_its_bound_and_not_beyond() -> None:
    at_the_bound = {
        "nocheck_throughput": (Result("", 5.0, "messages/s", 10.0, 0.5), Result("", 4.9, "messages/s", 10.0, 0.49)),
        "nocheck_p50_added_us": (Result("", 3.0, "us", 30.0, 0.1), Result("", 3.1, "us", 30.0, 0.1)),
        "check_throughput": (Result("", 1e4, "messages/s", 1e6, 0.01), Result("", 9999.0, "messages/s", 1e6, 0.01)),
        "check_p50_us": (Result("", 599.9, "us", 30.0, 20.0), Result("", 600.0, "us", 30.0, 20.0)),
    }
    assert [aim.result for aim in AIMS] == list(at_the_bound)
    for aim in AIMS:
        good, bad = at_the_bound[aim.result]
        assert aim.reached(good)
        assert not aim.reached(bad)


def test_a_row_a_variant_with_a_cell_for_each_heading() -> None:
    rows = figure_rows(summarize([a_round()]))
    assert [len(row) for row in rows] == [len(HEADINGS)] * len(Variant)
    assert rows[2][1:] == ("3,000,000", "0.75", "32.0", "64.0", "+2.0", "0.30")
    assert rows[1][1:] == ("4,000,000", "", "30.0", "60.0", "", "0.20")
    assert rows[3][2] == "0.003"


def test_the_aims_stand_beside_what_was_measured() -> None:
    rows = aim_rows(summarize([a_round()]))
    assert [len(row) for row in rows] == [len(AIM_HEADINGS)] * len(AIMS)
    assert rows[0][2:] == ("0.75", "yes")
    assert rows[2][2:] == ("12,000 a second", "yes")
    assert aim_rows(summarize([a_round(2.0)]))[2][2:] == ("6,000 a second", "no")


def test_markdown_has_both_tables_and_names_the_machine() -> None:
    lines = markdown(MACHINE, summarize([a_round()])).splitlines()
    tables = [line for line in lines if line.startswith("|")]
    assert len(tables) == 2 + len(Variant) + 2 + len(AIMS)
    assert {line.count("|") for line in tables} == {len(HEADINGS) + 1, len(AIM_HEADINGS) + 1}
    assert lines[-1].startswith("A Processor, 2 cores")
    assert "Envoy 1.40.0" in lines[-1]


def test_the_screen_shows_the_same_cells() -> None:
    console = Console(width=200)
    with console.capture() as shown:
        for table in screen_tables(MACHINE, summarize([a_round()])):
            console.print(table)
    text = shown.get()
    for cell in ("3,000,000", "+2.0", "A Processor", "at most 3 µs"):
        assert cell in text
