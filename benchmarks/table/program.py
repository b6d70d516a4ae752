"""A network graph as rows of numbers for `native.cpp`: additions, identities and ReLUs melt into their neighbours."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from engine.architecture.cost import measure
from engine.architecture.graph import Graph, Node, Shape


class Kind(IntEnum):
    """As `native.cpp` numbers them."""

    CONV = 0
    NORM = 1
    POOL = 2
    COPY = 3
    ZERO = 4
    MEAN = 5


KINDS = {"conv": Kind.CONV, "linear": Kind.CONV, "batch_norm": Kind.NORM, "avg_pool": Kind.POOL, "zero": Kind.ZERO,
         "global_avg_pool": Kind.MEAN}
USUAL: dict[str, Any] = {"groups": 1, "dilation": 1, "affine": True}


class Unsupported(ValueError):
    """The network has a layer that the native trainer does not know."""


@dataclass
class Row:
    """One layer, in the order of the fields of `Layer` in `kernels.h`."""

    kind: Kind
    source: int
    target: int
    kernel: int = 0
    stride: int = 1
    relu: int = 0
    add: int = 0
    add_gradient: int = 0
    weights: int = -1
    bias: int = -1
    stats: int = -1


@dataclass
class Program:
    """The rows, the shape of every value, and where each tensor of the module lies in the flat arrays."""

    rows: list[Row] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    parameters: dict[str, int] = field(default_factory=dict)
    statistics: dict[str, int] = field(default_factory=dict)

    def array(self) -> NDArray[np.int32]:
        return np.array([list(vars(row).values()) for row in self.rows], np.int32)

    def sizes(self) -> NDArray[np.int32]:
        return np.array([[*shape, 1, 1][:3] for shape in self.shapes], np.int32)


def program(graph: Graph, shape: Shape, model: nn.Module) -> Program:
    """Rows in the order of the graph. Raises Unsupported."""
    return _Writer(graph, shape, model).made


class _Writer:
    def __init__(self, graph: Graph, shape: Shape, model: nn.Module) -> None:
        self.made = Program()
        self.given = {row.name: row.shape for row in measure(graph, shape).rows}
        self.nodes = {node.name: node for node in graph.live()}
        self.place: dict[str, int] = {}
        self._number(model)
        self.real = {name: self._origin(name) for name in self.nodes}      # who computes what this node gives
        self.readers = Counter(self._computed(name) for node in self.nodes.values() if node.op not in ("relu", "identity")
                               for name in node.inputs)
        adds = {self._computed(name): node for node in self.nodes.values() if node.op == "add" for name in node.inputs}
        self.melts = {name: add for name, add in adds.items()
                      if self.readers[name] == 1 and self.nodes[name].op in ("conv", "batch_norm", "avg_pool")}
        for node in self.nodes.values():
            self._write(node)
        self._order_gradients()

    def _number(self, model: nn.Module) -> None:
        at = 0
        for name, tensor in model.named_parameters():
            self.made.parameters[name] = at
            at += tensor.numel()
        at = 0
        for name, tensor in model.named_buffers():
            if name.endswith((".running_mean", ".running_var")):
                self.made.statistics[name] = at
                at += tensor.numel()

    def _origin(self, name: str) -> str:
        while self.nodes[name].op == "identity":
            name = self.nodes[name].inputs[0]
        return name

    def _computed(self, name: str) -> str:
        """The node whose numbers are read, past identities and a ReLU that its reader takes over."""
        name = self.real[name]
        return self.real[self.nodes[name].inputs[0]] if self.nodes[name].op == "relu" else name

    def _value(self, name: str) -> int:
        """The place of a node's output; inputs of an addition share its place."""
        return self._value(self.melts[name].name) if name in self.melts else self._place(name)

    def _place(self, name: str) -> int:
        if name not in self.place:
            self.place[name] = len(self.made.shapes)
            self.made.shapes.append(self.given[name])
        return self.place[name]

    def _write(self, node: Node) -> None:
        if node.op in ("relu", "identity"):
            return
        if node.op == "input":
            self._place(node.name)
            return
        target = self._value(node.name)
        if node.op == "add":
            for name in node.inputs:
                if self._computed(name) not in self.melts:
                    self._row(Row(Kind.COPY, self._source(node, name)[0], target))
            return
        source, relu = self._source(node, node.inputs[0])
        self._row(self._layer(node, source, target, relu))

    def _source(self, node: Node, name: str) -> tuple[int, int]:
        relu = int(self.nodes[self.real[name]].op == "relu")
        if relu and node.op not in ("conv", "global_avg_pool"):
            raise Unsupported(f"{node.name}: {node.op} after a ReLU")
        return self._value(self._computed(name)), relu

    def _layer(self, node: Node, source: int, target: int, relu: int) -> Row:
        settings = node.settings
        kind = KINDS.get(node.op)
        odd = [key for key, value in USUAL.items() if settings.get(key, value) != value]
        if kind is None or odd or not all(isinstance(settings.get(key, 1), int) for key in ("kernel", "stride")):
            raise Unsupported(f"{node.name}: {node.op} {dict(settings)}")
        window = 1 if node.op == "linear" else settings["kernel"] if kind in (Kind.CONV, Kind.POOL) else 0
        weights, bias = (self.made.parameters.get(f"{node.name}.{name}", -1) for name in ("weight", "bias"))
        return Row(kind, source, target, window, settings.get("stride", 1), relu, weights=weights, bias=bias,
                   stats=self.made.statistics.get(f"{node.name}.running_mean", -1))

    def _row(self, row: Row) -> None:
        """The first to write a value replaces what is there, the others add."""
        row.add = int(any(earlier.target == row.target for earlier in self.made.rows))
        self.made.rows.append(row)

    def _order_gradients(self) -> None:
        """The same on the way back; nobody wants the gradient of the images."""
        written = set()
        for row in reversed(self.made.rows):
            row.add_gradient = -1 if row.source == 0 else int(row.source in written)
            if row.kind != Kind.ZERO:
                written.add(row.source)
