"""How alike two orders are: planted orders with known figures, scipy on resamples, ties, chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from engine.benchmarks.agreement import _kendalls, _resamples, _spearmans, agreement, chance, overlap


def signs(values: np.ndarray) -> np.ndarray:
    return np.sign(np.subtract.outer(values, values)).astype(np.float32)


def planted(count: int, tau: float, seed: int) -> tuple[list[float], list[float]]:
    """Of a pair of normal numbers with correlation r, Kendall's tau is 2/pi arcsin r."""
    rng, r = np.random.default_rng(seed), math.sin(math.pi / 2 * tau)
    first, noise = rng.normal(size=(2, count))
    return first.tolist(), (r * first + math.sqrt(1 - r * r) * noise).tolist()


@pytest.mark.parametrize("tau", [-0.5, 0.0, 0.3, 0.8])
def test_a_planted_tau_is_found_and_lies_in_the_interval(tau: float) -> None:
    found = agreement(*planted(400, tau, 7))
    assert found["kendall"] == pytest.approx(tau, abs=0.07)
    low, high = found["kendall_interval"]
    assert low < tau < high and low < found["kendall"] < high and high - low < 0.16
    low, high = found["spearman_interval"]
    assert low < found["spearman"] < high


def test_the_interval_covers_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(100):
        low, high = agreement(*planted(80, 0.4, seed))["kendall_interval"]
        inside += low < 0.4 < high
    assert 87 <= inside <= 100


def test_a_resample_has_the_figures_of_its_networks_drawn_that_often() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 6, 40).astype(float), rng.normal(size=40).round(1)
    counts = _resamples(40, 3)[:5]
    assert (counts.sum(1) == 40).all()
    kendalls = _kendalls(signs(first), signs(second), counts)
    spearmans = _spearmans(signs(first), signs(second), counts)
    for row, tau, rho in zip(counts.astype(int), kendalls, spearmans, strict=True):
        one, other = np.repeat(first, row), np.repeat(second, row)
        assert tau == pytest.approx(kendalltau(one, other).statistic)
        assert rho == pytest.approx(spearmanr(one, other).statistic)


def test_the_same_seed_gives_the_same_interval() -> None:
    pair = planted(50, 0.5, 0)
    assert agreement(*pair, seed=1) == agreement(*pair, seed=1) != agreement(*pair, seed=2)


def test_what_never_differs_has_no_order_and_no_interval() -> None:
    found = agreement([1.0, 1.0, 1.0, 1.0], [0.1, 0.2, 0.3, 0.4])
    assert found == {"kendall": None, "kendall_interval": None, "spearman": None, "spearman_interval": None,
                     "top": pytest.approx(0.25)}


def test_infinite_estimates_are_an_end_of_the_order() -> None:
    found = agreement([-math.inf, 1.0, math.inf], [0.1, 0.2, 0.3])
    assert found["kendall"] == 1 == found["spearman"] == found["top"]


def test_the_common_top() -> None:
    truth = np.arange(40.0)
    assert overlap(truth, truth) == 1 and overlap(-truth, truth) == 0
    assert overlap(np.where(truth >= 38, 1.0, 0.0) + np.where(truth < 2, 1.0, 0.0), truth) == pytest.approx(0.5)
    assert overlap(np.zeros(40), truth) == pytest.approx(0.1)                  # chance breaks ties: the share itself
    assert overlap(np.zeros(40), np.zeros(40)) == pytest.approx(0.1)


def test_what_chance_alone_gives() -> None:
    rng, bound = np.random.default_rng(0), chance(60)
    outside = sum(abs(kendalltau(rng.normal(size=60), rng.normal(size=60)).statistic) > bound for _ in range(400))
    assert 8 <= outside <= 34
