"""Forests: what leaves hold, how variances add up, and what a prediction may not depend on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.surrogates.forest import Forest, Growth

GROWTH = Growth(features=1.0, min_split=2, min_leaf=1)


def data(count: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    rows = generator.random((count, 5)).astype(np.float32)
    return rows, np.log(0.1 + rows[:, 0].astype(np.float64) + 0.2 * rows[:, 1])


def test_it_learns_what_matters() -> None:
    rows, targets = data()
    fresh, truth = data(seed=1)
    forest = Forest(rows, targets, GROWTH, 0)
    assert np.corrcoef(forest.predict(fresh).means, truth)[0, 1] > 0.95
    shares = forest.importance()
    assert shares[0] > 0.7 and np.argsort(-shares)[:2].tolist() == [0, 1] and shares.sum() == pytest.approx(1)


def test_the_seed_decides() -> None:
    rows, targets = data()
    one, same, other = (Forest(rows, targets, GROWTH, seed).predict(rows).means for seed in (3, 3, 4))
    assert (one == same).all() and (one != other).any()


def test_logarithmic_leaves_hold_the_logarithm_of_the_raw_mean() -> None:
    """Everything in one leaf: the mean of the raw losses, not of their logarithms."""
    rows, targets = np.zeros((4, 1), dtype=np.float32), np.log([1.0, 2.0, 3.0, 10.0])
    growth = replace(GROWTH, trees=1, bootstrap=False)
    raw = Forest(rows, targets, growth, 0).predict(rows)
    plain = Forest(rows, targets, growth, 0, logarithmic=False).predict(rows)
    assert raw.means[0] == pytest.approx(np.log(4.0)) and plain.means[0] == pytest.approx(targets.mean())
    assert raw.variances[0] == pytest.approx(targets.var())


def test_the_variance_is_that_between_trees_plus_the_mean_within_leaves() -> None:
    """The law of total variance, against every tree's leaves by hand."""
    rows, targets = data(60)
    growth = replace(GROWTH, min_leaf=5, bootstrap=False)
    total, between = (Forest(rows, targets, replace(growth, within_leaves=within), 0) for within in (True, False))
    point = rows[:1]
    means, within = [], []
    for tree in total.trees:
        here = targets[tree.apply(rows) == tree.apply(point)[0]]
        means.append(np.log(np.exp(here).mean()))
        within.append(here.var())
    assert total.predict(point).means[0] == pytest.approx(np.mean(means))
    assert between.predict(point).variances[0] == pytest.approx(np.var(means))
    assert total.predict(point).variances[0] == pytest.approx(np.var(means) + np.mean(within))


def test_without_bootstrap_trees_agree_at_what_they_were_fitted_to() -> None:
    """Between-tree variance alone is zero there: why a bootstrap is drawn."""
    rows, targets = data(80)
    bare = replace(GROWTH, within_leaves=False, bootstrap=False)
    assert Forest(rows, targets, bare, 0).predict(rows).variances.max() <= 1e-10
    assert Forest(rows, targets, replace(bare, bootstrap=True), 0).predict(rows).variances.mean() > 1e-4


def test_equal_targets_and_single_rows_are_no_fault() -> None:
    rows = np.zeros((1, 3), dtype=np.float32)
    forest = Forest(rows, np.zeros(1), GROWTH, 0)
    assert forest.predict(rows).means[0] == 0 and forest.predict(rows).variances[0] > 0
    assert forest.importance().tolist() == [0, 0, 0]


@pytest.mark.parametrize("leaf", [1, 3, 10])
def test_leaves_hold_as_many_as_asked(leaf: int) -> None:
    rows, targets = data(100)
    forest = Forest(rows, targets, replace(GROWTH, min_leaf=leaf, bootstrap=False), 0)
    for tree in forest.trees:
        assert np.unique(tree.apply(rows), return_counts=True)[1].min() >= leaf
