"""Optimizers: SMORM3S against its definition, and what each name stands for."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from engine.estimation.scratch import OPTIMIZERS
from engine.training.optimizers import Smorm3s, optimizer_of
from engine.training.trainer import Plan

PLAN = Plan(epochs=1, batch_size=1, lr=0.01, weight_decay=0.0)


def by_hand(gradients: list[float], lr: float, start: float = 0.0) -> float:
    """The definition, one number at a time in double precision."""
    weight, memory, mean, square = start, 1.0, 0.0, 0.0
    for gradient in gradients:
        share = 1 / (memory + 1)
        mean = (1 - share) * mean + share * gradient
        square = (1 - share) * square + share * gradient * gradient
        agreement = mean * mean / (square + 1e-16)
        weight -= gradient * min(lr, agreement) / (math.sqrt(square) + 1e-16)
        memory = 1 + memory * (1 - agreement)
    return weight


@pytest.mark.parametrize("gradients", [[1.0] * 20, [1.0, -1.0] * 10, [0.0, 0.0, 3.0], [1e-3, 5.0, -2.0, 0.1, 7.0],
                                       [1e-6] * 4, [1e4, -1e4, 1e4]])
def test_smorm3s_is_its_definition(gradients: list[float]) -> None:
    weight = torch.zeros(2, 1, dtype=torch.float64, requires_grad=True)
    optimizer = Smorm3s([weight], lr=0.05)
    for gradient in gradients:
        weight.grad = torch.full_like(weight, gradient)
        optimizer.step()
    assert weight.detach().flatten().tolist() == pytest.approx([by_hand(gradients, 0.05)] * 2, rel=1e-9, abs=1e-15)


def test_smorm3s_goes_at_full_pace_while_gradients_agree_and_slows_in_noise() -> None:
    assert by_hand([1.0] * 100, 0.01) < -0.9
    assert abs(by_hand([1.0, -1.0] * 50, 0.01)) < 0.05


def test_smorm3s_adds_weight_decay_to_the_gradient_and_leaves_the_frozen_alone() -> None:
    weight, frozen = torch.full((1,), 4.0, requires_grad=True), torch.ones(1, requires_grad=True)
    optimizer = Smorm3s([weight, frozen], lr=0.05, weight_decay=0.5)
    weight.grad = torch.zeros(1)
    optimizer.step()
    assert weight.item() == pytest.approx(by_hand([2.0], 0.05, start=4.0)) and frozen.item() == 1.0


def test_smorm3s_takes_a_closure_and_gives_its_loss() -> None:
    weight = torch.ones(1, requires_grad=True)
    optimizer = Smorm3s([weight])

    def closure() -> float:
        loss = (weight * weight).sum()
        loss.backward()
        return loss.item()

    assert optimizer.step(closure) == 1.0 and weight.item() < 1.0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_name_descends_and_keeps_what_it_needs(name: str) -> None:
    torch.manual_seed(0)
    model, inputs = nn.Linear(3, 1), torch.randn(64, 3)
    wanted = inputs @ torch.tensor([[1.0], [-2.0], [0.5]])
    optimizer = optimizer_of(model, replace(PLAN, optimizer=name, lr=0.05))
    losses = []
    for _ in range(60):
        loss = (model(inputs) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] * (0.999 if name == "adadelta" else 0.9)
    again = optimizer_of(model, replace(PLAN, optimizer=name, lr=0.05))
    again.load_state_dict(optimizer.state_dict())
    assert len(again.state_dict()["state"]) == 2


@pytest.mark.parametrize(("name", "kind", "wanted"), [
    ("sgd", torch.optim.SGD, {"momentum": 0.5, "nesterov": True}), ("adam", torch.optim.Adam, {"betas": (0.8, 0.9)}),
    ("adamw", torch.optim.AdamW, {"betas": (0.8, 0.9)}), ("adadelta", torch.optim.Adadelta, {"rho": 0.7}),
    ("adagrad", torch.optim.Adagrad, {}), ("smorm3s", Smorm3s, {}),
])
def test_the_plan_sets_each_of_them(name: str, kind: type, wanted: dict[str, Any]) -> None:
    plan = replace(PLAN, optimizer=name, momentum=0.5, beta1=0.8, beta2=0.9, rho=0.7, weight_decay=0.25)
    (group,) = optimizer_of(nn.Linear(2, 1), plan).param_groups
    assert type(optimizer_of(nn.Linear(2, 1), plan)) is kind
    assert {key: group[key] for key in wanted} == wanted and group["lr"] == 0.01 and group["weight_decay"] == 0.25


def test_nesterov_needs_momentum() -> None:
    (group,) = optimizer_of(nn.Linear(2, 1), replace(PLAN, momentum=0.0, nesterov=True)).param_groups
    assert not group["nesterov"]
