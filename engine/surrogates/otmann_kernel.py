"""The kernel on OTMANN distances and its parameters by likelihood (Kandasamy et al., NeurIPS 2018, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np

from engine.surrogates.gaussian_process import Floats, GaussianProcess, Scaled, best_scale, repaired

BETAS = (1e-9, 1e-3)                            # of d: the range that is searched
BETAS_BAR = (0.1, 100.0)                        # of the square of d_bar
TRAINING = (0.1, 10.0)                          # of training decisions that differ
SCALES = (0.01, 100.0)                          # of the kernel, in variances of the scores
NOISES = (0.005, 0.2)
USUAL = 3e5                                     # total mass of the networks that the range of BETAS is meant for


@dataclass(frozen=True)
class Distances:
    """Between two sets of networks: d and d_bar for each nu, and how far training decisions are apart (None: none)."""

    plain: Floats                               # nu, one set, the other
    bar: Floats
    training: Floats | None = None


def training_distances(one: Floats, other: Floats, categorical: Sequence[bool]) -> Floats:
    """Mean difference of the training decisions of each with each (rows): numbers lie on a scale from 0 to 1, other choices
    are equal or not, and a decision that only one of the two makes differs by 1. An L1 distance, so exp(-d) is a kernel."""
    there, here = np.isfinite(one)[:, None], np.isfinite(other)[None]
    apart = np.abs(np.nan_to_num(one)[:, None] - np.nan_to_num(other)[None])
    apart = np.where(np.array(categorical), apart > 0, apart)
    found: Floats = np.where(there & here, apart, there ^ here).mean(axis=2)
    return found


class Kernel(NamedTuple):
    """share * exp(-sum beta d) + (1 - share) * exp(-sum beta_bar d_bar^2), times exp(-gamma * training), and its scale."""

    share: float
    betas: tuple[float, ...]
    betas_bar: tuple[float, ...]
    gamma: float = 1.0
    scale: float = 1.0
    noise: float = 0.01

    def correlation(self, distances: Distances) -> Floats:
        """1 where nothing differs."""
        plain = np.exp(-np.tensordot(np.array(self.betas), distances.plain, 1))
        bar = np.exp(-np.tensordot(np.array(self.betas_bar), distances.bar**2, 1))
        found: Floats = self.share * plain + (1 - self.share) * bar
        return found if distances.training is None else found * np.exp(-self.gamma * distances.training)

    def process(self, distances: Distances, values: Floats) -> GaussianProcess:
        """A Gaussian process on all these networks; the kernel matrix is repaired before the noise is added."""
        return GaussianProcess(repaired(self.scale * self.correlation(distances)), values, self.noise)


def drawn(rng: Random, terms: int, unit: float) -> Kernel:
    """Parameters from their ranges. `unit`: the mean total mass of the networks, which betas of d are relative to."""

    def somewhere(low: float, high: float) -> float:
        return float(low * (high / low) ** rng.random())

    betas = tuple(somewhere(*BETAS) * USUAL / unit for _ in range(terms))
    return Kernel(rng.random(), betas, tuple(somewhere(*BETAS_BAR) for _ in range(terms)), somewhere(*TRAINING))


def fitted(distances: Distances, values: Floats, unit: float, rng: Random, tries: int) -> tuple[Kernel, float]:
    """Of as many random draws the likeliest, each with its best scale and noise; and its log likelihood."""
    best: tuple[Kernel, Scaled] | None = None
    for _ in range(tries):
        kernel = drawn(rng, len(distances.plain), unit)
        found = best_scale(kernel.correlation(distances), values, SCALES, NOISES)
        if best is None or found.likelihood > best[1].likelihood:
            best = kernel, found
    assert best is not None
    kernel, found = best
    return kernel._replace(scale=found.scale, noise=found.noise), found.likelihood
