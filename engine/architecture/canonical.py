"""Identity of graphs: a canonical form of labelled DAGs, equal exactly for isomorphic graphs.

Before comparing, exactly three rewrites are made: dead nodes are dropped (those the output does not hear, and those
that hear nothing themselves), `none` edges into merges are dropped, and merges forget the order of their inputs.
Nothing else is simplified: a skip stays, and a shared subexpression stays different from two copies of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from engine.architecture.graph import Graph, Node

MERGES = frozenset({"add", "concat"})           # the order of their inputs means nothing
NOTHING = frozenset({"none", "zero"})           # what they send does not arrive
Edges = list[list[tuple[int, int]]]             # for each node: (position, or 0 in a merge; the node at the other end)
Colours = list[int]
Certificate = tuple[tuple[str, tuple[tuple[int, int], ...]], ...]


def canonical_id(graph: Graph) -> str:
    """Equal exactly if two graphs have the same canonical form (16 hex digits). Names, labels and groups do not count."""
    text = json.dumps(canonical_form(graph), separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:16]


def canonical_form(graph: Graph) -> list[Any]:
    """The graph as plain data in an order that depends on nothing but its structure: [[op and settings, inputs], ...]."""
    nodes = _rewritten(graph)
    place = {node.name: i for i, (node, _) in enumerate(nodes)}
    labels = [_label(node, node.name == graph.output) for node, _ in nodes]
    inputs = [[(0 if node.op in MERGES else k, place[name]) for k, name in enumerate(heard)] for node, heard in nodes]
    return [[label, edges] for label, edges in _Refinement(labels, inputs).least()]


def simplified(graph: Graph) -> Graph:
    """The graph after the three rewrites (the third leaves a trace only in how inputs are compared)."""
    return Graph(tuple(node._replace(inputs=heard) for node, heard in _rewritten(graph)), graph.output)


def _rewritten(graph: Graph) -> list[tuple[Node, tuple[str, ...]]]:
    """The nodes that are left, with the inputs that are left to them."""
    found: list[tuple[Node, tuple[str, ...]]] = []
    silent: set[str] = set()
    for node in graph.nodes:
        heard = tuple(name for name in node.inputs if name not in silent) if silent else node.inputs
        starved = not heard if node.op in MERGES else len(heard) < len(node.inputs)
        if starved or node.op in NOTHING:
            silent.add(node.name)
        found.append((node, heard))
    wanted = {graph.output}
    for node, heard in reversed(found):
        if node.name in wanted:
            wanted.update(heard)
    return [each for each in found if each[0].name in wanted]


def _label(node: Node, output: bool) -> str:
    return _written(node.op, node.settings, output) if node.settings else _plain(node.op, output)


def _written(op: str, settings: Mapping[str, Any], output: bool) -> str:
    return json.dumps([op, settings, output], sort_keys=True)


@lru_cache(1024)
def _plain(op: str, output: bool) -> str:
    return _written(op, {}, output)


class _Refinement:
    """Colour refinement with individualisation: the least certificate over all orders that refinement leaves open.

    `inputs` lists nodes in an order of computation.
    """

    def __init__(self, labels: list[str], inputs: Edges) -> None:
        self.labels, self.inputs = labels, inputs
        self.readers: Edges = [[] for _ in labels]
        for i, edges in enumerate(inputs):
            for k, source in edges:
                self.readers[source].append((k, i))

    def least(self) -> Certificate:
        colours = self._without_twins(self._swept())
        return self._certificate(colours) if len(set(colours)) == len(colours) else self._search(self._stable(colours))

    def _swept(self) -> Colours:
        """One sweep from the input to the output and one back tell most nodes apart, at the price of two rounds."""
        forth: list[bytes] = []
        for label, edges in zip(self.labels, self.inputs, strict=True):
            forth.append(_mixed(label.encode(), [(k, forth[j]) for k, j in edges]))
        back = forth.copy()
        for i in range(len(forth) - 1, -1, -1):
            back[i] = _mixed(forth[i], [(k, back[j]) for k, j in self.readers[i]])
        return _ranked(back)

    def _search(self, colours: Colours) -> Certificate:
        """Try each node of the first open class; of two tries that lead to one and the same leaf, one will do."""
        open_class = _open_class(colours)
        if not open_class:
            return self._certificate(colours)
        found, leaves = [], set()
        for node in open_class:
            chosen = self._single_out(colours, node)
            leaf = self._certificate(self._descend(chosen))
            if leaf not in leaves:
                leaves.add(leaf)
                found.append(self._search(chosen))
        return min(found)

    def _descend(self, colours: Colours) -> Colours:
        while open_class := _open_class(colours):
            colours = self._single_out(colours, open_class[0])
        return colours

    def _single_out(self, colours: Colours, node: int) -> Colours:
        return self._without_twins(self._stable(_ranked([(c, i != node) for i, c in enumerate(colours)])))

    def _without_twins(self, colours: Colours) -> Colours:
        """Nodes of one class with the very same inputs and readers: any order of them gives the same certificate."""
        told = [(colour, 0) for colour in colours]
        for nodes in _classes(colours).values():
            if len(nodes) > 1 and all(self._twins(nodes[0], node) for node in nodes[1:]):
                for place, node in enumerate(nodes):
                    told[node] = (colours[node], place)
        return _ranked(told)

    def _twins(self, one: int, other: int) -> bool:
        return all(sorted(edges[one]) == sorted(edges[other]) for edges in (self.inputs, self.readers))

    def _stable(self, colours: Colours) -> Colours:
        """Split classes by what their nodes read and who reads them, until nothing splits."""
        classes = len(set(colours))
        while classes < len(colours):
            colours = _ranked([(c, _seen(colours, self.inputs[i]), _seen(colours, self.readers[i]))
                               for i, c in enumerate(colours)])
            if len(set(colours)) == classes:
                break
            classes = len(set(colours))
        return colours

    def _certificate(self, colours: Colours) -> Certificate:
        """The whole graph, renumbered by its (now all different) colours."""
        order = sorted(range(len(colours)), key=colours.__getitem__)
        return tuple([(self.labels[i], _seen(colours, self.inputs[i])) for i in order])


def _seen(colours: Colours, edges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted([(k, colours[j]) for k, j in edges]))


def _mixed(own: bytes, edges: Iterable[tuple[int, bytes]]) -> bytes:
    """A hash of a node and of what lies at the other ends of its edges, in an order that is theirs alone."""
    return sha256(b"\0".join([own, *[b"%d %b" % edge for edge in sorted(edges)]])).digest()


def _ranked(keys: Sequence[Any]) -> Colours:
    """Each key replaced by its rank among the different keys."""
    rank = {key: i for i, key in enumerate(sorted(set(keys)))}
    return [rank[key] for key in keys]


def _classes(colours: Colours) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for node, colour in enumerate(colours):
        found.setdefault(colour, []).append(node)
    return found


def _open_class(colours: Colours) -> list[int]:
    """The nodes of the first class with more than one member."""
    return min(((c, nodes) for c, nodes in _classes(colours).items() if len(nodes) > 1), default=(0, []))[1]
