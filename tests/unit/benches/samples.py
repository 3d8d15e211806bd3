"""Rounds as the benches find them, and what is made of them."""

from __future__ import annotations

from benches.figures import Round, Sample, summarize
from benches.results import Machine, Result
from benches.trips import Trips
from benches.variants import BY_TURNS, Variant

MACHINE = Machine("A Processor", 2, "6.1", "1.40.0", "3.11.7", 0.25)
TURNS = 10


def a_sample(
    variant: Variant, throughput: float, envoy_cpu_us: float, service_cpu_us: float, p50_us: float, p99_us: float
) -> Sample:
    block = (p50_us,) * 98 + (p99_us,) * 2
    trips = Trips((block,) * TURNS, (2 * p99_us,) * TURNS) if variant in BY_TURNS else Trips((block,))
    return Sample(throughput, envoy_cpu_us, service_cpu_us, trips)


def a_round(slower: float = 1.0) -> Round:
    return {
        Variant.DIRECT: a_sample(Variant.DIRECT, 8e6 / slower, 0.0, 0.0, 10.0 * slower, 20.0 * slower),
        Variant.TCP_PROXY: a_sample(Variant.TCP_PROXY, 4e6 / slower, 0.2, 0.0, 30.0 * slower, 60.0 * slower),
        Variant.NOCHECK: a_sample(Variant.NOCHECK, 3e6 / slower, 0.3, 0.0, 30.0 * slower + 2, 60.0 * slower + 4),
        Variant.CHECK: a_sample(Variant.CHECK, 20e3 / slower, 30.0, 70.0, 400.0 * slower, 900.0 * slower),
        Variant.CHECK_ONE: a_sample(Variant.CHECK_ONE, 5e3 / slower, 90.0, 270.0, 400.0 * slower, 900.0 * slower),
        Variant.CHECK_TWO: a_sample(Variant.CHECK_TWO, 30e3 / slower, 30.0, 70.0, 400.0 * slower, 900.0 * slower),
        Variant.KEPT: a_sample(Variant.KEPT, 2e6 / slower, 0.4, 0.0, 32.0 * slower, 60.0 * slower),
        Variant.MIXED: a_sample(Variant.MIXED, 2e6 / slower, 0.2, 0.0, 32.0 * slower, 60.0 * slower),
        Variant.WARM: a_sample(Variant.WARM, 1.4e6 / slower, 0.4, 0.0, 32.0 * slower + 1, 60.0 * slower + 3),
    }


def with_others(found: Round) -> Round:
    return {
        **found,
        Variant.OPA: a_sample(Variant.OPA, 5e3, 30.0, 170.0, 800.0, 1800.0),
        Variant.OPA_KEPT: a_sample(Variant.OPA_KEPT, 2e6, 0.4, 0.0, 32.0, 60.0),
        Variant.QUICKFIX: a_sample(Variant.QUICKFIX, 20e3, 0.0, 0.0, 160.0, 200.0),
    }


def results(*rounds: Round) -> dict[str, Result]:
    return {result.name: result for result in summarize(rounds or (a_round(),))}
