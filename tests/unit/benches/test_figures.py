"""From samples to figures."""

from __future__ import annotations

import json

import pytest

from benches.figures import summarize
from benches.results import as_json
from benches.variants import BASELINES, BY_TURNS, INSTEAD, Variant
from tests.unit.benches.samples import MACHINE, a_round, results


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


def test_every_variant_but_plain_envoy_is_held_against_another() -> None:
    assert set(Variant) - set(BASELINES) == {Variant.TCP_PROXY, Variant.MIXED}
    assert {BASELINES[variant] for variant in INSTEAD} == {Variant.CHECK_ONE, Variant.KEPT}


def test_warm_traffic_is_held_against_plain_envoy_with_the_same_messages() -> None:
    found = results()
    assert found["warm_throughput"].ratio == pytest.approx(0.7)
    assert found["warm_p50_added_us"].value == pytest.approx(1.0)
    assert found["warm_p99_added_us"].value == pytest.approx(3.0)
    assert found["check_two_throughput"].ratio == pytest.approx(1.5)


def test_what_a_cold_trip_adds_is_told_of_those_that_take_turns() -> None:
    found = results(a_round(), a_round(3.0))
    assert found["nocheck_first_added_us"].value == pytest.approx(8.0)
    assert found["nocheck_first_added_us"].baseline == pytest.approx(240.0)
    assert "check_first_added_us" not in found


def test_those_that_take_turns_are_held_against_each_other() -> None:
    for variant in BY_TURNS:
        assert BASELINES.get(variant, variant) in BY_TURNS
    assert not set(BY_TURNS) & {Variant.CHECK, Variant.CHECK_ONE, Variant.CHECK_TWO, Variant.OPA, Variant.QUICKFIX}
