"""The NAS-Bench-201 cell: four nodes, an operation on each of the six edges between them (Dong & Yang, ICLR 2020)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.architecture.relaxed import Path, Relaxed, Strengths, Table
from engine.errors import fail
from engine.options import integer, subset
from engine.registry import space
from engine.spaces.conditional import Conditional
from engine.spaces.repeated import Repeated
from engine.spaces.space import Parameter

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
WORDS = {"none": "none", "skip_connect": "skip", "nor_conv_1x1": "conv 1×1", "nor_conv_3x3": "conv 3×3",
         "avg_pool_3x3": "average pool 3×3"}
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))        # in the order of the string
STRING = re.compile(r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|", re.ASCII)
STRING_LIMIT = 200
STAGES, TABLE = 3, "cell"
CellBuilder = Callable[[Layers, str, str, int], str]


@space(title="NAS-Bench-201", paper="Dong & Yang, ICLR 2020 (arXiv:2001.00326)",
       summary="One small cell, repeated: an operation on each of six edges; 15,625 cells, few enough to know them all.",
       offers={"parameters", "finite", "mutate", "graph", "cells", "supernet", "edges"},
       presets={"paper": {"channels": 16, "layers": 5}, "cpu": {"channels": 8, "layers": 1},
                "table": {"channels": 4, "layers": 1}})
@dataclass(frozen=True)
class NasBench201(Repeated, Conditional):
    channels: int = integer(16, low=1, high=256, paper=16, help="Channels of the first stage; each stage doubles them.")
    layers: int = integer(5, low=1, high=20, paper=5, help="Cells in each of the three stages.")
    ops: tuple[str, ...] = subset(OPS, choices=OPS, paper=OPS, help="Operations that an edge may carry.")

    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(Parameter(f"edge_{i}_{j}", "categorical", self.ops) for i, j in EDGES)

    def size(self) -> int:
        return int(len(self.ops) ** len(EDGES))

    def written(self, config: genotype.Config) -> Mapping[str, Any]:
        a, b, c, d, e, f = config.values()
        return {"arch": f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"}

    def decided(self, given: Any, path: str = "") -> genotype.Config:
        if not isinstance(given, Mapping) or set(given) != {"arch"}:
            raise fail(path, "must be an object with the one key arch", '{"arch": "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|"}')
        text = given["arch"]
        match = STRING.fullmatch(text) if isinstance(text, str) and len(text) <= STRING_LIMIT else None
        if match is None:
            raise fail(f"{path}/arch", "does not have the form of a cell", "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|")
        if strange := [op for op in match.groups() if op not in self.ops]:
            reason = f"has the operation {strange[0][:40]}, which is not in this space"
            raise fail(f"{path}/arch", reason, ", ".join(self.ops))
        return {p.name: op for p, op in zip(self._decisions, match.groups(), strict=True)}

    def texts(self, architecture: Architecture) -> Mapping[str, str]:
        return {"nas_bench_201": architecture.genotype["arch"]}

    def cell(self, architecture: Architecture) -> Graph:
        """A node for every sum and for every edge's operation, `none` included."""
        nodes = [Node("node_0", "input", label="input")]
        carried = dict(zip(EDGES, operations(architecture), strict=True))
        for j in range(1, 4):
            edges = [Node(f"edge_{i}_{j}", carried[i, j], (f"node_{i}",), label=WORDS[carried[i, j]]) for i in range(j)]
            label = "output" if j == 3 else f"sum {j}"
            nodes += [*edges, Node(f"node_{j}", "add", tuple(e.name for e in edges), label=label)]
        return Graph(tuple(nodes), "node_3")

    def write(self, layers: Layers, architecture: Architecture, shape: Shape, classes: int) -> None:
        """Stem, three stages of cells with a residual block of stride 2 between, then the classifier."""
        carried = operations(architecture)

        def build(layers: Layers, name: str, source: str, width: int) -> str:
            return layers.once((carried, width), name, (source,), partial(_cell, layers, name, carried, source, width))

        self._skeleton(layers, shape, classes, build)

    def supernet(self, shape: Shape, classes: int) -> Relaxed:
        """On every edge the sum of all operations, their batch norms without scale and shift. The nodes of an edge are
        named `stage_S_cell_C_edge_I_J_OP`, their sum `stage_S_cell_C_edge_I_J`."""
        places: dict[str, tuple[str, int]] = {}

        def build(layers: Layers, name: str, source: str, width: int) -> str:
            places.update({f"{name}_edge_{i}_{j}": (TABLE, row) for row, (i, j) in enumerate(EDGES)})
            return _mixed_cell(layers, name, self.ops, source, width)

        table = Table(tuple(f"{i} to {j}" for i, j in EDGES), self.ops)
        layers = Layers()
        self._skeleton(layers, shape, classes, build)
        return Relaxed(layers.graph(), {TABLE: table}, places)

    def path(self, architecture: Architecture) -> Path:
        return {TABLE: tuple((self.ops.index(op),) for op in operations(architecture))}

    def derived(self, strengths: Strengths) -> Architecture:
        """The strongest operation of each edge; unlike in DARTS it may be none."""
        chosen = [self.ops[max(range(len(self.ops)), key=row.__getitem__)] for row in strengths[TABLE]]
        return self.architecture({p.name: op for p, op in zip(self._decisions, chosen, strict=True)})

    def skips(self, architecture: Architecture) -> int:
        return operations(architecture).count("skip_connect")

    def _skeleton(self, layers: Layers, shape: Shape, classes: int, build: CellBuilder) -> None:
        width, sides = self.channels, shape[1:]
        layers.begin("stem")
        source = layers.norm("stem_norm", layers.conv("stem_conv", "input", width, 3))
        for stage in range(1, STAGES + 1):
            if stage > 1:
                width *= 2
                layers.begin(f"reduction {stage - 1}")
                source = _reduction(layers, f"reduction_{stage - 1}", source, width, sides)
                sides = tuple((side + 1) // 2 for side in sides)
            for number in range(1, self.layers + 1):
                layers.begin(f"stage {stage} cell {number}")
                source = build(layers, f"stage_{stage}_cell_{number}", source, width)
        layers.begin("head")
        source = layers.put("head_relu", "relu", layers.norm("head_norm", source))
        layers.linear("classifier", layers.put("head_pool", "global_avg_pool", source), classes)


def operations(architecture: Architecture) -> tuple[str, ...]:
    """The operations of the six edges in the order of the string."""
    match = STRING.fullmatch(architecture.genotype["arch"])
    if match is None:
        raise fail("/genotype/arch", "does not have the form of a cell")
    return match.groups()


def _cell(layers: Layers, name: str, ops: tuple[str, ...], source: str, channels: int) -> str:
    """The live part of a cell: edges that carry nothing, or lead nowhere, are not built."""
    carried = {edge: op for edge, op in zip(EDGES, ops, strict=True) if op != "none"}
    fed = {0}
    for i, j in EDGES:
        fed |= {j} if (i, j) in carried and i in fed else set()
    heard = {3}
    for i, j in reversed(EDGES):
        heard |= {i} if (i, j) in carried and j in heard else set()
    if 3 not in fed:
        return layers.put(f"{name}_zero", "zero", source, label="zero", stride=1)
    results = {0: source}
    for j in sorted((fed & heard) - {0}):
        edges = [(i, carried[i, j]) for i in range(j) if (i, j) in carried and i in results]
        arriving = [layers.once((op, channels), end := f"{name}_edge_{i}_{j}", (results[i],),
                                partial(_edge, layers, end, op, results[i], channels)) for i, op in edges]
        results[j] = layers.merge(f"{name}_node_{j}", arriving)
    return results[3]


def _mixed_cell(layers: Layers, name: str, ops: tuple[str, ...], source: str, channels: int) -> str:
    """A cell of the mixture: every node hears all earlier ones through all operations."""
    results = [source]
    for j in range(1, 4):
        heard = []
        for i, arriving in enumerate(results):
            edge = f"{name}_edge_{i}_{j}"
            parts = [_edge(layers, f"{edge}_{op}", op, arriving, channels, affine=False) for op in ops]
            heard.append(layers.put(edge, "add", *parts, label="mixture"))
        results.append(layers.put(f"{name}_node_{j}", "add", *heard, label=f"node {j}"))
    return results[3]


def _edge(layers: Layers, name: str, op: str, source: str, channels: int, affine: bool = True) -> str:
    if op == "none":
        return layers.put(name, "zero", source, label="none", stride=1)
    if op == "skip_connect":
        return layers.put(name, "identity", source, label="skip")
    if op == "avg_pool_3x3":
        return layers.pool(name, "avg_pool", source, 3, 1)
    return _relu_conv_norm(layers, name, source, channels, 1 if op == "nor_conv_1x1" else 3, affine=affine)


def _relu_conv_norm(layers: Layers, name: str, source: str, channels: int, kernel: int, stride: int = 1,
                    affine: bool = True) -> str:
    source = layers.conv(f"{name}_conv", layers.put(f"{name}_relu", "relu", source), channels, kernel, stride)
    return layers.norm(f"{name}_norm", source, affine)


def _reduction(layers: Layers, name: str, source: str, channels: int, sides: Shape) -> str:
    """A basic residual block of stride 2; the pool of its shortcut rounds odd sizes up, as its convolutions do."""
    deep = _relu_conv_norm(layers, f"{name}_a", source, channels, 3, stride=2)
    deep = _relu_conv_norm(layers, f"{name}_b", deep, channels, 3)
    window = 3 if any(side % 2 for side in sides) else 2
    short = layers.pool(f"{name}_pool", "avg_pool", source, window, 2)
    return layers.merge(f"{name}_sum", [layers.conv(f"{name}_shortcut", short, channels, 1), deep])
