"""Controllers over small spaces, in double precision, and every sequence that they can write."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import torch

from engine.architecture.genotype import completions
from engine.nets.controller import SKIPPED, Controller, decisions_of
from engine.spaces.cell import Cell
from engine.spaces.chain import Chain
from engine.spaces.choices import Choices
from engine.spaces.enas_macro import EnasMacro
from engine.spaces.multi_branch import MultiBranch

SPACES: dict[str, Any] = {
    "conditions": Chain(min_layers=1, max_layers=2, types=("conv", "max_pool"), kernels=(3,), channels=(16, 32),
                        strides=(1,), pool_kernels=(3, 5), pool_strides=(1,), hidden=(0, 64), dropout=(0, 20)),
    "masks": Cell(blocks=2, ops=("identity",), combine=("add", "concat"), cells="one"),
    "skips": EnasMacro(layers=3, ops=("conv_3x3", "max_pool_3x3")),
    "settings and skips": MultiBranch(layers=3, heights=(1, 3), widths=(3,), filters=(8,)),
}


def controller_of(choices: Choices, *, shared: bool = True, depth: int = 2, scale: float = 0.6, seed: int = 1) -> Controller:
    """Weights large enough that the choices are far from uniform."""
    decisions = decisions_of(choices.parameters, choices.values, shared)
    return Controller(decisions, depth, 6, scale, seed).double()


def all_picks(choices: Choices) -> torch.Tensor:
    """Every sequence of the space, a row each."""
    rows = []
    for config in completions(choices.parameters):
        rows.append([values.index(config[p.name]) if p.name in config else SKIPPED
                     for p, values in zip(choices.parameters, choices.values, strict=True)])
    return torch.tensor(rows)


def bits(length: int) -> Iterator[tuple[int, ...]]:
    yield from product((0, 1), repeat=length)
