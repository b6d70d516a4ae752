"""Hierarchical motifs: operations make motifs, motifs make a cell (Liu, Simonyan, Vinyals et al., ICLR 2018).

A motif is a small graph with an operation, or nothing, on each edge between its nodes. The cell is a graph of the same
kind whose edges carry motifs. A node joins what arrives channel by channel and projects it back by a 1×1 convolution.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from random import Random
from typing import Any

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.canonical import canonical_id
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.options import integer, subset
from engine.registry import space
from engine.spaces.nested import Nested
from engine.spaces.repeated import Repeated
from engine.spaces.space import Parameter

NONE = "none"
WORDS = {"conv_1x1": "conv 1×1", "depthwise_conv_3x3": "depthwise conv 3×3", "sep_conv_3x3": "separable conv 3×3",
         "max_pool_3x3": "max pool 3×3", "avg_pool_3x3": "average pool 3×3", "identity": "identity"}
OPS = tuple(WORDS)
STAGES = 3
Arriving = list[tuple[int, str]]                # source nodes and what the edges from them carry
Put = Callable[[str, str, str], str]            # name, what the edge carries, source -> result
Join = Callable[[str, list[str]], str]
Once = Callable[[tuple[str, ...], str, str, Callable[[], str]], str]    # a motif, the name and source of what is written


@space(title="Hierarchical motifs", paper="Liu et al., ICLR 2018 (arXiv:1711.00436)",
       summary="Operations make small motifs, motifs make the cell: what works is found once and used in many places.",
       offers={"parameters", "finite", "mutate", "graph", "motifs"},
       presets={"paper": {"motifs": 6, "motif_nodes": 4, "cell_nodes": 5, "ops": list(OPS), "channels": 16, "layers": 1},
                "cpu": {"motifs": 3, "motif_nodes": 3, "cell_nodes": 4, "ops": list(OPS), "channels": 8, "layers": 1}})
@dataclass(frozen=True)
class Hierarchical(Repeated, Nested):
    motifs: int = integer(4, low=1, high=12, paper=6, help="Motifs that the cell is made of.")
    motif_nodes: int = integer(4, low=2, high=6, paper=4, help="Nodes of a motif; any edge may carry an operation.")
    cell_nodes: int = integer(4, low=2, high=6, paper=5, help="Nodes of the cell; any edge may carry a motif.")
    ops: tuple[str, ...] = subset(OPS, choices=OPS, paper=OPS, help="Operations that an edge may carry, beside none.")
    channels: int = integer(16, low=1, high=256, paper=16, help="Channels of the first stage; each stage doubles them.")
    layers: int = integer(1, low=1, high=20, paper=1, help="Cells in each of the three stages.")

    def parameters(self) -> tuple[Parameter, ...]:
        below = [Parameter(name, "categorical", (NONE, *self.ops)) for motif in self.form()["motifs"] for name in motif]
        motifs = (NONE, *(f"motif_{m}" for m in range(1, self.motifs + 1)))
        return (*below, *(Parameter(name, "categorical", motifs) for name in self.form()["cell"]))

    def form(self) -> Mapping[str, Any]:
        """{"motifs": [["conv_1x1", "none", ...], ...], "cell": ["motif_1", "none", ...]}, in the order of `edges`."""
        motifs = range(1, self.motifs + 1)
        return {"motifs": [[f"motif_{m}_edge_{i}_{j}" for i, j in edges(self.motif_nodes)] for m in motifs],
                "cell": [f"cell_edge_{i}_{j}" for i, j in edges(self.cell_nodes)]}

    def size(self) -> int:
        motifs = (len(self.ops) + 1) ** (self.motifs * math.comb(self.motif_nodes, 2))
        return int(motifs * (self.motifs + 1) ** math.comb(self.cell_nodes, 2))

    def mutate(self, architecture: Architecture, rng: Random) -> Architecture:
        """First a level, each as likely, then an edge of it: the motifs have many edges, the cell has few."""
        config, levels = self.config(architecture), len(self.form()["cell"])
        level = rng.choice((self._decisions[:-levels], self._decisions[-levels:]))
        return self.architecture({**config, **genotype.mutate(level, {p.name: config[p.name] for p in level}, rng)})

    def cell(self, architecture: Architecture) -> Graph:
        """The cell and, beside it, the motifs that it uses."""
        parts = self.pictures(architecture).values()
        levels = Node("levels", "levels", tuple(part.output for part in parts), label="cell and motifs")
        return Graph((*(node for part in parts for node in part), levels), "levels")

    def pictures(self, architecture: Architecture) -> Mapping[str, Graph]:
        """The cell with a node for every motif, then once each the motifs that it uses."""
        top, rows = self._cell_row(architecture), architecture.genotype["motifs"]
        used = sorted({_number(motif) for _, arriving in live(top, self.cell_nodes) for _, motif in arriving})
        motifs = {f"Motif {number}": _drawn(f"motif_{number}", rows[number - 1], self.motif_nodes) for number in used}
        return {"Cell": _drawn("cell", top, self.cell_nodes), **motifs}

    def canonical(self, architecture: Architecture) -> str:
        """By the operations alone: how they were grouped into motifs, and which number a motif has, does not count."""
        nodes = [Node("input", "input")]

        def put(name: str, op: str, source: str) -> str:
            nodes.append(Node(name, op, (source,)))
            return name

        def join(name: str, sources: list[str]) -> str:
            nodes.append(Node(name, "concat", tuple(sources)))
            return name

        end = self.unfolded(architecture, "cell", "input", put, join, lambda key, name, source, write: write())
        return canonical_id(Graph((*nodes, Node("output", "output", (end,)) if end else Node("output", NONE)), "output"))

    def unfolded(self, architecture: Architecture, name: str, source: str, put: Put, join: Join, once: Once) -> str | None:
        """Writes the operations of a cell, motif by motif, as far as they are live; None if no way leads through."""
        rows = architecture.genotype["motifs"]

        def put_motif(name: str, motif: str, source: str) -> str:
            row, words = tuple(rows[_number(motif) - 1]), ("op", "join")
            return once(row, name, source, partial(_unfolded, name, words, row, self.motif_nodes, source, put, join))

        top, nodes = self._cell_row(architecture), self.cell_nodes
        return _unfolded(name, ("edge", "node"), top, nodes, source, put_motif, join) if live(top, nodes) else None

    def _cell_row(self, architecture: Architecture) -> list[str]:
        """What the edges of the cell carry; a motif without a way through it is none."""
        rows, found = architecture.genotype["motifs"], architecture.genotype["cell"]
        return [motif if motif != NONE and live(rows[_number(motif) - 1], self.motif_nodes) else NONE for motif in found]

    def write(self, layers: Layers, architecture: Architecture, shape: Shape, classes: int) -> None:
        """Stem, three stages of cells with a separable convolution of stride 2 between, then the classifier."""
        width, identity = self.channels, architecture.encoding_id
        layers.begin("stem")
        source = _active(layers, "stem", layers.conv("stem_conv", "input", width, 3))
        for stage in range(1, STAGES + 1):
            if stage > 1:
                layers.begin(f"reduction {stage - 1}")
                source = _separable(layers, f"reduction_{stage - 1}", source, width, 2 * width, 2)
                width *= 2
            for number in range(1, self.layers + 1):
                layers.begin(f"stage {stage} cell {number}")
                name = f"stage_{stage}_cell_{number}"
                source = layers.once((identity, width), name, (source,),
                                     partial(self._written, layers, name, architecture, source, width))
        layers.begin("head")
        layers.linear("classifier", layers.put("head_pool", "global_avg_pool", source), classes)

    def _written(self, layers: Layers, name: str, architecture: Architecture, source: str, channels: int) -> str:
        def put(name: str, op: str, source: str) -> str:
            return layers.once((op, channels), name, (source,), lambda: _operation(layers, name, op, source, channels))

        def join(name: str, sources: list[str]) -> str:
            joined = layers.put(f"{name}_join", "concat", *sources, label=f"join of {len(sources)}")
            return _active(layers, name, layers.conv(f"{name}_projection", joined, channels, 1))

        def once(key: tuple[str, ...], name: str, source: str, write: Callable[[], str]) -> str:
            return layers.once((key, channels), name, (source,), write)

        end = self.unfolded(architecture, name, source, put, join, once)
        return end or layers.put(f"{name}_zero", "zero", source, label="zero", stride=1)


def edges(nodes: int) -> list[tuple[int, int]]:
    """All edges of a motif, by the node that they lead to."""
    return [(i, j) for j in range(1, nodes) for i in range(j)]


def live(row: Sequence[str], nodes: int) -> list[tuple[int, Arriving]]:
    """The nodes that lie on a way from the first to the last, each with the edges that matter; empty if there is no way."""
    return list(_live(tuple(row), nodes))


@lru_cache(maxsize=4096)
def _live(row: tuple[str, ...], nodes: int) -> tuple[tuple[int, Arriving], ...]:
    carried = {edge: op for edge, op in zip(edges(nodes), row, strict=True) if op != NONE}
    fed, heard = {0}, {nodes - 1}
    for i, j in edges(nodes):
        fed |= {j} if (i, j) in carried and i in fed else set()
    for i, j in sorted(carried, reverse=True):
        heard |= {i} if j in heard else set()
    found = sorted((fed & heard) - {0}) if 0 in heard else []
    return tuple((j, [(i, carried[i, j]) for i in range(j) if (i, j) in carried and i in fed]) for j in found)


def _number(motif: str) -> int:
    return int(motif.removeprefix("motif_"))


def _unfolded(name: str, words: tuple[str, str], row: Sequence[str], nodes: int, source: str, put: Put, join: Join) -> str:
    """Writes what the live edges carry, of which there are some, and joins it at the nodes. `words` name edges and nodes."""
    results = {0: source}
    for j, arriving in live(row, nodes):
        found = [put(f"{name}_{words[0]}_{i}_{j}", op, results[i]) for i, op in arriving]
        results[j] = join(f"{name}_{words[1]}_{j}", found) if len(found) > 1 else found[0]
    return results[nodes - 1]


def _drawn(name: str, row: Sequence[str], nodes: int) -> Graph:
    """A motif, or the cell, as nodes for its live edges and what they lead to."""
    words = name.replace("_", " ")
    found = [Node(f"{name}_node_0", "input", label=f"input of {words}", group=words)]
    for j, arriving in live(row, nodes):
        names = [f"{name}_edge_{i}_{j}" for i, _ in arriving]
        for edge, (i, op) in zip(names, arriving, strict=True):
            found.append(Node(edge, op, (f"{name}_node_{i}",), label=WORDS.get(op, op.replace("_", " ")), group=words))
        label = f"output of {words}" if j == nodes - 1 else f"node {j} of {words}"
        found.append(Node(f"{name}_node_{j}", "concat", tuple(names), label=label, group=words))
    if len(found) == 1:
        found.append(Node(f"{name}_none", NONE, (f"{name}_node_0",), label="none", group=words))
    return Graph(tuple(found), found[-1].name)


def _active(layers: Layers, name: str, source: str) -> str:
    return layers.put(name, "relu", layers.norm(f"{name}_norm", source))


def _separable(layers: Layers, name: str, source: str, arriving: int, channels: int, stride: int = 1) -> str:
    source = layers.conv(f"{name}_depthwise", source, arriving, 3, stride, groups=arriving)
    return _active(layers, name, layers.conv(f"{name}_pointwise", source, channels, 1))


def _operation(layers: Layers, name: str, op: str, source: str, channels: int) -> str:
    """Of stride 1 and without a change of channels; convolutions are followed by batch norm and ReLU."""
    if op == "identity":
        return layers.put(name, "identity", source)
    if op.endswith("pool_3x3"):
        return layers.pool(name, op.removesuffix("_3x3"), source, 3, 1)
    if op == "sep_conv_3x3":
        return _separable(layers, name, source, channels, channels)
    kernel, groups = (3, channels) if op == "depthwise_conv_3x3" else (1, 1)
    return _active(layers, name, layers.conv(f"{name}_conv", source, channels, kernel, groups=groups))
