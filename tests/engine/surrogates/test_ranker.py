"""Predictors for cells: any number of blocks, invariances, and that the quick way to many scores is exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from engine.spaces.growth import Growth
from engine.surrogates import ranker
from engine.surrogates.ensemble import Ensemble, rank_correlation
from engine.surrogates.ranker import Pooled, Recurrent
from tests.engine.spaces.test_growth import some

torch.set_num_threads(1)
GROWTH = Growth(8, 1, 5)
WORTH = np.random.default_rng(7).normal(size=(7, 8))


def body(kind: str, width: int = 24) -> Any:
    return Recurrent(GROWTH.vocabulary, width, width) if kind == "lstm" else Pooled(GROWTH.vocabulary, 4, width, width)


def additive(rows: Any) -> list[float]:
    """A score that is the mean of what each block is worth."""
    return [float(np.mean([WORTH[i, a] / 3 + WORTH[j, b] / 3 + WORTH[6, a] + WORTH[6, b] for i, j, a, b, _ in row]))
            for row in rows]


BOTH = pytest.mark.parametrize("kind", ["mlp", "lstm"])


@BOTH
@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_many_at_once_are_scored_as_one_by_one(kind: str, blocks: int) -> None:
    tokens = GROWTH.tokens(some(GROWTH, blocks, 120))
    found = Ensemble(body(kind), 3, np.random.default_rng(0))
    together = found.body.score(found.weights, tokens)
    each = [torch.from_numpy(row[None]).expand(3, -1, -1, -1) for row in tokens]
    alone = torch.cat([found.body.train(found.weights, one) for one in each], 1)
    assert torch.allclose(together, alone, atol=1e-5)


@BOTH
def test_half_a_million_cells_are_never_held_at_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is between the embeddings and the score is there for one chunk at a time, and scores do not depend on chunks."""
    tokens = GROWTH.tokens(some(GROWTH, 5, 120))
    found, held = Ensemble(body(kind), 3, np.random.default_rng(0)), list[int]()
    whole, layer = found.body.score(found.weights, tokens), "_last" if kind == "lstm" else "_deep"
    scored: Callable[[Any, torch.Tensor], torch.Tensor] = getattr(found.body, layer)

    def noted(weights: Any, hidden: torch.Tensor) -> torch.Tensor:
        held.append(hidden.shape[1])
        return scored(weights, hidden)

    monkeypatch.setattr(found.body, layer, noted)
    monkeypatch.setattr(ranker, "CHUNK", 50)
    assert torch.allclose(found.body.score(found.weights, tokens), whole, atol=1e-5)
    assert len(held) == 3 and max(held) <= 50


def test_the_order_of_blocks_means_nothing_to_the_mean() -> None:
    tokens = GROWTH.tokens(some(GROWTH, 4, 50))
    found = Ensemble(body("mlp"), 2, np.random.default_rng(0))
    assert np.allclose(found.predict(tokens), found.predict(tokens[:, ::-1].copy()), atol=1e-6)


def test_the_order_of_blocks_means_something_to_the_one_that_reads() -> None:
    tokens = GROWTH.tokens(some(GROWTH, 4, 50))
    found = Ensemble(body("lstm"), 2, np.random.default_rng(0))
    assert not np.allclose(found.predict(tokens), found.predict(tokens[:, ::-1].copy()), atol=1e-6)


def test_one_block_scores_rank_the_cells_of_two() -> None:
    """An additive landscape: 136 cells of one block are enough to rank the next level."""
    one, two, generator = GROWTH.first(), some(GROWTH, 2, 500), np.random.default_rng(1)
    found = Ensemble(Pooled(GROWTH.vocabulary, 4, 100, 100), 5, np.random.default_rng(0))
    found.fit([(one, additive(one))], 200, 0.01, lambda rows: GROWTH.tokens(GROWTH.rewritten(rows, generator)))
    known = [k for k, row in enumerate(two) if row[1, :2].max() < 2]       # inputs that the predictor has seen
    assert rank_correlation(found.predict(GROWTH.tokens(two[known])).tolist(), additive(two[known])) > 0.9
    assert rank_correlation(found.predict(GROWTH.tokens(two)).tolist(), additive(two)) > 0.75


def test_the_one_that_reads_learns_too() -> None:
    rows = some(GROWTH, 2, 600)
    found = Ensemble(body("lstm", 32), 3, np.random.default_rng(0))
    found.fit([(GROWTH.tokens(rows[:400]), additive(rows[:400]))], 200, 0.01)
    assert rank_correlation(found.predict(GROWTH.tokens(rows[400:])).tolist(), additive(rows[400:])) > 0.7


@BOTH
def test_cells_of_several_lengths_are_learned_together(kind: str) -> None:
    parts = [some(GROWTH, blocks, 80) for blocks in (1, 2, 3)]
    found = Ensemble(body(kind), 2, np.random.default_rng(0))
    found.fit([(GROWTH.tokens(rows), additive(rows)) for rows in parts], 30, 0.01)
    assert [len(fold[0]) for fold in found.folds] == [68, 40, 40]
    assert all(np.isfinite(found.predict(GROWTH.tokens(rows))).all() for rows in parts)
