"""From samples to figures. Pure.

Each round measures every variant once; a figure is the median over the rounds. What a variant adds to a round trip is
told turn by turn where it and its baseline took turns (`trips` says why), and else by the rounds' own differences.
Ratios are always value by baseline, and `BASELINES` says what that is: for the gateway plain `tcp_proxy` with the same
messages in the same run (for added microseconds: what they are added to).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benches.results import Result
from benches.trips import Pair, Trips, added, first_added
from benches.variants import ADDS, ASKED, BASELINES, Variant

PERCENTS = (50, 99)


@dataclass(frozen=True, slots=True)
class Sample:
    """What one round found of one variant."""

    throughput: float
    """Messages a second at saturation, from the first byte sent until the venue has confirmed the last."""
    envoy_cpu_us: float
    """Processor time of Envoy for each of these messages."""
    service_cpu_us: float
    """Processor time of the decision service for each of these messages."""
    trips: Trips
    """Round trips of one message at a time."""


Round = Mapping[Variant, Sample]
Figure = Callable[[Sample], float]


def summarize(rounds: Sequence[Round]) -> tuple[Result, ...]:
    """The figures of a run, of those variants that it had."""
    return tuple(result for variant in Variant if variant in rounds[0] for result in _results(rounds, variant))


def _results(rounds: Sequence[Round], variant: Variant) -> Iterator[Result]:
    yield _result(rounds, variant, "throughput", "messages/s", lambda sample: sample.throughput)
    for percent in PERCENTS:
        yield _result(rounds, variant, f"p{percent}_us", "us", _percentile(percent))
        if variant in ADDS:
            yield _added(rounds, variant, percent)
    if variant in ADDS:
        yield _first(rounds, variant)
    if any(samples[variant].envoy_cpu_us for samples in rounds):
        yield _result(rounds, variant, "envoy_cpu_us", "us", lambda sample: sample.envoy_cpu_us)
    if variant in ASKED:
        yield _result(rounds, variant, "service_cpu_us", "us", lambda sample: sample.service_cpu_us)


def _percentile(percent: float) -> Figure:
    return lambda sample: sample.trips.percentile(percent)


def _result(rounds: Sequence[Round], variant: Variant, name: str, unit: str, figure: Figure) -> Result:
    value = median(figure(samples[variant]) for samples in rounds)
    against = BASELINES.get(variant)
    if unit == "us" and against is not None and (variant in ASKED) is not (against in ASKED):
        against = None  # they were not in the same places
    # Plain Envoy has nothing to be held against, and no decision service of its own.
    baseline = median(figure(samples[against]) for samples in rounds) if against else None
    return Result(f"{variant}_{name}", value, unit, baseline or None, value / baseline if baseline else None)


def _added(rounds: Sequence[Round], variant: Variant, percent: int) -> Result:
    value = added(_pairs(rounds, variant), percent)
    baseline = median(samples[BASELINES[variant]].trips.percentile(percent) for samples in rounds)
    return Result(f"{variant}_p{percent}_added_us", value, "us", baseline, value / baseline)


def _first(rounds: Sequence[Round], variant: Variant) -> Result:
    value = first_added(_pairs(rounds, variant))
    baseline = median(first for samples in rounds for first in samples[BASELINES[variant]].trips.firsts)
    return Result(f"{variant}_first_added_us", value, "us", baseline, value / baseline)


def _pairs(rounds: Sequence[Round], variant: Variant) -> list[Pair]:
    return [(samples[variant].trips, samples[BASELINES[variant]].trips) for samples in rounds]
