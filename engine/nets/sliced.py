"""One module that computes every network whose weights are slices of the largest one's (Cai et al., ICLR 2020).

Channels: the first ones. Kernels: the centre of the next larger kernel, times a matrix that begins as the identity, one
window after another down to the one that is wanted. Depth: layers that a network does not have are left out. All of this
follows from the network's graph, whose layers have the names of the largest one's. Batch norms keep no statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from engine.architecture.cost import measure
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.primitives import PRIMITIVES, Call
from engine.nets.ops import make
from engine.nets.supernet import forget_statistics

Region = tuple[Any, ...]                        # an index into a weight
Used = Iterator[tuple[nn.Parameter, Region]]


@dataclass(frozen=True, eq=False)
class Slice:
    """A network as a choice. `weights` stand for the module's own, where they are given."""

    graph: Graph
    weights: Mapping[str, Tensor] | None = None

    @cached_property
    def spent(self) -> tuple[tuple[str, ...], ...]:
        """For each node what nobody needs after it."""
        last = {name: node.name for node in self.graph for name in node.inputs}
        return tuple(tuple(n for n in dict.fromkeys(node.inputs) if last[n] == node.name) for node in self.graph)


class SlicedConv(nn.Conv2d):
    """`kernels`: the windows that its slices can have, where there are several."""

    weight: nn.Parameter

    def __init__(self, call: Call, kernels: Sequence[int]) -> None:
        super().__init__(*call.arguments, **call.named)
        self.sizes = tuple(sorted(kernels, reverse=True))
        self.matrices = nn.ParameterDict({f"{large}_{small}": torch.eye(small * small)
                                          for large, small in pairwise(self.sizes)})

    def cut(self, channels: int, inputs: int, kernel: int) -> Tensor:
        weight = first(self.weight, channels, inputs)
        for large, small in pairwise(self.sizes):
            if large > kernel:
                flat = centre(weight, small).flatten(2) @ self.matrices[f"{large}_{small}"].T
                weight = flat.unflatten(2, (small, small))
        return weight

    def used(self, channels: int, inputs: int, kernel: int) -> Used:
        """What `cut` depends on."""
        across: Region = (slice(None), slice(None))
        for large, small in pairwise(self.sizes):
            if large > kernel:
                if large == self.sizes[0]:
                    across = (middle(large, small),) * 2
                after = max(kernel, next((size for size in self.sizes if size < small), small))
                rows = torch.arange(small * small).view(small, small)[(middle(small, after),) * 2].flatten()
                matrix = cast(nn.Parameter, self.matrices[f"{large}_{small}"])
                yield matrix, (slice(None),) if after == small else (rows,)
        yield self.weight, (slice(channels), slice(inputs), *across)

    def forward(self, x: Tensor, channels: int, kernel: int, groups: int) -> Tensor:    # type: ignore[override]
        weight, padding = self.cut(channels, x.shape[1] // groups, kernel), (kernel - 1) // 2
        return functional.conv2d(x, weight, None, self.stride, padding, groups=groups)


class SlicedNorm(nn.BatchNorm2d):
    """Normalises as many channels as come."""

    def forward(self, x: Tensor) -> Tensor:
        count, mean, variance = x.shape[1], self.running_mean, self.running_var
        weight, bias = first(self.weight, count), first(self.bias, count)
        if mean is None or variance is None:
            return functional.batch_norm(x, None, None, weight, bias, True, 0.0, self.eps)
        factor = 0.0
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            factor = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        return functional.batch_norm(x, mean[:count], variance[:count], weight, bias, self.training, factor, self.eps)


class SlicedLinear(nn.Linear):
    def forward(self, x: Tensor, units: int) -> Tensor:                                 # type: ignore[override]
        weight = first(self.weight, units, x.shape[1])
        return functional.linear(x, weight, None if self.bias is None else first(self.bias, units))


class Sliced(nn.Module):
    """`graph`: the largest network; `kernels`: the windows of its convolutions that have a choice, by node. Fresh weights
    are those that the largest network alone would have: seed torch's generator before."""

    def __init__(self, graph: Graph, shape: Shape, kernels: Mapping[str, Sequence[int]]) -> None:
        super().__init__()
        self.channels = shape[0]
        shapes = {row.name: row.shape for row in measure(graph, shape).rows}
        for node in graph.live():
            call = PRIMITIVES[node.op].call(node, [shapes[name] for name in node.inputs] or [shape])
            self.add_module(node.name, _module(node, call, kernels.get(node.name, ())))
        self.layers = dict(self.named_children())       # found more quickly than by name
        for module in self.modules():
            if isinstance(module, SlicedNorm):
                forget_statistics(module)

    @property
    def undecayed(self) -> list[nn.Parameter]:
        """Norms and biases, whatever the decay."""
        norms = {id(weight) for module in self.modules() if isinstance(module, SlicedNorm) for weight in module.parameters()}
        return [weight for name, weight in self.named_parameters() if id(weight) in norms or name.endswith(".bias")]

    def forward(self, x: Tensor, choice: Slice) -> Tensor:
        if choice.weights is not None:
            found: Tensor = functional_call(self, dict(choice.weights), (x, Slice(choice.graph)))
            return found
        values: dict[str, Tensor] = {}
        for node, spent in zip(choice.graph, choice.spent, strict=True):
            values[node.name] = self._computed(node, [values[name] for name in node.inputs] or [x])
            for name in spent:
                del values[name]
        return values[choice.graph.output]

    def _computed(self, node: Node, given: Sequence[Tensor]) -> Tensor:
        module, settings = self.layers[node.name], node.settings
        found: Tensor
        if isinstance(module, SlicedConv):
            found = module(given[0], settings["channels"], settings["kernel"], settings["groups"])
        elif isinstance(module, SlicedLinear):
            found = module(given[0], settings["units"])
        else:
            found = module(*given)
        return found

    def parts(self, choices: Sequence[Slice]) -> dict[nn.Parameter, Tensor]:
        """Of the weights that the choices use, but not as a whole: which entries."""
        masks: dict[nn.Parameter, Tensor] = {}
        whole: set[nn.Parameter] = set()
        for choice in choices:
            for weight, region in self._used(choice.graph):
                if all(isinstance(part, slice) and part.indices(size) == (0, size, 1)
                       for part, size in zip(region, weight.shape, strict=False)):
                    whole.add(weight)
                elif weight not in whole:
                    masks.setdefault(weight, torch.zeros_like(weight, dtype=torch.bool))[region] = True
        return {weight: mask for weight, mask in masks.items() if weight not in whole}

    @torch.no_grad()
    def extracted(self, graph: Graph) -> dict[str, Tensor]:
        """The weights of a network that stands alone: slices, kernels transformed."""
        widths, found = self.widths(graph), dict[str, Tensor]()
        for node in graph:
            module, count = self.layers[node.name], widths[node.name]
            arriving = widths[node.inputs[0]] if node.inputs else 0
            if isinstance(module, SlicedConv):
                inputs = arriving // node.settings["groups"]
                found[f"{node.name}.weight"] = module.cut(count, inputs, node.settings["kernel"]).clone()
            elif isinstance(module, SlicedNorm | SlicedLinear):
                for name, weight in module.named_parameters():
                    region = (slice(count), slice(arriving))[:weight.ndim]
                    found[f"{node.name}.{name}"] = weight[region].clone()
        return found

    def widths(self, graph: Graph) -> dict[str, int]:
        """Channels of each node's result."""
        found: dict[str, int] = {}
        for node in graph:
            own = node.settings.get("channels", node.settings.get("units"))
            found[node.name] = own or (found[node.inputs[0]] if node.inputs else self.channels)
        return found

    def _used(self, graph: Graph) -> Used:
        widths = self.widths(graph)
        for node in graph:
            module, count = self.layers[node.name], widths[node.name]
            if isinstance(module, SlicedConv):
                yield from module.used(count, widths[node.inputs[0]] // node.settings["groups"], node.settings["kernel"])
            elif isinstance(module, SlicedNorm | SlicedLinear):
                for weight in module.parameters():
                    yield weight, (slice(count), *([slice(widths[node.inputs[0]])] if weight.ndim > 1 else []))


def first(weight: Tensor, *sizes: int) -> Tensor:
    """The first entries along each of the first dimensions. What is whole is not cut, which spares its gradient a copy."""
    for dimension, size in enumerate(sizes):
        if size < weight.shape[dimension]:
            weight = weight.narrow(dimension, 0, size)
    return weight


def centre(weight: Tensor, size: int) -> Tensor:
    """The middle window of kernels."""
    across = middle(weight.shape[-1], size)
    return weight[..., across, across]


def middle(large: int, small: int) -> slice:
    return slice((large - small) // 2, (large + small) // 2)


def _module(node: Node, call: Call, kernels: Sequence[int]) -> nn.Module:
    if node.op == "conv":
        return SlicedConv(call, kernels)
    if node.op == "batch_norm":
        return SlicedNorm(*call.arguments, **call.named)
    return SlicedLinear(*call.arguments, **call.named) if node.op == "linear" else make(call)
