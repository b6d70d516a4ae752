"""Scores as a Gaussian process likes them: mean 0 and variance 1, or their ranks as quantiles of the normal distribution
(Salinas, Shen, Perrone, ICML 2020, arXiv:1909.13595)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

Floats = NDArray[np.float64]
LARGEST = 1e150                                 # scores whose squares are still numbers


class ScoreScale:
    """NaN is a failure: as bad as the worst that is known. At least one must be a score."""

    def __init__(self, scores: Floats, ranks: bool) -> None:
        known = np.clip(np.where(np.isnan(scores), np.nanmin(scores), scores), -LARGEST, LARGEST)
        values = ndtri((rankdata(known) - 0.5) / len(known)) if ranks else known
        self.ranks, self.centre, self.spread = ranks, float(values.mean()), float(values.std()) or 1.0
        self.values: Floats = (values - self.centre) / self.spread
        self.known, first = np.unique(known, return_index=True)
        self.at = self.values[first]

    def score(self, value: float) -> float:
        """The score that a value stands for; of ranks none beyond the scores that are known."""
        if self.ranks:
            return float(np.interp(value, self.at, self.known))
        return value * self.spread + self.centre
