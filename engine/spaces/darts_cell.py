"""The cell of DARTS: every node hears two earlier results, each through an operation (Liu, Simonyan & Yang, ICLR 2019)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb
from typing import Any, ClassVar

from engine.architecture import darts_format, genotype
from engine.architecture.architecture import Architecture, digest
from engine.architecture.canonical import canonical_id
from engine.architecture.cell_ops import CELL_OPS, Place, State, matched, put_op
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.architecture.relaxed import Path, Relaxed, Strengths, Table
from engine.errors import Invalid, Problem, fail
from engine.options import choice, integer, subset
from engine.registry import space
from engine.spaces.conditional import Conditional
from engine.spaces.repeated import Repeated
from engine.spaces.space import Parameter

EIGHT = ("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3",
         "dil_conv_5x5")
CELLS = darts_format.CELLS
TITLES = ("Normal cell", "Reduction cell")
PAPER = {"nodes": 4, "ops": list(EIGHT), "stem": "cifar", "stem_multiplier": 3}
PRESETS = {"paper": {**PAPER, "channels": 36, "layers": 20}, "search": {**PAPER, "channels": 16, "layers": 8},
           "imagenet": {**PAPER, "channels": 48, "layers": 14, "stem": "imagenet"},
           "cpu": {"nodes": 2, "ops": ["none", "max_pool_3x3", "skip_connect", "sep_conv_3x3", "dil_conv_3x3"],
                   "channels": 4, "layers": 3, "stem": "cifar", "stem_multiplier": 3}}
Chosen = tuple[tuple[tuple[str, int], ...], tuple[int, ...]]    # the edges of a cell, and what its output joins
CellBuilder = Callable[[Layers, str, State, State, int, bool], State]


@space(title="DARTS cell", paper="Liu, Simonyan, Yang, ICLR 2019 (arXiv:1806.09055)",
       summary="A normal and a reduction cell of four nodes; each node adds two earlier results after an operation on each.",
       offers={"parameters", "finite", "mutate", "graph", "cells", "supernet", "edges"}, presets=PRESETS)
@dataclass(frozen=True)
class DartsCell(Repeated, Conditional):
    fewest: ClassVar[int] = 3                   # layers of a network that has both types of cells

    nodes: int = integer(4, low=1, high=8, paper=4, help="Nodes in a cell.")
    ops: tuple[str, ...] = subset(EIGHT, choices=darts_format.OPS, paper=EIGHT,
                                  help="Operations of a mixture. An architecture takes any of them but none.")
    channels: int = integer(36, low=2, high=512, paper=36, help="Channels of the first cells; each reduction doubles them.")
    layers: int = integer(20, low=1, high=40, paper=20, help="Cells in all; those at a third and two thirds are reductions.")
    stem: str = choice("cifar", choices=("cifar", "imagenet"), paper="cifar",
                       help="A 3×3 convolution comes first; for large images three of stride 2.")
    stem_multiplier: int = integer(3, low=1, high=6, paper=3, help="Channels of the cifar stem: this times `channels`.")

    def check(self) -> list[Problem]:
        nothing = Problem("/ops", "leaves nothing for an architecture", "an operation that is not none")
        return [] if self._chosen else [nothing]

    @property
    def _chosen(self) -> tuple[str, ...]:
        return tuple(op for op in self.ops if op != "none")

    @cached_property
    def _pairs(self) -> dict[str, tuple[int, int]]:
        """Every pair of different results, by its words."""
        return {f"{i} and {j}": (i, j) for i, j in combinations(range(self.nodes + 1), 2)}

    def parameters(self) -> tuple[Parameter, ...]:
        found = []
        for cell in CELLS:
            for node in range(2, 2 + self.nodes):
                pairs = tuple(words for words, (_, j) in self._pairs.items() if j < node)
                found += [Parameter(f"{cell}_node_{node}_inputs", "categorical", pairs),
                          Parameter(f"{cell}_node_{node}_op_1", "categorical", self._chosen),
                          Parameter(f"{cell}_node_{node}_op_2", "categorical", self._chosen)]
        return tuple(found)

    def size(self) -> int:
        cell = 1
        for node in range(2, 2 + self.nodes):
            cell *= comb(node, 2) * len(self._chosen) ** 2
        return int(cell ** len(CELLS))

    def written(self, config: genotype.Config) -> Mapping[str, Any]:
        """{"normal": [["sep_conv_3x3", 0], ["skip_connect", 1], ...], "normal_concat": [2, 3, 4, 5], "reduce": ...}"""
        values, size = list(config.values()), 3 * self.nodes
        found: dict[str, Any] = {}
        for k, cell in enumerate(CELLS):
            edges: list[list[Any]] = []
            for at in range(k * size, (k + 1) * size, 3):
                i, j = self._pairs[values[at]]
                edges += [[values[at + 1], i], [values[at + 2], j]]
            found[cell], found[f"{cell}_concat"] = edges, list(range(2, 2 + self.nodes))
        return found

    def decided(self, given: Any, path: str = "") -> genotype.Config:
        checked = darts_format.checked(given, path)
        config: genotype.Config = {}
        for cell in CELLS:
            edges, where = checked[cell], f"{path}/{cell}"
            if len(edges) != 2 * self.nodes:
                raise fail(where, "has another number of nodes", f"{2 * self.nodes} pairs")
            if checked[f"{cell}_concat"] != list(range(2, 2 + self.nodes)):
                raise fail(f"{where}_concat", "does not join the nodes of the cell", f"2 to {1 + self.nodes}, in order")
            for node in range(2, 2 + self.nodes):
                at = 2 * node - 4
                (op_1, i), (op_2, j) = sorted(edges[at:at + 2], key=lambda edge: int(edge[1]))
                if i == j:
                    raise fail(f"{where}/{at + 1}/1", "reads the same result twice", "two different results for each node")
                name = f"{cell}_node_{node}"
                config |= {f"{name}_inputs": f"{i} and {j}", f"{name}_op_1": op_1, f"{name}_op_2": op_2}
            for at, (op, _) in enumerate(edges):
                if op not in self._chosen:
                    raise fail(f"{where}/{at}/0", "is not an operation of this space", "one of " + ", ".join(self._chosen))
        return config

    def read(self, given: Any, path: str = "") -> Architecture:
        """Also genotypes in the format of DARTS that are no members: other operations, more nodes, inputs read twice."""
        wide = Architecture(self._kind, darts_format.checked(given, path))
        try:
            return self.parse(wide.genotype)
        except Invalid:
            return wide

    def texts(self, architecture: Architecture) -> Mapping[str, str]:
        return {"darts": darts_format.as_python(architecture.genotype)}

    def cell(self, architecture: Architecture) -> Graph:
        """Both cells beside each other, with a node that stands for the pair."""
        drawn = [_drawn(architecture.genotype, cell) for cell in CELLS]
        pair = Node("pair", "cells", tuple(graph.output for graph in drawn), label="both cells")
        return Graph((*(node for graph in drawn for node in graph), pair), "pair")

    def pictures(self, architecture: Architecture) -> Mapping[str, Graph]:
        return {title: _drawn(architecture.genotype, cell) for title, cell in zip(TITLES, CELLS, strict=True)}

    def canonical(self, architecture: Architecture) -> str:
        return digest([canonical_id(_drawn(architecture.genotype, cell)) for cell in CELLS])

    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph:
        return super().network(architecture, shape, classes).live()

    def write(self, layers: Layers, architecture: Architecture, shape: Shape, classes: int) -> None:
        """The network that is trained in the end: the chosen operations, batch norms with scale and shift."""
        def build(layers: Layers, name: str, before: State, last: State, channels: int, reduction: bool) -> State:
            return _chosen_cell(layers, name, cells[reduction], before, last, channels, reduction)

        given = architecture.genotype
        cells = [(tuple(map(tuple, given[cell])), tuple(given[f"{cell}_concat"])) for cell in CELLS]

        self._skeleton(layers, classes, build, affine=True)

    def supernet(self, shape: Shape, classes: int) -> Relaxed:
        """The network of the search: on every edge the sum of all operations, batch norms without scale and shift, and
        one after each pool. The nodes of an edge are named `cell_C_edge_I_J_OP`, their sum `cell_C_edge_I_J`."""
        places: dict[str, tuple[str, int]] = {}

        def build(layers: Layers, name: str, before: State, last: State, channels: int, reduction: bool) -> State:
            places.update({f"{name}_edge_{i}_{j}": (CELLS[reduction], row) for row, (i, j) in enumerate(self._edges)})
            return _mixed_cell(layers, name, self.nodes, self.ops, before, last, channels, reduction)

        table = Table(tuple(f"{i} to {j}" for i, j in self._edges), self.ops)
        layers = Layers()
        self._skeleton(layers, classes, build, affine=False)
        return Relaxed(layers.graph(), dict.fromkeys(CELLS, table), places)

    @cached_property
    def _edges(self) -> tuple[tuple[int, int], ...]:
        """From result i to node j, node by node: the rows of the tables."""
        return tuple((i, j) for j in range(2, 2 + self.nodes) for i in range(j))

    def path(self, architecture: Architecture) -> Path:
        found: Path = {}
        for cell in CELLS:
            rows: dict[tuple[int, int], tuple[int, ...]] = dict.fromkeys(self._edges, ())
            for at, (op, source) in enumerate(architecture.genotype[cell]):
                rows[source, 2 + at // 2] = (self.ops.index(op),)
            found[cell] = tuple(rows.values())
        return found

    def derived(self, strengths: Strengths) -> Architecture:
        """The strongest operation but none on each edge, and of each node the two edges on which it is strongest."""
        usable = [(k, op) for k, op in enumerate(self.ops) if op != "none"]
        config: genotype.Config = {}
        for cell in CELLS:
            best = {edge: max(usable, key=lambda one: row[one[0]]) for edge, row in
                    zip(self._edges, strengths[cell], strict=True)}
            top = {edge: row[best[edge][0]] for edge, row in zip(self._edges, strengths[cell], strict=True)}
            for node in range(2, 2 + self.nodes):
                i, j = sorted(sorted(range(node), key=lambda source: -top[source, node])[:2])
                config |= {f"{cell}_node_{node}_inputs": f"{i} and {j}", f"{cell}_node_{node}_op_1": best[i, node][1],
                           f"{cell}_node_{node}_op_2": best[j, node][1]}
        return self.architecture(config)

    def skips(self, architecture: Architecture) -> int:
        """Of the normal cell."""
        return sum(op == "skip_connect" for op, _ in architecture.genotype[CELLS[0]])

    def _skeleton(self, layers: Layers, classes: int, build: CellBuilder, affine: bool) -> None:
        width, stage = self.channels, 1
        before, last = self._stem(layers)
        for number in range(self.layers):
            if reduction := number in (self.layers // 3, 2 * self.layers // 3):
                width, stage = 2 * width, stage + 1
            layers.begin(f"reduction {stage - 1}" if reduction else f"stage {stage} cell {number + 1}")
            name = f"cell_{number + 1}"
            stride = 2 if before.halvings < last.halvings else 1
            entered = [matched(Place(layers, f"{name}_input_0", before.name, before.channels, width, stride, affine)),
                       matched(Place(layers, f"{name}_input_1", last.name, last.channels, width, 1, affine))]
            inputs = [State(source, width, last.halvings) for source in entered]
            before, last = last, build(layers, name, inputs[0], inputs[1], width, reduction)
        layers.begin("head")
        layers.linear("classifier", layers.put("head_pool", "global_avg_pool", last.name), classes)

    def _stem(self, layers: Layers) -> tuple[State, State]:
        layers.begin("stem")
        if self.stem == "cifar":
            width = self.stem_multiplier * self.channels
            only = State(layers.norm("stem_norm", layers.conv("stem_conv", "input", width, 3)), width, 0)
            return only, only
        width = self.channels
        source = layers.norm("stem_1_norm", layers.conv("stem_1_conv", "input", width // 2, 3, 2))
        source = layers.conv("stem_2_conv", layers.put("stem_1_relu", "relu", source), width, 3, 2)
        before = layers.norm("stem_2_norm", source)
        source = layers.conv("stem_3_conv", layers.put("stem_2_relu", "relu", before), width, 3, 2)
        return State(before, width, 0), State(layers.norm("stem_3_norm", source), width, 1)


def _drawn(given: Mapping[str, Any], cell: str) -> Graph:
    """A cell as a graph: a node for every operation and for every sum."""
    results = [f"{cell}_input_0", f"{cell}_input_1"]
    nodes = [Node(results[0], "input", settings={"cell": -2}, label="cell before the last", group=cell),
             Node(results[1], "input", settings={"cell": -1}, label="last cell", group=cell)]
    edges, joined = given[cell], given[f"{cell}_concat"]
    for number in range(2, 2 + len(edges) // 2):
        name = f"{cell}_node_{number}"
        pair = edges[2 * number - 4:2 * number - 2]
        nodes += [Node(f"{name}_op_{k}", op, (results[source],), label=CELL_OPS[op].words, group=cell)
                  for k, (op, source) in enumerate(pair, 1)]
        nodes.append(Node(name, "add", (f"{name}_op_1", f"{name}_op_2"), label=f"node {number}", group=cell))
        results.append(name)
    output = Node(f"{cell}_output", "concat", tuple(results[k] for k in joined), {"of": len(joined)}, f"{cell} output", cell)
    return Graph((*nodes, output), output.name)


def _chosen_cell(layers: Layers, name: str, given: Chosen, before: State, last: State, channels: int,
                 reduction: bool) -> State:
    """A cell of an architecture. `none` is not built; a node that hears nothing is zeros, built if the output joins it."""
    output = layers.once((given, channels, reduction), f"{name}_output", (before.name, last.name),
                         lambda: _put_cell(layers, name, given, before.name, last.name, channels, reduction))
    return State(output, len(given[1]) * channels, last.halvings + reduction)


def _put_cell(layers: Layers, name: str, given: Chosen, before: str, last: str, channels: int, reduction: bool) -> str:
    edges, joined = given
    results: list[str | None] = [before, last]
    for node in range(2, 2 + len(edges) // 2):
        heard = []
        for k, (op, source) in enumerate(edges[2 * node - 4:2 * node - 2], 1):
            arriving, stride = results[source], 2 if reduction and source < 2 else 1
            if arriving is not None and op != "none":
                heard.append(put_op(op, Place(layers, f"{name}_node_{node}_op_{k}", arriving, channels, channels, stride)))
        results.append(layers.put(f"{name}_node_{node}", "add", *heard, label=f"node {node}") if heard else None)
    parts = [_part(layers, f"{name}_part_{k}", results[end], before, channels, reduction, end)
             for k, end in enumerate(joined)]
    return layers.put(f"{name}_output", "concat", *parts, label=f"join of {len(parts)}")


def _part(layers: Layers, name: str, result: str | None, entered: str, channels: int, reduction: bool, end: int) -> str:
    """What the output joins: a node; zeros for one that hears nothing; a cell input, made as small as the nodes are."""
    if result is None:
        return put_op("none", Place(layers, name, entered, channels, channels, 1 + reduction))
    if end < 2 and reduction:
        return matched(Place(layers, name, result, channels, channels, 2))
    return result


def _mixed_cell(layers: Layers, name: str, nodes: int, ops: tuple[str, ...], before: State, last: State, channels: int,
                reduction: bool) -> State:
    """A cell of the mixture: every node hears all earlier results through all operations."""
    results = [before.name, last.name]
    for node in range(2, 2 + nodes):
        heard = []
        for source, arriving in enumerate(results):
            edge, stride = f"{name}_edge_{source}_{node}", 2 if reduction and source < 2 else 1
            parts = [_mixed_op(Place(layers, f"{edge}_{op}", arriving, channels, channels, stride, affine=False), op)
                     for op in ops]
            heard.append(layers.put(edge, "add", *parts, label="mixture"))
        results.append(layers.put(f"{name}_node_{node}", "add", *heard, label=f"node {node}"))
    output = layers.put(f"{name}_output", "concat", *results[2:], label=f"join of {nodes}")
    return State(output, nodes * channels, last.halvings + reduction)


def _mixed_op(at: Place, op: str) -> str:
    if not op.endswith("_pool_3x3"):
        return put_op(op, at)
    pooled = at.layers.pool(f"{at.name}_pool", op.removesuffix("_3x3"), at.source, 3, at.stride)
    return at.layers.norm(at.name, pooled, at.affine)
