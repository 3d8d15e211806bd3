"""The benches' pure part: statistics, the shape of the JSON, the tables."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from rich.console import Console

from benches.report import (
    AIM_HEADINGS,
    AIMS,
    BASELINES,
    HEADINGS,
    INSTEAD,
    INSTEAD_HEADINGS,
    Machine,
    Result,
    Round,
    Sample,
    Variant,
    aim_rows,
    as_json,
    figure_rows,
    instead_rows,
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
        Variant.CHECK: Sample(20e3 / slower, 30.0, 70.0, 400.0 * slower, 900.0 * slower),
        Variant.CHECK_ONE: Sample(5e3 / slower, 90.0, 270.0, 400.0 * slower, 900.0 * slower),
        Variant.CHECK_TWO: Sample(30e3 / slower, 30.0, 70.0, 400.0 * slower, 900.0 * slower),
        Variant.KEPT: Sample(2e6 / slower, 0.4, 0.0, 32.0 * slower, 60.0 * slower),
        Variant.MIXED: Sample(2e6 / slower, 0.2, 0.0, 32.0 * slower, 60.0 * slower),
        Variant.WARM: Sample(1.4e6 / slower, 0.4, 0.0, 32.0 * slower + 1, 60.0 * slower + 3),
    }


def with_others(found: Round) -> Round:
    return {
        **found,
        Variant.OPA: Sample(5e3, 30.0, 170.0, 800.0, 1800.0),
        Variant.OPA_KEPT: Sample(2e6, 0.4, 0.0, 32.0, 60.0),
        Variant.QUICKFIX: Sample(20e3, 0.0, 0.0, 160.0, 200.0),
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
        "check_throughput", "check_p50_us", "check_p99_us", "check_two_throughput",
        "warm_throughput", "warm_p50_added_us", "warm_p99_added_us",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("nocheck_throughput", (5.0, 10.0), (4.9, 10.0)),
        ("nocheck_p50_added_us", (3.0, 30.0), (3.1, 30.0)),
        ("warm_throughput", (6.0, 10.0), (5.9, 10.0)),
        ("warm_p50_added_us", (1.5, 30.0), (1.6, 30.0)),
        ("warm_p99_added_us", (5.0, 30.0), (5.1, 30.0)),
        ("check_throughput", (18e3, 1e6), (17_999, 1e6)),
        ("check_p50_us", (449.9, 30.0), (450.0, 30.0)),
        ("check_two_throughput", (1.7, 1.0), (1.69, 1.0)),
        ("opa_throughput", (9.9, 10.0), (10.0, 10.0)),
        ("opa_p50_us", (10.1, 10.0), (10.0, 10.0)),
        ("quickfix_throughput", (9.9, 10.0), (10.0, 10.0)),
        ("quickfix_p50_us", (10.1, 10.0), (10.0, 10.0)),
    ],
)
def test_each_aim_is_reached_up_to_its_bound_and_not_beyond(
    name: str, good: tuple[float, float], bad: tuple[float, float]
) -> None:
    aim = next(aim for aim in AIMS if aim.result == name)
    for (value, baseline), reached in ((good, True), (bad, False)):
        assert aim.reached(Result(name, value, "", baseline, value / baseline)) is reached


def test_every_aim_is_of_a_figure() -> None:
    names = {result.name for result in summarize([with_others(a_round())])}
    assert {aim.result for aim in AIMS} <= names


def test_every_variant_but_plain_envoy_is_held_against_another() -> None:
    assert set(Variant) - set(BASELINES) == {Variant.TCP_PROXY, Variant.MIXED}
    assert {BASELINES[variant] for variant in INSTEAD} == {Variant.CHECK_ONE, Variant.KEPT}


def test_warm_traffic_is_held_against_plain_envoy_with_the_same_messages() -> None:
    found = results()
    assert found["warm_throughput"].ratio == pytest.approx(0.7)
    assert found["warm_p50_added_us"].value == pytest.approx(1.0)
    assert found["warm_p99_added_us"].value == pytest.approx(3.0)
    assert found["check_two_throughput"].ratio == pytest.approx(1.5)


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


def test_the_aims_stand_beside_what_was_measured() -> None:
    rows = aim_rows(summarize([a_round()]))
    assert {len(row) for row in rows} == {len(AIM_HEADINGS)}
    assert rows[0][2:] == ("0.75", "yes")
    assert rows[5][2:] == ("20,000 a second", "yes")
    assert aim_rows(summarize([a_round(2.0)]))[5][2:] == ("10,000 a second", "no")


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
