"""A network that generates another's 1×1 kernels from its architecture (SMASH; Brock et al., ICLR 2018, arXiv:1708.05344).

The generated kernels of a path stand side by side in one picture: a column of it is a slice, `height` rows of `unit` output
units times `unit * compression` input channels. The encoding has a column for each slice, so the hypernetwork is plain
convolutions and takes paths of any length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from engine.architecture.graph import Node
from engine.architecture.relaxed import Path, Relaxed

SLOPE = 0.02                                    # of the leaky ReLUs
TINY = 1e-8                                     # added to norms


@dataclass(frozen=True)
class Size:
    """Of a hypernetwork: `unit` channels in a tile, `height` tiles of output units and `compression` tiles of input channels
    in a slice; layers of each dense block and the features that each of them adds."""

    unit: int = 8
    height: int = 8
    compression: int = 1
    depths: tuple[int, ...] = (8, 10, 4)
    growth: int = 10

    @property
    def outputs(self) -> int:
        return self.unit * self.height

    @property
    def inputs(self) -> int:
        return self.unit * self.compression


class Kernel(NamedTuple):
    """A dense 1×1 convolution that is generated: its node, the table, row and column to which it belongs (None: to none)."""

    node: Node
    outputs: int
    inputs: int
    place: tuple[str, int, int] | None
    number: int                                 # among those of its group and place

    def grid(self, size: Size) -> tuple[int, int]:
        """Slices down and across."""
        return -(-self.outputs // size.outputs), -(-self.inputs // size.inputs)


class NormedConv(nn.Conv2d):
    """A convolution whose kernel is divided by the norm of the whole kernel, without a gain."""

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self._conv_forward(x, self.weight / (self.weight.norm() + TINY), self.bias)
        return found


class HyperNetwork(nn.Module):
    """Dense blocks without batch norm; between them a 1×1 convolution halves the features. (1, planes, height, slices) to
    (unit * height, unit * compression * slices)."""

    def __init__(self, planes: int, size: Size) -> None:
        super().__init__()
        self.size = size
        self.first = NormedConv(planes, size.growth, 3, padding=1)
        self.blocks, self.between = nn.ModuleList(), nn.ModuleList()
        width = size.growth
        for number, depth in enumerate(size.depths, 1):
            self.blocks.append(nn.ModuleList(NormedConv(width + k * size.growth, size.growth, 3, padding=1)
                                             for k in range(depth)))
            width += depth * size.growth
            if number < len(size.depths):
                self.between.append(NormedConv(width, width // 2, 1))
                width //= 2
        self.last = NormedConv(width, size.unit * size.inputs, 1)

    def forward(self, code: Tensor) -> Tensor:
        found: Tensor = self.first(code)
        for number, block in enumerate(self.blocks):
            if number:
                found = self.between[number - 1](bent(found))
            for layer in block if isinstance(block, nn.ModuleList) else ():
                found = torch.cat([found, layer(bent(found))], 1)
        return interleaved(self.last(bent(found)), self.size)


def bent(x: Tensor) -> Tensor:
    return nn.functional.leaky_relu(x, SLOPE)


def interleaved(x: Tensor, size: Size) -> Tensor:
    """What a place of the picture gives, (out, in) by channel, becomes a tile of its own: never are channels of one place
    spread over several tiles."""
    _, _, height, slices = x.shape
    tiles = x[0].reshape(size.unit, size.inputs, height, slices)
    return tiles.permute(2, 0, 3, 1).reshape(height * size.unit, slices * size.inputs)


def kernels(relaxed: Relaxed, channels: Mapping[str, int]) -> dict[str, Kernel]:
    """The dense 1×1 convolutions of a supernet, in its order. `channels`: of each node's result."""
    owners, found = _owners(relaxed), dict[str, Kernel]()
    counts: dict[object, int] = {}
    for node in relaxed.graph:
        settings = node.settings
        if node.op == "conv" and settings["kernel"] == settings["groups"] == 1 and not settings["bias"]:
            place = owners.get(node.name)
            number = counts.get((node.group, place), 0)
            counts[node.group, place] = number + 1
            found[node.name] = Kernel(node, channels[node.name], channels[node.inputs[0]], place, number)
    return found


