"""ENAS, cells: nodes of two inputs and two operations, in two kinds of cell (Pham et al., ICML 2018, section 2.4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.architecture.architecture import Architecture, digest
from engine.architecture.canonical import canonical_id
from engine.architecture.cell_ops import Place, State, relu_conv_norm
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.options import flag, integer, subset
from engine.registry import space
from engine.spaces.cell import build_cell, draw_cell
from engine.spaces.nested import Nested
from engine.spaces.space import Parameter

# The operations by number, and what each is called among the operations of cells.
OPS = {"sep_conv_3x3": "sep_conv_3x3", "sep_conv_5x5": "sep_conv_5x5", "avg_pool_3x3": "avg_pool_3x3",
       "max_pool_3x3": "max_pool_3x3", "identity": "skip_connect"}
CELLS = ("normal", "reduction")
STEM_MULTIPLIER, INPUTS = 3, 2


@space(title="ENAS micro", paper="Pham, Guan, Zoph, Le, Dean, ICML 2018 (arXiv:1802.03268)",
       summary="Two cells of five nodes; each node adds two operations on earlier results, given as four numbers.",
       offers={"parameters", "finite", "mutate", "graph", "cells"},
       presets={"paper": {"channels": 20, "layers": 2, "nodes": 5, "projection": True},
                "final": {"channels": 36, "layers": 5, "nodes": 5, "projection": False},
                "cpu": {"channels": 6, "layers": 1, "reductions": 1, "nodes": 3, "projection": True}})
@dataclass(frozen=True)
class EnasMicro(Nested):
    channels: int = integer(20, low=2, high=512, paper=20, help="Channels of the first stack; a reduction doubles them.")
    layers: int = integer(2, low=1, high=20, paper=2, help="Normal cells in each stack.")
    reductions: int = integer(2, low=1, high=4, paper=2, help="Reduction cells, with a stack of normal cells between.")
    nodes: int = integer(5, low=1, high=10, paper=5, help="Nodes of a cell, beside its two inputs.")
    ops: tuple[str, ...] = subset(OPS, choices=OPS, paper=tuple(OPS), help="Operations that a node may use.")
    projection: bool = flag(True, paper=True, help="A 1×1 convolution brings the joined ends of a cell back to its channels "
                                                   "(while searching); without it all go on (the final network).")

    def parameters(self) -> tuple[Parameter, ...]:
        ops = tuple(at for at, op in enumerate(OPS) if op in self.ops)
        return tuple(Parameter(name, "categorical", ops if at % 2 else tuple(range(at // 4 + INPUTS)))
                     for cell in CELLS for at, name in enumerate(self.form()[cell]))

    def form(self) -> Mapping[str, Any]:
        """{"normal": [input, op, input, op, ...], "reduction": [...]}, four numbers a node."""
        slots = ("input_1", "op_1", "input_2", "op_2")
        return {cell: [f"{cell}_node_{k}_{slot}" for k in range(1, self.nodes + 1) for slot in slots] for cell in CELLS}

    def size(self) -> int:
        cell = math.prod((len(self.ops) * (INPUTS + node)) ** 2 for node in range(self.nodes))
        return int(cell ** len(CELLS))

    def cell(self, architecture: Architecture) -> Graph:
        """Both cells, one beside the other."""
        drawn = self.pictures(architecture).values()
        pair = Node("pair", "cells", tuple(graph.output for graph in drawn), label="both cells")
        return Graph((*(node for graph in drawn for node in graph), pair), "pair")

    def pictures(self, architecture: Architecture) -> Mapping[str, Graph]:
        return {f"{cell.capitalize()} cell": draw_cell(cell, blocks(architecture.genotype[cell])) for cell in CELLS}

    def canonical(self, architecture: Architecture) -> str:
        return digest([canonical_id(graph) for graph in self.pictures(architecture).values()])

    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph:
        """The stem, stacks of normal cells with a reduction cell between, then the classifier."""
        normal, reduction = (blocks(architecture.genotype[cell]) for cell in CELLS)
        layers, width = Layers(), self.channels
        layers.begin("stem")
        source = layers.norm("stem_norm", layers.conv("stem_conv", "input", STEM_MULTIPLIER * width, 3))
        before = last = State(source, STEM_MULTIPLIER * width, 0)
        for stack in range(1, self.reductions + 2):
            if stack > 1:
                width *= 2
                layers.begin(f"reduction {stack - 1}")
                before, last = last, self._built(layers, f"reduction_{stack - 1}", reduction, before, last, width, 2)
            for number in range(1, self.layers + 1):
                layers.begin(f"stack {stack} cell {number}")
                before, last = last, self._built(layers, f"stack_{stack}_cell_{number}", normal, before, last, width, 1)
        layers.begin("head")
        source = layers.put("head_relu", "relu", last.name)
        layers.linear("classifier", layers.put("head_pool", "global_avg_pool", source), classes)
        return layers.graph()

    def _built(self, layers: Layers, name: str, nodes: Any, before: State, last: State, channels: int, stride: int) -> State:
        ends = build_cell(layers, name, nodes, before, last, channels, stride)
        if not self.projection:
            return ends
        source = relu_conv_norm(Place(layers, f"{name}_projection", ends.name, ends.channels, channels))
        return State(source, channels, ends.halvings)


def blocks(numbers: list[int]) -> list[tuple[int, int, str, str, str]]:
    """Four numbers a node as the blocks of a cell: two inputs, two operations, and that they are added."""
    names = tuple(OPS.values())
    quads = [numbers[at:at + 4] for at in range(0, len(numbers), 4)]
    return [(one, other, names[op_1], names[op_2], "add") for one, op_1, other, op_2 in quads]
