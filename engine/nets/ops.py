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


class Scale(nn.Module):
    """Each channel times its factor."""

    def forward(self, x: Tensor, factors: Tensor) -> Tensor:
        return x * factors[:, :, None, None]


class BandedConv(nn.Module):
    """A convolution in which channel c reads the channels c-1, c and c+1: three depthwise ones, moved by one channel."""

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        pad = (kernel - 1) // 2
        self.same = nn.Conv2d(channels, channels, kernel, stride, pad, groups=channels, bias=False)
        self.lower = nn.Conv2d(channels - 1, channels - 1, kernel, stride, pad, groups=channels - 1, bias=False)
        self.upper = nn.Conv2d(channels - 1, channels - 1, kernel, stride, pad, groups=channels - 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        same: Tensor = self.same(x)
        lower = nn.functional.pad(self.lower(x[:, :-1]), (0, 0, 0, 0, 1, 0))
        upper = nn.functional.pad(self.upper(x[:, 1:]), (0, 0, 0, 0, 0, 1))
        return same + lower + upper


class ZeroUpsample(nn.Module):
    """Twice as large, up to this height and width: the values at even places, zeros between them."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        x = torch.stack((x, torch.zeros_like(x)), dim=4).flatten(3)
        x = torch.stack((x, torch.zeros_like(x)), dim=3).flatten(2, 3)
        return x[:, :, : self.height, : self.width]


class Zero(nn.Module):
    """Nothing, in the shape that a layer of this stride would give."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x[:, :, :: self.stride, :: self.stride])


OWN: dict[str, type[nn.Module]] = {kind.__name__: kind for kind in (
    Add, BandedConv, Concat, GlobalAvgPool, Scale, Zero, ZeroUpsample)}


def make(call: Call) -> nn.Module:
    """The module that a call of the table of primitives describes."""
    kind = OWN.get(call.name) or getattr(nn, call.name)
    module: nn.Module = kind(*call.arguments, **call.named)
    return module