def _owners(relaxed: Relaxed) -> dict[str, tuple[str, int, int]]:
    """To which operation of which edge a node belongs: followed back from the edge's sum while nothing else hears it."""
    nodes = {node.name: node for node in relaxed.graph}
    heard: dict[str, int] = {}
    for node in relaxed.graph:
        for name in node.inputs:
            heard[name] = heard.get(name, 0) + 1
    found: dict[str, tuple[str, int, int]] = {}
    for sum_name, (table, row) in relaxed.places.items():
        for column, start in enumerate(nodes[sum_name].inputs):
            waiting = [start]
            while waiting:
                node = nodes[waiting.pop()]
                if heard[node.name] == 1 and node.op not in ("add", "input") and node.name not in found:
                    found[node.name] = (table, row, column)
                    waiting += node.inputs
    return found


class Encoder:
    """An architecture as planes of ±1. Of each slice: the whole path (which operations on which edges), the cell it stands
    in, the edge and operation it belongs to and its number there, how many output units it has, and its number in its
    kernel in binary; and the row of the picture."""

    def __init__(self, relaxed: Relaxed, generated: Mapping[str, Kernel], size: Size) -> None:
        self.size, self.generated = size, generated
        self.choices = [(name, row, column) for name, table in relaxed.tables.items()
                        for row in range(len(table.edges)) for column in range(len(table.ops))]
        edges = [(name, row) for name, table in relaxed.tables.items() for row in range(len(table.edges))]
        ops = [(name, column) for name, table in relaxed.tables.items() for column in range(len(table.ops))]
        each = list(generated.values())
        self.groups = {group: k for k, group in enumerate(dict.fromkeys(kernel.node.group for kernel in each))}
        self.edges = {edge: k for k, edge in enumerate(edges)}
        self.ops = {op: k for k, op in enumerate(ops)}
        self.numbers = max((kernel.number for kernel in each), default=0) + 1
        largest = max((down * across for down, across in (kernel.grid(size) for kernel in each)), default=1)
        self.bits = max(1, (largest - 1).bit_length())
        self.planes = (len(self.choices) + len(self.groups) + len(edges) + len(ops) + self.numbers + self.bits
                       + 1 + size.height)

    def encode(self, path: Path, order: Sequence[Kernel]) -> Tensor:
        """(1, planes, height, slices)."""
        taken = [column in path[name][row] for name, row, column in self.choices]
        columns = [self._column(kernel, taken, number) for kernel in order
                   for number in range(kernel.grid(self.size)[0] * kernel.grid(self.size)[1])]
        return torch.stack(columns, 2)[None]

    def _column(self, kernel: Kernel, taken: Sequence[bool], number: int) -> Tensor:
        row, op = (kernel.place[:2], (kernel.place[0], kernel.place[2])) if kernel.place else (None, None)
        down = number // kernel.grid(self.size)[1]
        flags = [*taken, *(k == self.groups[kernel.node.group] for k in range(len(self.groups))),
                 *(edge == row for edge in self.edges), *(each == op for each in self.ops),
                 *(k == kernel.number for k in range(self.numbers)), *(bool(number >> k & 1) for k in range(self.bits))]
        height = self.size.height
        same = torch.tensor(flags)[:, None].expand(-1, height)
        rows = torch.arange(height)
        units = (down * height + rows) * self.size.unit < kernel.outputs
        return torch.cat([same, units[None], torch.eye(height, dtype=torch.bool)]).float() * 2 - 1


def cut(picture: Tensor, order: Sequence[Kernel], size: Size) -> dict[str, Tensor]:
    """The kernels of a path out of the picture, each divided by its norm. Raises ValueError unless all slices are used."""
    found = pieces(picture, order, size)
    return {kernel.node.name: normed(weight) for kernel, weight in zip(order, found, strict=True)}


def normed(weight: Tensor) -> Tensor:
    """As the kernel of a 1×1 convolution of norm one."""
    found: Tensor = (weight / (weight.norm() + TINY))[:, :, None, None]
    return found


def pieces(picture: Tensor, order: Sequence[Kernel], size: Size) -> list[Tensor]:
    """The kernels as matrices, not divided."""
    found, cursor = [], 0
    for kernel in order:
        down, across = kernel.grid(size)
        taken = picture[:, cursor * size.inputs:(cursor + down * across) * size.inputs]
        cursor += down * across
        whole = taken.reshape(size.outputs, down, across * size.inputs).transpose(0, 1).flatten(0, 1)
        found.append(whole[:kernel.outputs, :kernel.inputs])
    if cursor * size.inputs != picture.shape[1]:
        raise ValueError(f"{cursor} slices are used of {picture.shape[1] // size.inputs} that were generated")
    return found
