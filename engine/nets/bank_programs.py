"""All programs on memory banks with one set of weights: 1×1 kernels are generated, k×k kernels are slices of the largest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.architecture.architecture import Architecture
from engine.architecture.graph import Graph, Node
from engine.architecture.primitives import Call
from engine.nets.bank_code import BankEncoder
from engine.nets.generated import Lent
from engine.nets.hypernetwork import HyperNetwork, Size
from engine.nets.paths import standby
from engine.nets.sampler import Draw, Step
from engine.nets.sliced import Slice, Sliced, SlicedConv, Used, centre, first, middle
from engine.phases import Site
from engine.rng import stream
from engine.spaces.memory_bank import Read

RAMP, LEAST = 0.5, 0.5                          # shares: of the training, in which limits grow; of the budget, at first
TRIES = 100                                     # draws until one is within the budget


@dataclass(frozen=True, eq=False)
class Program(Slice):
    """A network, the kernels that it wants, their encoding, and the stream from which every pass takes noise of its own."""

    reads: Sequence[Read] = ()
    code: Tensor | None = None
    noise: Random | None = None


class Window(SlicedConv):
    """Its slices have the centre of the largest kernel, as it is."""

    def cut(self, channels: int, inputs: int, kernel: int) -> Tensor:
        return centre(first(self.weight, channels, inputs), kernel)

    def used(self, channels: int, inputs: int, kernel: int) -> Used:
        across = middle(self.weight.shape[-1], kernel)
        yield self.weight, (slice(channels), slice(inputs), across, across)


class Banked(Sliced):
    """The operations of a block share one k×k kernel. `undecayed`: parameters that weight decay leaves alone, those of the
    hypernetwork."""

    def __init__(self, site: Site, size: Size) -> None:
        whole = site.space.whole(site.shape, site.classes)
        super().__init__(whole, site.shape, {})
        for node in whole:
            if node.name.endswith("_point"):
                self._put(node.name, Lent(1))
            elif node.name.endswith("_conv") and "_op_" in node.name:
                self._share(node.name)
        self.encoder = BankEncoder(site.space, size)
        self.hypernetwork = HyperNetwork(self.encoder.planes + 1, size)         # a plane of noise

    def _put(self, name: str, module: nn.Module) -> None:
        setattr(self, name, module)
        self.layers[name] = module

    def _share(self, name: str) -> None:
        shared, own = name.split("_op_")[0] + "_conv", self.layers[name]
        assert isinstance(own, SlicedConv)
        if shared not in self.layers:
            outputs, inputs, kernel, _ = own.weight.shape
            self._put(shared, Window(Call("Conv2d", (inputs, outputs, kernel), {"bias": False}), ()))
        delattr(self, name)
        self.layers[name] = self.layers[shared]

    @property
    def undecayed(self) -> list[nn.Parameter]:
        return [*self.hypernetwork.parameters()]

    def forward(self, x: Tensor, choice: Slice) -> Tensor:
        assert isinstance(choice, Program)
        weights = self.generate(choice, (choice.noise or Random(0)).getrandbits(63), x)
        lent = {name: module for name, module in self.layers.items() if name in weights and isinstance(module, Lent)}
        try:
            for name, module in lent.items():
                module.weight = weights[name]
            return super().forward(x, choice)
        finally:
            for module in lent.values():
                module.weight = None

    def generate(self, choice: Program, noise: int, like: Tensor) -> dict[str, Tensor]:
        """The 1×1 kernels of a program, by the seed of the noise, where `like` is and of its type."""
        assert choice.code is not None
        z = torch.randn(1, 1, *choice.code.shape[2:], generator=torch.Generator().manual_seed(noise))
        picture = self.hypernetwork(torch.cat([choice.code, z], 1).to(like))
        return self.encoder.kernels(picture, choice.reads)

    def widths(self, graph: Graph) -> dict[str, int]:
        found: dict[str, int] = {}
        for node in graph:
            own = node.settings.get("channels", node.settings.get("units"))
            arriving = [found[name] for name in node.inputs] or [self.channels]
            found[node.name] = own or (sum(arriving) if node.op == "concat" else arriving[0])
        return found

    def _computed(self, node: Node, given: Sequence[Tensor]) -> Tensor:
        module, s, x = self.layers[node.name], node.settings, given[0]
        if node.op == "channels":
            return x[:, s["skipped"]:s["skipped"] + s["channels"]]
        if isinstance(module, Lent):
            found: Tensor = module(x)
            return found
        if isinstance(module, Window):
            weight = module.cut(s["channels"], x.shape[1] // s["groups"], s["kernel"])
            padding = s["dilation"] * (s["kernel"] - 1) // 2
            return functional.conv2d(x, weight, None, 1, padding, s["dilation"], s["groups"])
        return super()._computed(node, given)


class BankPrograms:
    """Each step trains a random program with weights that are generated for it, and the hypernetwork with them. At first
    kernels are small and blocks read little: over the first half of the training the largest kernel grows from 3 to all,
    and what the operations of a block may read from half to all."""

    closing = 0

    def __init__(self, site: Site, size: Size) -> None:
        self.space, self.site, self.seed = site.space, site, site.seed
        self.supernet = Banked(site, size)
        self._allowed: dict[int, Any] = {}      # the part of the space with kernels up to this one

    def draw(self, step: Step) -> Sequence[Draw]:
        architecture = self.drawn(step.rng, step.progress)
        return [Draw(self._program(architecture, Random(step.rng.getrandbits(63))))]

    def limits(self, progress: float) -> tuple[int, float]:
        """The largest kernel, and how many banks the operations of a block may read in all."""
        share, least, most = min(1.0, progress / RAMP), min(self.space.kernels), max(self.space.kernels)
        return max(least, 3 + 2 * int(share * ((most - 3) // 2))), (LEAST + (1 - LEAST) * share) * self.space.most

    def drawn(self, rng: Random, progress: float) -> Architecture:
        """Uniform among the plans and settings that are allowed; where none is found, what reads least."""
        kernel, budget = self.limits(progress)
        if kernel not in self._allowed:
            kernels = tuple(size for size in self.space.kernels if size <= kernel)
            self._allowed[kernel] = replace(self.space, kernels=kernels)
        found: list[tuple[int, Architecture]] = []
        for _ in range(TRIES):
            architecture: Architecture = self._allowed[kernel].sample(rng).architecture
            found.append((max(sum(len(op.reads) for op in ops) for ops in self.space.program(architecture)), architecture))
            if found[-1][0] <= budget:
                return architecture
        return min(found, key=lambda each: each[0])[1]

    def learn(self, step: Step) -> None:
        """Nothing is learned of architectures before they are ranked."""

    def choice(self, architecture: Architecture) -> Program:
        return self._program(architecture, stream(self.seed, "noise", int(architecture.encoding_id, 16)))

    def report(self, step: Step) -> dict[str, Any]:
        """Of a random program how many slices are generated; and how far the limits have grown."""
        program = self._program(self.drawn(step.rng, step.progress), Random(0))
        assert program.code is not None
        kernel, budget = self.limits(step.progress)
        return {**standby(self.space, self.site, self.choice, step), "slices": program.code.shape[-1], "kernel": kernel,
                "budget": budget / self.space.most}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Draws depend on the step alone."""

    def _program(self, architecture: Architecture, noise: Random) -> Program:
        reads = self.space.reads(architecture)
        graph: Graph = self.space.network(architecture, self.site.shape, self.site.classes)
        return Program(graph, None, reads, self.supernet.encoder.encode(reads), noise)
