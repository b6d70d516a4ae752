"""Scores as values for a Gaussian process, and back."""

from __future__ import annotations

import numpy as np
import pytest

from engine.surrogates.score_scale import ScoreScale

NAN = float("nan")


@pytest.mark.parametrize("ranks", [False, True])
def test_values_have_mean_0_and_variance_1_and_the_order_of_the_scores(ranks: bool) -> None:
    scores = np.random.default_rng(0).random(50) ** 3
    values = ScoreScale(scores, ranks).values
    assert values.mean() == pytest.approx(0.0, abs=1e-12) and values.std() == pytest.approx(1.0)
    assert (np.argsort(values) == np.argsort(scores)).all()


@pytest.mark.parametrize("ranks", [False, True])
def test_every_score_is_found_again(ranks: bool) -> None:
    scores = np.array([0.3, 0.9, 0.1, 0.3, 0.85])
    scale = ScoreScale(scores, ranks)
    assert [scale.score(value) for value in scale.values] == pytest.approx(scores.tolist())


def test_a_failure_is_as_bad_as_the_worst() -> None:
    values = ScoreScale(np.array([0.5, NAN, 0.2, 0.9]), False).values
    assert values[1] == values[2] == values.min()


@pytest.mark.parametrize("ranks", [False, True])
def test_equal_scores_are_zeros(ranks: bool) -> None:
    scale = ScoreScale(np.array([0.5, 0.5, NAN]), ranks)
    assert scale.values.tolist() == [0.0, 0.0, 0.0] and scale.score(0.0) == 0.5


def test_one_very_bad_score_does_not_squeeze_the_ranks_of_the_others() -> None:
    scores = np.array([-1000.0, 0.5, 0.6, 0.7, 0.8])
    plain, ranked = (ScoreScale(scores, ranks).values for ranks in (False, True))
    assert plain[-1] - plain[1] < 0.01 and ranked[-1] - ranked[1] > 1


def test_ranks_tell_no_score_beyond_the_known_ones_and_plain_values_do() -> None:
    scores = np.array([0.1, 0.2, 0.3])
    assert ScoreScale(scores, True).score(9.0) == 0.3 and ScoreScale(scores, False).score(9.0) > 0.9


def test_scores_beyond_all_measure_are_numbers() -> None:
    assert np.isfinite(ScoreScale(np.array([1e308, -1e308, 0.5]), False).values).all()
