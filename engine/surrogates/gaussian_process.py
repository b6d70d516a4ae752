"""Exact Gaussian process regression on kernel matrices that are given (Rasmussen & Williams, 2006, chapters 2 and 5)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import ndtr

Floats = NDArray[np.float64]
JITTER = 1e-10
GRID = (25, 9)                                  # scales and noises that are tried


class Belief(NamedTuple):
    """What is expected at some points, without the noise of observing."""

    means: Floats
    deviations: Floats


def repaired(gram: Floats) -> Floats:
    """The nearest positive semi-definite matrix: negative eigenvalues become 0."""
    values, vectors = np.linalg.eigh((gram + gram.T) / 2)
    if values[0] >= 0:
        return gram
    found: Floats = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return (found + found.T) / 2


class GaussianProcess:
    """`gram` is the kernel between the observed points, positive semi-definite; the prior mean is `centre`."""

    def __init__(self, gram: Floats, values: Floats, noise: float, centre: float = 0.0) -> None:
        self.centre = centre
        self.factor = _factor(gram, noise)
        self.weights: Floats = cho_solve((self.factor, True), values - centre)

    def predict(self, cross: Floats, own: Floats) -> Belief:
        """`cross`: kernel of the observed points (rows) to others (columns); `own`: of each other with itself."""
        means = self.centre + cross.T @ self.weights
        reduced = solve_triangular(self.factor, cross, lower=True)
        return Belief(means, np.sqrt(np.maximum(own - np.einsum("ij,ij->j", reduced, reduced), 0.0)))


def _factor(gram: Floats, noise: float) -> Floats:
    """The Cholesky factor, with as much on the diagonal as it takes."""
    size = len(gram)
    jitter = JITTER * max(1.0, float(np.trace(gram)) / max(1, size))
    while True:
        try:
            factor: Floats = cho_factor(gram + (noise + jitter) * np.eye(size), lower=True)[0]
        except np.linalg.LinAlgError:
            jitter *= 10
        else:
            return np.tril(factor)


class Scaled(NamedTuple):
    """How likely the values are, and the scale of the kernel and the noise with which they are."""

    likelihood: float
    scale: float
    noise: float


def best_scale(gram: Floats, values: Floats, scales: tuple[float, float], noises: tuple[float, float]) -> Scaled:
    """The log marginal likelihood of centred values under scale * gram + noise, at its largest on a grid within the bounds.

    One eigendecomposition serves the whole grid: in its basis the values are independent. Negative eigenvalues count as 0.
    """
    spectrum, vectors = np.linalg.eigh(gram)
    squared = (vectors.T @ values) ** 2
    scale, noise = (axis.ravel() for axis in np.meshgrid(np.geomspace(*scales, GRID[0]), np.geomspace(*noises, GRID[1])))
    variances = np.outer(scale, np.maximum(spectrum, 0.0)) + noise[:, None]
    found = -0.5 * (squared / variances + np.log(variances)).sum(axis=1) - 0.5 * len(values) * math.log(2 * math.pi)
    at = int(np.argmax(found))
    return Scaled(float(found[at]), float(scale[at]), float(noise[at]))


def expected_improvement(belief: Belief, best: float) -> Floats:
    """By how much a value is expected to rise above `best`."""
    gain = belief.means - best
    safe = np.maximum(belief.deviations, 1e-12)
    z = gain / safe
    found = gain * ndtr(z) + safe * np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    rising: Floats = np.maximum(found, 0.0)
    return rising
