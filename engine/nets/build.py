"""A network graph to a torch module: one submodule a node, under the node's name."""

from __future__ import annotations

from torch import Tensor, nn

from engine.architecture.cost import measure
from engine.architecture.graph import Graph, Shape
from engine.nets.ops import LAYERS


def build(graph: Graph, shape: Shape) -> Network:
    """The trainable network for images of this shape. Weights are drawn from torch's generator: seed it before.

    Raises Invalid where the shapes cannot be.
    """
    return Network(graph, shape)


class Network(nn.Module):
    """Runs the nodes in order, so the keys of its state are `<node>.weight` and the like."""

    def __init__(self, graph: Graph, shape: Shape) -> None:
        super().__init__()
        shapes = {row.name: row.shape for row in measure(graph, shape).rows}
        self.steps: list[tuple[str, tuple[str, ...]]] = []
        self.output = graph.output
        for node in graph.live():
            given = shapes[node.inputs[0]] if node.inputs else shape
            self.add_module(node.name, LAYERS[node.op](node, given))
            self.steps.append((node.name, node.inputs))

    def forward(self, x: Tensor) -> Tensor:
        values: dict[str, Tensor] = {}
        layers = self._modules
        for name, inputs in self.steps:
            values[name] = layers[name](*[values[source] for source in inputs] if inputs else (x,))
        return values[self.output]
