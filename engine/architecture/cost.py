"""Shapes, parameters and multiply-adds of a network graph, by formula: nothing is built."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.primitives import PRIMITIVES, Priced, impossible
from engine.errors import fail

SHAPES = "channels, height and width of an image, features of a row or characters of a text, each at least 1"
BYTES = 4                                       # of a number


class Row(NamedTuple):
    """One node: the shape it gives (without the batch) and what it costs."""

    name: str
    op: str
    group: str
    shape: Shape
    parameters: int
    macs: int


class Total(NamedTuple):
    """A network in figures. `numbers` are those that its layers give for one input, `layers` how many it has."""

    parameters: int
    macs: int
    numbers: int
    layers: int

    @property
    def flops(self) -> int:
        return 2 * self.macs

    def memory(self, batch: int) -> int:
        """Bytes of a training step in 32 bits, roughly: weights, gradients, momentum, and every layer's output once."""
        return BYTES * (3 * self.parameters + batch * self.numbers)


@dataclass(frozen=True)
class Cost:
    """The sum over all nodes. Convolutions and linear layers count, as in `torch.utils.flop_counter`."""

    parameters: int
    macs: int
    rows: tuple[Row, ...]

    @property
    def flops(self) -> int:
        return 2 * self.macs

    @property
    def total(self) -> Total:
        return Total(self.parameters, self.macs, sum(math.prod(row.shape) for row in self.rows), len(self.rows))

    def memory(self, batch: int) -> int:
        return self.total.memory(batch)


def together(costs: Sequence[Cost]) -> Cost:
    """What several networks cost side by side."""
    return Cost(sum(cost.parameters for cost in costs), sum(cost.macs for cost in costs),
                tuple(row for cost in costs for row in cost.rows))


def measure(graph: Graph, shape: Shape) -> Cost:
    """The cost of a network for one input of this shape. Raises Invalid where the shapes cannot be."""
    if len(shape) not in (1, 3) or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in shape):
        raise fail("/input", "is not the shape of an input", SHAPES)
    shapes: dict[str, Shape] = {}
    rows = []
    for node in graph:
        shapes[node.name], parameters, macs = price(node, [shapes[name] for name in node.inputs] or [shape])
        rows.append(Row(node.name, node.op, node.group, shapes[node.name], parameters, macs))
    return Cost(sum(row.parameters for row in rows), sum(row.macs for row in rows), tuple(rows))


def price(node: Node, given: list[Shape]) -> Priced:
    """One layer for inputs of these shapes. Raises Invalid where the shapes cannot be."""
    primitive = PRIMITIVES.get(node.op)
    if primitive is None:
        raise impossible(node, "is not a primitive layer")
    return primitive.price(node, given)
