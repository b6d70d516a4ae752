"""What the forest over losses is fitted to, and what its predictions mean."""

from __future__ import annotations

import numpy as np
import pytest

from engine.spaces.space import Parameter
from engine.surrogates.forest import Growth
from engine.surrogates.loss_model import LossModel, Scale, remembered
from engine.surrogates.vectors import Vectors

VECTORS = Vectors((Parameter("x", "real", low=0.0, high=1.0), Parameter("c", "categorical", ("a", "b"))))
GROWTH = Growth(features=1.0, min_split=2, min_leaf=1)


def known(count: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rows = VECTORS.sample(np.random.Generator(np.random.PCG64(0)), count)
    return rows, (rows[:, 0] - 0.3) ** 2 + 0.1 * rows[:, 1] - 5.0          # losses may be negative


@pytest.mark.parametrize("losses", [[-5.0, -4.0, -4.0, 7.0], [0.0, 0.0], [1.0], [-1e9, 1e9], [3.0, 3.0 + 1e-12]])
def test_losses_of_any_sign_have_logarithms_and_come_back(losses: list[float]) -> None:
    scale, given = Scale.of(np.array(losses)), np.array(losses)
    logs = scale.logs(given)
    assert np.isfinite(logs).all() and (np.diff(logs) >= 0).all() and logs.max() <= 1e-9
    assert [scale.loss(each) for each in logs] == pytest.approx(losses, rel=1e-6, abs=1e-6)


def test_differences_near_the_best_count_most() -> None:
    logs = Scale.of(np.linspace(0, 1, 101)).logs(np.array([0.0, 0.1, 0.9, 1.0]))
    assert logs[1] - logs[0] > 5 * (logs[3] - logs[2])


def test_the_scale_does_not_matter() -> None:
    """Adding to all losses, or multiplying them, changes no logarithm."""
    losses = np.random.default_rng(0).random(50)
    assert Scale.of(7 * losses - 3).logs(7 * losses - 3) == pytest.approx(Scale.of(losses).logs(losses), abs=1e-6)


def test_the_best_are_never_forgotten_and_no_more_are_kept_than_asked() -> None:
    losses = np.random.default_rng(0).random(500)
    kept = remembered(losses, 100, np.random.Generator(np.random.PCG64(0)))
    assert len(kept) == len(set(kept.tolist())) == 100 and (np.diff(kept) > 0).all()
    assert set(np.argsort(losses)[:50].tolist()) <= set(kept.tolist())
    assert losses[kept].max() > np.sort(losses)[400], "others are drawn from all of the rest"
    assert remembered(losses, 500, np.random.Generator(np.random.PCG64(0))).tolist() == list(range(500))


def test_predictions_are_losses() -> None:
    rows, losses = known()
    model = LossModel(VECTORS, GROWTH, 0, rows, losses, 1000)
    guessed = [model.predict(row)[0] for row in rows]
    assert np.corrcoef(guessed, losses)[0, 1] > 0.9 and np.abs(np.array(guessed) - losses).mean() < 0.1
    assert model.fitted == 80 and model.scale.loss(model.best) == pytest.approx(losses.min())
    assert LossModel(VECTORS, GROWTH, 0, rows, losses, 30).fitted == 30


def test_what_is_under_way_makes_its_neighbourhood_less_doubtful_and_moves_no_expectation_far() -> None:
    rows, losses = known(12)
    pending = np.repeat(np.array([[0.85, 0.0]]), 6, axis=0)
    alone, believed = (LossModel(VECTORS, GROWTH, 0, rows, losses, 100, each) for each in (None, pending))
    assert believed.predict(pending[0])[1].variances[0] < alone.predict(pending[0])[1].variances[0]
    assert believed.predict(pending[0])[0] == pytest.approx(alone.predict(pending[0])[0], abs=0.1)
