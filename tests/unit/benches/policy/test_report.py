"""From times to results, tables and aims."""

from __future__ import annotations

import pytest

from benches.aims import AIM_HEADINGS
from benches.policy.report import (
    AIMS,
    ENGINE_HEADINGS,
    SIZE_HEADINGS,
    Sizes,
    Times,
    aim_rows,
    engine_rows,
    size_rows,
    summarize,
)
from benches.results import Result

ENGINES = {
    "authzsvc": Times(2.0, 1.0, 3.0),
    "casbin": Times(40.0, 30.0, 50.0),
    "cedarpy": Times(20.0, 19.0, 21.0),
    "regopy": Times(19.0, 18.0, 20.0),
}
SIZES = [Sizes("allowed", 2.0, 3.5), Sizes("denied", 20.0, 21.0)]


def results(replay: float = 6e4) -> dict[str, Result]:
    return {result.name: result for result in summarize(ENGINES, SIZES, 1.25, replay)}


def test_a_rivals_baseline_is_our_time_over_the_day() -> None:
    found = results()
    assert found["policy_decision_us"] == Result("policy_decision_us", 2.0, "us", None, None)
    assert found["policy_vs_casbin"] == Result("policy_vs_casbin", 40.0, "us", 2.0, 20.0)


def test_the_kind_of_question_that_grows_the_most_stands_for_all() -> None:
    assert results()["policy_scaling"] == Result("policy_scaling", 3.5, "us", 2.0, 1.75)


def test_every_aim_is_of_a_figure() -> None:
    assert [row[0] for row in aim_rows(list(results().values()))] == [aim.result for aim in AIMS]


def test_the_tables_have_a_cell_for_each_heading() -> None:
    assert engine_rows(ENGINES)[2] == ("cedarpy", "20.00", "10.0", "19.00", "21.00")
    assert size_rows(SIZES)[0] == ("allowed", "2.00", "3.50", "1.75")
    rows = aim_rows(list(results().values()))
    assert [row[2:] for row in rows] == [
        ("20.00", "yes"), ("10.00", "yes"), ("9.50", "no"), ("1.75", "no"), ("1.25 s", "yes"),
        ("60,000 a second", "yes"),
    ]  # fmt: skip
    for table, headings in (
        (engine_rows(ENGINES), ENGINE_HEADINGS), (size_rows(SIZES), SIZE_HEADINGS), (rows, AIM_HEADINGS),
    ):  # fmt: skip
        assert {len(row) for row in table} == {len(headings)}


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("policy_vs_casbin", Result("", 10.0, "us", 1.0, 10.0), Result("", 9.9, "us", 1.0, 9.9)),
        ("policy_scaling", Result("", 1.5, "us", 1.0, 1.5), Result("", 1.6, "us", 1.0, 1.6)),
        ("policy_load_s", Result("", 1.99, "s", None, None), Result("", 2.0, "s", None, None)),
        ("replay_throughput", Result("", 5e4, "messages/s", None, None), Result("", 49_999, "messages/s", None, None)),
    ],
)
def test_each_aim_is_reached_up_to_its_bound_and_not_beyond(name: str, good: Result, bad: Result) -> None:
    (aim,) = (aim for aim in AIMS if aim.result == name)
    assert aim.reached(good)
    assert not aim.reached(bad)
