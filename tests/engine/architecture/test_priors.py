"""Numbers of decisions: scales, priors, steps."""

from __future__ import annotations

import math
from collections import Counter
from random import Random
from statistics import mean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.architecture import priors
from engine.spaces.space import Parameter

NUMBERS = [
    Parameter("layers", "integer", low=1, high=6),
    Parameter("units", "integer", low=64, high=4096, prior="log"),
    Parameter("dropout", "real", low=0.0, high=0.99),
    Parameter("lr", "real", low=1e-6, high=1.0, prior="log"),
    Parameter("gain", "real", low=-3.0, high=3.0, prior="normal", mu=0.5, sigma=1.0),
    Parameter("l2", "real", low=1e-8, high=1e2, prior="lognormal", mu=math.log(1e-5), sigma=2.0),
    Parameter("window", "real", low=0.0, high=2.0, step=0.25),
]
ALL = pytest.mark.parametrize("parameter", NUMBERS, ids=lambda p: p.name)
shares = st.floats(0, 1, exclude_max=True)


@ALL
@given(shares)
def test_quantiles_are_numbers_of_the_decision_and_keep_their_place(parameter: Parameter, share: float) -> None:
    value = priors.quantile(parameter, share)
    assert priors.holds(parameter, value) and priors.fitted(parameter, value) == value
    assert -1e-9 <= priors.place(parameter, value) <= 1 + 1e-9
    assert priors.number(parameter, priors.place(parameter, value)) == value


@ALL
@given(shares, st.integers(0, 10**6))
def test_steps_and_shifts_lead_to_other_numbers_of_the_decision(parameter: Parameter, share: float, seed: int) -> None:
    value = priors.quantile(parameter, share)
    near = priors.steps(parameter, value)
    moved = priors.shifted(parameter, value, Random(seed))
    assert near and len(near) == len(set(near)) and value not in near and moved != value
    assert all(priors.holds(parameter, n) for n in [*near, moved])


def test_whole_numbers_are_drawn_evenly_on_their_scale() -> None:
    rng = Random(0)
    layers = Counter(priors.draw(NUMBERS[0], rng) for _ in range(12_000))
    assert set(layers) == set(range(1, 7)) and sum((n - 2000) ** 2 / 2000 for n in layers.values()) < 20.5     # p = 0.001
    tiny = Parameter("n", "integer", low=1, high=3, prior="log")
    drawn = Counter(priors.draw(tiny, rng) for _ in range(12_000))
    for n in (1, 2, 3):
        assert drawn[n] / 12_000 == pytest.approx(math.log((n + 0.5) / (n - 0.5)) / math.log(7), abs=0.02)


def test_bell_priors_have_their_mean_and_spread_inside_the_bounds() -> None:
    rng = Random(1)
    logs = [math.log(priors.draw(NUMBERS[5], rng)) for _ in range(5_000)]
    assert mean(logs) == pytest.approx(math.log(1e-5), abs=0.12) and stdev(logs) == pytest.approx(2.0, abs=0.1)
    narrow = Parameter("x", "real", low=0.0, high=0.1, prior="normal", mu=5.0, sigma=1.0)
    assert all(0.0 <= priors.draw(narrow, rng) <= 0.1 for _ in range(200))


@pytest.mark.parametrize("value", [math.nan, math.inf, True, "1", None, 7, 0, 2.5])
def test_what_the_decision_cannot_be(value: object) -> None:
    assert not priors.holds(NUMBERS[0], value)


def test_quantised_numbers_are_multiples_and_whole_reals_are_numbers() -> None:
    assert priors.holds(NUMBERS[6], 0.75) and priors.holds(NUMBERS[6], 1) and not priors.holds(NUMBERS[6], 0.8)
    assert priors.fitted(NUMBERS[6], 0.8) == 0.75
