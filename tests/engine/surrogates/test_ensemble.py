"""Ensembles: folds, what they learn, and that the seed alone decides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from engine.surrogates.ensemble import Ensemble, Perceptron, folds, rank_correlation

torch.set_num_threads(1)
INPUTS = np.random.default_rng(0).random((80, 6)).astype(np.float32)
SCORES: list[float] = (INPUTS @ np.array([3.0, -2.0, 1.0, 0.0, 0.5, -1.0]) + 7).tolist()


def made(seed: int = 0, members: int = 5) -> Ensemble:
    return Ensemble(Perceptron(6, 16, 2), members, np.random.default_rng(seed))


def learned(seed: int = 0) -> Ensemble:
    found = made(seed)
    found.fit([(INPUTS, SCORES)], 150, 0.01)
    return found


def test_each_member_misses_a_fifth_of_its_own() -> None:
    parts = folds(50, 5, np.random.default_rng(0))
    missed = [set(range(50)) - set(part.tolist()) for part in parts]
    assert [len(each) for each in missed] == [10] * 5 and set().union(*missed) == set(range(50))


@pytest.mark.parametrize(("count", "members"), [(4, 5), (9, 5), (30, 1)])
def test_of_very_few_data_all_is_seen(count: int, members: int) -> None:
    assert all(sorted(part.tolist()) == list(range(count)) for part in folds(count, members, np.random.default_rng(0)))


def test_the_prediction_is_the_average_of_the_members() -> None:
    found = learned()
    each = found.predictions(INPUTS)
    assert each.shape == (5, 80) and np.allclose(found.predict(INPUTS), each.mean(0)) and each.std(0).min() > 0


def test_it_learns_scores_on_their_own_scale() -> None:
    fresh = np.random.default_rng(5).random((60, 6)).astype(np.float32)
    truth = fresh @ np.array([3.0, -2.0, 1.0, 0.0, 0.5, -1.0]) + 7
    found = learned().predict(fresh)
    assert rank_correlation(found.tolist(), truth.tolist()) > 0.9 and abs(found.mean() - truth.mean()) < 0.5


def test_one_member_alone_learns_what_it_learns_beside_others() -> None:
    """The members share a pass, not their weights: a change of one leaves the predictions of the others."""
    one, other = learned(), learned()
    other.weights["weight_0"][2] += 1.0
    same = (one.predictions(INPUTS) == other.predictions(INPUTS)).all(1)
    assert same.tolist() == [True, True, False, True, True]


def test_the_seed_decides_and_nothing_global() -> None:
    before = torch.get_rng_state()
    first, again, another = learned(1).predict(INPUTS), learned(1).predict(INPUTS), learned(2).predict(INPUTS)
    assert (first == again).all() and (first != another).any() and torch.equal(before, torch.get_rng_state())


def test_scores_that_are_all_the_same_do_no_harm() -> None:
    found = made()
    found.fit([(INPUTS[:3], [0.5, 0.5, 0.5])], 5, 0.01)
    assert np.isfinite(found.predict(INPUTS)).all()


@pytest.mark.parametrize("change", [lambda x: x, lambda x: 3 * x - 2, np.exp])
def test_rank_correlation_sees_ranks_only(change: Callable[[np.ndarray], np.ndarray]) -> None:
    values = np.array([0.3, 1.2, -0.4, 2.0, 0.9])
    assert rank_correlation(values.tolist(), change(values).tolist()) == pytest.approx(1.0)
    assert rank_correlation(values.tolist(), (-change(values)).tolist()) == pytest.approx(-1.0)


def test_ties_share_their_rank() -> None:
    assert rank_correlation([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9486832980505138)
    assert rank_correlation([1, 1, 1], [1, 2, 3]) == rank_correlation([1], [1]) == 0.0
