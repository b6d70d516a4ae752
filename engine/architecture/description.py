"""Cells in words, for people who do not see the picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from engine.architecture.canonical import MERGES, NOTHING
from engine.architecture.graph import Graph, Node

SENTENCES = 150                                 # of one cell; what is beyond is counted
DEPTH = 3                                       # operations of operations of operations in one sentence
VERBS = {"add": "adds", "concat": "joins"}


def describe(cells: Mapping[str, Graph]) -> str:
    """All cells in the order of computation; where there are several, each under its title."""
    return " ".join((f"{title}: " if title else "") + _cell(graph) for title, graph in cells.items())


def _cell(cell: Graph) -> str:
    if all(len(node.inputs) < 2 for node in cell):
        return "In this order: " + "; ".join(_words(node) for node in cell) + "."
    return _Sentences(cell).text()


class _Sentences:
    """A sentence for every merge, and for every other node that no sentence would speak of else."""

    def __init__(self, cell: Graph) -> None:
        self.cell = cell
        self.nodes = {node.name: node for node in cell}
        self.readers = Counter(name for node in cell for name in node.inputs)
        self.twins = Counter(_words(node) for node in cell)
        self.depth: dict[str, int] = {}
        for node in cell:
            self.depth[node.name] = 0 if self._told(node) else 1 + max(map(self.depth.__getitem__, node.inputs), default=0)

    def _told(self, node: Node) -> bool:
        """Whether it has a sentence of its own, so that others call it by its name."""
        deep = max((self.depth[name] for name in node.inputs), default=0) >= DEPTH
        alone = self.readers[node.name] != 1 or node.name == self.cell.output
        return node.op in MERGES or not node.inputs or deep or (alone and node.op not in NOTHING)

    def text(self) -> str:
        told = [node for node in self.cell if node.inputs and not self.depth[node.name]]
        sentences = [self._sentence(node) for node in told[:SENTENCES]]
        if rest := Counter(_words(node) for node in told[SENTENCES:]):
            counted = _listed([f"{count} × {words}" for words, count in rest.items()])
            sentences.append(f"And {sum(rest.values())} more: {counted}.")
        return " ".join(sentences)

    def _sentence(self, node: Node) -> str:
        heard = [self._operand(name) for name in node.inputs if self.nodes[name].op not in NOTHING]
        verb = VERBS.get(node.op, "takes")
        name = self._name(node)
        return f"{name[0].upper()}{name[1:]} {verb} {_listed(heard) if heard else 'nothing'}."

    def _operand(self, name: str) -> str:
        """An operation in a merge: "conv 3×3 of sum 1"."""
        node = self.nodes[name]
        if not self.depth[name]:
            return self._name(node)
        return f"{_words(node)} of " + _listed([self._operand(source) for source in node.inputs])

    def _name(self, node: Node) -> str:
        """The words; where two nodes have the same, with the node's own name."""
        words = _words(node)
        return words if self.twins[words] == 1 else f"{words} ({node.name.replace('_', ' ')})"


def _words(node: Node) -> str:
    return node.label or node.op.replace("_", " ")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
