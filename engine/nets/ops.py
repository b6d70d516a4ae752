"""The primitive layers of network graphs as torch modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from engine.architecture.graph import Node, Shape


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


def _conv(node: Node, given: Shape) -> nn.Module:
    s = node.settings
    kernel, dilation = _pair(s["kernel"]), s.get("dilation", 1)
    padding = (dilation * (kernel[0] - 1) // 2, dilation * (kernel[1] - 1) // 2)
    return nn.Conv2d(given[0], s["channels"], kernel, s.get("stride", 1), padding, dilation, s.get("groups", 1),
                     bias=s.get("bias", False))


def _max_pool(node: Node, given: Shape) -> nn.Module:
    kernel = node.settings["kernel"]
    return nn.MaxPool2d(kernel, node.settings.get("stride", 1), (kernel - 1) // 2)


def _avg_pool(node: Node, given: Shape) -> nn.Module:
    kernel = node.settings["kernel"]
    return nn.AvgPool2d(kernel, node.settings.get("stride", 1), (kernel - 1) // 2, count_include_pad=False)


def _pair(kernel: Any) -> tuple[int, int]:
    return (kernel, kernel) if isinstance(kernel, int) else (kernel[0], kernel[1])


# What a node becomes, given the shape of its first input (without the batch).
LAYERS: Mapping[str, Callable[[Node, Shape], nn.Module]] = {
    "input": lambda node, given: nn.Identity(),
    "identity": lambda node, given: nn.Identity(),
    "conv": _conv,
    "batch_norm": lambda node, given: nn.BatchNorm2d(given[0], affine=node.settings.get("affine", True)),
    "relu": lambda node, given: nn.ReLU(),
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "global_avg_pool": lambda node, given: GlobalAvgPool(),
    "flatten": lambda node, given: nn.Flatten(),
    "linear": lambda node, given: nn.Linear(given[0], node.settings["units"], bias=node.settings.get("bias", True)),
    "dropout": lambda node, given: nn.Dropout(node.settings["rate"]),
    "add": lambda node, given: Add(),
    "concat": lambda node, given: Concat(),
    "zero": lambda node, given: Zero(node.settings.get("stride", 1)),
}
