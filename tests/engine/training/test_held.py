"""Held entries: a step with a slice is the step of a network that has only the slice, and all else stays bit for bit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from engine.training.held import holding

OPTIMIZERS: dict[str, Callable[[list[nn.Parameter]], torch.optim.Optimizer]] = {
    "sgd": lambda weights: torch.optim.SGD(weights, 0.1, 0.9, weight_decay=0.1, nesterov=True),
    "adam": lambda weights: torch.optim.Adam(weights, 0.1, weight_decay=0.1)}
EACH = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)


def weight(seed: int = 0) -> nn.Parameter:
    return nn.Parameter(torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))


def mask(rows: int, columns: int) -> Tensor:
    found = torch.zeros(4, 5, dtype=torch.bool)
    found[:rows, :columns] = True
    return found


def stepped(optimizer: torch.optim.Optimizer, whole: nn.Parameter, rows: int, columns: int) -> None:
    optimizer.zero_grad(set_to_none=True)
    whole[:rows, :columns].pow(3).sum().backward()      # type: ignore[no-untyped-call]
    with holding(optimizer, {whole: mask(rows, columns)}):
        optimizer.step()


@EACH
def test_what_is_outside_does_not_move_nor_does_what_the_optimiser_remembers_of_it(
        make: Callable[[list[nn.Parameter]], torch.optim.Optimizer]) -> None:
    whole = weight()
    optimizer = make([whole])
    stepped(optimizer, whole, 4, 5)                     # from now on there is a memory everywhere
    before = whole.detach().clone()
    memory = {name: value.clone() for name, value in optimizer.state[whole].items() if value.ndim}
    stepped(optimizer, whole, 2, 3)
    outside = ~mask(2, 3)
    assert torch.equal(whole[outside], before[outside]) and (whole[~outside] != before[~outside]).all()
    after = {name: optimizer.state[whole][name] for name in memory}
    assert memory and all(torch.equal(after[name][outside], value[outside]) for name, value in memory.items())
    assert all((after[name] != value).any() for name, value in memory.items())


@EACH
def test_a_slice_takes_the_steps_of_a_weight_that_is_only_the_slice(
        make: Callable[[list[nn.Parameter]], torch.optim.Optimizer]) -> None:
    whole, small = weight(), nn.Parameter(weight().detach()[:2, :3].clone())
    ours, theirs = make([whole]), make([small])
    for _ in range(4):
        stepped(ours, whole, 2, 3)
        theirs.zero_grad(set_to_none=True)
        small.pow(3).sum().backward()                   # type: ignore[no-untyped-call]
        theirs.step()
    assert torch.equal(whole[:2, :3], small) and torch.equal(whole[~mask(2, 3)], weight()[~mask(2, 3)])


def test_what_is_used_for_the_first_time_later_begins_without_momentum() -> None:
    whole = weight()
    optimizer = OPTIMIZERS["sgd"]([whole])
    stepped(optimizer, whole, 2, 3)
    assert (optimizer.state[whole]["momentum_buffer"][~mask(2, 3)] == 0).all()


def test_without_parts_nothing_is_held() -> None:
    whole, free = weight(), weight()
    ours, theirs = OPTIMIZERS["sgd"]([whole]), OPTIMIZERS["sgd"]([free])
    for each, optimizer in ((whole, ours), (free, theirs)):
        each.square().sum().backward()                  # type: ignore[no-untyped-call]
        with holding(optimizer, {}):
            optimizer.step()
    assert torch.equal(whole, free) and not torch.equal(whole, weight())
