"""A network graph to a torch module: one submodule a node, under the node's name."""

from __future__ import annotations

from torch import Tensor, nn

from engine.architecture.cost import measure
from engine.architecture.graph import Graph, Shape
from engine.architecture.primitives import PRIMITIVES
from engine.nets.initial import initialise
from engine.nets.ops import make


def build(graph: Graph, shape: Shape) -> Network:
    """The trainable network for inputs of this shape. Weights are drawn from torch's generator: seed it before.

    Raises Invalid where the shapes cannot be.
    """
    return Network(graph, shape)


class Network(nn.Module):
    """Runs the nodes in order, so the keys of its state are `<node>.weight` and the like."""

    def __init__(self, graph: Graph, shape: Shape) -> None:
        super().__init__()
        shapes = {row.name: row.shape for row in measure(graph, shape).rows}
        self.nodes = graph.live().nodes
        self.output = graph.output
        for node in self.nodes:
            given = [shapes[name] for name in node.inputs] or [shape]
            self.add_module(node.name, make(PRIMITIVES[node.op].call(node, given)))
            if "init" in node.settings:
                initialise(self.get_submodule(node.name), node.settings["init"], node.settings.get("std"))
            if node.op == "tied_decoder":
                self.get_submodule(node.name).weight = self.get_submodule(node.inputs[1]).weight
        last = {name: node.name for node in self.nodes for name in node.inputs}          # who hears a node last
        self.spent = [[name for name in set(node.inputs) if last[name] == node.name] for node in self.nodes]

    def forward(self, x: Tensor) -> Tensor:
        values: dict[str, Tensor] = {}
        for node, layer, spent in zip(self.nodes, self.children(), self.spent, strict=True):
            values[node.name] = layer(*[values[source] for source in node.inputs] if node.inputs else (x,))
            for name in spent:
                del values[name]
        return values[self.output]
