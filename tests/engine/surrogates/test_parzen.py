"""Adaptive Parzen estimators: the widths of the bells, forgetting, densities that integrate to 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from engine.spaces.space import Parameter
from engine.surrogates.parzen import Components, Counts, Density, Scale, adaptive, forgetting

GOLDEN = 0.6180339887498949
# hyperopt 0.3.0, `adaptive_parzen_normal(x, 1.0, 0.5, 1.0)` of the fractions of GOLDEN, 2 GOLDEN, …: for each number of
# observations the sums weights · mus, sigmas · (1, 2, …) and weights · sigmas.
HYPEROPT = {1: (0.5590169943749475, 2.0, 0.75), 2: (0.4513673220832282, 3.01393202250021, 0.5046440075000701),
            5: (0.4617516385414039, 7.922985673746952, 0.3483616572915791),
            30: (0.5104480637811069, 33.24603083704075, 0.07260587968467677),
            60: (0.4985558706030887, 68.51920342346027, 0.042710851290739885)}
NUMBERS = [Parameter("x", "real", low=-2.0, high=5.0), Parameter("x", "real", low=1e-4, high=1.0, prior="log"),
           Parameter("x", "real", low=-3.0, high=3.0, prior="normal"),
           Parameter("x", "real", low=1e-3, high=10.0, prior="lognormal", mu=-1.0, sigma=2.0)]
STEPS = [Parameter("x", "integer", low=1, high=6), Parameter("x", "integer", low=1, high=64, prior="log"),
         Parameter("x", "real", low=4.0, high=64.0, prior="log", step=4.0),
         Parameter("x", "real", low=0.0, high=1.0, step=0.25),
         Parameter("x", "integer", low=-3, high=5, prior="normal", mu=1.0, sigma=3.0)]


def bells(observations: list[float], prior_weight: float = 1.0, mu: float = 0.5) -> Components:
    return adaptive(np.array(observations), np.ones(len(observations)), prior_weight, mu, 1.0)


def density(parameter: Parameter, seed: int, count: int = 12) -> Density:
    scale, places = Scale.of(parameter), np.random.default_rng(seed).random(count)
    return Density(scale, adaptive(places, np.ones(count), 1.0, scale.mu, scale.sigma))


def every(parameter: Parameter) -> list[Any]:
    """All numbers of a quantised decision."""
    assert parameter.low is not None and parameter.high is not None
    step = 1 if parameter.kind == "integer" else parameter.step or 0
    return [parameter.low + k * step for k in range(round((parameter.high - parameter.low) / step) + 1)]


def test_widths_are_the_larger_gap_to_a_neighbour_the_prior_among_them() -> None:
    found = bells([0.9, 0.2, 0.45])
    assert found.mus == pytest.approx([0.2, 0.45, 0.5, 0.9]) and found.sigmas == pytest.approx([0.25, 0.25, 1.0, 0.4])
    assert found.weights == pytest.approx([0.25] * 4) and found.prior == 2


def test_of_equals_the_prior_is_the_first() -> None:
    found = bells([0.2, 0.5, 0.9])
    assert found.prior == 1 and found.sigmas == pytest.approx([0.3, 1.0, 0.4, 0.4])


def test_without_observations_there_is_the_prior() -> None:
    found = bells([])
    assert (found.weights.tolist(), found.mus.tolist(), found.sigmas.tolist()) == ([1.0], [0.5], [1.0])


@pytest.mark.parametrize("count", list(HYPEROPT))
def test_widths_and_weights_are_those_of_hyperopt(count: int) -> None:
    observations = np.array([((k + 1) * GOLDEN) % 1 for k in range(count)])
    found = adaptive(observations, forgetting(count, 25), 1.0, 0.5, 1.0)
    sums = (found.weights @ found.mus, found.sigmas @ np.arange(1, count + 2), found.weights @ found.sigmas)
    assert sums == pytest.approx(HYPEROPT[count], rel=1e-12)


def test_a_thousand_mixtures_are_equal_where_hyperopt_is_installed() -> None:
    peer = pytest.importorskip("hyperopt.tpe").adaptive_parzen_normal
    generator = np.random.default_rng(0)
    for _ in range(1000):
        observations = generator.random(generator.integers(0, 80))
        found = adaptive(observations, forgetting(len(observations), 25), 1.0, 0.5, 1.0)
        for ours, theirs in zip(found[:3], peer(observations, 1.0, 0.5, 1.0), strict=True):
            assert ours == pytest.approx(theirs, abs=1e-12)


def test_a_crowd_does_not_make_needles_and_a_gap_no_plain() -> None:
    found = bells([0.3] * 9 + [0.99])
    others = np.delete(found.sigmas, found.prior)
    assert others.min() == pytest.approx(1 / 12) and others.max() < 1.0         # eleven bells: a twelfth of the range
    assert bells([0.3] * 500).sigmas.min() == pytest.approx(0.01)


def test_the_prior_weighs_what_it_is_given() -> None:
    found = bells([0.1, 0.2], prior_weight=2.0)
    assert found.weights[found.prior] == pytest.approx(0.5)


def test_the_newest_25_of_60_count_in_full_and_the_oldest_a_sixtieth() -> None:
    weights = forgetting(60, 25)
    assert len(weights) == 60 and weights[-25:].tolist() == [1.0] * 25 and weights[0] == pytest.approx(1 / 60)
    assert np.diff(weights[:35]) == pytest.approx([(1 - 1 / 60) / 34] * 34)


@pytest.mark.parametrize("count", [0, 1, 24, 25])
def test_few_are_not_forgotten(count: int) -> None:
    assert forgetting(count, 25).tolist() == [1.0] * count


def test_nothing_is_forgotten_where_that_is_asked_for() -> None:
    assert forgetting(1000, 0).tolist() == [1.0] * 1000


@pytest.mark.parametrize("parameter", NUMBERS, ids=lambda p: p.prior)
@pytest.mark.parametrize("seed", range(3))
def test_a_density_integrates_to_one_between_the_bounds(parameter: Parameter, seed: int) -> None:
    found = density(parameter, seed)

    def height(place: float) -> float:
        spots = found.scale.spots([parameter.low])._replace(places=np.array([place]))
        return math.exp(found.logs(spots)[0])

    assert quad(height, 0.0, 1.0, limit=200)[0] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("parameter", STEPS, ids=lambda p: f"{p.kind}-{p.prior}")
def test_the_bins_of_quantised_numbers_share_all_of_the_mass(parameter: Parameter) -> None:
    found = density(parameter, 0)
    masses = np.exp(found.logs(found.scale.spots(every(parameter))))
    assert masses.sum() == pytest.approx(1.0, abs=1e-9) and masses.min() > 0


def test_a_uniform_whole_number_has_equal_bins() -> None:
    spots = Scale.of(STEPS[0]).spots(every(STEPS[0]))
    assert spots.high - spots.low == pytest.approx([0.2] * 6)


@pytest.mark.parametrize("parameter", NUMBERS[:2], ids=lambda p: p.prior)
def test_draws_follow_the_density(parameter: Parameter) -> None:
    found = density(parameter, 1)
    places = found.draw(np.random.default_rng(5), 4000)
    grid = np.linspace(0.0, 1.0, 2001)
    heights = np.exp(found.logs(found.scale.spots([parameter.low])._replace(places=grid)))
    share = np.concatenate([[0.0], np.cumsum((heights[1:] + heights[:-1]) / 2 / 2000)])
    assert places.min() >= 0.0 and places.max() <= 1.0
    assert kstest(places, lambda x: np.interp(x, grid, share)).pvalue > 0.001


def rows(decisions: int, trials: int, seed: int, absent: float = 0.0) -> np.ndarray[Any, Any]:
    generator = np.random.default_rng(seed)
    found = generator.integers(0, 3, (decisions, trials)).astype(float)
    found[generator.random(found.shape) < absent] = np.nan
    return found


def by_hand(row: np.ndarray[Any, Any], size: int, flat: int) -> list[float]:
    seen = row[~np.isnan(row)].astype(int)
    return np.bincount(seen, forgetting(len(seen), flat), minlength=size).tolist()


@pytest.mark.parametrize("flat", [0, 1, 7, 25])
@pytest.mark.parametrize("absent", [0.0, 0.6])
def test_counting_one_by_one_gives_what_counting_afresh_gives(flat: int, absent: float) -> None:
    table, counts = rows(5, 90, 3, absent), Counts([3, 4, 3, 3, 5], flat)
    for trial in range(90):
        counts.extend(table[:, trial: trial + 1])
        if trial % 9 == 0:
            expected = [by_hand(row[: trial + 1], size, flat) for row, size in zip(table, counts.sizes, strict=True)]
            assert counts.weighted() == pytest.approx(sum(expected, []))
    at_once = Counts([3, 4, 3, 3, 5], flat)
    at_once.extend(table)
    assert at_once.weighted().tolist() == counts.weighted().tolist()


def test_a_choice_that_was_never_made_keeps_its_share_of_the_prior() -> None:
    counts = Counts([4], 25)
    counts.extend(np.array([[0.0, 0.0, 1.0]]))
    assert counts.probabilities(1.0) == pytest.approx([3 / 7, 2 / 7, 1 / 7, 1 / 7])
    assert counts.probabilities(2.0) == pytest.approx([4 / 11, 3 / 11, 2 / 11, 2 / 11])


def test_probabilities_of_every_decision_add_up_to_one() -> None:
    counts = Counts([3, 4, 3], 25)
    counts.extend(rows(3, 200, 0, 0.5))
    assert np.add.reduceat(counts.probabilities(1.0), counts.starts) == pytest.approx([1.0] * 3)


def test_a_copy_hears_more_than_the_original() -> None:
    counts = Counts([3, 3], 4)
    counts.extend(rows(2, 20, 0))
    before = counts.weighted().tolist()
    twin = counts.copy()
    twin.extend(rows(2, 5, 1))
    assert counts.weighted().tolist() == before != twin.weighted().tolist()
