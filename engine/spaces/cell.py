"""Cells of blocks, repeated: the spaces of NASNet (Zoph et al., CVPR 2018), PNAS (Liu et al., ECCV 2018) and AmoebaNet
(Real et al., AAAI 2019).

A block takes two earlier results, an operation on each, and combines them. Results are numbered: 0 is the output of the
cell before the last, 1 that of the last cell, 2 that of the first block, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from engine.architecture import genotype
from engine.architecture.architecture import Architecture, digest
from engine.architecture.canonical import canonical_id
from engine.architecture.cell_ops import CELL_OPS, Place, State, matched, put_op
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.errors import Problem, fail
from engine.options import choice, integer, subset
from engine.registry import space
from engine.spaces.conditional import Conditional
from engine.spaces.growth import Growth, Rows
from engine.spaces.repeated import Repeated
from engine.spaces.space import Parameter

OPS = ("identity", "conv_1x3_3x1", "conv_1x7_7x1", "dilated_conv_3x3", "avg_pool_3x3", "max_pool_3x3", "max_pool_5x5",
       "max_pool_7x7", "conv_1x1", "conv_3x3", "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7")
EIGHT = ("sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7", "conv_1x7_7x1", "identity", "avg_pool_3x3", "max_pool_3x3",
         "dilated_conv_3x3")
SLOTS = ("input_1", "input_2", "op_1", "op_2", "combine")        # the decisions of a block, in the order of a genotype
CELLS = {"two": ("normal", "reduction"), "one": ("cell",)}
Blocks = tuple[tuple[Any, ...], ...]            # two inputs, two operations, a combination each
IMAGENET_STEM, STEM_CELLS = 32, 2
NASNET: dict[str, Any] = {"ops": list(OPS), "combine": ["add", "concat"], "cells": "two", "blocks": 5, "stem": "cifar",
                          "reductions": 2, "stem_multiplier": 3}
PNAS = {**NASNET, "ops": list(EIGHT), "combine": ["add"], "cells": "one"}
AMOEBANET = {**PNAS, "cells": "two"}
PRESETS = {
    "paper": {**NASNET, "channels": 32, "layers": 6}, "nasnet": {**NASNET, "channels": 32, "layers": 2},
    "pnas": {**PNAS, "channels": 24, "layers": 2}, "progressive": {**PNAS, "channels": 24, "layers": 2, "min_blocks": 1},
    "amoebanet": {**AMOEBANET, "channels": 24, "layers": 3},
    "imagenet": {**NASNET, "channels": 44, "layers": 4, "stem": "imagenet", "stem_multiplier": 1},
    "cpu": {"ops": ["sep_conv_3x3", "conv_1x1", "identity", "avg_pool_3x3", "max_pool_3x3"], "blocks": 3, "combine": ["add"],
            "cells": "two", "channels": 6, "layers": 1, "reductions": 1, "stem": "cifar", "stem_multiplier": 2}}


@space(title="Cell (NASNet, PNAS, AmoebaNet)", paper="Zoph, Vasudevan, Shlens, Le, CVPR 2018 (arXiv:1707.07012)",
       summary="Blocks of two inputs, two operations and a combination make a cell; cells in stacks make the network.",
       offers={"parameters", "finite", "mutate", "graph", "cells", "levels"}, presets=PRESETS)
@dataclass(frozen=True)
class Cell(Repeated, Conditional):
    ops: tuple[str, ...] = subset(EIGHT, choices=OPS, paper=OPS,
                                  help="Operations that a block may use. NASNet has 13, PNAS and AmoebaNet 8 of them.")
    blocks: int = integer(5, low=1, high=12, paper=5, help="Blocks in a cell.")
    combine: tuple[str, ...] = subset(("add",), choices=("add", "concat"), paper=("add", "concat"),
                                      help="How a block joins its two halves.")
    cells: str = choice("two", choices=("two", "one"), paper="two",
                        help="Two: a normal and a reduction cell. One: the reduction cell is the normal cell with stride 2.")
    channels: int = integer(24, low=2, high=512, paper=32, help="Channels of the first stack; a reduction doubles them.")
    layers: int = integer(3, low=1, high=20, paper=6, help="Normal cells in each stack.")
    reductions: int = integer(2, low=1, high=4, paper=2, help="Reduction cells; normal cells stand before and after each.")
    stem: str = choice("cifar", choices=("cifar", "imagenet"), paper="cifar",
                       help="A 3×3 convolution comes first; for large images one of stride 2 and two reduction cells.")
    stem_multiplier: int = integer(3, low=1, high=6, paper=3,
                                   help="Channels of the first convolution: this times `channels`, or times 32 (imagenet).")
    min_blocks: int | None = integer(None, low=1, high=12, optional=True,
                                     help="Fewest blocks in a cell; empty: `blocks`. Cells that grow begin with 1.")

    def check(self) -> list[Problem]:
        fits = self._fewest <= self.blocks
        return [] if fits else [Problem("/min_blocks", "is more than blocks", f"a whole number from 1 to {self.blocks}")]

    @property
    def _fewest(self) -> int:
        return self.blocks if self.min_blocks is None else self.min_blocks

    def lacks(self) -> Mapping[str, str]:
        """What its kind offers and this very space does not, with the reason."""
        grows = self.cells == "one" and self._fewest == 1
        return {} if grows else {"levels": "one kind of cell grows from a single block: set cells to one, min_blocks to 1"}

    def growth(self) -> Growth:
        """Its levels: the cells of 1, 2, … blocks."""
        return Growth(len(self.ops), len(self.combine), self.blocks)

    def row(self, architecture: Architecture) -> Rows:
        """The blocks of the one cell as numbers, as `Growth` has them."""
        places = [[i, j, self.ops.index(one), self.ops.index(other), self.combine.index(combine)]
                  for i, j, one, other, combine in architecture.genotype["cell"]]
        return np.array(places, np.int8)

    def from_row(self, row: Rows) -> Architecture:
        return Architecture(self._kind, {"cell": [[i, j, self.ops[one], self.ops[other], self.combine[combine]]
                                                  for i, j, one, other, combine in row.tolist()]})

    def parameters(self) -> tuple[Parameter, ...]:
        numbers = range(1, self.blocks + 1)
        count = [Parameter("blocks", "integer", low=self._fewest, high=self.blocks)] if self._fewest < self.blocks else []
        return (*count, *(p for cell in CELLS[self.cells] for number in numbers for p in self._block(cell, number)))

    def _block(self, cell: str, number: int) -> Iterator[Parameter]:
        sources = tuple(range(number + 1))
        when = ({"name": "blocks", "at_least": number},) if number > self._fewest else ()
        for slot, values in zip(SLOTS, (sources, sources, self.ops, self.ops, self.combine), strict=True):
            yield Parameter(f"{cell}_block_{number}_{slot}", "categorical", values, when=when)

    def size(self) -> int:
        cell, found = 1, 0
        for number in range(1, self.blocks + 1):
            cell *= (number + 1) ** 2 * len(self.ops) ** 2 * len(self.combine)
            found += cell ** len(CELLS[self.cells]) if number >= self._fewest else 0
        return found

    @cached_property
    def _cuts(self) -> dict[int, list[tuple[str, list[slice]]]]:
        """Where the blocks of each cell stand among the decisions, by the number of decisions."""
        size, before, cells = len(SLOTS), int(self._fewest < self.blocks), CELLS[self.cells]
        found = {}
        for blocks in range(self._fewest, self.blocks + 1):
            cuts = [slice(before + at * size, before + (at + 1) * size) for at in range(blocks * len(cells))]
            found[before + len(cuts) * size] = [(cell, cuts[k * blocks:(k + 1) * blocks]) for k, cell in enumerate(cells)]
        return found

    def written(self, config: genotype.Config) -> Mapping[str, Any]:
        """{"normal": [[0, 1, "sep_conv_3x3", "identity", "add"], ...], "reduction": [...]}"""
        values = list(config.values())
        return {cell: [values[cut] for cut in cuts] for cell, cuts in self._cuts[len(values)]}

    def decided(self, given: Any, path: str = "") -> genotype.Config:
        cells = CELLS[self.cells]
        if not isinstance(given, Mapping) or set(given) != set(cells):
            raise fail(path, "must be an object with the keys " + " and ".join(cells), "a list of blocks for each")
        values: list[Any] = []
        wanted = f"{self._fewest} to {self.blocks}" if self._fewest < self.blocks else f"{self.blocks}"
        for cell in cells:
            blocks, where = given[cell], f"{path}/{cell}"
            if not isinstance(blocks, (list, tuple)) or not self._fewest <= len(blocks) <= self.blocks:
                raise fail(where, "must be a list of blocks", f"{wanted} blocks: [input, input, op, op, combine]")
            if len(blocks) != len(given[cells[0]]):
                raise fail(where, f"has another number of blocks than {cells[0]}", f"{len(given[cells[0]])} blocks")
            for number, block in enumerate(blocks):
                if not isinstance(block, (list, tuple)) or len(block) != len(SLOTS):
                    raise fail(f"{where}/{number}", "is not a block", "[input, input, op, op, combine]")
                values += block
        return self._checked(values, path)

    def _checked(self, values: list[Any], path: str) -> genotype.Config:
        blocks = len(values) // (len(SLOTS) * len(CELLS[self.cells]))
        config: genotype.Config = {"blocks": blocks} if self._fewest < self.blocks else {}
        decisions = [p for p in self._decisions if p.name != "blocks" and genotype.active(p, {"blocks": blocks})]
        for at, (parameter, value) in enumerate(zip(decisions, values, strict=True)):
            if not any(value == each and type(value) is type(each) for each in parameter.choices):
                cell, block = CELLS[self.cells][at // (5 * blocks)], at // 5 % blocks
                raise fail(f"{path}/{cell}/{block}/{at % 5}", "is not a choice of this space",
                           "one of " + ", ".join(map(str, parameter.choices)))
            config[parameter.name] = value
        return config

    def cell(self, architecture: Architecture) -> Graph:
        """The cell; if there are two, one beside the other, with a node that stands for the pair."""
        drawn = [draw_cell(name, blocks) for name, blocks in architecture.genotype.items()]
        if len(drawn) == 1:
            return drawn[0]
        pair = Node("pair", "cells", tuple(graph.output for graph in drawn), label="both cells")
        return Graph((*(node for graph in drawn for node in graph), pair), "pair")

    def pictures(self, architecture: Architecture) -> Mapping[str, Graph]:
        drawn = {name: draw_cell(name, blocks) for name, blocks in architecture.genotype.items()}
        return {f"{name.capitalize()} cell" if len(drawn) > 1 else "": graph for name, graph in drawn.items()}

    def canonical(self, architecture: Architecture) -> str:
        found = [canonical_id(draw_cell(name, blocks)) for name, blocks in architecture.genotype.items()]
        return found[0] if len(found) == 1 else digest(found)

    def write(self, layers: Layers, architecture: Architecture, shape: Shape, classes: int) -> None:
        """The stem, then stacks of normal cells with a reduction cell between, then the classifier."""
        cells = {name: tuple(map(tuple, blocks)) for name, blocks in architecture.genotype.items()}
        normal, reduction = cells[CELLS[self.cells][0]], cells[CELLS[self.cells][-1]]
        before, last = self._stem(layers, reduction)
        for stack in range(self.reductions + 1):
            width = self.channels * 2 ** stack
            if stack:
                layers.begin(f"reduction {stack}")
                before, last = last, build_cell(layers, f"reduction_{stack}", reduction, before, last, width, 2)
            for number in range(1, self.layers + 1):
                layers.begin(f"stack {stack + 1} cell {number}")
                before, last = last, build_cell(layers, f"stack_{stack + 1}_cell_{number}", normal, before, last, width, 1)
        layers.begin("head")
        source = layers.put("head_relu", "relu", last.name)
        layers.linear("classifier", layers.put("head_pool", "global_avg_pool", source), classes)

    def _stem(self, layers: Layers, reduction: Blocks) -> tuple[State, State]:
        """The two results that the first cell reads; in front of the second of them there may be nothing else."""
        large = self.stem == "imagenet"
        layers.begin("stem")
        width = self.stem_multiplier * (IMAGENET_STEM if large else self.channels)
        source = layers.norm("stem_norm", layers.conv("stem_conv", "input", width, 3, 2 if large else 1))
        before = last = State(source, width, 0)
        for number in range(STEM_CELLS if large else 0):
            width = max(2, self.channels // 2 ** (STEM_CELLS - number))
            layers.begin(f"stem reduction {number + 1}")
            before, last = last, build_cell(layers, f"stem_cell_{number + 1}", reduction, before, last, width, 2)
        return before, last


def loose_ends(blocks: Any) -> list[int]:
    """The results that no block takes, cell inputs included: together they are the output of the cell."""
    taken = {source for block in blocks for source in block[:2]}
    return [result for result in range(len(blocks) + 2) if result not in taken]


def draw_cell(name: str, blocks: Any) -> Graph:
    """A cell as a graph: a node for every operation and for every block."""
    results = [f"{name}_input_0", f"{name}_input_1"]
    nodes = [Node(results[0], "input", settings={"cell": -2}, label="cell before the last", group=name),
             Node(results[1], "input", settings={"cell": -1}, label="last cell", group=name)]
    for number, (one, other, op_1, op_2, combine) in enumerate(blocks, 1):
        block = f"{name}_block_{number}"
        nodes += (Node(f"{block}_op_1", op_1, (results[one],), label=CELL_OPS[op_1].words, group=name),
                  Node(f"{block}_op_2", op_2, (results[other],), label=CELL_OPS[op_2].words, group=name),
                  Node(block, combine, (f"{block}_op_1", f"{block}_op_2"), label=f"block {number}", group=name))
        results.append(block)
    loose = tuple(results[end] for end in loose_ends(blocks))
    return Graph((*nodes, Node(f"{name}_output", "concat", loose, label=f"{name} output", group=name)), f"{name}_output")


def build_cell(layers: Layers, name: str, blocks: Blocks, before: State, last: State, channels: int, stride: int) -> State:
    """A cell in primitive layers. Only operations that read a cell input have the stride."""
    key = (blocks, channels, stride, last.halvings - before.halvings)
    output = layers.once(key, f"{name}_output", (before.name, last.name),
                         lambda: _put_cell(layers, name, blocks, before, last, channels, stride))
    return State(output, len(loose_ends(blocks)) * channels, last.halvings + (stride > 1))


def _put_cell(layers: Layers, name: str, blocks: Blocks, before: State, last: State, channels: int, stride: int) -> str:
    halvings = last.halvings + (stride > 1)
    states = [entered(layers, f"{name}_input_0", before, last, channels),
              State(matched(Place(layers, f"{name}_input_1", last.name, last.channels, channels)), channels, last.halvings)]
    for number, (one, other, op_1, op_2, combine) in enumerate(blocks, 1):
        halves = []
        for slot, source, op in (("op_1", one, op_1), ("op_2", other, op_2)):
            state = states[source]
            place = Place(layers, f"{name}_block_{number}_{slot}", state.name, state.channels, channels,
                          stride if source < 2 else 1)
            halves.append(put_op(op, place))
        joined = layers.put(f"{name}_block_{number}", combine, *halves, label=f"block {number}")
        states.append(State(joined, 2 * channels if combine == "concat" else channels, halvings))
    ends = []
    for end in loose_ends(blocks):
        state = states[end]
        if (state.channels, state.halvings) == (channels, halvings):
            ends.append(state.name)
        else:
            place = Place(layers, f"{name}_end_{end}", state.name, state.channels, channels, stride if end < 2 else 1)
            ends.append(matched(place))
    return layers.put(f"{name}_output", "concat", *ends, label=f"join of {len(ends)}") if len(ends) > 1 else ends[0]


def entered(layers: Layers, name: str, before: State, last: State, channels: int) -> State:
    """The output of the cell before the last, made as large as that of the last cell and as deep as this cell."""
    if before.halvings == last.halvings and before.channels == channels:
        return before
    stride = 2 if before.halvings < last.halvings else 1
    return State(matched(Place(layers, name, before.name, before.channels, channels, stride)), channels, last.halvings)
