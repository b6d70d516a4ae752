"""Primitive layers as torch modules: those that torch itself does not have."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.architecture.primitives import Call


class Add(nn.Module):
    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        for other in others:
            first = first + other
        return first


class Concat(nn.Module):
    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.cat(inputs, dim=1)


class GlobalAvgPool(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class Zero(nn.Module):
    """Nothing, in the shape that a layer of this stride would give."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x[:, :, :: self.stride, :: self.stride])


OWN: dict[str, type[nn.Module]] = {kind.__name__: kind for kind in (Add, Concat, GlobalAvgPool, Zero)}


def make(call: Call) -> nn.Module:
    """The module that a call of the table of primitives describes."""
    kind = OWN.get(call.name) or getattr(nn, call.name)
    module: nn.Module = kind(*call.arguments, **call.named)
    return module
