"""Partial channels and weights of edges (Xu et al., ICLR 2020): a mixture of a part of the channels, the others go by."""

from __future__ import annotations

from collections.abc import Mapping

from engine.architecture.cost import measure
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.relaxed import Path, Relaxed, Table, heard
from engine.errors import fail
from engine.nets.alphas import Alphas
from engine.nets.auxiliary import source_of
from engine.nets.mixture import Learning, Mixture
from engine.phases import EDGES, Site

Joins = Mapping[str, tuple[str, tuple[int, ...]]]       # by table of a node: the table and the rows of its edges


def partial(relaxed: Relaxed, shape: Shape, parts: int) -> tuple[Relaxed, Joins]:
    """Of every edge 1 / `parts` of the channels go through its operations; each node weighs its edges by a table of its
    own, whose columns are the edges."""
    shapes = {row.name: row.shape for row in measure(relaxed.graph, shape).rows}
    known = {node.name: node for node in relaxed.graph}
    inside = {name: edge for edge in relaxed.places for name in _within(known[edge], known)}
    begun: set[str] = set()
    nodes: list[Node] = []
    for node in relaxed.graph:
        if (edge := inside.get(node.name)) or node.name in relaxed.places:
            edge = edge or node.name
            source = source_of(known[edge], known)
            count = shapes[source][0] // parts
            if edge not in begun:
                begun.add(edge)
                nodes.append(_cut(edge, "part", source, shapes[source][0], 0, count, parts, shapes[edge] != shapes[source]))
            if node.name == edge:
                nodes += [node, *_bypass(node, source, shapes, count, parts)]
            else:
                nodes.append(_narrowed(node, edge, source, shapes[source][0], count))
        else:
            nodes.append(node._replace(inputs=tuple(f"{n}_mixed" if n in relaxed.places else n for n in node.inputs)))
    tables, places = dict(relaxed.tables), dict(relaxed.places)
    joins: dict[str, tuple[str, tuple[int, ...]]] = {}
    for node in relaxed.graph:
        if found := heard(relaxed, node):
            owner, rows = found
            ends = tuple(relaxed.tables[owner].edges[row] for row in rows)
            table = f"{owner}{EDGES}{ends[0].rpartition(' ')[2]}"
            tables[table], places[node.name], joins[table] = Table(("share",), ends), (table, 0), (owner, rows)
    return Relaxed(Graph(tuple(nodes), relaxed.graph.output), tables, places), joins


class Partial(Mixture):
    """Alphas of operations and of edges; an operation is as strong as its probability times the share of its edge."""

    def __init__(self, site: Site, learning: Learning, parts: int) -> None:
        relaxed, self.joins = partial(site.space.supernet(site.shape, site.classes), site.shape, parts)
        super().__init__(site, learning, derive=self.combined, relaxed=relaxed)

    def combined(self, alphas: Alphas) -> dict[str, list[list[float]]]:
        found = alphas.strengths()
        for name, (owner, rows) in self.joins.items():
            [shares] = found.pop(name)
            for share, row in zip(shares, rows, strict=True):
                found[owner][row] = [share * chance for chance in found[owner][row]]
        return found

    def completed(self, path: Path) -> Path:
        """An edge without operations takes no part, nor do the channels that go by it."""
        edges = {name: (tuple(k for k, row in enumerate(rows) if path[owner][row]),)
                 for name, (owner, rows) in self.joins.items()}
        return {**path, **edges}


def _within(edge: Node, known: Mapping[str, Node]) -> set[str]:
    """The nodes between an edge's source and its mixture."""
    open_, found = list(edge.inputs), set()
    while open_:
        name = open_.pop()
        if name.startswith(f"{edge.name}_") and name not in found:
            found.add(name)
            open_ += known[name].inputs
    return found


def _cut(edge: str, what: str, source: str, channels: int, first: int, count: int, parts: int, halved: bool) -> Node:
    if channels % parts or (halved and channels // parts < 2):
        raise fail("/strategy/options/parts", f"does not divide {channels} channels", "a divisor of the space's channels")
    settings = {"skipped": first, "channels": count}
    return Node(f"{edge}_{what}", "channels", (source,), settings, f"channels {first + 1} on", "")


def _narrowed(node: Node, edge: str, source: str, channels: int, count: int) -> Node:
    """The same layer on fewer channels. A factorised reduction has two halves of them."""
    sizes = {channels: count, channels // 2: count // 2, channels - channels // 2: count - count // 2}
    if node.name.endswith("_odd"):
        sizes[channels // 2] = count - count // 2
    settings = {key: sizes[value] if key in ("channels", "groups") and value != 1 else value
                for key, value in node.settings.items()}
    return node._replace(inputs=tuple(f"{edge}_part" if n == source else n for n in node.inputs), settings=settings)


def _bypass(edge: Node, source: str, shapes: Mapping[str, Shape], count: int, parts: int) -> list[Node]:
    """The other channels, pooled where the edge has stride 2, behind the mixture's; then all are shuffled."""
    channels, halved = shapes[source][0], shapes[source] != shapes[edge.name]
    nodes = [_cut(edge.name, "rest", source, channels, count, channels - count, parts, halved)] if parts > 1 else []
    if nodes and halved:
        kernel = 3 if any(side % 2 for side in shapes[source][1:]) else 2
        nodes.append(Node(f"{edge.name}_pooled", "max_pool", (nodes[-1].name,), {"kernel": kernel, "stride": 2}))
    joined = Node(f"{edge.name}_join", "concat", (edge.name, *(node.name for node in nodes[-1:])))
    return [*nodes, joined, Node(f"{edge.name}_mixed", "shuffle", (joined.name,), {"groups": parts})]
