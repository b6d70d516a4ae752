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


class Embedding(nn.Embedding):
    """A vector for each character; in training, with probability `rate`, a character is nothing in the whole batch."""

    def __init__(self, entries: int, width: int, rate: float = 0.0) -> None:
        super().__init__(entries, width)
        nn.init.normal_(self.weight, std=width**-0.5)
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and self.rate):
            return nn.functional.embedding(x, self.weight)
        kept = nn.functional.dropout(self.weight.new_ones(len(self.weight), 1), self.rate)
        return nn.functional.embedding(x, self.weight * kept)


class LockedDropout(nn.Module):
    """Drops the same features at every step of a sequence (batch, length, features)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and self.rate):
            return x
        return x * nn.functional.dropout(x.new_ones(len(x), 1, x.shape[2]), self.rate)


class Recurrent(nn.Module):
    """A recurrent cell, step after step over (batch, length, features); gives its state at every step.

    A step: [c, h] = x A + s B, state_0 = s + sigmoid(c) (first(h) - s). Node i reads an earlier state_j through a matrix of
    its own: [c, h] = state_j W_i, state_i = state_j + sigmoid(c) (f_i(h) - state_j). The new s is the mean of the states
    `heard`. `start` is what it begins with (None: zeros), `end` what it ended with. Dropout of s and of every state_j is the
    same at all steps.
    """

    def __init__(self, features: int, hidden: int, first: str, nodes: list[tuple[str, int]], heard: list[int],
                 dropout: float = 0.0) -> None:
        super().__init__()
        self.hidden, self.first, self.nodes, self.heard, self.dropout = hidden, first, nodes, heard, dropout
        self.reads = nn.Linear(features, 2 * hidden, bias=False)
        self.keeps = nn.Linear(hidden, 2 * hidden, bias=False)
        self.weights = nn.ModuleList(nn.Linear(hidden, 2 * hidden, bias=False) for _ in nodes)
        self.start: Tensor | None = None
        self.end: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), self.hidden) if self.start is None else self.start
        kept = nn.functional.dropout(torch.ones_like(state), self.dropout) if self.training and self.dropout else None
        states = []
        for read in self.reads(x).unbind(1):
            state = self.step(read, state, kept)
            states.append(state)
        self.end = state.detach()
        return torch.stack(states, 1)

    def step(self, read: Tensor, state: Tensor, kept: Tensor | None) -> Tensor:
        found = [self.bend(self.first, state, read + self.keeps(state if kept is None else state * kept))]
        for (activation, source), weight in zip(self.nodes, self.weights, strict=True):
            earlier = found[source]
            found.append(self.bend(activation, earlier, weight(earlier if kept is None else earlier * kept)))
        heard = [found[place] for place in self.heard]
        return heard[0] if len(heard) == 1 else torch.stack(heard).mean(0)

    def bend(self, activation: str, state: Tensor, linear: Tensor) -> Tensor:
        """The state, moved by a gate towards a bent linear function of it."""
        gate, new = linear.chunk(2, 1)
        new = new if activation == "identity" else getattr(torch, activation)(new)
        return state + torch.sigmoid(gate) * (new - state)


class TiedDecoder(nn.Module):
    """A number for each character: how well its own embedding fits. `weight` is the embedding's, and shared with it."""

    weight: nn.Parameter

    def __init__(self, units: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(units))

    def forward(self, x: Tensor, embedded: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight, self.bias)


OWN: dict[str, type[nn.Module]] = {kind.__name__: kind for kind in (
    Add, BandedConv, Concat, Embedding, GlobalAvgPool, LockedDropout, Recurrent, Scale, TiedDecoder, Zero, ZeroUpsample)}


def make(call: Call) -> nn.Module:
    """The module that a call of the table of primitives describes."""
    kind = OWN.get(call.name) or getattr(nn, call.name)
    module: nn.Module = kind(*call.arguments, **call.named)
    return module
