"""The search for the largest expected improvement."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from engine.architecture.genotype import from_vector, vector
from engine.spaces.space import Parameter
from engine.surrogates.arc_process import ArcProcess, Posterior, log_expected_improvement
from engine.surrogates.arc_search import Found, _some, promising
from engine.surrogates.vectors import Vectors

PARAMETERS = [Parameter("layers", "integer", low=1, high=3),
              *(Parameter(f"op_{k}", "categorical", tuple("abcd"), when=({"name": "layers", "at_least": k},))
                for k in (1, 2, 3))]
VECTORS = Vectors(PARAMETERS)


def believed() -> tuple[Posterior, Any, float]:
    rows = VECTORS.sample(np.random.default_rng(0), 12)
    values = (rows[:, 1] == 2) + 0.5 * rows[:, 0]
    values = (values - values.mean()) / values.std()
    process = ArcProcess(PARAMETERS)
    process.fit(rows, values, 20)
    return Posterior(process, rows, values), rows[np.argsort(-values)], float(values.max())


def found(seed: int = 0, **how: Any) -> tuple[Found, Posterior, float]:
    posterior, known, best = believed()
    settings = {"random": 50, "steps": 5, "width": 100} | how
    ranking = promising(VECTORS, posterior, best, known[:3], generator=np.random.default_rng(seed), **settings)
    return ranking, posterior, best


def test_the_most_promising_come_first_with_their_improvement() -> None:
    ranking, posterior, best = found()
    assert (np.diff(ranking.gains) <= 0).all()
    assert np.allclose(ranking.gains, log_expected_improvement(posterior.predict(ranking.rows), best), atol=1e-8)


def test_every_row_is_of_the_space() -> None:
    for row in found()[0].rows:
        again = vector(PARAMETERS, from_vector(PARAMETERS, row.tolist()))
        assert np.array_equal(again, row, equal_nan=True)


def test_local_search_finds_what_few_random_rows_miss() -> None:
    alone, climbed = found(random=2, steps=1, width=1)[0], found(random=2, steps=5)[0]
    everything = found(random=5000)[0].gains[0]
    assert climbed.gains[0] == pytest.approx(everything, abs=1e-9) and climbed.gains[0] >= alone.gains[0]


def test_no_row_has_more_neighbours_than_the_width() -> None:
    near, owner = VECTORS.neighbours(VECTORS.sample(np.random.default_rng(0), 6), np.random.default_rng(1))
    kept, owners = _some(near, owner, 4, np.random.default_rng(2))
    assert max(Counter(owner.tolist()).values()) > 4 and set(Counter(owners.tolist()).values()) == {4}
    for row, of in zip(kept, owners, strict=True):
        assert any(np.array_equal(row, other, equal_nan=True) for other in near[owner == of])


def test_where_it_began_is_known() -> None:
    ranking = found(random=40)[0]
    assert (ranking.starts == -1).sum() == 40 and set(ranking.starts.tolist()) == {-1, 0, 1, 2}


def test_it_depends_on_the_generator_alone() -> None:
    first, again, other = found(1)[0], found(1)[0], found(2)[0]
    assert np.array_equal(first.rows, again.rows, equal_nan=True) and first.rows.shape[1] == other.rows.shape[1]
    assert not np.array_equal(first.rows[:50], other.rows[:50], equal_nan=True)


def test_without_known_rows_only_random_ones_are_looked_at() -> None:
    posterior, known, best = believed()
    ranking = promising(VECTORS, posterior, best, known[:0], random=7, steps=3, width=9, generator=np.random.default_rng(0))
    assert len(ranking.gains) == 7
