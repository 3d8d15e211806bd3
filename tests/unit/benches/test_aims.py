"""What the figures should be."""

from __future__ import annotations

import pytest

from benches.aims import AIM_HEADINGS, AIMS, aim_rows
from benches.figures import summarize
from benches.results import Result
from tests.unit.benches.samples import a_round, with_others


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


def test_the_aims_stand_beside_what_was_measured() -> None:
    rows = aim_rows(summarize([a_round()]))
    assert {len(row) for row in rows} == {len(AIM_HEADINGS)}
    assert rows[0][2:] == ("0.75", "yes")
    assert rows[5][2:] == ("20,000 a second", "yes")
    assert aim_rows(summarize([a_round(2.0)]))[5][2:] == ("10,000 a second", "no")
