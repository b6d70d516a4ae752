"""Recurrent cells found node by node: each takes one earlier node and an activation (ENAS: Pham, Guan, Zoph, Le, Dean, ICML
2018; DARTS: Liu, Simonyan, Yang, ICLR 2019)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.architecture.relaxed import CELL, FIRST, Path, Relaxed, Strengths, Table
from engine.errors import Invalid, Problem, fail
from engine.options import choice, flag, integer, rate, subset
from engine.registry import space
from engine.spaces.conditional import Conditional
from engine.spaces.space import Parameter

ACTIVATIONS = ("tanh", "relu", "sigmoid", "identity")
DARTS = {"form": "darts", "nodes": 8, "embedding": 850, "hidden": 850, "tied": True, "dropout_embedding": 0.1,
         "dropout_input": 0.75, "dropout_hidden": 0.25, "dropout_output": 0.75}
ENAS = {"form": "enas", "nodes": 12, "embedding": 1000, "hidden": 1000, "tied": True, "dropout_embedding": 0.1,
        "dropout_input": 0.75, "dropout_hidden": 0.25, "dropout_output": 0.75, "search_norm": False}
SEARCH = {"form": "darts", "nodes": 8, "embedding": 300, "hidden": 300, "tied": True, "dropout_embedding": 0.2,
          "dropout_input": 0.75, "dropout_hidden": 0.25, "dropout_output": 0.75}
CPU = {"form": "darts", "nodes": 4, "embedding": 48, "hidden": 48, "tied": True}
ENAS_CPU = {**CPU, "form": "enas", "nodes": 5, "search_norm": False}
Found = list[tuple[str, int]]                   # the nodes after the first: activation, place of the earlier one


@space(title="Recurrent cell",
       paper="Liu, Simonyan, Yang, ICLR 2019 (arXiv:1806.09055); Pham et al., ICML 2018 (arXiv:1802.03268)",
       summary="A cell that reads text: each node bends one earlier node, behind a gate; the next state is a mean of nodes.",
       offers={"parameters", "finite", "mutate", "graph", "supernet"}, data=("text",),
       presets={"paper": DARTS, "search": SEARCH, "enas": ENAS, "cpu": CPU, "enas_cpu": ENAS_CPU})
@dataclass(frozen=True)
class RecurrentCell(Conditional):
    form: str = choice("darts", choices=("darts", "enas"), paper="darts",
                       help="darts: a fixed first node (tanh), then nodes; the mean of all. enas: the first node is one of "
                            "them and chooses its activation; the mean of those that no other takes.")
    nodes: int = integer(8, low=1, high=32, paper=8, help="Nodes that choose an activation; all but the first of the form "
                                                          "enas also choose an earlier node.")
    activations: tuple[str, ...] = subset(ACTIVATIONS, choices=ACTIVATIONS, paper=ACTIVATIONS,
                                          help="What a node may do to the earlier node.")
    embedding: int = integer(128, low=1, high=4096, paper=850, log=True, help="Numbers that stand for a character.")
    hidden: int = integer(128, low=1, high=4096, paper=850, log=True, help="Width of the state and of every node.")
    layers: int = integer(1, low=1, high=8, paper=1, help="Cells on top of each other, each with its own weights and state.")
    tied: bool = flag(True, paper=True, help="The decoder uses the embedding's weights; both need the same width.")
    dropout_embedding: float = rate(0.0, paper=0.1, help="Share of the characters whose embedding is dropped in a step.")
    dropout_input: float = rate(0.0, paper=0.75, help="Dropout of what the cell reads, constant over a window.")
    dropout_hidden: float = rate(0.0, paper=0.25, help="Dropout of states and nodes, constant over a window.")
    dropout_output: float = rate(0.0, paper=0.75, help="Dropout of what the decoder reads, constant over a window.")
    search_norm: bool = flag(True, paper=True,
                             help="While weights are shared, a batch norm without scale follows every node, as in DARTS: "
                                  "without it mixtures grow without bound. Networks trained alone never have it.")

    def check(self) -> list[Problem]:
        found = []
        if self.tied and self.embedding != self.hidden:
            found.append(Problem("/embedding", "is not as wide as hidden, whose weights are tied to it", f"{self.hidden}"))
        for name in ("embedding", "input", "hidden", "output"):
            if getattr(self, f"dropout_{name}") > 0.95:
                found.append(Problem(f"/dropout_{name}", "leaves next to nothing", "a number from 0 to 0.95"))
        return found

    @property
    def chosen_first(self) -> bool:
        return self.form == "enas"

    @property
    def later(self) -> int:
        """Nodes that choose an earlier one."""
        return self.nodes - 1 if self.chosen_first else self.nodes

    def parameters(self) -> tuple[Parameter, ...]:
        found = [Parameter("first", "categorical", self.activations, result=1)] if self.chosen_first else []
        for i in range(1, self.later + 1):
            own = i + self.chosen_first
            earlier = tuple(range(own - i, own))
            found += [Parameter(f"node_{i}_activation", "categorical", self.activations, result=own),
                      Parameter(f"node_{i}_source", "categorical", tuple(range(i)), result=own, points=earlier)]
        return tuple(found)

    def size(self) -> int:
        return int(len(self.activations) ** self.nodes * math.factorial(self.later))

    def written(self, config: genotype.Config) -> Mapping[str, Any]:
        """The form of DARTS: `recurrent` lists (activation, earlier node), `concat` the nodes whose mean is taken."""
        pairs = [[config[f"node_{i}_activation"], config[f"node_{i}_source"]] for i in range(1, self.later + 1)]
        if self.chosen_first:
            return {"first": config["first"], "recurrent": pairs}
        return {"recurrent": pairs, "concat": list(range(1, self.later + 1))}

    def decided(self, given: Any, path: str = "") -> genotype.Config:
        keys = ("first", "recurrent") if self.chosen_first else ("recurrent", "concat")
        if not isinstance(given, Mapping) or set(given) != set(keys):
            raise fail(path, f"must be an object with the keys {' and '.join(keys)}", "recurrent: [[activation, node], …]")
        problems = []
        if not self.chosen_first and list(_list(given["concat"])) != list(range(1, self.later + 1)):
            problems.append(Problem(f"{path}/concat", "is not the list of all nodes but the first", f"1 to {self.later}"))
        pairs = _list(given["recurrent"])
        if len(pairs) != self.later:
            raise Invalid(*problems, Problem(f"{path}/recurrent", "has another number of nodes", f"{self.later} pairs"))
        config = {"first": given["first"]} if self.chosen_first else {}
        for i, pair in enumerate(pairs, 1):
            if len(_list(pair)) != 2:
                problems.append(Problem(f"{path}/recurrent/{i - 1}", "is not a pair", "[activation, node]"))
            else:
                config[f"node_{i}_activation"], config[f"node_{i}_source"] = pair
        if problems:
            raise Invalid(*problems)
        return self._checked(config, path)

    def _checked(self, config: Mapping[str, Any], path: str) -> genotype.Config:
        """Faults at the place in the genotype where they stand."""
        try:
            return genotype.check(self._decisions, config)
        except Invalid as error:
            raise Invalid(*(Problem(path + _place(p.path), p.reason, p.allowed) for p in error.problems)) from None

    def cell(self, architecture: Architecture) -> Graph:
        """One step: what is read and the state before give the first node, the mean gives the state after."""
        first, found = self.found(architecture)
        nodes = [Node("read", "input", label="what is read"), Node("state", "state", label="state before"),
                 Node("node_0", first, ("read", "state"), label=f"{first} 0")]
        nodes += [Node(f"node_{i}", activation, (f"node_{source}",), label=f"{activation} {i}")
                  for i, (activation, source) in enumerate(found, 1)]
        heard = self.heard(found)
        nodes.append(Node("output", "add", tuple(f"node_{i}" for i in heard), label="mean"))
        return Graph(tuple(nodes), "output")

    def found(self, architecture: Architecture) -> tuple[str, Found]:
        """The activation of the first node, and the nodes after it."""
        given = architecture.genotype
        return given.get("first", "tanh"), [(activation, source) for activation, source in given["recurrent"]]

    def heard(self, found: Found) -> list[int]:
        """The nodes whose mean is the next state: of the form enas the leaves, of the form darts all but the first."""
        if not self.chosen_first:
            return list(range(1, len(found) + 1))
        taken = {source for _, source in found}
        return [i for i in range(len(found) + 1) if i not in taken]

    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph:
        first, found = self.found(architecture)
        return self._around("recurrent", shape, classes, first=first, nodes=[list(pair) for pair in found],
                            heard=self.heard(found))

    def supernet(self, shape: Shape, classes: int) -> Relaxed:
        """The same network with cells that hold all others: every node takes all earlier ones through all activations and
        none. A node of the form darts has one matrix, of the form enas one for each earlier node."""
        enas = self.chosen_first
        graph = self._around("recurrent_mixture", shape, classes, ops=("none", *self.activations), nodes=self.later,
                             first=None if enas else "tanh", apart=enas, loose=enas, norm=self.search_norm)
        rows = {place: at for at, place in enumerate(self._edges)}
        sums = [tuple((CELL, rows[j, i]) for j in range(i)) for i in range(1, self.later + 1)]
        tables = {CELL: Table(tuple(f"{j} to {i}" for j, i in self._edges), ("none", *self.activations))}
        if enas:
            sums, tables = [((FIRST, 0),), *sums], {**tables, FIRST: Table(("read to 0",), self.activations)}
        return Relaxed(graph, tables, {}, {node.name: tuple(sums) for node in graph if node.op == "recurrent_mixture"})

    @property
    def _edges(self) -> list[tuple[int, int]]:
        """Node i owns i rows, one for each earlier node."""
        return [(j, i) for i in range(1, self.later + 1) for j in range(i)]

    def path(self, architecture: Architecture) -> Path:
        first, found = self.found(architecture)
        kept = {(source, i): (1 + self.activations.index(op),) for i, (op, source) in enumerate(found, 1)}
        rows: Path = {CELL: tuple(kept.get(edge, ()) for edge in self._edges)}
        return {**rows, FIRST: ((self.activations.index(first),),)} if self.chosen_first else rows

    def derived(self, strengths: Strengths) -> Architecture:
        """Of each node the earlier one with the strongest activation but none, and that activation."""
        rows = dict(zip(self._edges, strengths[CELL], strict=True))
        config: genotype.Config = {}
        if self.chosen_first:
            config["first"] = self.activations[_strongest(strengths[FIRST][0])]
        for i in range(1, self.later + 1):
            source = _strongest([max(rows[j, i][1:]) for j in range(i)])
            config |= {f"node_{i}_activation": self.activations[_strongest(rows[source, i][1:])], f"node_{i}_source": source}
        return self.architecture(config)

    def skips(self, architecture: Architecture) -> int:
        """None: an identity has a matrix and a gate, and is as hard to train as all others."""
        return 0

    def _around(self, cell: str, shape: Shape, classes: int, **settings: Any) -> Graph:
        """Embedding, cells of this primitive, decoder."""
        if len(shape) != 1:
            raise fail("/input", "is not the shape of a text", "the length of a window")
        layers = Layers()
        layers.begin("embedding")
        embedded = layers.put("embedding", "embedding", "input", label=f"embedding {self.embedding}", entries=classes,
                              width=self.embedding, rate=self.dropout_embedding)
        source = self._dropped(layers, "input", embedded)
        for number in range(1, self.layers + 1):
            layers.begin(f"cell {number}" if self.layers > 1 else "cell")
            source = layers.put(f"cell_{number}", cell, source, label=f"recurrent cell {self.hidden}", hidden=self.hidden,
                                **settings, rate=self.dropout_hidden)
        layers.begin("decoder")
        source = self._dropped(layers, "output", source)
        if self.tied:
            layers.put("decoder", "tied_decoder", source, embedded, label=f"decoder {classes}, tied", units=classes)
        else:
            layers.put("decoder", "decoder", source, label=f"decoder {classes}", units=classes)
        return layers.graph()

    def _dropped(self, layers: Layers, name: str, source: str) -> str:
        share = getattr(self, f"dropout_{name}")
        return layers.put(f"{name}_dropout", "locked_dropout", source, rate=share) if share else source


def darts(given: Any, path: str = "") -> tuple[RecurrentCell, Architecture]:
    """The smallest space of the form darts that holds a genotype {"recurrent": [[activation, node], …], "concat": […]}, and
    the genotype in it. Raises Invalid."""
    pairs = _list(given.get("recurrent")) if isinstance(given, Mapping) else ()
    if not 1 <= len(pairs) <= 32:
        raise fail(f"{path}/recurrent", "is not a list of nodes", "1 to 32 pairs [activation, node]")
    found = RecurrentCell(nodes=len(pairs))
    return found, found.parse(given, path)


def _strongest(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)


def _list(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else ()


def _place(path: str) -> str:
    """/node_3_source as /recurrent/2/1."""
    if path == "/first":
        return path
    _, number, part = path.split("_")
    return f"/recurrent/{int(number) - 1}/{int(part == 'source')}"
