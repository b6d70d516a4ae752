"""A supernet as data: one network graph in which every open choice is a sum of all its operations.

A space that offers `supernet` says four things, and nothing else knows how its cells look:

    supernet(shape, classes) -> Relaxed          the graph, its tables of choices and where each row stands
    path(architecture) -> Path                   which operations of which edges an architecture keeps
    derived(strengths) -> Architecture           the architecture that a table of strengths stands for (probabilities)
    skips(architecture) -> int                   how many skips it keeps where too many mean a collapse
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.architecture.graph import Graph, Node

Path = dict[str, tuple[tuple[int, ...], ...]]           # by table: for every edge the columns that take part
Strengths = Mapping[str, Sequence[Sequence[float]]]     # by table: edges × operations
CELL, FIRST = "cell", "first"                           # tables of a recurrent cell: edges, and the first node
NO_WEIGHTS = frozenset({"relu", "max_pool", "avg_pool", "global_avg_pool", "shift", "identity", "zero"})


@dataclass(frozen=True)
class Table:
    """The choices that all cells of a type share: `edges` (in words) times `ops`."""

    edges: tuple[str, ...]
    ops: tuple[str, ...]

    @property
    def everything(self) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(range(len(self.ops))) for _ in self.edges)


@dataclass(frozen=True)
class Relaxed:
    """`places` tells of each mixture (an `add` node with one input an operation, in their order) its table and row.
    `cells`: nodes that compute many rows by themselves, and the rows that arrive at each of their sums."""

    graph: Graph
    tables: Mapping[str, Table]
    places: Mapping[str, tuple[str, int]]
    cells: Mapping[str, tuple[tuple[tuple[str, int], ...], ...]] = field(default_factory=dict)

    @property
    def everything(self) -> Path:
        """The path on which all operations take part."""
        return {name: table.everything for name, table in self.tables.items()}


def kept(relaxed: Relaxed, node: Node, path: Path) -> list[tuple[int, str]]:
    """What a mixture adds up on a path: column and node of each operation."""
    table, row = relaxed.places[node.name]
    return [(column, node.inputs[column]) for column in path[table][row]]


def named(path: Path, tables: Mapping[str, Table]) -> dict[str, list[list[str]]]:
    """The same choices in words: by table edge and operation of each that takes part."""
    return {name: [[table.edges[row], table.ops[column]] for row, columns in enumerate(path[name]) for column in columns]
            for name, table in tables.items() if name in path}


def extracted(relaxed: Relaxed, path: Path) -> Graph:
    """The network that a path leaves, with the supernet's names: what a supernet computes when all else is zero.
    Sums leave zeros out; where only zeros are left, one of them is kept."""
    nodes: dict[str, Node] = {}
    zeros: dict[str, str | None] = {}                   # nodes that are nothing but zeros, and what stands for them
    for node in relaxed.graph:
        inputs = tuple(name for _, name in kept(relaxed, node, path)) if node.name in relaxed.places else node.inputs
        if node.op == "zero":
            zeros[node.name] = node.name
        elif node.op == "add":
            live = tuple(name for name in inputs if name not in zeros)
            if not live:
                blank = next((n for n in node.inputs if zeros.get(n)), None)
                zeros[node.name] = zeros[blank] if blank else None
                continue
            inputs = live
        else:
            inputs = tuple(zeros.get(name) or name for name in inputs)
        nodes[node.name] = node._replace(inputs=inputs)
    output = zeros.get(relaxed.graph.output) or relaxed.graph.output
    return Graph(tuple(nodes.values()), output).live()


def merged(relaxed: Relaxed) -> Relaxed:
    """The same supernet without work that is done twice: layers without weights (one ReLU, one pool and its batch norm
    for a source, whatever the number of edges that leave it) are kept once."""
    same: dict[str, str] = {}                           # what stands for a node
    first: dict[tuple[object, ...], str] = {}
    nodes = []
    for node in relaxed.graph:
        inputs = tuple(same.get(name, name) for name in node.inputs)
        weightless = node.op in NO_WEIGHTS or (node.op == "batch_norm" and not node.settings.get("affine", True))
        key = (node.op, inputs, tuple(sorted(node.settings.items())))
        if weightless and key in first:
            same[node.name] = first[key]
            continue
        if weightless:
            first[key] = node.name
        nodes.append(node._replace(inputs=inputs))
    return replace(relaxed, graph=Graph(tuple(nodes), relaxed.graph.output))


def choosable(space: Any, tables: Mapping[str, Table]) -> dict[str, tuple[int, ...]]:
    """By table of a space's supernet the columns that an architecture can have: all, or all but none."""
    found: dict[str, set[int]] = {}
    for column in range(max(len(table.ops) for table in tables.values())):
        wanted = {each: [[float(k == column) for k in range(len(t.ops))] for _ in t.edges] for each, t in tables.items()}
        for name, rows in space.path(space.derived(wanted)).items():
            found.setdefault(name, set()).update(k for row in rows for k in row)
    return {name: tuple(sorted(columns)) for name, columns in found.items()}


def heard(relaxed: Relaxed, node: Node) -> tuple[str, tuple[int, ...]] | None:
    """Of a sum of mixtures, all of one table: the table and their rows, the edges between which a node chooses."""
    if node.op != "add" or node.name in relaxed.places or any(name not in relaxed.places for name in node.inputs):
        return None
    places = [relaxed.places[name] for name in node.inputs]
    return (places[0][0], tuple(row for _, row in places)) if len({table for table, _ in places}) == 1 else None
