"""Regression, repair of kernel matrices, likelihood and expected improvement."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from engine.surrogates.gaussian_process import (
    Belief,
    GaussianProcess,
    best_scale,
    expected_improvement,
    repaired,
)

POINTS = np.linspace(0, 3, 12)


def kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.exp(-((one[:, None] - other) ** 2))


def test_without_noise_it_passes_through_the_points() -> None:
    values = np.sin(POINTS)
    belief = GaussianProcess(kernel(POINTS, POINTS), values, 1e-9).predict(kernel(POINTS, POINTS), np.ones(12))
    assert belief.means == pytest.approx(values, abs=1e-4) and belief.deviations.max() < 1e-3


def test_far_away_it_knows_nothing() -> None:
    process = GaussianProcess(2 * kernel(POINTS, POINTS), np.sin(POINTS) + 5, 0.01, centre=5.0)
    belief = process.predict(2 * kernel(POINTS, np.array([90.0])), np.array([2.0]))
    assert belief.means[0] == pytest.approx(5.0) and belief.deviations[0] == pytest.approx(np.sqrt(2.0))


def test_it_is_the_conditional_normal_distribution() -> None:
    values, new = np.cos(POINTS), np.array([0.4, 1.7])
    gram, cross = kernel(POINTS, POINTS), kernel(POINTS, new)
    belief = GaussianProcess(gram, values, 0.1).predict(cross, np.ones(2))
    inverse = np.linalg.inv(gram + 0.1 * np.eye(12))
    assert belief.means == pytest.approx(cross.T @ inverse @ values)
    assert belief.deviations**2 == pytest.approx(1 - np.diag(cross.T @ inverse @ cross), abs=1e-8)


def test_twins_with_two_values_do_not_break_it() -> None:
    belief = GaussianProcess(np.ones((2, 2)), np.array([1.0, 3.0]), 0.0).predict(np.ones((2, 1)), np.ones(1))
    assert belief.means[0] == pytest.approx(2.0, abs=1e-3)


def test_repair_clips_negative_eigenvalues_and_leaves_the_rest() -> None:
    vectors = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0]
    broken = (vectors * np.array([-0.5, -1e-4, 0.2, 1.0, 3.0])) @ vectors.T
    found = repaired(broken)
    assert np.linalg.eigvalsh(found) == pytest.approx([0, 0, 0.2, 1, 3], abs=1e-12)
    sound = kernel(POINTS, POINTS) + np.eye(12)
    assert repaired(sound) is sound


def test_the_likelihood_is_that_of_the_normal_distribution() -> None:
    values = np.sin(2 * POINTS)
    found = best_scale(kernel(POINTS, POINTS), values, (0.01, 100.0), (0.005, 0.2))
    covariance = found.scale * kernel(POINTS, POINTS) + found.noise * np.eye(12)
    assert found.likelihood == pytest.approx(multivariate_normal.logpdf(values, np.zeros(12), covariance), abs=1e-6)


def test_the_scale_is_the_best_of_many() -> None:
    values = 4 * np.sin(2 * POINTS)
    found = best_scale(kernel(POINTS, POINTS), values, (0.01, 100.0), (0.005, 0.2))
    for scale in np.geomspace(0.01, 100, 25):
        for noise in np.geomspace(0.005, 0.2, 9):
            covariance = scale * kernel(POINTS, POINTS) + noise * np.eye(12)
            assert multivariate_normal.logpdf(values, np.zeros(12), covariance) <= found.likelihood + 1e-6
    assert 0.01 <= found.scale <= 100 and 0.005 <= found.noise <= 0.2


def test_expected_improvement_is_its_integral() -> None:
    belief = Belief(np.array([0.2, 1.5, -3.0]), np.array([0.5, 0.1, 1.0]))
    grid = np.linspace(-12, 12, 400_001)
    for mean, deviation, found in zip(*belief, expected_improvement(belief, 1.0), strict=True):
        gain = np.maximum(grid - 1.0, 0) * norm.pdf(grid, mean, deviation)
        assert found == pytest.approx(gain.sum() * (grid[1] - grid[0]), abs=1e-7)


def test_where_nothing_is_in_doubt_the_improvement_is_known() -> None:
    assert expected_improvement(Belief(np.array([0.0, 2.0]), np.zeros(2)), 1.0) == pytest.approx([0.0, 1.0])
