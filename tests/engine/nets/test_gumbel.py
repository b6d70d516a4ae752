"""Hard draws: one operation forward, all alphas backward."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import torch

from engine.architecture.relaxed import Table
from engine.nets.alphas import Alphas
from engine.nets.gumbel import drawn, relaxed

TABLE = {"cell": Table(("a", "b"), ("none", "skip", "conv"))}


def alphas() -> Alphas:
    return Alphas(TABLE, 0, "cpu", lr=0.1, betas=(0.5, 0.999), weight_decay=0.0)


@pytest.mark.parametrize("tau", [10.0, 0.5])
def test_forward_is_one_hot_and_the_gradient_reaches_all_alphas_of_an_edge(tau: float) -> None:
    given = alphas()
    choice = drawn(given, Random(1), tau)
    assert choice.weights is not None
    weights = choice.weights["cell"]
    columns = [column for (column,) in choice.path["cell"]]
    assert torch.equal(weights.detach(), torch.eye(3)[columns])
    sum(weights[row, column] for row, column in enumerate(columns)).backward()      # type: ignore[union-attr]
    slope = given.tables["cell"].grad
    assert slope is not None and (slope != 0).all() and torch.allclose(slope.sum(1), torch.zeros(2), atol=1e-6)


def test_draws_follow_the_probabilities_and_the_stream() -> None:
    given, rng = alphas(), Random(3)
    with torch.no_grad():
        given.tables["cell"].copy_(torch.log(torch.tensor([[0.2, 0.3, 0.5]] * 2)))
    counts = torch.zeros(3)
    for _ in range(1000):
        for (column,) in drawn(given, rng, 1.0).path["cell"]:
            counts[column] += 1
    expected = torch.tensor([400.0, 600.0, 1000.0])
    assert float(((counts - expected) ** 2 / expected).sum()) < 13.8          # chi-square, 2 degrees, 0.001
    assert drawn(given, Random(5), 1.0).path == drawn(given, Random(5), 1.0).path


def test_noise_that_is_not_finite_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    exponential, calls = torch.Tensor.exponential_, []

    def first_zero(self: torch.Tensor, **more: Any) -> torch.Tensor:
        calls.append(1)
        return self.zero_() if len(calls) == 1 else exponential(self, **more)

    monkeypatch.setattr(torch.Tensor, "exponential_", first_zero)
    found = relaxed(torch.zeros(2, 3), torch.Generator().manual_seed(0), 1.0)
    assert len(calls) == 2 and torch.isfinite(found).all()


def test_alphas_that_are_lost_are_said_and_not_drawn_from_for_ever() -> None:
    with pytest.raises(FloatingPointError, match="no longer finite"):
        relaxed(torch.full((1, 2), float("nan")), torch.Generator(), 1.0)
