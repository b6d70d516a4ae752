"""Spaces whose networks repeat their cells: one way of writing them gives the graph and, quicker, what it costs."""

from __future__ import annotations

from engine.architecture.architecture import Architecture
from engine.architecture.cost import Total
from engine.architecture.graph import Graph, Shape
from engine.architecture.layers import Layers
from engine.architecture.tally import Known, Tally


class Repeated:
    """`write` puts the layers of a network one after another; parts that come again are written by `Layers.once`."""

    def write(self, layers: Layers, architecture: Architecture, shape: Shape, classes: int) -> None:
        raise NotImplementedError

    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph:
        layers = Layers()
        self.write(layers, architecture, shape, classes)
        return layers.graph()

    def total(self, architecture: Architecture, shape: Shape, classes: int, known: Known) -> Total:
        tally = Tally(shape, known)
        self.write(tally, architecture, shape, classes)
        return tally.total()
