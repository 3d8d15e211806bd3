"""From trials to results, tables and aims."""

from __future__ import annotations

from math import inf

from benches.aims import AIM_HEADINGS
from benches.fairness.counterparties import Answers
from benches.fairness.report import ALONE, HEADINGS, ORDERS, REPLAYS, aim_rows, figure_rows, markdown, summarize
from benches.fairness.trial import Outcome
from benches.results import Machine, Result

OUTCOMES = {
    ALONE: Outcome(Answers(4, [1.0, 2.0, 3.0, 4.0]), 0.0, 0),
    REPLAYS: Outcome(Answers(4, [20.0, 30.0, 40.0], unavailable=1), 17.5, 0),
    ORDERS: Outcome(Answers(4, [], unavailable=2, denied=1), 1234.0, 1),
}


def results() -> dict[str, Result]:
    return {result.name: result for result in summarize(OUTCOMES)}


def test_an_order_is_decided_by_a_report_or_a_denial_that_somebody_decided() -> None:
    found = results()
    assert [found[f"fairness_{trial}_decided"].value for trial in OUTCOMES] == [100.0, 75.0, 25.0]
    assert [found[f"fairness_{trial}_unavailable"].value for trial in OUTCOMES] == [0, 1, 2]


def test_a_round_trip_beside_a_flood_is_compared_with_one_alone() -> None:
    found = results()
    assert found["fairness_alone_p99_ms"] == Result("fairness_alone_p99_ms", 4.0, "ms", None, None)
    assert found["fairness_replays_p99_ms"] == Result("fairness_replays_p99_ms", 40.0, "ms", 4.0, 10.0)
    assert found["fairness_orders_p50_ms"].value == inf


def test_each_row_has_a_cell_for_each_heading() -> None:
    rows = figure_rows(summarize(OUTCOMES))
    assert all(len(row) == len(HEADINGS) for row in rows)
    assert rows[0] == ("orders decided, %", "100.0", "75.0", "25.0")
    assert rows[-1] == ("messages of the flood, a second", "", "18", "1,234")


def test_missed_aims_are_told() -> None:
    rows = aim_rows(summarize(OUTCOMES))
    assert all(len(row) == len(AIM_HEADINGS) for row in rows)
    assert [row[-1] for row in rows] == ["no"] * 4
    well = OUTCOMES | dict.fromkeys((REPLAYS, ORDERS), OUTCOMES[ALONE])
    assert [row[-1] for row in aim_rows(summarize(well))] == ["yes"] * 4


def test_the_text_for_the_readme_has_both_tables() -> None:
    machine = Machine("cpu", 2, "6", "1.40.0", "3.11", 0.5)
    text = markdown(machine, summarize(OUTCOMES))
    assert "| orders denied with 380=4 | 0 | 1 | 2 |" in text
    assert "fairness_orders_decided" in text
