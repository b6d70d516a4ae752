"""Expected improvement against draws, and the search for its maximum."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.benchmarks.landscapes import LANDSCAPES
from engine.surrogates.acquisition import Effort, Maximiser, log_expected_improvement
from engine.surrogates.forest import Belief, Forest, Growth
from engine.surrogates.vectors import Vectors

SPACE = LANDSCAPES["L2"].space
VECTORS = Vectors(SPACE.parameters())


def belief(mean: float, deviation: float) -> Belief:
    return Belief(np.array([mean]), np.array([deviation**2]))


def maximiser(seed: int = 0, count: int = 60) -> tuple[Maximiser, np.ndarray]:
    """A forest that knows some points of the landscape, the best first."""
    rows = VECTORS.sample(np.random.Generator(np.random.PCG64(seed)), count)
    values = np.array([LANDSCAPES["L2"].value(SPACE.from_vector(row.tolist())) for row in rows]) + 1e-3
    forest = Forest(VECTORS.imputed(rows), np.log(values), Growth(), seed)
    found = Maximiser(VECTORS, forest, float(np.log(values.min())), np.random.Generator(np.random.PCG64(seed + 1)))
    return found, rows[np.argsort(values)]


@pytest.mark.parametrize(("mean", "deviation", "best"), [(0.0, 1.0, 0.0), (-1.0, 0.5, -1.5), (1.0, 2.0, 0.3),
                                                        (-3.0, 0.2, -2.9)])
@pytest.mark.parametrize("xi", [0.0, 0.2])
def test_expected_improvement_is_the_mean_over_draws(mean: float, deviation: float, best: float, xi: float) -> None:
    draws = np.exp(np.random.default_rng(0).normal(mean, deviation, 1_000_000))
    wanted = np.maximum(math.exp(best - xi) - draws, 0).mean()
    assert log_expected_improvement(belief(mean, deviation), best, xi)[0] == pytest.approx(wanted, rel=0.01)


def test_without_doubt_it_is_what_is_gained() -> None:
    for mean, best in ((-1.0, 0.0), (0.0, -1.0), (-2.0, -1.9)):
        found = log_expected_improvement(belief(mean, 1e-6), best)[0]
        assert found == pytest.approx(max(math.exp(best) - math.exp(mean), 0.0), abs=1e-6)


def test_it_is_never_negative() -> None:
    means, deviations = np.meshgrid(np.linspace(-20, 20, 81), np.logspace(-5, 1, 40))
    found = log_expected_improvement(Belief(means.ravel(), deviations.ravel() ** 2), -3.0)
    assert (found >= 0).all() and np.isfinite(found).all()


def test_local_search_finds_more_than_its_start_and_stays_in_the_space() -> None:
    search, known = maximiser()
    start = search.gains(known[:5])
    met = search.climb(known[:5], plateau=3)
    assert met.looked >= len(met.gains) > 0
    for place in range(5):
        own = met.gains[met.starts == place]
        assert not len(own) or own.max() >= start[place] - 1e-12
    assert met.gains.max() > start.max()
    for row in met.rows:
        architecture = SPACE.from_vector(row.tolist())
        assert SPACE.contains(architecture)
        assert (np.isnan(SPACE.vector(architecture)) == np.isnan(row)).all()


def test_the_ranking_descends_and_says_where_points_come_from() -> None:
    search, known = maximiser(3)
    ranking = search.ranking(known, Effort(random=400, starts=4, plateau=2))
    assert (np.diff(ranking.gains) <= 0).all() and len(ranking.gains) <= 300 < ranking.looked
    assert search.gains(ranking.rows) == pytest.approx(ranking.gains)
    assert set(ranking.starts.tolist()) <= {-1, 0, 1, 2, 3} and (ranking.starts >= 0).any()


def test_local_search_beats_random_points() -> None:
    better = 0
    for seed in range(8):
        search, known = maximiser(seed)
        ranking = search.ranking(known, Effort(random=500, starts=5, plateau=5))
        better += int(ranking.starts[0] >= 0)
    assert better >= 6


def test_no_known_points_and_few_random_ones_are_enough() -> None:
    search, known = maximiser()
    ranking = search.ranking(known[:0], Effort(random=3, starts=10))
    assert len(ranking.gains) == 3 and (ranking.starts == -1).all()
    assert len(search.ranking(known, Effort(random=1, starts=0)).gains) == 1


def test_an_end_to_plateaus() -> None:
    """A forest of one leaf: everything is equal, for ever."""
    rows = VECTORS.sample(np.random.Generator(np.random.PCG64(0)), 10)
    forest = Forest(VECTORS.imputed(rows), np.zeros(10), Growth(), 0)
    flat = Maximiser(VECTORS, forest, 0.0, np.random.Generator(np.random.PCG64(0)))
    short, long = (flat.climb(rows[:2], plateau).looked for plateau in (1, 6))
    assert 0 < short < long
