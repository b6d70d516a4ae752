"""The mixture on an edge."""

from __future__ import annotations

import pytest
import torch

from engine.nets.mixed_op import mixed


@pytest.mark.parametrize("kind", ["numbers", "tensors"])
def test_it_is_the_weighted_sum(kind: str) -> None:
    results = [torch.randn(2, 3, 4, 4, dtype=torch.float64) for _ in range(4)]
    weights = [0.1, 0.2, 0.3, 0.4]
    given = weights if kind == "numbers" else [torch.tensor(w, dtype=torch.float64) for w in weights]
    plain = sum((w * r for w, r in zip(weights, results, strict=True)), torch.zeros(()))
    assert torch.allclose(mixed(results, given), plain, rtol=0, atol=1e-14)


def test_gradients_reach_weights_and_results() -> None:
    results = [torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    weights = torch.rand(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w, *r: mixed(r, w.unbind()), (weights, *results))


def test_one_operation_alone_is_scaled() -> None:
    result = torch.ones(2, 2)
    assert torch.equal(mixed([result], [0.5]), 0.5 * result) and torch.equal(result, torch.ones(2, 2))
