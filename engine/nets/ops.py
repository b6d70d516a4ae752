"""Primitive layers as torch modules: those that torch itself does not have."""

from __future__ import annotations

from collections.abc import Mapping

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


class ScaledTanh(nn.Module):
    """`alpha` stretches what goes in, `beta` what comes out."""

    def __init__(self, alpha: float, beta: float) -> None:
        super().__init__()
        self.alpha, self.beta = alpha, beta

    def forward(self, x: Tensor) -> Tensor:
        return self.beta * torch.tanh(self.alpha * x)


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


class PointConv(nn.Conv2d):
    """A strided 1×1 convolution that first leaves out the pixels it would step over: the same, but safe. For inputs with few
    channels, channels last, oneDNN's own way writes beyond its buffer in the gradient of the weights
    (https://github.com/uxlfoundation/oneDNN/issues/6035): wrong gradients, or the end of the process."""

    def forward(self, x: Tensor) -> Tensor:
        kept = x[:, :, :: self.stride[0], :: self.stride[1]]
        return nn.functional.conv2d(kept, self.weight, self.bias, groups=self.groups)


class ZeroUpsample(nn.Module):
    """Twice as large, up to this height and width: the values at even places, zeros between them."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        x = torch.stack((x, torch.zeros_like(x)), dim=4).flatten(3)
        x = torch.stack((x, torch.zeros_like(x)), dim=3).flatten(2, 3)
        return x[:, :, : self.height, : self.width]


class FilterBank(nn.Module):
    """Filters against every patch, divided by the patch's norm; a convolution without padding.

    With a `seed` the filters are fixed random numbers; with `gamma` as if drawn for whitened images, whose neighbouring
    pixels are alike in a known measure; with `unit` each has length one.
    """

    def __init__(self, arriving: int, channels: int, kernel: int, beta: float, remove_mean: bool, hard: bool, *,
                 seed: int | None = None, gamma: float | None = None, unit: bool = False) -> None:
        super().__init__()
        self.kernel, self.beta, self.remove_mean, self.hard = kernel, beta, remove_mean, hard
        self.patch = arriving * kernel * kernel
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        weight = torch.randn(channels, arriving, kernel, kernel, generator=generator) / self.patch ** 0.5
        if gamma is not None:
            place = torch.cartesian_prod(torch.arange(kernel), torch.arange(kernel)).double()
            alike = 0.9 ** torch.cdist(place, place, p=1.0)
            values, vectors = torch.linalg.eigh(alike)
            whiten = vectors @ torch.diag((values + gamma) ** -0.5) @ vectors.T
            weight = (weight.double().flatten(2) @ whiten).reshape(weight.shape).float()
        if unit:
            weight = nn.functional.normalize(weight.flatten(1)).reshape(weight.shape)
        self.weight = nn.Parameter(weight) if seed is None else nn.Buffer(weight)

    def forward(self, x: Tensor) -> Tensor:
        weight: Tensor = self.weight
        energy = self.patch * nn.functional.avg_pool2d((x * x).mean(1, keepdim=True), self.kernel, 1)
        if self.remove_mean:
            weight = weight - weight.mean((1, 2, 3), keepdim=True)
            energy = energy - self.patch * nn.functional.avg_pool2d(x.mean(1, keepdim=True), self.kernel, 1) ** 2
        energy = energy.clamp(min=self.beta**2) if self.hard else energy.clamp(min=0.0) + self.beta**2
        return nn.functional.conv2d(x, weight) / energy.sqrt()


class LpPool(nn.Module):
    """(Mean of |x| to the power `order`) to the power 1 / order, over windows that stay inside the image."""

    def __init__(self, order: float, kernel: int, stride: int) -> None:
        super().__init__()
        self.order, self.kernel, self.stride = order, kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        x = x.abs()
        largest = x.detach().amax((1, 2, 3), keepdim=True).clamp(min=1e-20)
        powers = (x / largest).clamp(min=1e-4) ** self.order
        mean = nn.functional.avg_pool2d(powers, self.kernel, self.stride)
        return largest * (mean + 1e-12) ** (1 / self.order)


class SplitReLU(nn.Module):
    """What lies above alpha, and what lies below -alpha, as channels of their own."""

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([(x - self.alpha).relu(), (-x - self.alpha).relu()], dim=1)


class LocalNorm(nn.Module):
    """Every place divided by the size of what is around it in all channels, where that is above a threshold."""

    def __init__(self, kernel: int, threshold: float) -> None:
        super().__init__()
        self.kernel, self.threshold = kernel, threshold

    def forward(self, x: Tensor) -> Tensor:
        size, energy = x.shape[2:], (x * x).sum(1, keepdim=True)
        around = nn.functional.avg_pool2d(energy, self.kernel, 1, self.kernel // 2, count_include_pad=False)
        return x / around[:, :, : size[0], : size[1]].clamp(min=self.threshold**2).sqrt()


class RowNorm(nn.Module):
    """The features of an image as a vector of length one."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(x)


class Affine(nn.Module):
    """The image turned (radians), sheared, scaled and shifted (halves of its side), as a square of this size."""

    def __init__(self, size: int, rotation: float, shear: float, scale_x: float, scale_y: float, shift_x: float,
                 shift_y: float) -> None:
        super().__init__()
        angle = torch.tensor(rotation)
        turn = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
        linear = turn @ torch.tensor([[scale_x, shear], [0.0, scale_y]])
        matrix = torch.cat([linear, torch.tensor([[shift_x], [shift_y]])], dim=1)[None]
        self.grid = nn.Buffer(nn.functional.affine_grid(matrix, [1, 1, size, size], align_corners=False))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.grid_sample(x, self.grid.expand(x.shape[0], -1, -1, -1), align_corners=False)


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
    Add, Affine, BandedConv, Concat, Embedding, FilterBank, GlobalAvgPool, LocalNorm, LockedDropout, LpPool, PointConv,
    Recurrent, RowNorm, Scale, ScaledTanh, SplitReLU, TiedDecoder, Zero, ZeroUpsample)}


def make(call: Call, own: Mapping[str, type[nn.Module]] = OWN) -> nn.Module:
    """The module that a call of the table of primitives describes."""
    kind = own.get(call.name) or getattr(nn, call.name)
    module: nn.Module = kind(*call.arguments, **call.named)
    return module
