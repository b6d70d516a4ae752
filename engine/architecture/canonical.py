"""Identity of graphs: a canonical form of labelled DAGs, equal exactly for isomorphic graphs.

Before comparing, exactly three rewrites are made: dead nodes are dropped (those the output does not hear, and those
that hear nothing themselves), `none` edges into merges are dropped, and merges forget the order of their inputs.
Nothing else is simplified: a skip stays, and a shared subexpression stays different from two copies of it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from engine.architecture.graph import Graph, Node

MERGES = frozenset({"add", "concat"})           # the order of their inputs means nothing
NOTHING = frozenset({"none", "zero"})           # what they send does not arrive
Colours = tuple[int, ...]
Certificate = tuple[tuple[int, tuple[tuple[int, int], ...]], ...]


def canonical_id(graph: Graph) -> str:
    """Equal exactly if two graphs have the same canonical form (16 hex digits). Names, labels and groups do not count."""
    text = json.dumps(canonical_form(graph), separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def canonical_form(graph: Graph) -> list[Any]:
    """The graph as plain data in an order that depends on nothing but its structure: [[op and settings, inputs], ...]."""
    small = simplified(graph)
    labels = [json.dumps([n.op, n.settings, n.name == small.output], sort_keys=True) for n in small]
    alphabet = sorted(set(labels))
    certificate = _Refinement(small, [alphabet.index(label) for label in labels]).least()
    return [[alphabet[label], inputs] for label, inputs in certificate]


def simplified(graph: Graph) -> Graph:
    """The graph after the three rewrites (the third leaves a trace only in how inputs are compared)."""
    heard: list[Node] = []
    silent: set[str] = set()
    for node in graph:
        inputs = tuple(name for name in node.inputs if name not in silent)
        starved = not inputs if node.op in MERGES else len(inputs) < len(node.inputs)
        if node.op in NOTHING or starved:
            silent.add(node.name)
        heard.append(node._replace(inputs=inputs))
    return Graph(tuple(heard), graph.output).live()


class _Refinement:
    """Colour refinement with individualisation: the least certificate over all orders that refinement leaves open."""

    def __init__(self, graph: Graph, labels: list[int]) -> None:
        place = {n.name: i for i, n in enumerate(graph)}
        self.labels = labels
        self.inputs: list[list[tuple[int, int]]] = []            # (position or 0 in a merge, node)
        self.readers: list[list[tuple[int, int]]] = [[] for _ in labels]
        for i, node in enumerate(graph):
            ordered = node.op not in MERGES
            self.inputs.append([(k if ordered else 0, place[name]) for k, name in enumerate(node.inputs)])
            for k, source in self.inputs[i]:
                self.readers[source].append((k, i))

    def least(self) -> Certificate:
        return self._search(self._stable(_ranked(self.labels)))

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
        return self._stable(_ranked((c, i != node) for i, c in enumerate(colours)))

    def _stable(self, colours: Colours) -> Colours:
        """Split classes by what their nodes read and who reads them, until nothing splits."""
        classes = len(set(colours))
        while classes < len(colours):
            colours = _ranked((c, sorted((k, colours[j]) for k, j in self.inputs[i]),
                               sorted((k, colours[j]) for k, j in self.readers[i])) for i, c in enumerate(colours))
            if len(set(colours)) == classes:
                break
            classes = len(set(colours))
        return colours

    def _certificate(self, colours: Colours) -> Certificate:
        """The whole graph, renumbered by its (now all different) colours."""
        order = sorted(range(len(colours)), key=colours.__getitem__)
        return tuple((self.labels[i], tuple(sorted((k, colours[j]) for k, j in self.inputs[i]))) for i in order)


def _ranked(keys: Iterable[Any]) -> Colours:
    """Each key replaced by its rank among the different keys."""
    rows = [repr(key) for key in keys]
    rank = {row: i for i, row in enumerate(sorted(set(rows)))}
    return tuple(rank[row] for row in rows)


def _open_class(colours: Colours) -> list[int]:
    """The nodes of the first class with more than one member."""
    sizes = Counter(colours)
    first = min((c for c, size in sizes.items() if size > 1), default=None)
    return [i for i, c in enumerate(colours) if c == first]
