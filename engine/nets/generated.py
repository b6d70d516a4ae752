"""A supernet whose dense 1×1 kernels another network generates for each path; all other weights are shared as ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from engine.architecture.architecture import Architecture
from engine.errors import Invalid, Problem
from engine.nets.hypernetwork import Encoder, HyperNetwork, Kernel, Size, cut, kernels
from engine.nets.paths import Paths
from engine.nets.sampler import Draw, Step
from engine.nets.supernet import Choice, Supernet
from engine.phases import Site
from engine.rng import stream


@dataclass(frozen=True)
class Noisy(Choice):
    """A path, and the stream from which every pass takes noise of its own."""

    noise: Random | None = None


class Lent(nn.Module):
    """A 1×1 convolution without weights of its own: they are lent to it for a pass."""

    weight: Tensor | None = None

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        assert self.weight is not None
        return nn.functional.conv2d(x[:, :, :: self.stride, :: self.stride], self.weight)       # as `PointConv`, and why


class Generated(Supernet):
    """`undecayed`: parameters that weight decay leaves alone, those of the hypernetwork."""

    def __init__(self, site: Site, size: Size) -> None:
        super().__init__(site.space.supernet(site.shape, site.classes), site.shape)
        channels = {name: shape[0] for name, shape in self.shapes.items()}
        self.lent = kernels(self.relaxed, channels)
        if not self.lent:
            raise Invalid(Problem("/space", "has no dense 1×1 convolution", "at least one, to generate its weights"))
        for name, kernel in self.lent.items():
            setattr(self, name, Lent(kernel.node.settings["stride"]))
        self.size, self.encoder = size, Encoder(self.relaxed, self.lent, size)
        self.hypernetwork = HyperNetwork(self.encoder.planes + 1, size)         # a plane of noise
        self._codes: dict[object, tuple[list[Kernel], Tensor]] = {}

    @property
    def undecayed(self) -> Sequence[nn.Parameter]:
        return [*self.hypernetwork.parameters()]

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        noise = choice.noise if isinstance(choice, Noisy) else None
        weights = self.generate(choice, (noise or Random(0)).getrandbits(63), x)
        try:
            for name, weight in weights.items():
                self._lent(name).weight = weight
            return super().forward(x, choice)
        finally:
            for name in weights:
                self._lent(name).weight = None

    def generate(self, choice: Choice, noise: int, like: Tensor) -> dict[str, Tensor]:
        """The kernels of a path, by the seed of the noise, where `like` is and of its type."""
        order, code = self.code(choice)
        if not order:
            return {}
        z = torch.randn(1, 1, *code.shape[2:], generator=torch.Generator().manual_seed(noise))
        return cut(self.hypernetwork(torch.cat([code, z], 1).to(like)), order, self.size)

    def code(self, choice: Choice) -> tuple[list[Kernel], Tensor]:
        """The kernels that a path needs, in order, and their encoding."""
        key = tuple(sorted(choice.path.items()))
        if key not in self._codes:
            needed = {call.node.name for call in self._plan(choice.path)}
            order = [kernel for name, kernel in self.lent.items() if name in needed]
            self._codes.clear()                             # the last one is all that a batch after the other needs
            self._codes[key] = order, self.encoder.encode(choice.path, order) if order else torch.empty(0)
        return self._codes[key]

    def _lent(self, name: str) -> Lent:
        module = self.get_submodule(name)
        assert isinstance(module, Lent)
        return module


class GeneratedPaths(Paths):
    """Each step trains a random architecture with weights that are generated for it, and the hypernetwork with them. Noise
    is fresh in every pass, in training and in ranking."""

    def __init__(self, site: Site, size: Size) -> None:
        self.space, self.site, self.seed = site.space, site, site.seed
        self.supernet: Generated = Generated(site, size)

    def draw(self, step: Step) -> Sequence[Draw]:
        path = self.space.path(self.space.sample(step.rng).architecture)
        return [Draw(Noisy(path, noise=Random(step.rng.getrandbits(63))))]

    def choice(self, architecture: Architecture) -> Choice:
        return Noisy(self.space.path(architecture), noise=stream(self.seed, "noise", int(architecture.encoding_id, 16)))

    def report(self, step: Step) -> dict[str, Any]:
        """Of a random path: how many slices are generated."""
        _, code = self.supernet.code(Choice(self.space.path(self.space.sample(step.rng).architecture)))
        return {**super().report(step), "slices": code.shape[-1]}
