"""Random forests that say how sure they are (Hutter, Xu, Hoos, Leyton-Brown, AIJ 2014; trees of scikit-learn).

Each leaf keeps the mean and the variance of what fell into it. By the law of total variance a prediction's variance is that
between the trees plus the mean of those within their leaves: a forest of one mind about a noisy corner is still unsure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.tree import ExtraTreeRegressor

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]
LEAST = 1e-10                                   # no variance is smaller
DEEPEST = 2**20


class Belief(NamedTuple):
    """Of each row."""

    means: Floats
    variances: Floats


@dataclass(frozen=True)
class Growth:
    """How trees grow: split points are drawn at random, the best of a share of the features' is taken."""

    trees: int = 10
    features: float = 5 / 6
    min_split: int = 3
    min_leaf: int = 3
    bootstrap: bool = True
    within_leaves: bool = True                  # the law of total variance; else the variance between the trees alone


class Forest:
    """Fitted on construction. `logarithmic` targets are averaged in each leaf on their raw scale."""

    def __init__(self, rows: Rows, targets: Floats, growth: Growth, seed: int, logarithmic: bool = True) -> None:
        self.growth, self.logarithmic = growth, logarithmic
        generator = np.random.Generator(np.random.PCG64(seed))
        self.trees: list[Any] = []
        self.leaves: list[tuple[Floats, Floats]] = []           # means and variances, by node
        with config_context(skip_parameter_validation=True, assume_finite=True):
            for _ in range(growth.trees):
                self._grow(rows, targets, generator)

    def _grow(self, rows: Rows, targets: Floats, generator: np.random.Generator) -> None:
        count = len(targets)
        weights = np.ones(count)
        if self.growth.bootstrap:
            weights = np.bincount(generator.integers(0, count, count), minlength=count).astype(np.float64)
        tree = ExtraTreeRegressor(max_features=self.growth.features, min_samples_split=self.growth.min_split,
                                  min_samples_leaf=self.growth.min_leaf, max_depth=DEEPEST,
                                  random_state=int(generator.integers(2**31)))
        found = tree.fit(rows, targets, sample_weight=weights, check_input=False).tree_
        self.trees.append(found)
        self.leaves.append(self._leaf(found.apply(rows), found.node_count, targets, weights))

    def _leaf(self, places: NDArray[np.intp], nodes: int, targets: Floats, weights: Floats) -> tuple[Floats, Floats]:
        """Mean and variance of the targets in each leaf; nodes that are no leaves get something that nobody reads."""
        mass = np.maximum(np.bincount(places, weights, nodes), LEAST)
        means = np.bincount(places, weights * targets, nodes) / mass
        variances = np.bincount(places, weights * (targets - means[places]) ** 2, nodes) / mass
        if self.logarithmic:
            means = np.log(np.maximum(np.bincount(places, weights * np.exp(targets), nodes) / mass, 1e-300))
        return means, variances

    def predict(self, rows: Rows) -> Belief:
        places = [tree.apply(rows) for tree in self.trees]
        means = np.stack([leaf[0][place] for leaf, place in zip(self.leaves, places, strict=True)])
        variances = means.var(axis=0)
        if self.growth.within_leaves:
            for (_, leaf), place in zip(self.leaves, places, strict=True):
                variances += leaf[place] / len(places)
        return Belief(means.mean(axis=0), np.maximum(variances, LEAST))

    def importance(self) -> Floats:
        """The share of each feature in how much the splits lower the variance; 0 for all where nothing was split."""
        found = np.mean([tree.compute_feature_importances(normalize=True) for tree in self.trees], axis=0)
        return np.asarray(found, dtype=np.float64)
