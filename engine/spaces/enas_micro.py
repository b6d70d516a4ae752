"""ENAS, cells: nodes of two inputs and two operations, in two kinds of cell (Pham et al., ICML 2018, section 2.4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from engine.architecture.architecture import Architecture, digest
from engine.architecture.canonical import canonical_id
from engine.architecture.cell_ops import Place, State, matched, put_op
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.architecture.relaxed import Path, Relaxed, Strengths, Table
from engine.options import flag, integer, subset
from engine.registry import space
from engine.spaces.cell import Blocks, build_cell, draw_cell, entered, loose_ends
from engine.spaces.nested import Nested
from engine.spaces.repeated import Repeated
from engine.spaces.space import Parameter

# The operations by number, and what each is called among the operations of cells.
OPS = {"sep_conv_3x3": "sep_conv_3x3", "sep_conv_5x5": "sep_conv_5x5", "avg_pool_3x3": "avg_pool_3x3",
       "max_pool_3x3": "max_pool_3x3", "identity": "skip_connect"}
CELLS = ("normal", "reduction")
STEM_MULTIPLIER, INPUTS = 3, 2
CellBuilder = Callable[[Layers, str, str, State, State, int, int], State]


@space(title="ENAS micro", paper="Pham, Guan, Zoph, Le, Dean, ICML 2018 (arXiv:1802.03268)",
       summary="Two cells of five nodes; each node adds two operations on earlier results, given as four numbers.",
       offers={"parameters", "finite", "mutate", "graph", "cells", "supernet"},
       presets={"paper": {"channels": 20, "layers": 2, "nodes": 5, "projection": True},
                "final": {"channels": 36, "layers": 5, "nodes": 5, "projection": False},
                "cpu": {"channels": 6, "layers": 1, "reductions": 1, "nodes": 3, "projection": True}})
@dataclass(frozen=True)
class EnasMicro(Repeated, Nested):
    channels: int = integer(20, low=2, high=512, paper=20, help="Channels of the first stack; a reduction doubles them.")
    layers: int = integer(2, low=1, high=20, paper=2, help="Normal cells in each stack.")
    reductions: int = integer(2, low=1, high=4, paper=2, help="Reduction cells, with a stack of normal cells between.")
    nodes: int = integer(5, low=1, high=10, paper=5, help="Nodes of a cell, beside its two inputs.")
    ops: tuple[str, ...] = subset(OPS, choices=OPS, paper=tuple(OPS), help="Operations that a node may use.")
    projection: bool = flag(True, paper=True, help="A 1×1 convolution brings the joined ends of a cell back to its channels "
                                                   "(while searching); without it all go on (the final network).")

    def parameters(self) -> tuple[Parameter, ...]:
        ops = tuple(at for at, op in enumerate(OPS) if op in self.ops)
        found = []
        for k, cell in enumerate(CELLS):
            results = (*range(1 - INPUTS, 1), *range(1 + k * self.nodes, 1 + (k + 1) * self.nodes))
            for at, name in enumerate(self.form()[cell]):
                earlier, own = results[:at // 4 + INPUTS], results[at // 4 + INPUTS]
                found.append(Parameter(name, "categorical", ops, result=own) if at % 2 else
                             Parameter(name, "categorical", tuple(range(len(earlier))), result=own, points=earlier))
        return tuple(found)

    def lacks(self) -> Mapping[str, str]:
        """What its kind offers and this very space does not, with the reason."""
        return {} if self.projection else {"supernet": "the width of a cell depends on its ends: switch the projection on"}

    def form(self) -> Mapping[str, Any]:
        """{"normal": [input, op, input, op, ...], "reduction": [...]}, four numbers a node."""
        slots = ("input_1", "op_1", "input_2", "op_2")
        return {cell: [f"{cell}_node_{k}_{slot}" for k in range(1, self.nodes + 1) for slot in slots] for cell in CELLS}

    def said(self, parameter: Parameter, value: Any) -> str:
        """A choice in words: operations are numbers in the genotype."""
        return str(value) if parameter.points else tuple(OPS)[value]

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

    def write(self, layers: Layers, architecture: Architecture, shape: Shape, classes: int) -> None:
        """The stem, stacks of normal cells with a reduction cell between, then the classifier."""
        chosen = {cell: blocks(architecture.genotype[cell]) for cell in CELLS}

        def build(layers: Layers, name: str, cell: str, before: State, last: State, channels: int, stride: int) -> State:
            ends = build_cell(layers, name, chosen[cell], before, last, channels, stride)
            if not self.projection:
                return ends
            source = matched(Place(layers, f"{name}_projection", ends.name, ends.channels, channels))
            return State(source, channels, ends.halvings)

        self._skeleton(layers, classes, build)

    def supernet(self, shape: Shape, classes: int) -> Relaxed:
        """Every node hears all earlier results through all operations, whose weights belong to (node, input, operation).
        Every result may be an end: the 1×1 convolution of the joined ends is a sum of slices, one a result. The nodes of an
        edge are named `NAME_edge_I_J_OP`, their sum `NAME_edge_I_J`; an end is `NAME_slice_I`."""
        places: dict[str, tuple[str, int]] = {}

        def build(layers: Layers, name: str, cell: str, before: State, last: State, channels: int, stride: int) -> State:
            places.update({f"{name}_edge_{i}_{j}": (cell, row) for row, (i, j) in enumerate(self._edges)})
            places.update({f"{name}_slice_{i}": (f"{cell}_ends", i) for i in range(INPUTS + self.nodes)})
            return _mixed_cell(layers, name, self.nodes, self._chosen, before, last, channels, stride)

        edges = Table(tuple(f"{i} to {j}" for i, j in self._edges), self._chosen)
        ends = Table(tuple(f"{i} to the output" for i in range(INPUTS + self.nodes)), ("no", "yes"))
        tables = {name: table for cell in CELLS for name, table in ((cell, edges), (f"{cell}_ends", ends))}
        layers = Layers()
        self._skeleton(layers, classes, build)
        return Relaxed(layers.graph(), tables, places)

    @cached_property
    def _edges(self) -> tuple[tuple[int, int], ...]:
        """From result i to node j, node by node: the rows of the tables."""
        return tuple((i, j) for j in range(INPUTS, INPUTS + self.nodes) for i in range(j))

    @cached_property
    def _chosen(self) -> tuple[str, ...]:
        return tuple(op for op in OPS if op in self.ops)

    def path(self, architecture: Architecture) -> Path:
        """The two halves of a node may be the same operation on the same input, which then counts twice."""
        found: Path = {}
        for cell in CELLS:
            numbers = architecture.genotype[cell]
            rows: dict[tuple[int, int], tuple[int, ...]] = dict.fromkeys(self._edges, ())
            for at in range(0, len(numbers), 2):
                edge = numbers[at], INPUTS + at // 4
                rows[edge] = (*rows[edge], self._chosen.index(tuple(OPS)[numbers[at + 1]]))
            loose = loose_ends(blocks(numbers))
            found[cell] = tuple(tuple(sorted(row)) for row in rows.values())
            found[f"{cell}_ends"] = tuple((int(i in loose),) for i in range(INPUTS + self.nodes))
        return found

    def derived(self, strengths: Strengths) -> Architecture:
        """Of each node the strongest operation on any input, then the next, or the same again if it is twice as strong.
        Ends are what no node takes."""
        given: dict[str, list[int]] = {}
        for cell in CELLS:
            given[cell] = []
            for node in range(INPUTS, INPUTS + self.nodes):
                known = {(i, k): strength for (i, j), row in zip(self._edges, strengths[cell], strict=True) if j == node
                         for k, strength in enumerate(row)}
                first = max(known, key=known.__getitem__)
                second = max(known, key=lambda one: known[one] / (2 if one == first else 1))
                for i, k in (first, second):
                    given[cell] += [i, tuple(OPS).index(self._chosen[k])]
        return self.parse(given)

    def skips(self, architecture: Architecture) -> int:
        """Identities of the normal cell."""
        return sum(op == tuple(OPS).index("identity") for op in architecture.genotype[CELLS[0]][1::2])

    def _skeleton(self, layers: Layers, classes: int, build: CellBuilder) -> None:
        width = self.channels
        layers.begin("stem")
        source = layers.norm("stem_norm", layers.conv("stem_conv", "input", STEM_MULTIPLIER * width, 3))
        before = last = State(source, STEM_MULTIPLIER * width, 0)
        for stack in range(1, self.reductions + 2):
            if stack > 1:
                width *= 2
                layers.begin(f"reduction {stack - 1}")
                before, last = last, build(layers, f"reduction_{stack - 1}", CELLS[1], before, last, width, 2)
            for number in range(1, self.layers + 1):
                layers.begin(f"stack {stack} cell {number}")
                before, last = last, build(layers, f"stack_{stack}_cell_{number}", CELLS[0], before, last, width, 1)
        layers.begin("head")
        source = layers.put("head_relu", "relu", last.name)
        layers.linear("classifier", layers.put("head_pool", "global_avg_pool", source), classes)


def blocks(numbers: list[int]) -> Blocks:
    """Four numbers a node as the blocks of a cell: two inputs, two operations, and that they are added."""
    names = tuple(OPS.values())
    quads = [numbers[at:at + 4] for at in range(0, len(numbers), 4)]
    return tuple((one, other, names[op_1], names[op_2], "add") for one, op_1, other, op_2 in quads)


def _mixed_cell(layers: Layers, name: str, nodes: int, ops: tuple[str, ...], before: State, last: State, channels: int,
                stride: int) -> State:
    """A cell of the supernet."""
    results = [entered(layers, f"{name}_input_0", before, last, channels).name,
               matched(Place(layers, f"{name}_input_1", last.name, last.channels, channels))]
    for node in range(INPUTS, INPUTS + nodes):
        heard = []
        for i, arriving in enumerate(results):
            edge, step = f"{name}_edge_{i}_{node}", stride if i < INPUTS else 1
            parts = [put_op(OPS[op], Place(layers, f"{edge}_{op}", arriving, channels, channels, step)) for op in ops]
            heard.append(layers.put(edge, "add", *parts, label="mixture"))
        results.append(layers.put(f"{name}_node_{node}", "add", *heard, label=f"node {node}"))
    slices = []
    for i, source in enumerate(results):
        if i < INPUTS and stride > 1:
            source = matched(Place(layers, f"{name}_end_{i}", source, channels, channels, stride))
        nothing = layers.put(f"{name}_slice_{i}_no", "zero", source, label="none", stride=1)
        taken = layers.conv(f"{name}_slice_{i}_conv", layers.put(f"{name}_slice_{i}_relu", "relu", source), channels, 1)
        slices.append(layers.put(f"{name}_slice_{i}", "add", nothing, taken, label="end"))
    joined = layers.put(f"{name}_ends", "add", *slices, label="slices of a 1×1 convolution")
    return State(layers.norm(f"{name}_projection", joined), channels, last.halvings + (stride > 1))
