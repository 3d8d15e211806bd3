"""From trials to results, tables and aims."""

from __future__ import annotations

from math import inf

import pytest

from benches.aims import AIM_HEADINGS
from benches.results import Machine, Result
from benches.sessions.crowd import Ends, Logons
from benches.sessions.memory import Resident
from benches.sessions.report import AIMS, HEADINGS, aim_rows, figure_rows, markdown, summarize
from benches.sessions.storm import Flow, Storm
from benches.sessions.trials import Beside, Killed, Many, Memory

ENVOY = Resident(200.0, 210.0)
FIRSTS = [Logons(1.0, (10.0, 20.0), firsts, 0, "") for firsts in ((700.0, 900.0), (800.0, 1000.0), (900.0, 9000.0))]
MANY = Many(
    Logons(2.0, (1000.0, 2000.0, 3000.0, 4000.0), (), 0, ""),
    Memory(Resident(100.0, 100.0), ENVOY),
    Memory(Resident(290.0, 295.0), ENVOY),
    Memory(Resident(280.0, 310.0), ENVOY),
)
BESIDE = Beside((1000.0, 2000.0), (1500.0, 3000.0))
KILLED = Killed(40.0, 2, Ends((0.0, 12.5), 0, 0, "halted"))
STORM = Storm(
    Logons(0.5, (1000.0, 2000.0, 3000.0, 9000.0), (), 0, ""),
    60.0,
    40.0,
    Flow(4.0, 12.5),
    Ends((5.0, 30.0), 0, 1, "halted"),
)


def results(killed: Killed = KILLED) -> dict[str, Result]:
    return {result.name: result for result in summarize(FIRSTS, MANY, BESIDE, killed, STORM)}


def test_an_idle_session_is_told_above_what_plain_envoy_takes() -> None:
    assert results()["sessions_envoy_idle_kb"] == Result("sessions_envoy_idle_kb", 20.0, "KB", 40.0, 0.5)


def test_all_at_once_is_told_with_those_that_were_not_ended() -> None:
    found = results()
    assert found["sessions_storm_per_s"].value == 8.0
    assert found["sessions_storm_logon_p99_us"].value == 9000.0
    assert (found["sessions_flow_per_s"].value, found["sessions_flow_envoy_us"].value) == (4.0, 12.5)
    assert found["sessions_storm_kill_p50_ms"].value == 30.0
    assert found["sessions_storm_kill_p100_ms"].value == inf


def test_a_first_decision_is_the_median_of_its_rounds() -> None:
    found = results()
    assert found["sessions_first_decision_p50_us"].value == 800.0
    assert found["sessions_first_decision_p99_us"].value == 1000.0


def test_logons_are_counted_over_the_time_that_all_took() -> None:
    found = results()
    assert (found["sessions_logons_s"].value, found["sessions_logons_per_s"].value) == (2.0, 2.0)
    assert found["sessions_logon_p50_us"].value == 2000.0


def test_logons_beside_slow_ones_are_held_against_those_alone() -> None:
    found = results()["sessions_logon_beside_slow_p99_us"]
    assert found == Result("sessions_logon_beside_slow_p99_us", 3000.0, "us", 2000.0, 1.5)


def test_memory_is_the_most_that_it_was_with_the_sessions_idle_or_not() -> None:
    found = results()
    assert found["sessions_memory_mb"] == Result("sessions_memory_mb", 290.0, "MB", 100.0, 2.9)
    assert found["sessions_memory_peak_mb"].value == 310.0


def test_a_session_that_was_not_refused_counts_as_never() -> None:
    found = results(Killed(40.0, 3, Ends((0.0, 1.0), 1, 1, "halted")))
    assert found["sessions_kill_cut"].value == 1
    assert found["sessions_kill_p50_ms"].value == 1.0
    assert found["sessions_kill_p99_ms"].value == found["sessions_kill_max_ms"].value == inf
    assert aim_rows(list(found.values()))[3][3] == "no"


def test_the_tables_have_a_cell_for_each_heading() -> None:
    found = list(results().values())
    assert {len(row) for row in figure_rows(found)} == {len(HEADINGS)}
    rows = aim_rows(found)
    assert [row[0] for row in rows] == [aim.result for aim in AIMS]
    assert {len(row) for row in rows} == {len(AIM_HEADINGS)}
    assert [row[2:] for row in rows] == [
        ("1.00 ms", "yes"), ("2.0 s", "yes"), ("3.00 ms, 1.50 times", "yes"), ("12.5 ms", "yes"), ("290.0 MB", "yes"),
        ("20.0 KB", "yes"),
    ]  # fmt: skip


def test_the_markdown_says_both_tables_the_machine_and_how() -> None:
    text = markdown(Machine("A Processor", 2, "6.1", "1.40.0", "3.11.7", 0.25), list(results().values()))
    assert "| first decision after Logon, p50 / p99 | 0.80 / 1.00 ms |" in text
    assert "| sessions_kill_p99_ms | under 250 ms | 12.5 ms | yes |" in text
    assert "A Processor" in text


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("sessions_first_decision_p99_us", Result("", 1999.0, "us", None, None), Result("", 2000.0, "us", None, None)),
        ("sessions_logons_s", Result("", 29.9, "s", None, None), Result("", 30.0, "s", None, None)),
        ("sessions_logon_beside_slow_p99_us", Result("", 2.0, "us", 1.0, 2.0), Result("", 2.1, "us", 1.0, 2.1)),
        ("sessions_kill_p99_ms", Result("", 249.9, "ms", None, None), Result("", 250.0, "ms", None, None)),
        ("sessions_envoy_idle_kb", Result("", 23.9, "KB", None, None), Result("", 24.0, "KB", None, None)),
        ("sessions_memory_mb", Result("", 299.9, "MB", None, None), Result("", 300.0, "MB", None, None)),
    ],
)
def test_each_aim_is_reached_up_to_its_bound_and_not_beyond(name: str, good: Result, bad: Result) -> None:
    (aim,) = (aim for aim in AIMS if aim.result == name)
    assert aim.reached(good)
    assert not aim.reached(bad)
