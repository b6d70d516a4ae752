"""Alphas: drawn from the seed, softmax for the probabilities, and a state that gives them back."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from engine.architecture.relaxed import Table
from engine.nets.alphas import Alphas

TABLES = {"normal": Table(("0 to 1", "0 to 2"), ("none", "skip_connect", "conv")), "reduce": Table(("0 to 1",), ("a", "b"))}


def alphas(seed: int = 0, **more: Any) -> Alphas:
    return Alphas(TABLES, seed, "cpu", **{"lr": 0.1, "betas": (0.5, 0.999), "weight_decay": 0.0, **more})


def test_they_are_small_normal_numbers_of_the_seed() -> None:
    first, again, other = alphas(), alphas(), alphas(1)
    assert torch.equal(first.tables["normal"], again.tables["normal"])
    assert not torch.equal(first.tables["normal"], other.tables["normal"])
    assert first.tables["normal"].shape == (2, 3) and first.tables["normal"].abs().max() < 0.01


def test_probabilities_are_a_softmax_over_each_edge() -> None:
    held = alphas()
    with torch.no_grad():
        held.tables["normal"][0] = torch.tensor([0.0, math.log(2), math.log(5)])
    assert held.strengths()["normal"][0] == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    assert held.fixed()["normal"].requires_grad is False and held.probabilities()["normal"].requires_grad


def test_the_document_tells_softmax_raw_and_entropy() -> None:
    held = alphas(spread=0.0)
    told = held.document()
    assert told["entropy"]["normal"] == pytest.approx([math.log(3)] * 2, abs=1e-6)
    assert told["alphas"]["reduce"] == {"softmax": [[0.5, 0.5]], "raw": [[0.0, 0.0]]}


def test_a_step_goes_against_the_gradient_with_the_decay_of_the_optimiser() -> None:
    held = alphas(weight_decay=1.0)
    before = [table.detach().clone() for table in held.parameters]
    held.move([torch.ones(2, 3), torch.full((1, 2), -1.0)])
    assert (held.parameters[0] < before[0]).all() and (held.parameters[1] > before[1]).all()
    assert all(table.grad is None for table in held.parameters)


def test_going_on_from_a_state_equals_never_having_stopped() -> None:
    whole, cut = alphas(), alphas()
    gradients = [torch.randn(2, 3), torch.randn(1, 2)]
    for _ in range(3):
        whole.move(gradients)
        cut.move(gradients)
    fresh = alphas(9)
    fresh.load_state_dict(cut.state_dict())
    for held in (whole, fresh):
        held.move(gradients)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters, fresh.parameters, strict=True))


def test_operations_that_are_not_left_have_no_probability() -> None:
    tables = {"cell": Table(("a", "b"), ("x", "y", "z"))}
    alphas = Alphas(tables, 0, "cpu", lr=0.1, betas=(0.5, 0.999), weight_decay=0.1, left={"cell": ((0, 2), (1,))})
    chances = alphas.probabilities()["cell"]
    assert chances[0, 1] == chances[1, 0] == chances[1, 2] == 0 and float(chances[1, 1].detach()) == 1
    chances.square().sum().backward()
    assert alphas.tables["cell"].grad is not None and torch.isfinite(alphas.tables["cell"].grad).all()
    assert float(alphas.tables["cell"].grad[0, 1]) == 0
